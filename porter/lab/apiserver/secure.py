"""TLS connections for a process that sends the same to hundreds: what is written is encrypted and sent in one call.

The TLS of asyncio, and of uvloop, lies over a transport: bytes are encrypted into memory, taken out of it and given to
another layer to be sent. `Secure` is a transport as theirs, over a socket that does its TLS itself, for a fifth less.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import cast

from porter.lab.apiserver.listening import BACKLOG

HANDSHAKE_WITHIN = 60.0
"""Seconds that a client has until TLS is agreed on, as asyncio gives it."""
_SHUT_WITHIN = 30.0  # seconds that a client has to read what is left for it once its connection is to be closed
_GOODBYE_WITHIN = 2.0  # seconds that it then has to close its side
_PAUSE = 1.0  # seconds without accepting, once no more sockets are to be had
_HIGH, _LOW = 64 << 10, 16 << 10  # bytes that may wait before the protocol is paused, and that may when it goes on
_MOST = 64 << 10  # bytes that are passed on at once, or a record more


class Listener:
    """Accepts TLS connections from a listening socket, each for a protocol made so. From the loop only."""

    def __init__(
        self,
        sock: socket.socket,
        context: ssl.SSLContext,
        made: Callable[[], asyncio.Protocol],
        *,
        handshake_within: float = HANDSHAKE_WITHIN,
    ) -> None:
        """`made` is called once TLS is agreed on. The socket, which must not block, is taken over."""
        self._sock, self._context, self._made = sock, context, made
        self._handshake_within = handshake_within
        self._loop = asyncio.get_running_loop()
        self._shaking: set[Secure] = set()
        self._again: asyncio.TimerHandle | None = None
        self._accept_on()

    def close(self) -> None:
        """Listen no more; who has not agreed on TLS yet is cut off."""
        if self._again is not None:
            self._again.cancel()
        self._loop.remove_reader(self._sock.fileno())
        self._sock.close()
        for one in list(self._shaking):
            one.abort()

    def _accept_on(self) -> None:
        self._again = None
        self._loop.add_reader(self._sock.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(BACKLOG):
            try:
                accepted, _peer = self._sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as full:  # no descriptors, no memory
                self._loop.remove_reader(self._sock.fileno())
                self._again = self._loop.call_later(_PAUSE, self._accept_on)
                self._loop.call_exception_handler({"message": "cannot accept connections for now", "exception": full})
                return
            self._shake_hands(accepted)

    def _shake_hands(self, accepted: socket.socket) -> None:
        try:
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wrapped = self._context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
        except (OSError, ValueError):  # gone already
            accepted.close()
            return
        self._shaking.add(Secure(wrapped, self._made, self._shaking.discard, within=self._handshake_within))


class Secure(asyncio.Transport):
    """One connection."""

    def __init__(
        self,
        sock: ssl.SSLSocket,
        made: Callable[[], asyncio.Protocol],
        agreed: Callable[[Secure], None],
        *,
        within: float,
    ) -> None:
        """`agreed` is called when TLS is agreed on, or the connection at its end."""
        super().__init__()
        self._sock, self._descriptor, self._made, self._agreed = sock, sock.fileno(), made, agreed
        self._loop = asyncio.get_running_loop()
        self._protocol: asyncio.Protocol | None = None  # none until TLS is agreed on
        self._unsent, self._size = deque[bytes](), 0  # what waits, and how many bytes that is
        self._full = False  # whether the protocol has been paused
        self._closing = self._ended = False
        self._timer = self._loop.call_later(within, self._end)
        self._loop.add_reader(self._descriptor, self._shake)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send some bytes; what the client cannot take yet is kept for it."""
        if self._closing or not data:
            return
        if not self._unsent:
            try:
                self._sock.send(data)  # all of it, or none: OpenSSL is not asked for parts
            except ssl.SSLWantWriteError:
                self._loop.add_writer(self._descriptor, self._flush)
            except OSError:
                self.abort()
                return
            else:
                return
        self._unsent.append(bytes(data))  # OpenSSL wants the same bytes again
        self._size += len(data)
        if self._size > _HIGH and not self._full:
            self._full = True
            self.get_protocol().pause_writing()

    def pause_reading(self) -> None:
        """Take no more for now."""
        if not self._closing:
            self._loop.remove_reader(self._descriptor)

    def resume_reading(self) -> None:
        """Take more."""
        if not self._closing:
            self._loop.add_reader(self._descriptor, self._read)

    def close(self) -> None:
        """Close it, once it has sent what there is to send."""
        if self._closing:
            return
        self._closing = True
        self._end_within(_SHUT_WITHIN)
        self._loop.add_reader(self._descriptor, self._discard)
        if not self._unsent:
            self._say_goodbye()

    def abort(self) -> None:
        """Close it at once."""
        self._closing = True
        self._loop.call_soon(self._end)

    def is_closing(self) -> bool:
        """Whether it is closed, or being closed."""
        return self._closing

    def get_write_buffer_size(self) -> int:
        """How many bytes wait for the client."""
        return self._size

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Have another protocol from now on."""
        self._protocol = cast("asyncio.Protocol", protocol)

    def get_protocol(self) -> asyncio.Protocol:
        """The protocol. Only when TLS is agreed on."""
        assert self._protocol is not None, "TLS is agreed on"
        return self._protocol

    def _shake(self) -> None:
        try:
            self._sock.do_handshake()
        except ssl.SSLWantReadError:
            return
        except OSError:  # no TLS, or not of our kind; what the server says in a handshake never has to wait
            self._end()
            return
        self._timer.cancel()
        self._agreed(self)
        self._protocol = self._made()
        self.resume_reading()
        self._protocol.connection_made(self)

    def _read(self) -> None:
        """Pass on what there is: a client's TLS may cut a request into many records."""
        found, over = bytearray(), False
        try:
            while len(found) < _MOST:
                if not (data := self._sock.recv(_MOST)):
                    over = True
                    break
                found += data
        except ssl.SSLWantReadError:
            pass
        except OSError:  # also where it asks for new keys and reads nothing, so that they cannot be sent
            over = True
        if found:
            self.get_protocol().data_received(bytes(found))
        if over:
            with contextlib.suppress(OSError, ValueError):  # who says goodbye is told the same; some just go
                self._sock.unwrap()
            self._end()

    def _flush(self) -> None:
        try:
            while self._unsent:
                self._sock.send(self._unsent[0])
                self._size -= len(self._unsent.popleft())
        except ssl.SSLWantWriteError:
            pass
        except OSError:
            self._end()
            return
        if self._full and self._size <= _LOW:
            self._full = False
            self.get_protocol().resume_writing()
        if not self._unsent and not self._ended:
            self._loop.remove_writer(self._descriptor)
            if self._closing:
                self._say_goodbye()

    def _say_goodbye(self) -> None:
        """Say that nothing more comes, and wait until the client says so too: else it might lose the last."""
        with contextlib.suppress(OSError, ValueError):  # it has not said so yet, or is gone
            self._sock.unwrap()
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)  # after this it does no TLS: whatever still comes is thrown away
        self._end_within(_GOODBYE_WITHIN)

    def _discard(self) -> None:
        try:
            if self._sock.recv(_MOST):
                return
        except (ssl.SSLWantReadError, BlockingIOError):
            return
        except OSError:
            pass
        self._end()

    def _end_within(self, seconds: float) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._end)

    def _end(self) -> None:
        if self._ended:
            return
        self._closing = self._ended = True
        self._timer.cancel()
        self._loop.remove_reader(self._descriptor)
        self._loop.remove_writer(self._descriptor)
        self._sock.close()
        self._agreed(self)
        if self._protocol is not None:
            self._protocol.connection_lost(None)
