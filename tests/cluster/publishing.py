"""A publisher on its own before a server that a test scripts, with the watches that it needs."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from aiohttp import web

from porter.cluster import resources
from porter.cluster.mirror import Mirror
from porter.cluster.publish import Publisher
from porter.cluster.timings import PublishTimings
from porter.cluster.watch import Watch
from porter.events.entries import Observed
from porter.model.names import NodeName, ServiceKey
from tests.cluster.cluster import QUICK, assigned
from tests.cluster.faults import FaultServer, faulty, listing, say, stream

WEB = ServiceKey("default/web")
PATH = "/api/v1/namespaces/default/services/web"


def web_service(version: str = "1", **more: Any) -> dict[str, Any]:
    metadata = {"name": "web", "namespace": "default", "uid": "u", "resourceVersion": version}
    return {"metadata": metadata, "spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {}}} | more


class Bench:
    def __init__(self, server: FaultServer, publisher: Publisher, services: Any, reports: list[Any]) -> None:
        self.server, self.publisher, self.services, self.reports = server, publisher, services, reports
        self.leads = True
        self.entries: list[Observed] = []

    def want(self, address: str = "192.168.0.91") -> None:
        known = self.services.mirror.known[WEB]
        self.publisher.want_service(WEB, known, [assigned("web", address, "node1")])

    def patches(self) -> list[str]:
        return [path for method, path, _, _ in self.server.requests if method == "PATCH"]


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
        watch = Watch(
            resources.services(),
            connection=connection,
            mirror=Mirror({}),
            emit=lambda _entry: None,
            clock=monotonic,
            timings=QUICK.watch,
        )
        eips = Watch(
            resources.eips(),
            connection=connection,
            mirror=Mirror({}),
            emit=lambda _entry: None,
            clock=monotonic,
        )
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
