"""A part of a log, folded by a process of its own from the snapshot that it begins behind.

What comes of it counts only where the part before it ended in the very state that the snapshot has: see
porter/replay/verifying.py. Whatever goes wrong here, that part is simply folded there again.
"""

import contextlib
import gc
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from porter.events.closing import Closing
from porter.events.entries import Recorded
from porter.events.errors import LogError
from porter.events.sqlite_source import SqliteSource
from porter.reconciler.resuming import resume
from porter.reconciler.snapshot import Snapshot
from porter.replay.counting import counted
from porter.replay.reading import installed_rules, read_on
from porter.replay.refold import Difference, Refold

_MOST = 10_000  # differences that are brought along: with more, the part is folded again, and each told as it is found


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The entries with `after < seq <= until`; None: to the end of the log. A snapshot follows entry `after`."""

    after: int
    until: int | None
    is_cut: bool = False
    """The log goes on after the part, and nobody looks at what does."""


class Folded(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a part: the state before it and after it, and where this version and the record part."""

    began: Snapshot
    ended: Snapshot
    differences: tuple[Difference, ...]
    seq: int
    """The last entry."""
    cause: Recorded | None
    """The last observation that led to a decision, None where no entry of the part did."""


class Helper(Closing):
    """A process that folds one part. `close` ends it, whatever it does. For one thread."""

    def __init__(self, path: Path, stream: str, part: Part) -> None:
        self.part = part
        self.done = 0
        """How many entries are behind it, as it said last."""
        self._said: Folded | None = None
        context = get_context("spawn")  # a fork would share the open database
        self._pipe, other = context.Pipe(duplex=False)
        self._process = context.Process(target=_work, args=(other, path, stream, part, gc.get_threshold()), daemon=True)
        with other, contextlib.suppress(OSError), _deaf_to_interrupts():  # not started, it is one that is gone
            self._process.start()

    def heard(self, seconds: float | None) -> bool:
        """Wait for its news so long at most, None for ever; return whether there is more to come."""
        if self._said is not None:
            return False
        try:
            while self._pipe.poll(seconds):
                said = self._pipe.recv()
                if not isinstance(said, int):
                    self._said = said
                    return False
                self.done = said
                seconds = 0
        except (EOFError, OSError):  # it is gone
            return False
        return True

    @property
    def folded(self) -> Folded | None:
        """What came of the part; None where nothing did: it was ended, or met something that it leaves to others."""
        return self._said

    def close(self) -> None:
        """End the process. Safe to call twice."""
        if self._process.pid is not None:
            self._process.kill()
            self._process.join()
        self._pipe.close()


def cut(seqs: Iterable[int], after: int, last: int, count: int) -> Sequence[int]:
    """Choose the snapshots at which to part the entries from `after` to `last` into so many parts, as equal as can be.

    Fewer where there are not enough snapshots.
    """
    found = sorted({seq for seq in seqs if after < seq < last})
    chosen: set[int] = set()
    for number in range(1, count):
        ideal = after + (last - after) * number // count
        left = [seq for seq in found if seq not in chosen]
        if left:
            chosen.add(min(left, key=lambda seq: abs(seq - ideal)))
    return sorted(chosen)


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Keep Ctrl-C from the processes that are started: the terminal sends it to all, and who asked ends them."""
    resource_tracker.ensure_running()  # starting one, it would let through what is held back here
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(pipe: Connection, path: Path, stream: str, part: Part, thresholds: tuple[int, int, int]) -> None:
    """Fold a part and send what came of it, None where nothing did: in the process of a helper.

    It looks for garbage as often as who asked.
    """
    gc.set_threshold(*thresholds)
    folded: Folded | None = None
    with contextlib.suppress(Exception):  # the fold of who asked meets the same, and says what it is
        folded = _folded(path, stream, part, pipe.send)
    with contextlib.suppress(OSError):  # nobody asks any more
        pipe.send(folded)


def _folded(path: Path, stream: str, part: Part, told: Callable[[int], None]) -> Folded | None:
    rules = installed_rules()
    with SqliteSource.open(path, stream=stream) as source:
        stored = source.snapshot_after(part.after)
        reconciler, seq = resume(rules, () if stored is None else (stored,))
        if seq != part.after:
            raise LogError(f"the snapshot after entry {part.after} cannot be read")
        began = reconciler.snapshot()
        refold = Refold(rules, reconciler=reconciler, after=part.after)
        records = counted(read_on(source, refold, part.after, part.until), part.after, told)
        differences: list[Difference] = []
        for step in refold.steps(records, is_cut=part.is_cut, goes_on=part.until is not None and not part.is_cut):
            if isinstance(step, Difference):
                differences.append(step)
                if len(differences) > _MOST:
                    return None
        if not refold.is_settled or any(one.cause <= part.after for one in differences):
            return None  # it hangs together with what is beyond its ends
        return Folded(
            began=began,
            ended=refold.reconciler.snapshot(),
            differences=tuple(differences),
            seq=max(refold.seq, part.after),
            cause=refold.cause,
        )
