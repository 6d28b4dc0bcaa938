"""The controllers against an API server without nodes: what they write, seen by the objects alone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from porter.lab.apiserver import ApiServer
from porter.lab.controllers.acting import Controllers, one_by_one
from porter.lab.controllers.endpoints import slices_of
from porter.lab.following import Api, Cache, RefusedError
from porter.lab.kube import Access, Object
from porter.lab.node.rules import SERVICE_NAME
from tests.lab import objects


@asynccontextmanager
async def _serving() -> AsyncIterator[Api]:
    server = ApiServer(tls=False)
    await server.start()
    try:
        async with Api(Access(server.url, "", server.token)) as api:
            yield api
    finally:
        await server.stop()


async def _control(api: Api, *kinds: str, grace: timedelta, until: Callable[[list[Object]], bool]) -> list[Object]:
    """Let the controllers work until the objects of some kinds are as they should be; these objects."""
    changed = asyncio.Event()
    caches = [Cache(api, kind, changed=changed.set) for kind in kinds]
    tasks = [*(cache.follow() for cache in caches), Controllers(api, grace=grace).run()]
    running = [asyncio.create_task(task) for task in tasks]
    async with asyncio.timeout(20):
        for cache in caches:
            await cache.complete.wait()
        while not until(found := [obj for cache in caches for obj in cache.all()]):
            changed.clear()
            await changed.wait()
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    return found


async def _make_pods(api: Api, *nodes: str) -> None:
    """One Pod for each node, of its name."""
    for node in nodes:
        spec = {"nodeName": node, "containers": [{"name": "c", "image": "i"}]}
        await api.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": node}, "spec": spec})


def test_pods_of_a_node_that_is_not_there_go_and_those_of_others_stay() -> None:
    async def run() -> list[tuple[str, bool]]:
        async with _serving() as api:
            await api.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "here"}})
            await _make_pods(api, "here", "away")
            pods = await _control(api, "Pod", grace=timedelta(seconds=0.2), until=lambda pods: len(pods) == 1)
        return [(pod["metadata"]["name"], "deletionTimestamp" in pod["metadata"]) for pod in pods]

    assert asyncio.run(run()) == [("here", False)]


def test_a_workload_whose_pods_are_refused_keeps_no_other_back() -> None:
    async def run() -> set[str]:
        async with _serving() as api:
            await api.create({"apiVersion": "v1", "kind": "Node", **objects.node("node1", at="2026-01-01T00:00:00Z")})
            for name in ("a" * 250, "web"):  # the first leaves no room for the name of a pod
                await api.create(_named(objects.deployment(), name))
            pods = await _control(api, "Pod", grace=timedelta(seconds=60), until=lambda pods: len(pods) == 2)
        return {owner["name"] for pod in pods for owner in pod["metadata"]["ownerReferences"]}

    assert asyncio.run(run()) == {"web"}


def test_a_service_whose_slice_is_refused_keeps_no_other_back() -> None:
    def served(pieces: list[Object]) -> set[str]:
        return {piece["metadata"]["labels"][SERVICE_NAME] for piece in pieces if piece.get("endpoints")}

    async def run() -> set[str]:
        async with _serving() as api:
            pod = objects.pod("web-1", on="node1", ip="10.244.1.2")
            del pod["metadata"]["uid"]
            await api.create({"apiVersion": "v1", "kind": "Pod", **pod})
            await api.patch("Pod", ("default", "web-1"), {"status": pod["status"]}, part="status")
            for name in ("a", "web"):
                service = _named(objects.service(), name)
                service["spec"] = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
                made = await api.create(service)
                if name == "a":  # somebody has made its slice, of the other family
                    (piece,) = slices_of(made, [])
                    await api.create({**piece, "addressType": "IPv6"})
            grace = timedelta(seconds=60)
            pieces = await _control(api, "EndpointSlice", grace=grace, until=lambda found: "web" in served(found))
        return served(pieces)

    assert asyncio.run(run()) == {"kubernetes", "web"}


@pytest.mark.parametrize(("code", "done"), [(403, ["next", "last"]), (429, []), (500, []), (503, [])])
def test_a_refused_object_keeps_none_back_and_a_server_that_fails_is_left_alone(code: int, done: list[str]) -> None:
    found: list[str] = []

    async def refused() -> None:
        raise RefusedError(code, "first")

    async def act(name: str) -> None:
        found.append(name)

    with pytest.raises(RefusedError, match="first"):
        asyncio.run(one_by_one(refused, lambda: act("next"), lambda: act("last")))
    assert found == done


def _named(obj: Object, name: str) -> Object:
    return {**obj, "metadata": {"name": name, "namespace": "default"}}
