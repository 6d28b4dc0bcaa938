"""What a kind of fault is: what breaks it, what mends it, and of what it is a fault."""

import signal
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from porter.lab import processes
from porter.lab.errors import LabError
from porter.lab.stage import Stage
from porter.lab.state import Process

PATIENCE: Final = 10.0
"""Seconds that a fault has to take effect."""


class How(NamedTuple):
    """How badly; each kind reads what concerns it."""

    loss: float = 0.3
    """Share of the frames that a wire loses, 0 to 1."""
    delay: float = 0.2
    """Seconds that a frame takes, one way, or that the API server waits before each answer."""
    step: float = 3600.0
    """Seconds that a clock is ahead; negative: behind."""
    every: float = 1.0
    """Seconds between two cuts of all watches."""
    code: int = 500
    """The HTTP status of every answer."""


def _no_words(_how: How) -> str:
    return ""


def _no_check(_stage: Stage, _target: str) -> None:
    """Every node can be broken so."""


class Kind(NamedTuple):
    """A kind of fault. `fail` and `recover` return when it has taken effect, or is gone; both raise LabError."""

    fail: Callable[[Stage, str, How], None]
    recover: Callable[[Stage, str], None]
    says: str
    words: Callable[[How], str] = _no_words
    check: Callable[[Stage, str], object] = _no_check
    of_server: bool = False


def until(what: str, look: Callable[[], bool], *, within: float = PATIENCE, pause: float = 0.02) -> None:
    """Wait until something is seen. Raises LabError when it is not seen in time (seconds)."""
    limit = time.monotonic() + within
    while not look():
        if time.monotonic() > limit:
            raise LabError(f"not seen within {within:g} s: {what}")
        time.sleep(pause)


def kill(process: Process, what: str) -> None:
    """End a process by SIGKILL and return when it is gone. Raises LabError when it does not go."""
    processes.end(process, how=signal.SIGKILL)
    until(f"the end of {what}", lambda: not processes.alive(process), pause=0.001)
    processes.collect(process.pid)
