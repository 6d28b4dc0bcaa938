"""The server's side of the process that holds its connections (holding.py): each is a transport here, as any other.

So TLS, and sending the same event to many watches, take none of the time in which the server answers. What is pushed to
several connections is told once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NoReturn, cast

import msgspec

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
    UNREAD,
    Frames,
    framed,
    sent,
)
from porter.lab.apiserver.holding import Begin, hold
from porter.lab.apiserver.ways import PLACE, Place

_ENDS_WITHIN = 2.0  # seconds that the last words are given


class Front(asyncio.Protocol):
    """The process, and the connections that it holds. Its `listen` is called once; from the server's loop only."""

    def __init__(self, control: socket.socket, process: int | None = None) -> None:
        """The socket's other end is, or will be, given to `holding.serve`; in a process of this number, if any."""
        self.full = False
        """Whether the process takes nothing more for now."""
        self._control, self._process = control, process
        self._begun: asyncio.Future[None] | None = None
        self._lost: asyncio.Future[None] | None = None
        self._made: Callable[[], asyncio.Protocol] | None = None
        self._pipe: asyncio.Transport | None = None
        self._open: dict[int, Held] = {}
        self._frames = Frames()
        self._to_tell: list[bytes] = []
        self._ready = set[int]()  # the connections that can be sent to
        self._scheduled = False

    @classmethod
    def forked(cls) -> Front:
        """Start the process. For one that has no thread and no loop yet, as it is forked."""
        ours, theirs = socket.socketpair()
        process = os.fork()
        if not process:
            _be_the_other(ours, theirs)
        theirs.close()
        return cls(ours, process)

    async def listen(
        self, sockets: Sequence[socket.socket], certificates: Path | None, made: Callable[[], asyncio.Protocol]
    ) -> None:
        """Take connections, each for a protocol made so; the sockets are handed over.

        `certificates` is the directory of `tls.certificates`; without it connections are without TLS.
        Raises ConnectionError when the process ends instead.
        """
        begin = Begin(certificates=str(certificates or ""))
        socket.send_fds(self._control, [msgspec.json.encode(begin)], [one.fileno() for one in sockets])
        for one in sockets:
            one.close()
        loop = asyncio.get_running_loop()
        self._made, self._begun, self._lost = made, loop.create_future(), loop.create_future()
        await loop.create_unix_connection(lambda: self, sock=self._control)
        await asyncio.wait({self._begun, self._lost}, return_when=asyncio.FIRST_COMPLETED)
        if not self._begun.done():
            raise ConnectionError("the process that holds the connections has ended")

    async def lost(self) -> None:
        """Return when the process is gone, or closed."""
        assert self._lost is not None, "it listens"
        await self._lost

    async def close(self) -> None:
        """Close all connections once all is sent, and have the process end; safe to call twice."""
        if self._pipe is None or self._lost is None:
            self._control.close()
            return
        self._flush()
        self._pipe.close()
        await asyncio.wait({self._lost}, timeout=_ENDS_WITHIN)

    def end(self) -> None:
        """Return when the process has ended; what was not closed in order is cut off."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        self._control.close()
        if self._process is not None:
            os.waitpid(self._process, 0)

    def tell(self, *frames: bytes) -> None:
        """Tell the process, after all that it was told before."""
        self._to_tell += frames
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def push(self, numbers: Collection[int], data: bytes) -> Collection[int]:
        """Send bytes to some connections, and tell them once; see `Way`."""
        if self._ready.issuperset(numbers):
            self.tell(*sent(numbers, data))
            return ()
        left = [number for number in numbers if number not in self._ready]
        if others := [number for number in numbers if number in self._ready]:
            self.tell(*sent(others, data))
        return left

    def has_settled(self, number: int, *, ready: bool) -> None:
        """Push to a connection from now on, or no more."""
        if ready:
            self._ready.add(number)
        else:
            self._ready.discard(number)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The process is there."""
        self._pipe = cast("asyncio.Transport", transport)
        self._pipe.set_write_buffer_limits(*LIMITS)

    def connection_lost(self, exc: Exception | None) -> None:
        """The process is gone, and all connections with it."""
        self._pipe = None
        for held in list(self._open.values()):
            held.lose(exc)
        self._open.clear()
        if self._lost is not None:
            self._lost.set_result(None)

    def pause_writing(self) -> None:
        """The process has more than it can take."""
        self.full = True
        for held in list(self._open.values()):
            held.settle()

    def resume_writing(self) -> None:
        """It has caught up."""
        self.full = False
        for held in list(self._open.values()):
            held.settle()

    def data_received(self, data: bytes) -> None:
        """Pass on what happened to connections."""
        for what, number, came in self._frames.of(data):
            held = self._open.get(number)
            if held is not None:
                held.told(what, came)
                if what == LOST:
                    del self._open[number]
            elif what == OPENED and number:
                assert self._made is not None, "it listens"
                self._open[number] = Held(self, number, self._made())
            elif what == OPENED and self._begun is not None:
                self._begun.set_result(None)

    def _flush(self) -> None:
        self._scheduled = False
        if self._pipe is not None and self._to_tell:
            self._pipe.write(b"".join(self._to_tell))
        self._to_tell.clear()


