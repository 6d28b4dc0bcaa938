"""List and watch for the lab's stand-ins: a cache of a kind that stays true through cuts and restarts.

The agent under test has a list-watch of its own; this one is shared by the stand-ins only.
"""

import asyncio
import json
import logging
import random
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from porter.lab.kube import CONFLICT, NOT_FOUND, Access, Object, path_of, read_access

Key = tuple[str, str]
_WATCH = 20.0  # seconds that one watch lasts; the server ends it, so silence beyond is a dead connection
_SILENCE = 5.0
_MERGE = "application/merge-patch+json"
_log = logging.getLogger(__name__)


class RefusedError(Exception):
    """The API server answered with an error status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Api:
    """An asynchronous connection to the API server. Use as `async with`."""

    def __init__(self, access: Access, *, timeout: float = 3.0) -> None:
        self._access = access
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the connections' pool."""
        tls: ssl.SSLContext = self._access.context()
        self._session = aiohttp.ClientSession(
            self._access.server,
            headers={**self._access.headers(), "Accept": "application/json"},
            connector=aiohttp.TCPConnector(ssl=tls, limit=0),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    @property
    def server_name(self) -> str | None:
        """The name that the server's certificate is for, None where its address tells."""
        return self._access.server_name or None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The pool; only inside `async with`."""
        assert self._session is not None, "use the Api inside 'async with'"
        return self._session

    async def request(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        kind: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Any:
        """One request. Raises RefusedError, aiohttp.ClientError or TimeoutError."""
        data = None if body is None else json.dumps(body)
        limit = aiohttp.ClientTimeout(total=self._timeout)
        async with self.session.request(
            *(method, path),
            params=query,
            data=data,
            headers={"Content-Type": kind},
            timeout=limit,
            server_hostname=self.server_name,
        ) as response:
            text = await response.read()
            answer = json.loads(text) if text[:1] in {b"{", b"["} else {"message": text.decode(errors="replace")}
            if response.status >= 400:  # noqa: PLR2004 - HTTP
                raise RefusedError(response.status, str(answer.get("message", answer)))
            return answer

    async def create(self, obj: Object) -> Object:
        """Create an object."""
        place = path_of(obj["kind"], namespace=obj["metadata"].get("namespace", "default"))
        answer: Object = await self.request("POST", place, obj)
        return answer

    async def patch(self, kind: str, key: Key, change: Object, *, part: str = "") -> Object:
        """Merge a change into an object or, with `part`, into its subresource."""
        path = path_of(kind, key[1], namespace=key[0])
        answer: Object = await self.request("PATCH", path + (f"/{part}" if part else ""), change, kind=_MERGE)
        return answer

    async def delete(self, kind: str, key: Key, *, uid: str = "", grace: int | None = None) -> None:
        """Delete an object within `grace` seconds; fine when it is gone already, or another than `uid` has its name."""
        options: Object = {} if grace is None else {"gracePeriodSeconds": grace}
        options |= {"preconditions": {"uid": uid}} if uid else {}
        try:
            await self.request("DELETE", path_of(kind, key[1], namespace=key[0]), options or None)
        except RefusedError as refused:
            if refused.code not in {NOT_FOUND, CONFLICT}:
                raise


async def connect(kubeconfig: Path) -> Access:
    """Read a kubeconfig, waiting until it is there: the API server writes it once it answers."""
    while True:
        try:
            return read_access(kubeconfig)
        except FileNotFoundError:
            await asyncio.sleep(0.02)


class Cache:
    """All objects of a kind as last heard. `changed` is called after each change, `complete` set by the first list."""

    def __init__(
        self,
        api: Api,
        kind: str,
        *,
        namespace: str | None = None,
        fields: str = "",
        changed: Callable[[], None],
    ) -> None:
        """Of one namespace, or of all; `fields` is a field selector."""
        self.objects: dict[Key, Object] = {}
        self.complete = asyncio.Event()
        self._api = api
        self._kind = kind
        self._path = path_of(kind, namespace=namespace)
        self._query = {"fieldSelector": fields} if fields else {}
        self._changed = changed
        self._seen = 0
        """Up to this version the watch has told everything."""

    def all(self) -> list[Object]:
        """The objects, by namespace and name."""
        return [self.objects[key] for key in sorted(self.objects)]

    def learn(self, obj: Object) -> None:
        """Take an object as the server returned it from a write, unless the watch has brought it, or what came after.

        A change that another made just then, or the object's end, may be known before the answer to the write is: it
        would be lost here for good, since a watch tells nothing twice.
        """
        if int(obj["metadata"]["resourceVersion"]) > self._seen:
            self.presume(obj)

    def presume(self, obj: Object) -> None:
        """Take an object as this, whatever is known of it, until the watch tells more."""
        self.objects[key_of(obj)] = obj

    def forget(self, key: Key) -> None:
        """Take an object as gone."""
        self.objects.pop(key, None)

    async def follow(self) -> None:
        """List, watch, and begin again for ever."""
        pause = 0.0
        while True:
            try:
                version = await self._list()
                while version:
                    pause = 0.0
                    version = await self._watch(version)
            except (aiohttp.ClientError, TimeoutError, OSError, RefusedError, ValueError) as error:
                pause = min(2.0, max(0.1, pause * 2))
                _log.info("%s: %r; again in %.1f s", self._kind, error, pause)
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))

    async def _list(self) -> str:
        answer = await self._api.request("GET", self._path, query=self._query)
        kind, version = answer["kind"].removesuffix("List"), answer["apiVersion"]
        self.objects = {
            key_of(item): {"kind": kind, "apiVersion": version, **item} for item in answer.get("items") or []
        }
        self._seen = int(answer["metadata"]["resourceVersion"])
        self.complete.set()
        self._changed()
        return str(answer["metadata"]["resourceVersion"])

    async def _watch(self, version: str) -> str:
        """Follow changes until the server ends the watch. Returns where to go on, "" to list anew."""
        limit = aiohttp.ClientTimeout(total=None, sock_connect=3.0, sock_read=_WATCH + _SILENCE)
        query = {
            **self._query,
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(int(_WATCH)),
        }
        async with self._api.session.get(
            self._path, params=query, timeout=limit, server_hostname=self._api.server_name
        ) as response:
            if response.status >= 400:  # noqa: PLR2004 - HTTP
                raise RefusedError(response.status, (await response.text())[:200])
            buffer = b""
            async for chunk in response.content.iter_any():
                *lines, buffer = (buffer + chunk).split(b"\n")
                for line in filter(None, lines):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        _log.info("%s: the watch says %s; listing again", self._kind, event["object"].get("message"))
                        return ""
                    version = self._take(event)
        return version

    def _take(self, event: Object) -> str:
        obj = event["object"]
        self._seen = int(obj["metadata"]["resourceVersion"])
        if event["type"] != "BOOKMARK":
            if event["type"] == "DELETED":
                self.forget(key_of(obj))
            else:
                self.presume(obj)
            self._changed()
        return str(obj["metadata"]["resourceVersion"])


def key_of(obj: Object) -> Key:
    """Namespace and name; a cluster-wide object has the namespace ""."""
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
