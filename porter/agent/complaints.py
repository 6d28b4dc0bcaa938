"""Says each problem once: when it has lasted a moment, and again only after all was well in between.

What is well again is said too. It looks at problems and mends none.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable

from porter.cluster.health import Trouble

_LOG = logging.getLogger("porter")
_EVERY = 1.0  # seconds between looks; what is gone at the second look was a passing thing


class Complaints:
    """Belongs to the event loop."""

    def __init__(self, problems: Callable[[], Iterable[Trouble]]) -> None:
        self._problems = problems
        self._before: frozenset[str] = frozenset()
        self._said: set[str] = set()

    async def run(self) -> None:
        """Look, for as long as the agent runs."""
        while True:
            await asyncio.sleep(_EVERY)
            self.look()

    def look(self) -> None:
        """Look once."""
        now = {one.sentence: one for one in self._problems()}
        for sentence, problem in now.items():
            if sentence in self._before and sentence not in self._said:
                self._said.add(sentence)
                _LOG.warning("%s", problem)
        self._before = frozenset(now)
        if not now and self._said:
            self._said.clear()
            _LOG.info("all is well again")
