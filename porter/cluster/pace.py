"""How fast this agent may write: so many writes a second, and none for as long as the API server asked to wait.

It is asked before each write, and knows nothing of what is written.
"""

import asyncio
from collections.abc import Callable, Hashable

_LONGEST_FOR_ONE = 1.0  # seconds that one object which is refused, for its own sake perhaps, holds up all others


class Pace:
    """Lets through `per_second` writes, and `burst` of them at once after a rest. Belongs to the event loop."""

    def __init__(self, *, clock: Callable[[], float], per_second: float, burst: int) -> None:
        self._clock = clock
        self._gap = 1 / per_second
        self._ahead = (burst - 1) * self._gap
        self._due = clock()
        """When the next write would be sent if there were no bursts (GCRA: ITU-T I.371, virtual scheduling)."""
        self._closed_until = self._due
        self._refused: dict[Hashable, float] = {}
        """Until when the server asked to wait with an object."""

    async def turn(self) -> None:
        """Wait until one may be written. Whoever does not write after all says so with `back`."""
        while (wait := max(self._due - self._ahead, self._closed_until) - self._clock()) > 0:  # noqa: ASYNC110 - a time
            await asyncio.sleep(wait)
        self._due = max(self._due, self._clock()) + self._gap

    def back(self) -> None:
        """Give back a turn that was not used."""
        self._due -= self._gap

    def close(self, what: Hashable, seconds: float) -> None:
        """Let nothing through: the server asked to wait so long with this object, and others would only be refused.

        For a second at most while it is one object alone: a webhook or a proxy may refuse that one, and no other.
        """
        now = self._clock()
        self._refused = {one: until for one, until in self._refused.items() if until > now and one != what}
        alone = not self._refused
        self._refused[what] = now + seconds
        self._closed_until = max(self._closed_until, now + (min(seconds, _LONGEST_FOR_ONE) if alone else seconds))
