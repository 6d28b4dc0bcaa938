"""What the server and the process that holds its connections tell each other: frames, over one stream of bytes.

A frame is what happens to one connection; only bytes to send may be for many at once. No socket is here.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Sequence
from struct import Struct
from typing import Final, NamedTuple

OPENED: Final = 1
"""To the server, as all down to LOST: a client has connected."""
CAME: Final = 2
"""A client has sent these bytes."""
UNREAD: Final = 3
"""A client does not read what it is sent."""
READ: Final = 4
"""It reads again."""
LOST: Final = 5
"""The connection is closed: the last that is told of it."""
SENT: Final = 6
"""From the server, as all that follow: bytes for a client."""
SENT_TO_MANY: Final = 7
"""Bytes for some clients."""
CLOSED: Final = 8
"""Close the connection, once it has sent what there is to send."""
ABORTED: Final = 9
"""Close it at once."""
PAUSED: Final = 10
"""Take no more from a client for now."""
RESUMED: Final = 11
"""Take from it again."""

_HEAD = Struct("<BII")  # what, of which connection (SENT_TO_MANY: of how many), how many bytes follow
_NUMBERS: Final = "I"
LIMITS: Final = 64 << 20, 8 << 20
"""Bytes that may wait to be told before who tells them is paused, and that may wait when it goes on."""
_MOST = 256 * 1024  # bytes to send in one frame: more goes in several, so that none is put together for long


class Frame(NamedTuple):
    """What is told, of which connection; of SENT_TO_MANY, how many numbers stand before the bytes."""

    what: int
    number: int
    data: bytes

    def parts(self) -> tuple[Sequence[int], bytes]:
        """Of SENT_TO_MANY: to which connections, and the bytes."""
        end = self.number * array(_NUMBERS).itemsize
        return array(_NUMBERS, self.data[:end]), self.data[end:]


class Frames:
    """Frames out of a stream of bytes that comes in any pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def of(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole with these bytes."""
        data = self._rest + data if self._rest else data
        self._rest = b""
        at, size = 0, len(data)
        while size - at >= _HEAD.size:
            what, number, length = _HEAD.unpack_from(data, at)
            end = at + _HEAD.size + length
            if end > size:
                break
            yield Frame(what, number, data[at + _HEAD.size : end])
            at = end
        self._rest = data[at:]


def framed(what: int, number: int, data: bytes = b"") -> bytes:
    """What happened to one connection."""
    return _HEAD.pack(what, number, len(data)) + data


def sent(numbers: Collection[int], data: bytes) -> Iterator[bytes]:
    """Bytes for these connections, in as many frames as it takes."""
    to = array(_NUMBERS, numbers).tobytes() if len(numbers) > 1 else b""
    for start in range(0, len(data), _MOST):
        piece = data[start : start + _MOST] if len(data) > _MOST else data
        if to:
            yield b"%b%b%b" % (_HEAD.pack(SENT_TO_MANY, len(numbers), len(to) + len(piece)), to, piece)
        else:
            yield from (framed(SENT, number, piece) for number in numbers)
