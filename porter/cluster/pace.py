"""How fast this agent may write: so many writes a second, and none for as long as the API server asked to wait.

It is asked before each write, and knows nothing of what is written.
"""

import asyncio
from collections.abc import Callable

_LONGEST = 60.0  # seconds, whatever a server asks for: then it is asked again


class Pace:
    """Lets through `per_second` writes, and `burst` of them at once after a rest. Belongs to the event loop."""

    def __init__(self, *, clock: Callable[[], float], per_second: float, burst: int) -> None:
        self._clock = clock
        self._gap = 1 / per_second
        self._ahead = (burst - 1) * self._gap
        self._due = clock()
        """When the next write would be sent if there were no bursts (GCRA: ITU-T I.371, virtual scheduling)."""
        self._closed_until = self._due

    async def turn(self) -> None:
        """Wait until one may be written. Whoever does not write after all says so with `back`."""
        while (wait := max(self._due - self._ahead, self._closed_until) - self._clock()) > 0:  # noqa: ASYNC110 - a time
            await asyncio.sleep(wait)
        self._due = max(self._due, self._clock()) + self._gap

    def back(self) -> None:
        """Give back a turn that was not used."""
        self._due -= self._gap

    def close(self, seconds: float) -> None:
        """Let nothing through for some seconds: the server asked for it, and whoever writes would only be refused."""
        self._closed_until = max(self._closed_until, self._clock() + min(seconds, _LONGEST))
