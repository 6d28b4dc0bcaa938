"""Bare TLS sockets to the API server, and as little of HTTP as will do: the load costs less than what it measures."""

import re
import socket
import ssl
from dataclasses import dataclass
from typing import Self

VERSION = re.compile(rb'"resourceVersion":"(\d+)"')
_LENGTH = re.compile(rb"[Cc]ontent-[Ll]ength: *(\d+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where the server is, and who asks."""

    host: str
    port: int
    authority: str
    token: str

    def connect(self) -> ssl.SSLSocket:
        """A connection."""
        context = ssl.create_default_context(cadata=self.authority)
        plain = socket.create_connection((self.host, self.port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return context.wrap_socket(plain, server_hostname=self.host)

    def request(self, method: str, path: str, body: bytes = b"", media: str = "application/json") -> bytes:
        """A request as it is sent."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}:{self.port}", f"Authorization: Bearer {self.token}"]
        lines += ["Accept: application/json", "User-Agent: benchmark"]
        if body:
            lines += [f"Content-Type: {media}", f"Content-Length: {len(body)}"]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Tapped:
    """A connection whose bytes are taken as they come, and deciphered when there is time."""

    def __init__(self, place: Place) -> None:
        self.socket = socket.create_connection((place.host, place.port))
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cadata=place.authority)
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_hostname=place.host)
        while True:
            try:
                self._session.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._exchange()

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self._session.write(data)
        self.socket.sendall(self._outgoing.read())

    def deciphered(self, raw: bytes) -> bytes:
        """What there is to read once these bytes have come."""
        self._incoming.write(raw)
        found = bytearray()
        try:
            while data := self._session.read(65536):
                found += data
        except ssl.SSLWantReadError:
            pass
        return bytes(found)

    def receive(self) -> bytes:
        """Wait for bytes. Raises ConnectionError when the server has closed it."""
        if not (raw := self.socket.recv(65536)):
            raise ConnectionError("the API server closed a connection")
        return raw

    def _exchange(self) -> None:
        if waiting := self._outgoing.read():
            self.socket.sendall(waiting)
        self._incoming.write(self.receive())


class Asker:
    """Asks one thing after the other, over one connection. Use as `with`."""

    def __init__(self, place: Place) -> None:
        self._place, self._connection = place, place.connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        """The body of the answer. Raises RuntimeError when it is refused."""
        self._connection.sendall(self._place.request(method, path, body))
        answer = Answer()
        while not answer.done:
            answer.add(self._connection.recv(65536))
        if not answer.accepted:
            raise RuntimeError(f"{method} {path}: {answer.body.decode()}")
        return answer.body


class Answer:
    """An answer that arrives in parts."""

    def __init__(self) -> None:
        self._raw = b""
        self._whole = 0

    def add(self, data: bytes) -> None:
        """Take what has arrived. Raises ConnectionError at the end of the connection."""
        if not data:
            raise ConnectionError("the API server closed a connection in the middle of an answer")
        self._raw += data
        if not self._whole and (head := self._raw.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(self._raw, 0, head)
            self._whole = head + 4 + (int(found[1]) if found else 0)

    @property
    def done(self) -> bool:
        """Whether it is whole."""
        return bool(self._whole) and len(self._raw) >= self._whole

    @property
    def accepted(self) -> bool:
        """Whether its status is one of success."""
        return self._raw[9:10] == b"2"

    @property
    def body(self) -> bytes:
        """Its body."""
        return self._raw.partition(b"\r\n\r\n")[2]

    @property
    def version(self) -> str:
        """The first resourceVersion in it."""
        found = VERSION.search(self._raw)
        return found[1].decode() if found else ""
