"""An API server that does wrong on purpose: what a good one cannot show. Each test scripts its own answers."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from porter.cluster.connection import Connection

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FaultServer:
    """HTTP on loopback; `routes` maps a path to its handler, and every request is kept."""

    def __init__(self) -> None:
        self.routes: dict[str, Handler] = {}
        self.requests: list[tuple[str, str, Mapping[str, str], Any]] = []
        self.url = ""
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def asked(self, method: str, path: str, **query: str) -> int:
        """How often this was asked."""
        wanted = query.items()
        return sum(1 for m, p, q, _ in self.requests if (m, p) == (method, path) and wanted <= q.items())

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        self.requests.append((request.method, request.path, dict(request.query), body))
        handler = self.routes.get(request.path)
        return refuse(404, "no such path") if handler is None else await handler(request)


def answer(body: Any, status: int = 200) -> web.Response:
    return web.json_response(body, status=status)


def refuse(code: int, message: str = "", **headers: str) -> web.Response:
    body = {"kind": "Status", "status": "Failure", "message": message, "code": code}
    return web.json_response(body, status=code, headers={key.replace("_", "-"): text for key, text in headers.items()})


def listing(*items: Any, version: str = "100", more: str | None = None) -> web.Response:
    metadata = {"resourceVersion": version} | ({"continue": more} if more else {})
    return answer({"kind": "List", "metadata": metadata, "items": list(items)})


def line(kind: str, item: Any) -> bytes:
    return json.dumps({"type": kind, "object": item}).encode() + b"\n"


def bookmark(version: str) -> bytes:
    return line("BOOKMARK", {"metadata": {"resourceVersion": version}})


async def stream(request: web.Request, chunks: AsyncIterator[bytes]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    async for chunk in chunks:
        await response.write(chunk)
    return response


async def say(*chunks: bytes, then_hang: bool = False) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    if then_hang:
        await asyncio.Event().wait()


def kubeconfig(path: Path, url: str, **user: Any) -> Path:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": {"server": url}}],
        "users": [{"name": "test", "user": user or {"token": "secret"}}],
    }
    path.write_text(json.dumps(content))
    return path


@asynccontextmanager
async def faulty(tmp_path: Path) -> AsyncIterator[tuple[FaultServer, Connection]]:
    server = FaultServer()
    await server.start()
    connection = await Connection.open(kubeconfig(tmp_path / "kubeconfig", server.url))
    try:
        yield server, connection
    finally:
        await connection.close()
        await server.stop()


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the conditions are of many kinds
            await asyncio.sleep(0.005)


def node(name: str, *, ready: bool = True, version: str = "1", uid: str = "u") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "uid": uid, "resourceVersion": version},
        "status": {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]},
    }
