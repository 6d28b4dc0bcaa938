"""A publisher on its own before a server that a test scripts, with the watches that it needs."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from aiohttp import web

from porter.cluster import resources
from porter.cluster.connection import Connection
from porter.cluster.mirror import Mirror
from porter.cluster.publish import Publisher
from porter.cluster.resources import Kind
from porter.cluster.timings import PublishTimings
from porter.cluster.watch import Watch
from porter.model.names import NodeName, ServiceKey
from tests.cluster.cluster import QUICK, assigned
from tests.cluster.faults import FaultServer, answer, faulty, listing, say, stream

WEB = ServiceKey("default/web")
PATH = "/api/v1/namespaces/default/services/web"
V = TypeVar("V")
W = TypeVar("W")


def service(key: str, *, uid: str, version: str = "1") -> dict[str, Any]:
    namespace, _, name = key.partition("/")
    metadata = {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": version}
    return {"metadata": metadata, "spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {}}}


def web_service(version: str = "1", **more: Any) -> dict[str, Any]:
    return service(WEB, uid="u", version=version) | more


def path_of(key: str) -> str:
    namespace, _, name = key.partition("/")
    return f"/api/v1/namespaces/{namespace}/services/{name}"


class Services:
    """Services in a server: patched as they are asked to be, as far as a publisher looks at them."""

    def __init__(self, keys: Iterable[str]) -> None:
        self.objects: dict[str, Any] = {path_of(key): service(key, uid=key.partition("/")[2]) for key in keys}
        self._version = 1

    def give(self, key: str, address: str) -> None:
        self.objects[path_of(key)]["status"] = {"loadBalancer": {"ingress": [{"ip": address, "ipMode": "VIP"}]}}

    def serve(self, one: "Bench") -> None:
        for path in self.objects:
            one.server.routes |= {path: self._patch, f"{path}/status": self._patch}
            one.server.routes[path.replace(f"/services/{path.rpartition('/')[2]}", "/events")] = self._event

    async def _patch(self, request: web.Request) -> web.StreamResponse:
        self._version += 1
        body, found = await request.json(), self.objects[request.path.removesuffix("/status")]
        for part in ("labels", "annotations"):
            found["metadata"][part] = found["metadata"].get(part, {}) | body["metadata"].get(part, {})
        found["metadata"]["resourceVersion"] = str(self._version)
        found["status"] |= body.get("status", {})
        return answer(found)

    @staticmethod
    async def _event(request: web.Request) -> web.StreamResponse:
        return answer(await request.json(), status=201)


class Bench:
    def __init__(self, server: FaultServer, publisher: Publisher, services: Any, reports: list[Any]) -> None:
        self.server, self.publisher, self.services, self.reports = server, publisher, services, reports
        self.leads = True

    def want(self, address: str = "192.168.0.91", key: str = WEB, node: str = "node1") -> None:
        wanted = ServiceKey(key)
        known = self.services.mirror.known[wanted]
        self.publisher.want_service(wanted, known, [assigned("web", address, node, service=wanted)])

    def patches(self) -> list[str]:
        return [path for method, path, _, _ in self.server.requests if method == "PATCH"]


def watching(kind: Kind[V, W], connection: Connection) -> Watch[V, W]:
    return Watch(
        kind,
        connection=connection,
        mirror=Mirror({}),
        emit=lambda _entry: None,
        clock=monotonic,
        timings=QUICK.watch,
    )


@asynccontextmanager
async def bench(
    tmp_path: Path, listed: Sequence[dict[str, Any]] = (), timings: PublishTimings = QUICK.publish
) -> AsyncIterator[Bench]:
    async with faulty(tmp_path) as (server, connection):
        made: Bench

        async def services(request: web.Request) -> web.StreamResponse:
            if "watch" in request.query:
                return await stream(request, say(then_hang=True))
            return listing(*(listed or [web_service()]))

        server.routes["/api/v1/services"] = services
        watch, eips = watching(resources.services(), connection), watching(resources.eips(), connection)
        reports: list[Any] = []
        publisher = Publisher(
            connection,
            node=NodeName("node1"),
            services=watch,
            eips=eips,
            leads=lambda: made.leads,
            report=reports.append,
            clock=monotonic,
            timings=timings,
        )
        made = Bench(server, publisher, watch, reports)
        tasks = [asyncio.create_task(job) for job in (watch.run(), publisher.run())]
        try:
            await watch.synced.wait()
            yield made
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
