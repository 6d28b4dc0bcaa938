"""Questions to the API server that change nothing: reads, and reviews of rights.

What is not there, and what may not be read, are answers. A server that cannot be reached, or that does not know who
asks, is none: then the ClusterError goes to whoever asked for the check.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgspec

from porter.cluster import wire
from porter.cluster.connection import Connection
from porter.cluster.errors import (
    ClusterError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    ServerError,
    ThrottledError,
    resource_of,
)

T = TypeVar("T")

_PAGE = 500
_TRIES = 5
_LONGEST_WAIT = 5.0  # seconds: a kind that was just defined asks for one
_READ_PAGE = msgspec.json.Decoder(wire.Page)


class Looked(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """What was read. Neither value nor problem: it is not there."""

    value: T | None = None
    problem: str = ""
    """Why it could not be read."""


class Asker:
    """Asks over one connection. Any number of questions at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, path: str) -> Looked[Any]:
        """Read one object, as plain data. Raises ClusterError when the server cannot be asked at all."""
        try:
            return Looked(value=msgspec.json.decode(await self._ask("GET", path)))
        except NotFoundError:
            return Looked()
        except (ForbiddenError, InvalidError, ServerError, msgspec.DecodeError) as error:
            return Looked(problem=_said(error, path))

    async def list(self, path: str) -> Looked[tuple[bytes, ...]]:
        """Read all objects of a kind, page by page, each as its bytes. Raises ClusterError as above."""
        try:
            return Looked(value=tuple([item async for page in self._pages(path) for item in page]))
        except NotFoundError:
            return Looked()
        except (ForbiddenError, InvalidError, ServerError, msgspec.DecodeError) as error:
            return Looked(problem=_said(error, path))

    async def review(self, kind: str, spec: Mapping[str, Any]) -> Looked[Mapping[str, Any]]:
        """Have a right reviewed, and return the answer's status: `allowed`, or `userInfo`. Nothing is stored.

        A review that the server does not know is a problem: nothing is known of the right then.
        """
        group = "authentication.k8s.io" if kind == "SelfSubjectReview" else "authorization.k8s.io"
        body = {"apiVersion": f"{group}/v1", "kind": kind, **({"spec": spec} if spec else {})}
        path = f"/apis/{group}/v1/{kind.lower()}s"
        try:
            answer = msgspec.json.decode(await self._ask("POST", path, body=body))
        except (NotFoundError, ForbiddenError, InvalidError, ServerError, msgspec.DecodeError) as error:
            return Looked(problem=_said(error, path))
        return Looked(value=answer.get("status") or {})

    async def _pages(self, path: str) -> AsyncIterator[tuple[bytes, ...]]:
        more = ""
        while True:
            query = {"limit": str(_PAGE)} | ({"continue": more} if more else {})
            page = _READ_PAGE.decode(await self._ask("GET", path, query=query))
            yield tuple(bytes(item) for item in page.items or ())
            more = page.metadata.continue_ or ""
            if not more:
                return

    async def _ask(self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None) -> bytes:
        for _ in range(_TRIES - 1):
            try:
                return await self._connection.request(method, quote(path), query=query, body=body)
            except ThrottledError as error:
                await asyncio.sleep(min(error.retry_after, _LONGEST_WAIT))
        return await self._connection.request(method, quote(path), query=query, body=body)


def _said(error: ClusterError | msgspec.DecodeError, path: str) -> str:
    if isinstance(error, ForbiddenError):
        return f"these credentials may not read {resource_of(path)}"
    return str(error)