class Held(asyncio.Transport):
    """One connection that the process holds."""

    def __init__(self, front: Front, number: int, protocol: asyncio.Protocol) -> None:
        super().__init__({PLACE: Place(front, number)})
        self._front, self._number, self._protocol = front, number, protocol
        self._closing = False
        self._unread = False  # whether the client does not read
        self._waits = False  # whether the protocol has been told to write no more
        protocol.connection_made(self)
        self.settle()

    def told(self, what: int, data: bytes) -> None:
        """What happened to it."""
        if what == CAME:
            if not self._closing:
                self._guarded(data)
        elif what == LOST:
            self.lose(None)
        elif what in (UNREAD, READ):
            self._unread = what == UNREAD
            self.settle()

    def lose(self, exc: Exception | None) -> None:
        """It is closed."""
        self._end()
        self._protocol.connection_lost(exc)

    def settle(self) -> None:
        """Have the protocol write no more, or again, as the client and the process can take it."""
        waits = self._unread or self._front.full
        self._front.has_settled(self._number, ready=not (waits or self._closing))
        if waits != self._waits:
            self._waits = waits
            if waits:
                self._protocol.pause_writing()
            else:
                self._protocol.resume_writing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send some bytes."""
        if not self._closing and data:
            self._front.tell(*sent((self._number,), data if isinstance(data, bytes) else bytes(data)))

    def close(self) -> None:
        """Close it, once it has sent what there is to send."""
        if not self._closing:
            self._end()
            self._front.tell(framed(CLOSED, self._number))

    def abort(self) -> None:
        """Close it at once."""
        self._end()
        self._front.tell(framed(ABORTED, self._number))

    def is_closing(self) -> bool:
        """Whether it is closed, or being closed."""
        return self._closing

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Have another protocol from now on."""
        self._protocol = cast("asyncio.Protocol", protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The protocol."""
        return self._protocol

    def pause_reading(self) -> None:
        """Take no more from the client for now."""
        self._front.tell(framed(PAUSED, self._number))

    def resume_reading(self) -> None:
        """Take from it again."""
        self._front.tell(framed(RESUMED, self._number))

    def get_write_buffer_size(self) -> int:
        """How much waits here to be sent: nothing ever does for longer than a turn of the loop."""
        return 0

    def can_write_eof(self) -> bool:
        """Whether the end can be sent alone: as with TLS it cannot."""
        return False

    def _end(self) -> None:
        self._closing = True
        self._front.has_settled(self._number, ready=False)

    def _guarded(self, data: bytes) -> None:
        """Pass on what has come; a fault of the protocol is this connection's alone, as with any other transport."""
        try:
            self._protocol.data_received(data)
        except Exception as fault:  # noqa: BLE001  # see above
            context = {"message": "a protocol failed", "exception": fault, "transport": self}
            asyncio.get_running_loop().call_exception_handler(context)
            self.abort()


def _be_the_other(ours: socket.socket, theirs: socket.socket) -> NoReturn:
    status = 1
    try:
        ours.close()
        hold(theirs)
        status = 0
    finally:
        os._exit(status)
