"""Messages over a socket that never blocks the one who sends: what does not fit now is sent when there is room."""

import socket
from collections.abc import Iterator

from . import messages
from .messages import Ask, Counters, Event, Wanted

_CHUNK = 65536


class ClosedError(ConnectionError):
    """The other side is gone."""


class Lines:
    """One side of the conversation, on a non-blocking stream socket."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._received = bytearray()
        self._unsent = bytearray()

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._connection.fileno()

    @property
    def waiting_to_send(self) -> bool:
        """Something is still to be sent; call `flush` when the socket has room."""
        return bool(self._unsent)

    def send(self, message: Event | Counters) -> None:
        """Send a message, or keep it until there is room."""
        self._unsent += messages.encode(message)

    def flush(self) -> bool:
        """Send what the socket takes, and tell whether that was everything.

        Raises ClosedError when the other side is gone.
        """
        while self._unsent:
            try:
                sent = self._connection.send(self._unsent)
            except BlockingIOError:
                return False
            except OSError as error:
                raise ClosedError(str(error)) from None
            del self._unsent[:sent]
        return True

    def receive(self) -> Iterator[Wanted | Ask]:
        """Yield the messages that have come in. Raises ClosedError when the other side is gone."""
        while True:
            try:
                chunk = self._connection.recv(_CHUNK)
            except BlockingIOError:
                break
            except OSError as error:
                raise ClosedError(str(error)) from None
            if not chunk:
                raise ClosedError("end of file")
            self._received += chunk
        *complete, rest = self._received.split(b"\n")
        self._received = bytearray(rest)
        for line in complete:
            message = messages.decode(bytes(line))
            if isinstance(message, Wanted | Ask):
                yield message
