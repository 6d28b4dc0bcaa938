"""How often to do what takes longer in a larger cluster: it rests after each time, so it never takes a whole core."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_TIMES = 20.0  # as long as the work took: it may take a twentieth of a core


class Rest:
    """When work may be done next. Times are seconds of a clock that only goes forward."""

    def __init__(self, *, gather: float, spent: Callable[[], float] = time.thread_time) -> None:
        """`gather` is how long what comes after a first change is waited for; `spent` tells the processor time."""
        self._gather = gather
        self._spent = spent
        self._until = 0.0

    def next(self, now: float) -> float:
        """When to do what is wanted since now."""
        return max(now + self._gather, self._until)

    @contextmanager
    def after(self, clock: Callable[[], float]) -> Iterator[None]:
        """Around the work."""
        begun = self._spent()
        yield
        self._until = clock() + _TIMES * (self._spent() - begun)
