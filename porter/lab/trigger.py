"""The rhythm of the stand-ins: something changed, so look at everything and do what is missing; on an error, again.

In a large lab a look costs something, and many stand-ins look: each rests after one, longer than it has worked.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import aiohttp

from porter.lab.following import RefusedError

_log = logging.getLogger(__name__)
_GATHER = 0.01  # seconds: changes come in bursts, one look serves them all
_AGAIN = 0.5
_REST = 20.0  # times the processor time of the last look: one of twenty nodes takes a twentieth of a core
_LONGEST_REST = 1.0


class Trigger:
    """Call `changed` as often as you like; `run` calls the action at least once after the last call."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def changed(self) -> None:
        """Note that there is something to look at."""
        self._event.set()

    async def run(self, act: Callable[[], Awaitable[None]]) -> None:
        """Act after changes, for ever. What the server or the network refuses is tried again."""
        while True:
            await self._event.wait()
            await asyncio.sleep(_GATHER)
            self._event.clear()
            begin = time.process_time()
            try:
                await act()
            except (RefusedError, aiohttp.ClientError, TimeoutError, OSError) as error:
                _log.info("%r; again in %.1f s", error, _AGAIN)
                await asyncio.sleep(_AGAIN)
                self._event.set()
            await asyncio.sleep(min(_LONGEST_REST, _REST * (time.process_time() - begin)))
