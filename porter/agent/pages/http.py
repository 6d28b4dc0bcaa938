"""What the agent tells over HTTP: a page for people, health, readiness, status as JSON, and metrics. Read-only."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from aiohttp import web

from porter.agent.pages import overview
from porter.errors import PorterError

_LOOK = 1.0  # seconds between two looks at whether the page has changed
_SIGN_OF_LIFE = 15.0  # seconds: a proxy may close a stream that is quiet for longer


class ListenError(PorterError):
    """The address to serve HTTP on cannot be used."""


class Pages(msgspec.Struct, frozen=True, kw_only=True):
    """Where the pages come from. Each is asked anew at every request, on the event loop."""

    problems: Callable[[], Sequence[object]]
    """What keeps the agent from being ready; each reads as a sentence."""
    status: Callable[[], Mapping[str, Any]]
    version: Callable[[], object]
    """Another value whenever the status has changed."""
    metrics: Callable[[], Awaitable[bytes]]


class HttpServer:
    """Serves the pages on a listening socket, which it closes at the end."""

    def __init__(self, listener: socket.socket, pages: Pages) -> None:
        self._listener = listener
        self._pages = pages
        self._runner: web.AppRunner | None = None
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Answer from now on."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self._overview),
                web.get(f"/{overview.STYLE}", self._style),
                web.get(f"/{overview.SCRIPT}", self._script),
                web.get("/changes", self._changes),
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/status", self._status),
                web.get("/metrics", self._metrics),
            ],
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.SockSite(self._runner, self._listener).start()

    async def stop(self) -> None:
        """Stop listening. Safe to call twice, and without `start`."""
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self._listener.close()

    async def _overview(self, _: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": overview.CONTENT_POLICY, "Cache-Control": "no-store"}
        return web.Response(text=overview.page(self._pages.status()), content_type="text/html", headers=headers)

    async def _style(self, _: web.Request) -> web.Response:
        return web.Response(body=overview.asset(overview.STYLE), content_type="text/css")

    async def _script(self, _: web.Request) -> web.Response:
        return web.Response(body=overview.asset(overview.SCRIPT), content_type="text/javascript")

    async def _changes(self, request: web.Request) -> web.StreamResponse:
        """Send the page's main part whenever it is another one (server-sent events: HTML Living Standard, 9.2)."""
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await stream.prepare(request)
        shown, quiet = object(), 0.0
        while not self._stopping.is_set():
            version = self._pages.version()
            if version != shown:
                data = overview.main_part(self._pages.status()).replace("\r", " ").replace("\n", " ")
                await stream.write(f"data: {data}\n\n".encode())
                shown, quiet = version, 0.0
            elif quiet >= _SIGN_OF_LIFE:
                await stream.write(b": still here\n\n")
                quiet = 0.0
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _LOOK)
            quiet += _LOOK
        return stream

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        problems = self._pages.problems()
        if not problems:
            return web.Response(text="ok\n")
        return web.Response(status=503, text="".join(f"{problem}\n" for problem in problems))

    async def _status(self, _: web.Request) -> web.Response:
        body = msgspec.json.format(msgspec.json.encode(self._pages.status()), indent=2)
        return web.Response(body=body, content_type="application/json")

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=await self._pages.metrics(), headers={"Content-Type": "text/plain; version=0.0.4"})


def listen(address: str) -> socket.socket:
    """Listen on `host:port`. Raises ListenError when that is taken or not this machine's."""
    host, port = split_address(address)
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(where)
            listener.listen()
        except OSError:
            listener.close()
            raise
    except OSError as error:
        said = error.strerror or error
        raise ListenError(f"cannot serve HTTP on {address} (--http): {said}; choose another, or 'none'") from None
    return listener


def split_address(text: str) -> tuple[str, int]:
    """Read `host:port`, `[v6]:port` or `:port` (which is localhost). Raises ListenError."""
    host, colon, port = text.rpartition(":")
    bare_v6 = ":" in host and not (host.startswith("[") and host.endswith("]"))
    if not colon or bare_v6 or not (port.isascii() and port.isdecimal()) or int(port) > 65_535:  # noqa: PLR2004 - the largest port
        raise ListenError(f"--http {text!r} is not HOST:PORT, as in 127.0.0.1:7472 or [::1]:7472")
    return host.strip("[]") or "127.0.0.1", int(port)
