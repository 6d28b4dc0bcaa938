"""Writes sent straight over connections to the API server that are kept, their answers read whole.

An HTTP client that knows all of HTTP takes longer over a request than everything else about a write takes. Writes need
little of it: no proxy, no redirect, no compression, no cookies. It decodes nothing, retries nothing, and reads no
answer that it is not sure of.
"""

import asyncio
import re
import socket
from collections import deque
from collections.abc import Callable, Mapping
from ssl import SSLContext, SSLError
from typing import Self, cast
from urllib.parse import quote, urlencode, urlsplit

from aiohappyeyeballs import start_connection

from porter.cluster.http_answers import Answer, AnswerReader, MalformedAnswerError

_KEEP = 15.0  # seconds that an idle connection is kept: a load balancer on the way may forget it silently
_EYEBALLS = 0.25  # seconds until the next address of a name is tried beside the one before: RFC 8305, 5
_PLAIN_HOST = re.compile(r"[A-Za-z0-9.:-]+")
_UNQUOTED = "/:@!$&'()*+,;=~"  # RFC 3986, 3.3
_PORTS = {"http": 80, "https": 443}


class NotConnectedError(OSError):
    """No connection came about: nothing was sent."""


class NotBelievedError(SSLError):
    """No connection came about, since TLS did not: nothing was sent."""


class CutOffError(ConnectionError):
    """The answer did not come to its end, or is none."""


class Direct:
    """The way to one server, by as many connections as there are requests at once. Belongs to one event loop."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: SSLContext | None,
        server_hostname: str | None,
        authority: str,
        prefix: str,
        keep: float,
    ) -> None:
        """`server_hostname` is whose certificate the server must show. `prefix` is what every path begins with."""
        self._host, self._port = host, port
        self._keep_for = keep
        self._tls = tls
        self._server_hostname = server_hostname
        self._authority = authority
        self._prefix = prefix
        self._idle: deque[_Channel] = deque()
        self._channels: set[_Channel] = set()
        self._closed = False

    @classmethod
    def to(cls, url: str, *, tls: SSLContext | None, server_hostname: str | None, keep: float = _KEEP) -> Self | None:
        """Return the way to a URL; None where it is no plain one, and a client that knows more must be asked.

        A connection that was idle for `keep` seconds is closed.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            return None
        host = parts.hostname or ""
        if not port or parts.query or parts.fragment or "@" in parts.netloc or not _PLAIN_HOST.fullmatch(host):
            return None
        secure = parts.scheme == "https"
        return cls(
            host,
            port,
            tls=tls if secure else None,
            server_hostname=(server_hostname or host) if secure else None,
            authority=parts.netloc,
            prefix=parts.path.rstrip("/"),
            keep=keep,
        )

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None,
        within: float | None,
        connect_within: float,
    ) -> Answer:
        """Send a request and return its answer.

        Raises TimeoutError after `within` seconds, or when no connection has come about after `connect_within`;
        NotConnectedError and NotBelievedError when nothing was sent, and CutOffError.
        """
        if self._closed:
            raise NotConnectedError("it was closed on this side")
        request = self._request(method, path, query, headers, body)
        async with asyncio.timeout(within):
            channel = self._kept() or await self._connected(connect_within)
            try:
                answer = await channel.ask(request)
            except BaseException:
                channel.close()
                self._let_go(of=len(self._idle))  # they lead to the same server, which is not trusted now
                raise
        if answer.keeps and channel.is_open and not self._closed:
            self._keep(channel)
        else:
            channel.close()
        return answer

    async def close(self) -> None:
        """Close every connection, those under way as well. Safe to call twice."""
        self._closed = True
        self._idle.clear()
        channels = tuple(self._channels)
        for channel in channels:
            channel.close()
        await asyncio.gather(*(channel.ended for channel in channels))

    # -- connections

    async def _connected(self, within: float) -> "_Channel":
        loop = asyncio.get_running_loop()
        channel = _Channel(loop, self._channels.discard)
        try:
            async with asyncio.timeout(within):
                places = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
                connected = await start_connection(places, happy_eyeballs_delay=_EYEBALLS, loop=loop)
                try:
                    await loop.create_connection(
                        lambda: channel, sock=connected, ssl=self._tls, server_hostname=self._server_hostname
                    )
                except BaseException:
                    connected.close()
                    raise
        except TimeoutError:
            raise
        except SSLError as error:
            raise NotBelievedError(*error.args) from error
        except OSError as error:
            raise NotConnectedError(*error.args) from error
        if channel.is_open:
            self._channels.add(channel)
        return channel

    def _kept(self) -> "_Channel | None":
        now = asyncio.get_running_loop().time()
        while self._idle:
            channel = self._idle.pop()
            if channel.is_open and now - channel.idle_since < self._keep_for:
                return channel
            channel.close()
        return None

    def _keep(self, channel: "_Channel") -> None:
        channel.idle_since = now = asyncio.get_running_loop().time()
        self._idle.append(channel)
        self._let_go(of=sum(now - one.idle_since >= self._keep_for for one in self._idle))

    def _let_go(self, of: int) -> None:
        """Close the connections that have been idle longest, so many."""
        for _ in range(of):
            self._idle.popleft().close()

    # -- requests

    def _request(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes | None
    ) -> bytes:
        target = self._prefix + quote(path, safe=_UNQUOTED)
        if query:
            target += f"?{urlencode(query, quote_via=quote)}"
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        content = body or b""
        head = (
            f"{method} {target} HTTP/1.1\r\nHost: {self._authority}\r\nAccept-Encoding: identity\r\n{fields}"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content


class _Channel(asyncio.Protocol):
    """One connection, with one request under way at most."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_end: Callable[["_Channel"], None]) -> None:
        self._loop = loop
        self._on_end = on_end
        self._reader = AnswerReader()
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self.idle_since = 0.0
        self.ended: asyncio.Future[None] = loop.create_future()
        """Done when the connection is closed on this side."""

    @property
    def is_open(self) -> bool:
        """It can carry a request, as far as is known."""
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> Answer:
        """Send a request and wait for its answer. Raises CutOffError."""
        if self._transport is None:
            raise CutOffError("the connection was closed")
        self._answer = self._loop.create_future()
        try:
            self._transport.write(request)
            return await self._answer
        finally:
            self._answer = None

    def close(self) -> None:
        """Close it at once. Safe to call twice."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        waiting = self._answer
        if waiting is None or waiting.done():
            self.close()  # it answers what nobody asked
            return
        try:
            answer = self._reader.feed(data)
        except MalformedAnswerError as error:
            self.close()
            waiting.set_exception(CutOffError(str(error)))
            return
        if answer is not None:
            waiting.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if not self.ended.done():
            self.ended.set_result(None)
        self._on_end(self)
        waiting = self._answer
        if waiting is None or waiting.done():
            return
        answer = self._reader.end() if error is None else None
        if answer is not None:
            waiting.set_result(answer)
        else:
            waiting.set_exception(CutOffError(str(error or "the API server closed the connection")))
