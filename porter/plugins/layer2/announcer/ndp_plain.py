"""The question that nearly all solicitations are, told and answered on bytes: what must be fast is here, and is short.

Whatever is not plain is read by `ndp`, which says the same of what is.
"""

from . import ndp

SOURCE, SENDER, RECEIVER, MESSAGE = slice(6, 12), slice(22, 38), slice(38, 54), slice(54, None)
TARGET, MAC = slice(62, 78), slice(80, 86)
"""Where a plain question has the station that sent it, the asker, whom it asks, its message; in that, what is asked for
and the asker's MAC."""

_PLAIN_LENGTH = 86
_PLAIN_START = bytes((0x86, 0xDD, 0x60))  # Ethernet's type, and version 6 of class 0
_PLAIN_HEADER = bytes.fromhex("60000000 0020 3a ff")
_PLAIN_QUESTION = bytes((ndp.SOLICITATION, 0))
_PLAIN_ADVERTISEMENT = bytes((ndp.ADVERTISEMENT, 0, 0, 0, 0x60, 0, 0, 0))  # solicited, override
_PLAIN_OPTION = bytes((ndp.SOURCE_MAC, 1))
_MULTICAST = 0xFF  # RFC 4291, 2.7: the first byte


class Answers:
    """The answers of one MAC, bytes to bytes: `ndp.answer(ndp.parse(question), mac).pack()`, in a tenth of the time."""

    def __init__(self, mac: bytes) -> None:
        self._head = mac + ndp.ETHERTYPE.to_bytes(2, "big") + _PLAIN_HEADER
        self._tail = bytes((ndp.TARGET_MAC, 1)) + mac

    def to(self, question: bytes) -> bytes:
        """Return the answer to the frame of a question that is plain (`is_plain`) and from a station."""
        sender, target = question[SENDER], question[TARGET]
        body = b"".join((_PLAIN_ADVERTISEMENT, target, self._tail))
        check = ndp.checksum(target, sender, body).to_bytes(2, "big")
        return b"".join((question[MAC], self._head, target, sender, body[:2], check, body[4:]))


def is_plain(frame: bytes) -> bool:
    """Tell at once that a frame is a valid question, as every kernel asks: with the asker's MAC and nothing else.

    False says nothing.
    """
    return (
        len(frame) == _PLAIN_LENGTH
        and frame[12:15] == _PLAIN_START
        and frame[18:22] == _PLAIN_HEADER[4:]
        and frame[54:56] == _PLAIN_QUESTION
        and frame[78:80] == _PLAIN_OPTION
        and frame[SENDER] != ndp.UNSPECIFIED
        and _MULTICAST not in (frame[22], frame[62])
        and ndp.checksum(frame[SENDER], frame[RECEIVER], frame[MESSAGE]) == 0
    )
