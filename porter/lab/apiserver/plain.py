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

_REMEMBERED, _REMEMBERED_LENGTH = 4096, 2048  # queries, and headers up to so many bytes: the same come again and again
_HEAD = re.compile(
    rb"(GET|POST|PUT|PATCH|DELETE) ((?:/[\w~:-][\w.~:-]*)+/?)(?:\?([\w.~=&-]+))? HTTP/1\.1\r\n"
    rb"((?:[\w-]+: ?[!-~](?:[ -~]*[!-~])?\r\n)+)\r\n"
)
_LENGTH = re.compile(r"[0-9]{1,9}")
_UNUSUAL = ("Connection", "Transfer-Encoding", "Content-Encoding", "Expect", "Upgrade")


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
    """A plain request; never to be changed."""

    method: str
    path: str
    path_qs: str
    query: Mapping[str, str]
    headers: MultiMapping[str]
    host: str
    body: bytes
    version: ClassVar[HttpVersion] = HttpVersion11
    keep_alive: ClassVar[bool] = True


class _Fields(NamedTuple):
    """The header fields of a request, and what two of them say."""

    headers: MultiMapping[str]
    host: str
    length: int


def plain_request(data: bytes) -> PlainRequest | None:
    """The request, if these bytes are one that is plain, and nothing else."""
    found = _HEAD.match(data)
    if found is None:
        return None
    method, path, asked = (part.decode() for part in found.groups(b"")[:3])
    raw = found[4]
    fields = _fields(raw) if len(raw) < _REMEMBERED_LENGTH else _fields.__wrapped__(raw)
    body = data[found.end() :]
    if fields is None or len(body) != fields.length:
        return None
    query = _query(asked)
    if query is None:
        return None
    return PlainRequest(
        method=method,
        path=path,
        path_qs=f"{path}?{asked}" if asked else path,
        query=query,
        headers=fields.headers,
        host=fields.host,
        body=body,
    )


@lru_cache(maxsize=_REMEMBERED)
def _fields(raw: bytes) -> _Fields | None:
    """The header fields; None where one is unusual. A client sends the same again and again."""
    headers = CIMultiDict(_field(line) for line in raw.decode().split("\r\n")[:-1])
    lengths = headers.getall("Content-Length", ())
    if any(name in headers for name in _UNUSUAL) or len(headers.getall("Host", ())) != 1:
        return None
    if len(lengths) > 1 or (lengths and not _LENGTH.fullmatch(lengths[0])):
        return None
    return _Fields(CIMultiDictProxy(headers), headers["Host"], int(lengths[0]) if lengths else 0)


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.lstrip(" ")


@lru_cache(maxsize=_REMEMBERED)
def _query(text: str) -> Mapping[str, str] | None:
    """The query as a mapping; None where something is said twice."""
    found = parse_qsl(text, keep_blank_values=True)
    known = dict(found)
    return known if len(known) == len(found) else None
