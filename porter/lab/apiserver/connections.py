"""Connections: plain requests are answered in the turn of the loop that brings them, all others by aiohttp.

A connection begins plain. The first request that is not, or that would have to wait, hands it over for good: it and all
that follow take aiohttp's way. So both ways are HTTP, and lead to the same handler.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

from aiohttp import web

from porter.lab.apiserver.handling import Handler
from porter.lab.apiserver.listening import BACKLOG
from porter.lab.apiserver.plain import plain_request
from porter.lab.apiserver.quick import JsonAnswer, in_full

T = TypeVar("T")


class Connections:
    """The sockets that a server listens on, and the connections that are plain."""

    def __init__(self, handler: Handler, otherwise: Callable[[], asyncio.Protocol]) -> None:
        """`otherwise` makes what a connection is handed over to that is plain no more."""
        self._handler, self._otherwise = handler, otherwise
        self._listening: list[asyncio.Server] = []
        self._opened: set[Connection] = set()
        self._closed = False

    async def listen(self, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        """Take connections from a listening socket."""
        loop = asyncio.get_running_loop()
        self._listening.append(await loop.create_server(self.made, sock=sock, ssl=context, backlog=BACKLOG))

    def close(self) -> None:
        """Listen no more, and close the connections that are plain: all of them are idle."""
        self._closed = True
        for listening in self._listening:
            listening.close()
        for connection in list(self._opened):
            connection.close()

    def enter(self, connection: Connection) -> bool:
        """Have a connection that is open; False where it comes too late, as one whose TLS handshake was under way."""
        if not self._closed:
            self._opened.add(connection)
        return not self._closed

    def leave(self, connection: Connection) -> None:
        """Have it no more: it is closed, or plain no longer."""
        self._opened.discard(connection)

    def made(self) -> Connection:
        """What a new connection is read by, whoever has accepted it."""
        return Connection(self._handler, self, self._otherwise)


class Connection(asyncio.Protocol):
    """One client's connection, as long as it is plain."""

    def __init__(self, handler: Handler, home: Connections, otherwise: Callable[[], asyncio.Protocol]) -> None:
        """`home` has it while it is open and plain; `otherwise` makes what it is handed over to."""
        self._handler, self._home, self._otherwise = handler, home, otherwise
        self._transport: asyncio.Transport | None = None
        self._unread = False  # whether the client does not read what it is sent

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast("asyncio.Transport", transport)
        if not self._home.enter(self):
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        del exc
        self._home.leave(self)
        self._transport = None

    def pause_writing(self) -> None:
        """The client does not read."""
        self._unread = True

    def resume_writing(self) -> None:
        """It reads again."""
        self._unread = False

    def data_received(self, data: bytes) -> None:
        """Answer what has come, or hand over."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        request = None if self._unread else plain_request(data)
        if request is None or not self._handler.at_once(request):
            self._hand_over(transport, data)
            return
        answer = _done(self._handler.answer(request))
        transport.write(answer.in_full() if isinstance(answer, JsonAnswer) else in_full(cast("web.Response", answer)))

    def close(self) -> None:
        """Close it, once it has sent what there is to send."""
        if self._transport is not None:
            self._transport.close()

    def _hand_over(self, transport: asyncio.Transport, data: bytes) -> None:
        self._home.leave(self)
        protocol = self._otherwise()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if self._unread:
            protocol.pause_writing()
        protocol.data_received(data)


def _done(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing. Raises RuntimeError when it does."""
    try:
        work.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    work.close()
    raise RuntimeError("a request that was to be answered at once waits for something")
