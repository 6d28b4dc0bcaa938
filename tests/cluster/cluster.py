"""The embedded API server with Porter's kinds installed, and what the tests put into it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import yaml

from porter.cluster.adapter import ClusterAdapter
from porter.cluster.connection import MERGE_PATCH, Connection
from porter.cluster.errors import PassingError
from porter.cluster.timings import AdapterTimings, PublishTimings, WatchTimings
from porter.events.entries import Observed
from porter.lab.apiserver import ApiServer
from porter.manifests import render
from porter.model import keys
from porter.model.assignment import Assignment
from porter.model.names import EipName, NodeName, ServiceKey
from porter.model.objects import Service
from porter.model.reasons import Reason, Verdict
from porter.reconciler.world import World

NAMESPACE = "porter-system"
EIPS = "/apis/network.kubesphere.io/v1alpha2/eips"
SERVICES = "/api/v1/namespaces/default/services"
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
QUICK = AdapterTimings(
    tick=0.02,
    watch=WatchTimings(server=(5, 5), silence=2.0, first_wait=0.02, longest_wait=0.2, page=3),
    publish=PublishTimings(first_wait=0.02, longest_wait=0.2, eip_every=0.05, undone_wait=0.1),
)


class Cluster:
    """A running server and an administrator's connection to it."""

    def __init__(self, server: ApiServer, connection: Connection, path: Path) -> None:
        self.server = server
        self.connection = connection
        self.path = path

    async def get(self, path: str) -> Any:
        return msgspec.json.decode(await self.connection.request("GET", path))

    async def create(self, path: str, body: Any) -> Any:
        return msgspec.json.decode(await self.connection.request("POST", path, body=body))

    async def patch(self, path: str, body: Any) -> Any:
        return msgspec.json.decode(
            await self.connection.request("PATCH", path, body=body, content_type=MERGE_PATCH),
        )

    async def delete(self, path: str) -> None:
        await self.connection.request("DELETE", path)

    async def serves_eips(self) -> bool:
        try:
            await self.connection.request("GET", EIPS)
        except PassingError:
            return False
        return True

    async def service(self, name: str, **spec: Any) -> None:
        annotations = {keys.CLAIM: "porter"}
        body = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "annotations": annotations},
            "spec": {"type": "LoadBalancer", "ports": [{"port": 80}], "selector": {"app": name}} | spec,
        }
        await self.create(SERVICES, body)

    async def eip(self, name: str, address: str) -> None:
        body = {
            "apiVersion": "network.kubesphere.io/v1alpha2",
            "kind": "Eip",
            "metadata": {"name": name},
            "spec": {"address": address, "protocol": "layer2"},
        }
        await self.create(EIPS, body)

    async def events(self) -> list[tuple[str, str]]:
        listed = await self.get("/api/v1/namespaces/default/events")
        return [(one["reason"], one["message"]) for one in listed["items"]]


class Agent:
    """An adapter with everything that came out of it."""

    def __init__(self, connection: Connection, node: str, world: World | None, lease: float, **options: Any) -> None:
        self.connection = connection
        self.seen: list[Observed] = []
        self.reports: list[Any] = []
        self.world = world or World()
        self.adapter = ClusterAdapter(
            connection,
            NAMESPACE,
            NodeName(node),
            known=self.world,
            emit=self._emit,
            report=self.reports.append,
            lease_duration=lease,
            timings=options.pop("timings", QUICK),
            **options,
        )

    def _emit(self, entry: Observed) -> None:
        self.seen.append(entry)
        self.world.apply(entry)

    def of(self, kind: type[Any]) -> list[Any]:
        return [one for one in self.seen if isinstance(one, kind)]

    def service(self, name: str) -> Service:
        return self.world.services[ServiceKey(f"default/{name}")]

    def want(self, name: str, *assignments: Assignment) -> None:
        key = ServiceKey(f"default/{name}")
        self.adapter.publish(key, self.world.services.get(key), assignments)


@asynccontextmanager
async def cluster(tmp_path: Path, **options: Any) -> AsyncIterator[Cluster]:
    server = ApiServer(tls=options.pop("tls", False), **options)
    await server.start()
    path = tmp_path / "kubeconfig"
    server.kubeconfig(path)
    try:
        async with await Connection.open(path) as connection:
            made = Cluster(server, connection, path)
            await made.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
            definition = yaml.safe_load(render(("crd",), namespace=NAMESPACE))
            await made.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
            while not await made.serves_eips():  # noqa: ASYNC110 - a server has no event for it
                await asyncio.sleep(0.02)
            yield made
    finally:
        await server.stop()


@asynccontextmanager
async def agent(
    of: Cluster,
    node: str = "node1",
    *,
    world: World | None = None,
    lease: float = 3.0,
    **options: Any,
) -> AsyncIterator[Agent]:
    async with await Connection.open(of.path) as connection:
        made = Agent(connection, node, world, lease, **options)
        await made.adapter.start()
        try:
            yield made
        finally:
            await made.adapter.stop()


def assigned(
    name: str,
    address: str | None = "192.168.0.91",
    *nodes: str,
    reason: Reason = Reason.FIRST_FREE,
    **more: Any,
) -> Assignment:
    held = address is not None
    fields: dict[str, Any] = {
        "service": ServiceKey(f"default/{name}"),
        "family": "IPv4",
        "address": address,
        "eip": EipName("pool-a") if held else None,
        "protocol": "layer2" if held else None,
        "nodes": tuple(NodeName(node) for node in nodes),
        "reason": Verdict(reason=reason, detail="pool-a"),
        "placement": Verdict(reason=Reason.ELECTED if nodes else Reason.NO_ELIGIBLE_NODE, detail="x") if held else None,
    }
    return Assignment(**(fields | more))
