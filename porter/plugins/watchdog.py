"""Tells, once, when a call takes longer than it may. One thread for all calls; it waits, and never polls.

It cannot end a call that hangs: nobody can end a thread of Python's.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Watchdog:
    """Watches calls that run in other threads."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._changed = threading.Condition()
        self._watched: dict[object, tuple[float, Callable[[], None]]] = {}
        self._stopped = False
        self._thread = threading.Thread(target=self._watch, name="plugin watchdog", daemon=True)

    @contextmanager
    def watching(self, overdue: Callable[[], None]) -> Iterator[None]:
        """Call `overdue` from the watchdog's thread if the block takes longer than the limit."""
        key = object()
        with self._changed:
            self._watched[key] = (time.monotonic() + self.limit, overdue)
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._watched.pop(key, None)

    def start(self) -> None:
        """Begin. Returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no more. Safe to call twice."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def _watch(self) -> None:
        with self._changed:
            while not self._stopped:
                now = time.monotonic()
                late = [key for key, (due, _) in self._watched.items() if due <= now]
                for overdue in [self._watched.pop(key)[1] for key in late]:
                    overdue()
                nearest = min((due for due, _ in self._watched.values()), default=None)
                self._changed.wait(None if nearest is None else max(0.0, nearest - time.monotonic()))
