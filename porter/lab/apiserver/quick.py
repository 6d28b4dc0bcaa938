"""The plainest bodies and answers, past what aiohttp does for all others: a body that is there, JSON in one piece.

Nearly every write is like that, whoever has read it: `plain` or aiohttp. Whatever is less plain goes aiohttp's way.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from aiohttp import HttpVersion11, web
from aiohttp.http import SERVER_SOFTWARE

from porter.lab.apiserver.plain import PlainRequest, Request

MOST_BODY = 3 * 1024 * 1024  # what a real server takes


async def body_of(request: Request) -> bytes:
    """The body of a request; not to be asked for twice. Raises HTTPRequestEntityTooLarge."""
    if isinstance(request, PlainRequest):
        return request.body
    assert isinstance(request, web.BaseRequest), "there is no third way"
    content = request.content
    if not content.is_eof():
        return await request.read()
    body = content.read_nowait(-1)
    if len(body) > MOST_BODY:
        raise web.HTTPRequestEntityTooLarge(max_size=MOST_BODY)
    return body


def is_plain(request: Request) -> bool:
    """Whether an answer to this request may be a `JsonAnswer`."""
    return request.version == HttpVersion11 and request.keep_alive and request.method != "HEAD"


class JsonAnswer(web.StreamResponse):
    """JSON that is sent with its headers in one piece, to a client that speaks HTTP/1.1 and keeps its connection."""

    def __init__(self, body: bytes, status: int) -> None:
        super().__init__(status=status)
        self._json = body
        self._asked: web.BaseRequest | None = None

    @property
    def keep_alive(self) -> bool:
        """Whether the connection is kept."""
        return True

    def in_full(self) -> bytes:
        """The answer as it is sent."""
        return b"%bContent-Length: %d\r\n\r\n%b" % (_head(self.status, _second()), len(self._json), self._json)

    async def prepare(self, request: web.BaseRequest) -> None:
        """Note whom to answer; nothing is sent yet."""
        self._asked = request

    async def write_eof(self, data: bytes = b"") -> None:
        """Send everything. Raises ConnectionError when the client is gone."""
        del data
        assert self._asked is not None, "aiohttp prepares first"
        transport = self._asked.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client is gone")
        transport.write(self.in_full())
        await self._asked.writer.drain()


def in_full(answer: web.Response) -> bytes:
    """Any other answer in one piece, as aiohttp would send it to a client that keeps its connection."""
    body = answer.body or b""
    assert isinstance(body, bytes), "no answer of ours is a stream"
    headers = {"Content-Length": str(len(body)), "Date": _date(_second()), "Server": SERVER_SOFTWARE}
    lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
    lines += [f"{name}: {text}" for name, text in (*answer.headers.items(), *headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@lru_cache(maxsize=64)
def _head(status: int, second: int) -> bytes:
    reason = HTTPStatus(status).phrase
    return f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nDate: {_date(second)}\r\n".encode()


def _second() -> int:
    return int(time.time())


def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
