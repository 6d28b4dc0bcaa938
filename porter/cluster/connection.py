"""One connection to the API server: requests in, bytes out, errors as sentences.

It decodes nothing, and sends again only what is sure not to have been taken: after a 401, and where no connection came
about since a certificate was not believed; once, with credentials loaded again. The kubernetes client reads those;
neither its models are used nor its requests, which look into every body for what Porter never has there.
"""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
import msgspec

from porter.cluster.access import SERVICE_ACCOUNT, Access, open_access
from porter.cluster.errors import ClusterError, ServerError, error_of
from porter.cluster.failures import failure_of

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
_CONNECT_SECONDS = 5.0
_NOT_BELIEVED = (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError)
_LONGEST_LINE = 16 * 1024 * 1024  # etcd refuses objects above 1.5 MB; anything near this is no watch


class _Request(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    path: str
    query: Mapping[str, str]
    limit: aiohttp.ClientTimeout
    body: bytes | None = None
    content_type: str = JSON

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Connection:
    """An authenticated connection. One event loop; safe for any number of tasks at once."""

    def __init__(
        self,
        access: Access,
        *,
        kubeconfig: Path | None,
        context: str | None,
        environ: Mapping[str, str],
        service_account: Path,
    ) -> None:
        self._access = access
        self._retired: Access | None = None
        self._source = (kubeconfig, context)
        self._environ = environ
        self._service_account = service_account
        self._generation = 0
        self._loading = asyncio.Lock()
        self.requests = 0
        """How many requests have been sent."""

    @classmethod
    async def open(
        cls,
        kubeconfig: Path | None,
        context: str | None = None,
        *,
        environ: Mapping[str, str] = os.environ,
        service_account: Path = SERVICE_ACCOUNT,
    ) -> Self:
        """Load the credentials. Nothing is sent yet. Raises KubeconfigError or CertificateError."""
        access = await open_access(kubeconfig, context, environ=environ, service_account=service_account)
        return cls(access, kubeconfig=kubeconfig, context=context, environ=environ, service_account=service_account)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection. Safe to call twice."""
        await self._access.session.close()
        if self._retired is not None:
            await self._retired.session.close()

    @property
    def server(self) -> str:
        """The API server's URL."""
        return self._access.server

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = JSON,
        timeout: float = 15.0,  # noqa: ASYNC109 - it becomes the HTTP client's own limit
    ) -> bytes:
        """Send one request and return the answer's body. Raises a ClusterError.

        `body` is plain JSON data. A request that may have reached the server is never sent again here.
        """
        request = _Request(
            method=method,
            path=path,
            query=query or {},
            limit=aiohttp.ClientTimeout(total=timeout, sock_connect=_CONNECT_SECONDS),
            body=None if body is None else msgspec.json.encode(body),
            content_type=content_type,
        )
        async with self._answer(request) as response:
            return await response.read()

    async def stream_lines(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        read_timeout: float = 90.0,
    ) -> AsyncGenerator[bytes, None]:
        """Yield the whole lines of a streaming answer; a last line that was cut off is dropped.

        The first item is empty: it says that the server took the request.
        Ends when the server ends it. Raises UnreachableError when nothing arrives for `read_timeout` seconds.
        """
        request = _Request(
            method="GET",
            path=path,
            query=query or {},
            limit=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=read_timeout),
        )
        async with self._answer(request) as response:
            yield b""
            pending = bytearray()
            async for chunk in response.content.iter_any():
                start = len(pending)
                pending += chunk
                if pending.find(b"\n", start) < 0:
                    if len(pending) > _LONGEST_LINE:
                        raise ServerError(f"a line of the watch {path} is longer than {_LONGEST_LINE} bytes")
                    continue
                *lines, rest = bytes(pending).split(b"\n")
                pending = bytearray(rest)
                for line in lines:
                    yield line

    async def server_addresses(self) -> tuple[str, ...]:
        """Return the IP addresses of the API server's name, sorted; nothing while its name does not resolve."""
        host = urlsplit(self.server).hostname or ""
        try:
            return (str(ip_address(host)),)
        except ValueError:
            pass
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError:
            return ()
        return tuple(sorted({str(address[4][0]).split("%")[0] for address in found}))

    @asynccontextmanager
    async def _answer(self, request: _Request) -> AsyncIterator[aiohttp.ClientResponse]:
        generation = self._generation
        try:
            try:
                response = await self._send(request)
            except _NOT_BELIEVED:  # authorities rotate
                await self._load_again(generation)
                response = await self._send(request)
            if response.status == 401:  # noqa: PLR2004 - HTTP: tokens rotate
                response.release()
                await self._load_again(generation)
                response = await self._send(request)
            try:
                if response.status >= 400:  # noqa: PLR2004 - HTTP
                    raise error_of(
                        code=response.status,
                        body=await response.read(),
                        method=request.method,
                        path=request.path,
                        retry_after=response.headers.get("Retry-After"),
                    )
                yield response
            finally:
                response.release()  # closes the connection when the answer was not read to its end
        except ClusterError:
            raise
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError and SSLError are OSErrors
            silence = request.limit.sock_read
            raise failure_of(error, server=self.server, asked=request, silence=silence) from error

    async def _send(self, request: _Request) -> aiohttp.ClientResponse:
        access = self._access
        self.requests += 1
        return await access.session.request(
            request.method,
            access.url(request.path, request.query),
            headers=await access.headers(request.content_type),
            data=request.body,
            timeout=request.limit,
            server_hostname=access.server_hostname,
        )

    async def _load_again(self, generation: int) -> None:
        """Read the credentials anew, once for all requests that met the same refusal."""
        async with self._loading:
            if generation != self._generation:
                return
            fresh = await open_access(*self._source, environ=self._environ, service_account=self._service_account)
            self._generation += 1
            if fresh.transport == self._access.transport:
                self._access.configuration.api_key = fresh.configuration.api_key
                await fresh.session.close()
                return
            # Another CA, certificate or server: what is under way ends by itself, and is gone by the next such change.
            before, self._retired, self._access = self._retired, self._access, fresh
            if before is not None:
                await before.session.close()
