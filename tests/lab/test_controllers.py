"""The controllers against an API server without nodes: what they write, seen by the objects alone."""

import asyncio
from datetime import timedelta

from porter.lab.apiserver import ApiServer
from porter.lab.controllers.acting import Controllers
from porter.lab.following import Api, Cache
from porter.lab.kube import Access


async def _make_pods(api: Api, *nodes: str) -> None:
    """One Pod for each node, of its name."""
    for node in nodes:
        spec = {"nodeName": node, "containers": [{"name": "c", "image": "i"}]}
        await api.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": node}, "spec": spec})


def test_pods_of_a_node_that_is_not_there_go_and_those_of_others_stay() -> None:
    async def run() -> list[tuple[str, bool]]:
        server, changed = ApiServer(tls=False), asyncio.Event()
        await server.start()
        async with Api(Access(server.url, "", server.token)) as api:
            await api.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "here"}})
            await _make_pods(api, "here", "away")
            pods = Cache(api, "Pod", changed=changed.set)
            tasks = [pods.follow(), Controllers(api, grace=timedelta(seconds=0.2)).run()]
            running = [asyncio.create_task(task) for task in tasks]
            async with asyncio.timeout(20):
                await pods.complete.wait()
                while len(pods.objects) > 1:
                    changed.clear()
                    await changed.wait()
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        await server.stop()
        return [(pod["metadata"]["name"], "deletionTimestamp" in pod["metadata"]) for pod in pods.all()]

    assert asyncio.run(run()) == [("here", False)]
