"""How long to wait before trying again: longer each time, and never in step with others. It never sleeps itself."""

from random import SystemRandom

_CHANCE = SystemRandom()


class Backoff:
    """Doubling waits between `first` and `most` seconds, each taken at random from its upper half."""

    def __init__(self, *, first: float, most: float) -> None:
        self._first = first
        self._most = most
        self._wait = first

    def next(self) -> float:
        """Return the next wait in seconds."""
        wait, self._wait = self._wait, min(self._wait * 2, self._most)
        return between(wait / 2, wait)

    def reset(self) -> None:
        """Start again from the shortest wait."""
        self._wait = self._first


def between(low: float, high: float) -> float:
    """Return a random number of seconds."""
    return _CHANCE.uniform(low, high)
