"""The process that holds a server's connections: it does their TLS, and sends to many what the server tells it once.

It knows no HTTP and no object, and ends when the server does. The server's side of it is front.py.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import itertools
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import msgspec

from porter.lab.apiserver import tls
from porter.lab.apiserver.frames import (
    ABORTED,
    CAME,
    CLOSED,
    LIMITS,
    LOST,
    OPENED,
    PAUSED,
    READ,
    RESUMED,
    SENT,
    SENT_TO_MANY,
    UNREAD,
    Frames,
    framed,
)
from porter.lab.apiserver.listening import BACKLOG
from porter.lab.apiserver.secure import Listener
from porter.loop import run

_PR_SET_PDEATHSIG = 1  # prctl.h
_MOST_SOCKETS, _MOST_WORDS = 64, 8192
_LOOKS, _LOOK_EVERY = 100, 0.01  # at the end: whether clients have taken what is left, and seconds between two looks


class Begin(msgspec.Struct, frozen=True, kw_only=True):
    """How to begin: what the server says first, with the sockets to listen on."""

    certificates: str
    """The directory of `tls.certificates`; empty for connections without TLS."""


def hold(control: socket.socket) -> None:
    """Be the process: hold connections until the server closes its end of this socket, or ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # who ends the server ends this
    if sys.platform == "linux":  # a server that is killed leaves its ports at once
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    gc.freeze()
    serve(control)


def serve(control: socket.socket) -> None:
    """Hold connections until the server closes its end of this socket."""
    words, descriptors, _, _ = socket.recv_fds(control, _MOST_WORDS, _MOST_SOCKETS)
    if not words:  # the server could not begin
        control.close()
        return
    begin = msgspec.json.decode(words, type=Begin)
    run(_serve(control, [socket.socket(fileno=one) for one in descriptors], begin))


async def _serve(control: socket.socket, listening: list[socket.socket], begin: Begin) -> None:
    loop = asyncio.get_running_loop()
    context = tls.context(Path(begin.certificates)) if begin.certificates else None
    holder = Holder()
    await loop.create_unix_connection(lambda: holder, sock=control)
    servers = [await _listen(one, context, holder.client) for one in listening]
    holder.tell(framed(OPENED, 0))
    await holder.ended
    for server in servers:
        server.close()
    holder.close()
    for _ in range(_LOOKS):
        await asyncio.sleep(_LOOK_EVERY)
        if not holder.has_to_send:
            break
    holder.abort()
    await asyncio.sleep(0)


async def _listen(
    sock: socket.socket, context: ssl.SSLContext | None, made: Callable[[], asyncio.Protocol]
) -> asyncio.Server | Listener:
    if context is not None:
        sock.setblocking(False)
        return Listener(sock, context, made)
    return await asyncio.get_running_loop().create_server(made, sock=sock, backlog=BACKLOG)


class Holder(asyncio.Protocol):
    """The connections, and the way to the server."""

    def __init__(self) -> None:
        self.ended = asyncio.get_running_loop().create_future()
        """Done when the server has closed its end."""
        self.busy = False
        """Whether the server takes nothing more for now."""
        self._clients: dict[int, _Client] = {}
        self._numbers = itertools.count(1)
        self._frames = Frames()
        self._server: asyncio.Transport | None = None
        self._to_tell: list[bytes] = []

    def client(self) -> asyncio.Protocol:
        """Make what holds a connection."""
        return _Client(self, next(self._numbers))

    def tell(self, frame: bytes) -> None:
        """Tell the server, in one piece with all else of this turn of the loop."""
        if not self._to_tell:
            asyncio.get_running_loop().call_soon(self._flush)
        self._to_tell.append(frame)

    def opened(self, number: int, client: _Client) -> None:
        """Have a connection."""
        self._clients[number] = client
        self.tell(framed(OPENED, number))
        if self.busy:
            client.transport.pause_reading()

    def lost(self, number: int) -> None:
        """Have it no more."""
        del self._clients[number]
        self.tell(framed(LOST, number))

    @property
    def has_to_send(self) -> bool:
        """Whether something is still to be sent to a client."""
        return any(client.transport.get_write_buffer_size() for client in self._clients.values())

    def close(self) -> None:
        """Close all connections, each once it has sent what there is to send."""
        for client in list(self._clients.values()):
            client.close()

    def abort(self) -> None:
        """Close all connections at once."""
        for client in list(self._clients.values()):
            client.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The server is there."""
        self._server = cast("asyncio.Transport", transport)
        self._server.set_write_buffer_limits(*LIMITS)

    def connection_lost(self, exc: Exception | None) -> None:
        """The server has closed its end."""
        del exc
        self._server = None
        self.ended.set_result(None)

    def pause_writing(self) -> None:
        """The server has more than it can take: so no client is listened to."""
        self.busy = True
        for client in self._clients.values():
            client.transport.pause_reading()

    def resume_writing(self) -> None:
        """It has caught up."""
        self.busy = False
        for client in self._clients.values():
            client.listen()

    def data_received(self, data: bytes) -> None:
        """Do what the server says."""
        clients = self._clients
        for frame in self._frames.of(data):
            if frame.what == SENT:
                if (client := clients.get(frame.number)) is not None:
                    client.transport.write(frame.data)
            elif frame.what == SENT_TO_MANY:
                numbers, what = frame.parts()
                for number in numbers:
                    if (client := clients.get(number)) is not None:
                        client.transport.write(what)
            elif (client := clients.get(frame.number)) is not None:
                _DOES[frame.what](client)

    def _flush(self) -> None:
        if self._server is not None:
            self._server.write(b"".join(self._to_tell))
        self._to_tell.clear()


class _Client(asyncio.Protocol):
    """One client's connection."""

    transport: asyncio.Transport

    def __init__(self, holder: Holder, number: int) -> None:
        self._holder, self._number = holder, number
        self._paused = False  # by the server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open, and TLS agreed on."""
        self.transport = cast("asyncio.Transport", transport)
        self._holder.opened(self._number, self)

    def data_received(self, data: bytes) -> None:
        """Pass on what has come."""
        self._holder.tell(framed(CAME, self._number, data))

    def pause_writing(self) -> None:
        """The client does not read."""
        self._holder.tell(framed(UNREAD, self._number))

    def resume_writing(self) -> None:
        """It reads again."""
        self._holder.tell(framed(READ, self._number))

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        del exc
        self._holder.lost(self._number)

    def pause(self) -> None:
        """Take no more for now."""
        self._paused = True
        self.transport.pause_reading()

    def resume(self) -> None:
        """Take more."""
        self._paused = False
        self.listen()

    def listen(self) -> None:
        """Take more, if nothing is against it."""
        if not self._paused and not self._holder.busy:
            self.transport.resume_reading()

    def close(self) -> None:
        """Close it, once it has sent what there is to send."""
        self.transport.close()

    def abort(self) -> None:
        """Close it at once."""
        self.transport.abort()


_DOES: dict[int, Callable[[_Client], None]] = {
    CLOSED: _Client.close,
    ABORTED: _Client.abort,
    PAUSED: _Client.pause,
    RESUMED: _Client.resume,
}
