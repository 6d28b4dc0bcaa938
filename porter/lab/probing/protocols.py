"""How one attempt is made and its answer known: an echo, a datagram, a connection, a request. None of it waits."""

import contextlib
import errno
import os
import selectors
import socket
import struct
from collections.abc import Callable
from typing import NamedTuple, Protocol

from porter.lab.families import Address, socket_family
from porter.lab.probe import ECHO, checksum

Opened = Callable[[int, int, int], socket.socket]
"""Opens a socket of (family, type, protocol) where the attempts are made from; it does not wait."""
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends a reset, so no port waits for its time to run out
_MOST = 65536


class Outcome(NamedTuple):
    """An attempt that has ended: answered, failed with an error, or given up as its time is over."""

    number: int
    said: str | None = None
    error: str | None = None
    given_up: bool = False


class Told(Protocol):
    """What a protocol tells its loop."""

    def __call__(self, outcome: Outcome) -> None:
        """An attempt has ended."""


class Way(Protocol):
    """One protocol, in one loop."""

    def send(self, number: int) -> None:
        """Begin an attempt. OSError is its failure."""

    def give_up(self, number: int) -> None:
        """Its time is over."""

    def close(self) -> None:
        """Leave nothing open."""


class Packets:
    """Attempts of one packet each over one socket: the number is in the packet."""

    def __init__(self, opened: socket.socket, selector: selectors.BaseSelector, told: Told) -> None:
        self.socket, self._selector, self._told = opened, selector, told
        selector.register(opened, selectors.EVENT_READ, self._read)

    def give_up(self, number: int) -> None:
        """Nothing is open for one attempt alone."""

    def close(self) -> None:
        """Close the socket."""
        self._selector.unregister(self.socket)
        self.socket.close()

    def number_of(self, data: bytes, sender: tuple[str | int, ...], /) -> int | None:
        """Whose answer a packet is; None when it is none of ours."""
        raise NotImplementedError

    def _read(self, _events: int) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            number = self.number_of(*self.socket.recvfrom(_MOST))
            if number is not None:
                self._told(Outcome(number))


class Icmp(Packets):
    """ICMP echoes (RFC 792), and those of ICMPv6 (RFC 4443)."""

    def __init__(
        self, address: Address, _port: int, opened: Opened, selector: selectors.BaseSelector, told: Told
    ) -> None:
        self._six = address.version == 6  # noqa: PLR2004 - IP's own version number
        self._request, self._reply, protocol = ECHO[address.version]
        super().__init__(opened(socket_family(address), socket.SOCK_RAW, protocol), selector, told)
        self._target = (str(address), 0)
        self._own = struct.pack("!H", os.getpid() & 0xFFFF)
        self._mark = os.urandom(8)

    def send(self, number: int) -> None:
        """Send one echo."""
        body = self._own + struct.pack("!H", number & 0xFFFF) + self._mark + struct.pack("!Q", number)
        head = struct.pack("!BB", self._request, 0)
        self.socket.sendto(head + checksum(head + b"\0\0" + body) + body, self._target)

    def number_of(self, data: bytes, sender: tuple[str | int, ...], /) -> int | None:
        """The number in an echo reply."""
        reply = data if self._six else data[(data[0] & 15) * 4 :]
        ours = sender[0] == self._target[0] and reply[0] == self._reply and reply[8:16] == self._mark
        return struct.unpack("!Q", reply[16:24])[0] if ours else None


class Udp(Packets):
    """Datagrams that the other side sends back (RFC 862)."""

    def __init__(
        self, address: Address, port: int, opened: Opened, selector: selectors.BaseSelector, told: Told
    ) -> None:
        made = opened(socket_family(address), socket.SOCK_DGRAM, 0)
        made.connect((str(address), port))
        super().__init__(made, selector, told)
        self._mark = os.urandom(8)

    def send(self, number: int) -> None:
        """Send one datagram."""
        self.socket.send(self._mark + struct.pack("!Q", number))

    def number_of(self, data: bytes, _sender: tuple[str | int, ...], /) -> int | None:
        """The number in a datagram that came back."""
        return struct.unpack("!Q", data[8:16])[0] if data[:8] == self._mark and len(data) == 16 else None  # noqa: PLR2004


class Tcp:
    """Connections: answered when one stands, and closed at once."""

    def __init__(
        self, address: Address, port: int, opened: Opened, selector: selectors.BaseSelector, told: Told
    ) -> None:
        self._target, self._family = (str(address), port), socket_family(address)
        self._opened, self._selector, self._told = opened, selector, told
        self._open: dict[int, socket.socket] = {}

    def send(self, number: int) -> None:
        """Begin a connection."""
        stream = self._opened(self._family, socket.SOCK_STREAM, 0)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._open[number] = stream
        code = stream.connect_ex(self._target)
        if code not in {0, errno.EINPROGRESS}:
            self.give_up(number)
            raise OSError(code, os.strerror(code))
        self._selector.register(stream, selectors.EVENT_WRITE, lambda _events: self._ended(number))

    def give_up(self, number: int) -> None:
        """Close the connection."""
        stream = self._open.pop(number, None)
        if stream is not None:
            with contextlib.suppress(KeyError):
                self._selector.unregister(stream)
            stream.close()

    def close(self) -> None:
        """Close all that are open."""
        for number in list(self._open):
            self.give_up(number)

    def _ended(self, number: int) -> None:
        stream = self._open[number]
        code = stream.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self.fail(number, os.strerror(code))
        else:
            self.connected(number, stream)

    def connected(self, number: int, _stream: socket.socket) -> None:
        """A connection stands."""
        self.give_up(number)
        self._told(Outcome(number))

    def fail(self, number: int, error: str) -> None:
        """An attempt has failed."""
        self.give_up(number)
        self._told(Outcome(number, error=error))


class Http(Tcp):
    """A GET on a new connection each time: answered when the whole answer is there."""

    def connected(self, number: int, stream: socket.socket) -> None:
        """Ask."""
        name, port = self._target
        host = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
        try:
            stream.send(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        except OSError as error:
            self.fail(number, error.strerror or str(error))
            return
        heard = bytearray()
        self._selector.modify(stream, selectors.EVENT_READ, lambda _events: self._hear(number, stream, heard))

    def _hear(self, number: int, stream: socket.socket, heard: bytearray) -> None:
        try:
            data = stream.recv(_MOST)
        except BlockingIOError:
            return
        except OSError as error:
            self.fail(number, error.strerror or str(error))
            return
        if data:
            heard += data
            return
        status, _, rest = heard.partition(b"\r\n")
        if not status.startswith(b"HTTP/1.1 200"):
            self.fail(number, status.decode(errors="replace") or "the connection ended without an answer")
            return
        self.give_up(number)
        body = rest.partition(b"\r\n\r\n")[2].decode(errors="replace")
        self._told(Outcome(number, said=body.splitlines()[0] if body else None))


PROTOCOLS: dict[str, Callable[[Address, int, Opened, selectors.BaseSelector, Told], Way]] = {
    "icmp": Icmp,
    "udp": Udp,
    "tcp": Tcp,
    "http": Http,
}
