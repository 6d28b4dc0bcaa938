"""What the agent tells over HTTP: health, readiness, status as JSON, and metrics. Read-only."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from porter.errors import PorterError


class ListenError(PorterError):
    """The address to serve HTTP on cannot be used."""


class Pages(msgspec.Struct, frozen=True, kw_only=True):
    """Where the pages come from. Each is asked anew at every request, on the event loop."""

    problems: Callable[[], list[str]]
    """What keeps the agent from being ready, a sentence each."""
    status: Callable[[], Mapping[str, Any]]
    metrics: Callable[[], bytes]


class HttpServer:
    """Serves the pages on `host:port`."""

    def __init__(self, address: str, pages: Pages) -> None:
        self._host, self._port = split_address(address)
        self._pages = pages
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen. Raises ListenError when the address is taken or not this machine's."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/status", self._status),
                web.get("/metrics", self._metrics),
            ],
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            said = error.strerror or error
            raise ListenError(f"cannot serve HTTP on {self._host}:{self._port} (--http): {said}") from None

    async def stop(self) -> None:
        """Stop listening. Safe to call twice, and without `start`."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

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
        return web.Response(body=self._pages.metrics(), headers={"Content-Type": "text/plain; version=0.0.4"})


def split_address(text: str) -> tuple[str, int]:
    """Read `host:port`, `[v6]:port` or `:port` (which is localhost). Raises ListenError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65_535:  # noqa: PLR2004 - the largest port
        raise ListenError(f"--http {text!r} is not HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)
