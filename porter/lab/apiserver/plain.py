"""Requests that are as plain as can be, read in one look: HTTP/1.1, whole, in one piece, with nothing unusual in them.

Nearly every write is like that, and aiohttp's way to it costs a fifth of what the write itself does. To anything else
the answer is None: aiohttp, which knows all of HTTP, then has the word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, NamedTuple, Protocol
from urllib.parse import parse_qsl

from aiohttp import HttpVersion, HttpVersion11
from multidict import CIMultiDict, CIMultiDictProxy, MultiMapping

_REMEMBERED, _REMEMBERED_LENGTH = 4096, 2048  # lines, and headers up to so many bytes: the same come again and again
_LINE = re.compile(rb"(GET|POST|PUT|PATCH|DELETE) ((?:/[\w~:-][\w.~:-]*)+/?)(?:\?([\w.~=&-]+))? HTTP/1\.1")
_FIELDS = re.compile(rb"(?:[\w-]+: ?[!-~](?:[ -~]*[!-~])?\r\n)+")
_LENGTH = re.compile(r"[0-9]{1,9}")
_UNUSUAL = ("Connection", "Transfer-Encoding", "Content-Encoding", "Expect", "Upgrade")
_ACTING = "impersonate-"  # as somebody else


class Request(Protocol):
    """What is asked of a request, whoever has read it."""

    @property
    def method(self) -> str:
        """Its method."""

    @property
    def path(self) -> str:
        """Its path, without the query."""

    @property
    def path_qs(self) -> str:
        """Its path and query as they were sent."""

    @property
    def query(self) -> Mapping[str, str]:
        """Its query."""

    @property
    def headers(self) -> MultiMapping[str]:
        """Its headers, in whatever case they are asked for."""

    @property
    def host(self) -> str:
        """To whom it was sent."""

    @property
    def version(self) -> HttpVersion:
        """The version of HTTP."""

    @property
    def keep_alive(self) -> bool:
        """Whether the connection is kept."""


@dataclass(kw_only=True, slots=True)
class PlainRequest:
    """A plain request; never to be changed. No header of it says as whom it is made."""

    method: str
    path: str
    path_qs: str
    query: Mapping[str, str]
    headers: MultiMapping[str]
    host: str
    body: bytes
    version: ClassVar[HttpVersion] = HttpVersion11
    keep_alive: ClassVar[bool] = True


class _Line(NamedTuple):
    """What the first line says."""

    method: str
    path: str
    path_qs: str
    query: Mapping[str, str]


class _Fields(NamedTuple):
    """The header fields of a request, and what two of them say."""

    headers: MultiMapping[str]
    host: str
    length: int


def plain_request(data: bytes) -> PlainRequest | None:
    """The request, if these bytes are one that is plain, and nothing else."""
    first, end = data.find(b"\r\n"), data.find(b"\r\n\r\n")
    if end < 0:
        return None
    raw = data[first + 2 : end + 2]
    short = end < _REMEMBERED_LENGTH
    line = _line(data[:first]) if short else _line.__wrapped__(data[:first])
    fields = _fields(raw) if short else _fields.__wrapped__(raw)
    if line is None or fields is None or len(data) - end - 4 != fields.length:
        return None
    return PlainRequest(
        method=line.method,
        path=line.path,
        path_qs=line.path_qs,
        query=line.query,
        headers=fields.headers,
        host=fields.host,
        body=data[end + 4 :],
    )


@lru_cache(maxsize=_REMEMBERED)
def _line(raw: bytes) -> _Line | None:
    """The first line; None where it is unusual."""
    found = _LINE.fullmatch(raw)
    if found is None:
        return None
    method, path, asked = (part.decode() for part in found.groups(b""))
    parts = parse_qsl(asked, keep_blank_values=True)
    query = dict(parts)
    if len(query) != len(parts):  # something is said twice
        return None
    return _Line(method, path, f"{path}?{asked}" if asked else path, query)


@lru_cache(maxsize=_REMEMBERED)
def _fields(raw: bytes) -> _Fields | None:
    """The header fields; None where one is unusual. A client sends the same again and again."""
    if _FIELDS.fullmatch(raw) is None:
        return None
    headers = CIMultiDict(_field(line) for line in raw.decode().split("\r\n")[:-1])
    lengths = headers.getall("Content-Length", ())
    if any(name in headers for name in _UNUSUAL) or len(headers.getall("Host", ())) != 1:
        return None
    if any(name.lower().startswith(_ACTING) for name in headers):
        return None
    if len(lengths) > 1 or (lengths and not _LENGTH.fullmatch(lengths[0])):
        return None
    return _Fields(CIMultiDictProxy(headers), headers["Host"], int(lengths[0]) if lengths else 0)


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.lstrip(" ")
