"""Trouble on demand: a server that is slow, errs, cuts its watches or falls silent, as `PUT /lab/trouble` asks for.

The path is the lab's own, no real server has it. Only the administrator may use it, and it is never in trouble itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine
from dataclasses import dataclass
from typing import Any

import msgspec

from porter.lab.apiserver.errors import Refusal, bad_request
from porter.lab.apiserver.streaming import Sink
from porter.lab.apiserver.ways import Place, Way

PATH = "/lab/trouble"
_HALF_A_LINE = b'{"type":"MODIFIED","object":{"kind"'


class Trouble(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is wrong with the server; by default nothing."""

    delay: float = 0.0
    """Seconds before each answer."""
    code: int = 0
    """The HTTP status of every answer, such as 429 or 500; 0: answers are as they should be."""
    cut_every: float = 0.0
    """Seconds after which each watch is cut in the middle of a line; 0: never."""
    silent: bool = False
    """Connections stand and take what is sent, and nothing comes back, as from a server that has lost its power."""


_NONE = Trouble()


class Troubles:
    """The server's present trouble. Called from its loop only."""

    def __init__(self) -> None:
        self.now = Trouble()
        self._changed = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether nothing is wrong."""
        return self.now == _NONE

    def put(self, raw: bytes) -> Trouble:
        """Take the body of a PUT; refused when it is no Trouble."""
        try:
            self.now = msgspec.json.decode(raw, type=Trouble)
        except msgspec.DecodeError as error:
            raise bad_request(f"this is no trouble that the lab knows: {error}") from error
        self._changed.set()
        self._changed = asyncio.Event()
        return self.now

    async def meet(self) -> None:
        """What every request meets: waits, and is refused when the server errs."""
        await self.heard()
        if self.now.delay:
            await asyncio.sleep(self.now.delay)
        if self.now.code:
            raise _refusal(self.now.code)

    async def heard(self) -> None:
        """Return once the server is not silent."""
        while self.now.silent:
            await self._changed.wait()

    async def until_cut(self, watch: Coroutine[Any, Any, None], stream: Sink) -> bool:
        """Run a watch to its end, or until it is to be cut; then half a line has been sent, and this returns True."""
        running = asyncio.ensure_future(watch)
        cutting = asyncio.ensure_future(self._cut(stream))
        try:
            await asyncio.wait({running, cutting}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
                return False
            cutting.result()
            return True
        finally:
            running.cancel()
            cutting.cancel()

    async def _cut(self, stream: Sink) -> None:
        began = asyncio.get_running_loop().time()
        while True:
            every = self.now.cut_every
            left = began + every - asyncio.get_running_loop().time() if every else None
            if left is not None and left <= 0:
                await stream.write(_HALF_A_LINE)
                return
            waiting = self._changed.wait()
            try:
                await asyncio.wait_for(waiting, left)
            except TimeoutError:
                continue


class Muted:
    """A watch's connection that passes nothing on while the server is silent."""

    def __init__(self, connection: Sink, troubles: Troubles) -> None:
        self._connection, self._troubles = connection, troubles

    async def write(self, data: bytes) -> None:
        """Send some bytes, once the server is not silent."""
        await self._troubles.heard()
        await self._connection.write(data)

    def place(self) -> Place:
        """Where it is pushed to, unless the server is silent; see `Sink`."""
        way, number = self._connection.place()
        return Place(MutedWay(way, self._troubles), number)


@dataclass(frozen=True, slots=True)
class MutedWay:
    """A way that takes nothing while the server is silent."""

    way: Way
    troubles: Troubles

    def push(self, numbers: Collection[int], data: bytes) -> Collection[int]:
        """See `Way`."""
        return numbers if self.troubles.now.silent else self.way.push(numbers, data)


def _refusal(code: int) -> Refusal:
    reasons = {429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable"}
    headers = {"Retry-After": "1"} if code == 429 else {}  # noqa: PLR2004 - Too Many Requests
    return Refusal(
        code=code, reason=reasons.get(code, ""), message="the lab's API server errs on demand", headers=headers
    )
