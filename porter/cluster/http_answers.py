"""HTTP/1.1 answers (RFC 9112) as values. Bytes in, answers out; no sockets here.

As much of HTTP as a server needs that is asked for neither compression nor anything but HTTP/1.1; what is not as it
must be is refused, and never guessed at.
"""

import re

import msgspec

_LONGEST_HEAD = 64 * 1024
_LONGEST_BODY = 64 * 1024 * 1024  # etcd refuses objects above 1.5 MB; anything near this is no answer to a write
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\r\n\0]*)?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*")
_LENGTH = re.compile(rb"[0-9]{1,15}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;[^\r\n\0]*)?")
_LINE_END, _HEAD_END = b"\r\n", b"\r\n\r\n"
_WITHOUT_BODY = frozenset({204, 304})  # RFC 9110, 15.3.5 and 15.4.5


class MalformedAnswerError(Exception):
    """What came is no answer that can be read. The message says why, and repeats nothing of it."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is there as a whole."""

    status: int
    body: bytes
    retry_after: str | None = None
    """What the header Retry-After says."""
    keeps: bool = True
    """The connection may carry another request."""


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    length: int | None
    """Bytes of the body; None where it is in chunks, or ends with the connection."""
    is_chunked: bool
    retry_after: str | None
    keeps: bool


class AnswerReader:
    """Reads one answer after the other from what a connection brings."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._head: _Head | None = None
        self._chunks = bytearray()

    def feed(self, data: bytes) -> Answer | None:
        """Take in what has come; return the answer when it is there as a whole. Raises MalformedAnswerError.

        Requests wait for their answers, so nothing may follow one.
        """
        self._bytes += data
        while self._head is None:
            head = self._take_head()
            if head is None:
                return None
            if head.status >= 200:  # noqa: PLR2004 - HTTP: those below are interim, and another answer follows
                self._head = head
        body = self._take_body(self._head)
        if body is None:
            return None
        if self._bytes:
            raise MalformedAnswerError("more came than one answer")
        return self._finished(self._head, body)

    def end(self) -> Answer | None:
        """Take in that the connection has ended; return the answer that ends with it. None: it was cut off."""
        head = self._head
        if head is None or head.is_chunked or head.length is not None:
            return None
        body = bytes(self._bytes)
        self._bytes.clear()
        return self._finished(head, body)

    def _finished(self, head: _Head, body: bytes) -> Answer:
        self._head = None
        return Answer(status=head.status, body=body, retry_after=head.retry_after, keeps=head.keeps)

    def _take_head(self) -> _Head | None:
        end = self._bytes.find(_HEAD_END)
        if (end if end >= 0 else len(self._bytes)) > _LONGEST_HEAD:
            raise MalformedAnswerError("its head is too long")
        if end < 0:
            return None
        head = _head_of(bytes(self._bytes[:end]))
        del self._bytes[: end + len(_HEAD_END)]
        return head

    def _take_body(self, head: _Head) -> bytes | None:
        """Return the body when all of it is there."""
        if head.is_chunked:
            return self._take_chunks()
        if len(self._bytes) > _LONGEST_BODY or (head.length or 0) > _LONGEST_BODY:
            raise MalformedAnswerError("its body is too long")
        if head.length is None or len(self._bytes) < head.length:
            return None
        body = bytes(self._bytes[: head.length])
        del self._bytes[: head.length]
        return body

    def _take_chunks(self) -> bytes | None:
        """Take in the chunks that are there; return what all say when the last one is."""
        while (line_end := self._bytes.find(_LINE_END)) >= 0:
            found = _CHUNK.fullmatch(self._bytes, 0, line_end)
            if found is None:
                raise MalformedAnswerError("a chunk of it has no size")
            size, start = int(found[1], 16), line_end + len(_LINE_END)
            if size == 0:
                return self._take_trailer(line_end)
            if len(self._chunks) + size > _LONGEST_BODY:
                raise MalformedAnswerError("its body is too long")
            if len(self._bytes) < start + size + len(_LINE_END):
                return None
            if self._bytes[start + size : start + size + len(_LINE_END)] != _LINE_END:
                raise MalformedAnswerError("a chunk of it is longer than it says")
            self._chunks += self._bytes[start : start + size]
            del self._bytes[: start + size + len(_LINE_END)]
        if len(self._bytes) > _LONGEST_HEAD:
            raise MalformedAnswerError("a chunk of it has no size")
        return None

    def _take_trailer(self, start: int) -> bytes | None:
        """Pass over the fields that may follow the last chunk; return what all chunks said."""
        end = self._bytes.find(_HEAD_END, start)
        if end < 0:
            if len(self._bytes) > _LONGEST_HEAD:
                raise MalformedAnswerError("its trailer is too long")
            return None
        del self._bytes[: end + len(_HEAD_END)]
        body, self._chunks = bytes(self._chunks), bytearray()
        return body


def _head_of(data: bytes) -> _Head:
    first, *lines = data.split(_LINE_END)
    status_line = _STATUS.fullmatch(first)
    if status_line is None:
        raise MalformedAnswerError("it does not begin as an answer of HTTP/1.1 does")
    status = int(status_line[2])
    fields: dict[bytes, bytes] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise MalformedAnswerError("a line of its head is no field")
        name, value = field[1].lower(), field[2]
        fields[name] = b"%b, %b" % (fields[name], value) if name in fields else value
    if status == 101:  # noqa: PLR2004 - HTTP
        raise MalformedAnswerError("it switches to another protocol, which nobody asked for")
    if fields.get(b"content-encoding", b"identity").lower() != b"identity":
        raise MalformedAnswerError("it is encoded, which nobody asked for")
    length, is_chunked = _framing(status, fields)
    options = {option.strip() for option in fields.get(b"connection", b"").lower().split(b",")}
    lasting = b"keep-alive" in options if status_line[1] == b"0" else b"close" not in options
    retry_after = fields.get(b"retry-after")
    return _Head(
        status=status,
        length=length,
        is_chunked=is_chunked,
        retry_after=None if retry_after is None else retry_after.decode("latin-1"),
        keeps=lasting and (is_chunked or length is not None),
    )


def _framing(status: int, fields: dict[bytes, bytes]) -> tuple[int | None, bool]:
    """Return how long the body is, None for what only its end tells, and whether it is in chunks: RFC 9112, 6.3."""
    if status < 200 or status in _WITHOUT_BODY:  # noqa: PLR2004 - HTTP
        return 0, False
    coding, length = fields.get(b"transfer-encoding"), fields.get(b"content-length")
    if coding is not None:
        if coding.lower() != b"chunked" or length is not None:
            raise MalformedAnswerError("it does not say in one way how long it is")
        return None, True
    if length is None:
        return None, False
    if _LENGTH.fullmatch(length) is None:
        raise MalformedAnswerError("it does not say in one way how long it is")
    return int(length), False
