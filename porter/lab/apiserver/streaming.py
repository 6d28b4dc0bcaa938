"""An answer without an end, over HTTP: what a watch is written to. It knows no watch and no object."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from aiohttp import HttpVersion11, web

from porter.lab.apiserver.ways import PLACE, Alone, Place, Way


class Sink(Protocol):
    """What a watch is written to."""

    async def write(self, data: bytes) -> None:
        """Send some bytes; waits while the client does not read."""

    def place(self) -> Place:
        """Where it is pushed to: the same as `write`, at once, or not when one would have to wait."""


class Stream:
    """A response whose body is sent in parts. Call `begin` first; from the server's loop only."""

    def __init__(self, request: web.BaseRequest, headers: Mapping[str, str]) -> None:
        self.response = web.StreamResponse(headers=headers)
        self._request, self._protocol = request, request.protocol
        self._chunked = request.version >= HttpVersion11
        if self._chunked:
            self.response.enable_chunked_encoding()

    async def begin(self) -> None:
        """Send the headers."""
        await self.response.prepare(self._request)

    async def write(self, data: bytes) -> None:
        """Send some bytes; waits while the client does not read. Raises ConnectionError when it is gone."""
        await self.response.write(data)

    def place(self) -> Place:
        """Where it is pushed to: several times cheaper than to write, without a coroutine or a layer in between."""
        transport = self._protocol.transport
        held: Place | None = None if transport is None else transport.get_extra_info(PLACE)
        if held is None:
            return Place(Alone(self._push))
        return held._replace(way=Chunked(held.way)) if self._chunked else held

    def _push(self, data: bytes) -> bool:
        """Send some bytes at once; False, and nothing is sent, when the client does not read, or is gone."""
        transport = self._protocol.transport
        if transport is None or transport.is_closing() or self._protocol.writing_paused:
            return False
        transport.write(_chunk(data) if self._chunked else data)
        return True

    async def end(self) -> None:
        """Send the end."""
        await self.response.write_eof()

    def cut(self) -> None:
        """Close the connection as it is, in the middle."""
        if self._request.transport is not None:
            self._request.transport.close()


@dataclass(frozen=True, slots=True)
class Chunked:
    """A way to clients that are sent chunks."""

    way: Way

    def push(self, numbers: Collection[int], data: bytes) -> Collection[int]:
        """See `Way`."""
        return self.way.push(numbers, _chunk(data))


@lru_cache(maxsize=4)
def _chunk(data: bytes) -> bytes:
    """The bytes as a chunk of HTTP/1.1; made once for all who are sent the same, one after the other."""
    return b"%x\r\n%b\r\n" % (len(data), data)
