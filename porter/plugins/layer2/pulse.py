"""Whether an announcer that does not answer hangs: it stands still, and does not merely wait for its turn.

A machine may be so busy that a process waits for seconds for a processor, for its memory to be read from disk, or for
the kernel's lock on links while many pods go. To end an announcer then would only take its addresses off the wire. So
it gets more time while it is seen to move, or to wait for the kernel.
"""

from pathlib import Path
from typing import Final

BEAT: Final = 2.0
"""Seconds of silence after which the announcer is asked, and asked again. It is one small message each way."""
STILL_BEATS: Final = 3
"""After so many beats without an answer and without any movement it hangs, unless the kernel has it wait."""
MOST_BEATS: Final = 15
"""After so many without an answer it hangs, whatever it does."""

_RUNNABLE = "R"  # proc(5), /proc/pid/stat: it runs, or waits for a processor
_KERNEL = "D"  # the kernel has it wait, for a disk or a lock of its own, and counts no time and no fault meanwhile
_STATE, _FAULTS, _TIMES = 0, slice(7, 11, 2), slice(11, 13)  # fields 3, 10 and 12, 14 and 15 there


class Pulse:
    """One announcer's. Counts beats, each of which the caller has waited for itself, and reads no clock.

    So a machine, or an agent, that was suspended for hours holds one beat of them against its announcer.
    """

    def __init__(self, pid: int, beat: float = BEAT) -> None:
        self._main_thread = Path(f"/proc/{pid}/task/{pid}/stat")
        self._beat = beat
        self._missed = 0
        self._still = 0
        self._seen: tuple[str, ...] = ()

    def heard(self) -> None:
        """Take note that it said something."""
        self._missed = self._still = 0
        self._seen = ()

    def missed(self) -> str | None:
        """Take note of a beat in which it said nothing. Returns what is wrong when it hangs, else None: ask it (again).

        The first beat was not asked for, and holds nothing against it.
        """
        before, self._seen = self._seen, self._look()
        if before:
            self._missed += 1
            moved = before != self._seen or self._seen[_STATE] in {_RUNNABLE, _KERNEL}
            self._still = 0 if moved else self._still + 1
        if self._still < STILL_BEATS and self._missed < MOST_BEATS:
            return None
        return f"it gave no answer for {self._missed * self._beat:g} s"

    def _look(self) -> tuple[str, ...]:
        """Return the main thread's state, page faults and times: it is the one that answers the agent."""
        try:
            fields = self._main_thread.read_text().rpartition(")")[2].split()
        except OSError:
            return (_RUNNABLE,)  # who knows
        return (fields[_STATE], *fields[_FAULTS], *fields[_TIMES])
