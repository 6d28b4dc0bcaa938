"""What the lab's controllers and stand-ins know of a kind: the newest that the server told, in whichever order it came."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from porter.lab.apiserver import ApiServer
from porter.lab.following import Api, Cache
from porter.lab.kube import Access, Object

KEY = ("", "node1")


def node(version: int, ready: str = "True") -> Object:
    conditions = [{"type": "Ready", "status": ready}]
    return {
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": {"name": "node1", "resourceVersion": str(version)},
        "status": {"conditions": conditions},
    }


def pod(name: str, node: str) -> Object:
    spec = {"nodeName": node, "containers": [{"name": "c", "image": "i"}]}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": name, "namespace": "default"}, "spec": spec}


@asynccontextmanager
async def following(*events: tuple[str, Object]) -> AsyncIterator[Cache]:
    """A cache that has listed node1 at version 5, and heard these events of a watch that goes on."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return web.json_response(
                {"kind": "NodeList", "apiVersion": "v1", "metadata": {"resourceVersion": "5"}, "items": [node(5)]}
            )
        response = web.StreamResponse()
        await response.prepare(request)
        for kind, obj in events:
            await response.write(web.json_response({"type": kind, "object": obj}).body + b"\n")  # type: ignore[operator]
        await asyncio.sleep(60)
        return response

    server = web.Application()
    server.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    heard = 0
    told = asyncio.Event()

    def changed() -> None:
        nonlocal heard
        heard += 1
        if heard == 1 + len(events):
            told.set()

    async with Api(Access(f"http://127.0.0.1:{runner.addresses[0][1]}", "", "")) as api:
        cache = Cache(api, "Node", changed=changed)
        task = asyncio.create_task(cache.follow())
        await asyncio.wait_for(told.wait(), 20)
        try:
            yield cache
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await runner.cleanup()


def known(answers: Sequence[Object], *events: tuple[str, Object]) -> Object | None:
    """What is known of node1 when the answers to writes come after these events."""

    async def run() -> Object | None:
        async with following(*events) as cache:
            for one in answers:
                cache.learn(one)
            return cache.objects.get(KEY)

    return asyncio.run(run())


def test_the_answer_to_a_write_is_known_before_the_watch_brings_it() -> None:
    assert known([node(7, "False")]) == node(7, "False")


def test_an_answer_that_comes_late_takes_nothing_back_that_the_watch_has_told() -> None:
    """Else a node that was found silent just then would count as ready for ever here, and as silent in the API."""
    assert known([node(7, "True")], ("MODIFIED", node(7, "True")), ("MODIFIED", node(8, "Unknown"))) == node(
        8, "Unknown"
    )


def test_an_answer_that_comes_after_a_list_which_has_what_followed_takes_nothing_back() -> None:
    assert known([node(4, "Unknown")]) == node(5)


def test_an_answer_that_comes_late_brings_nothing_back_that_is_gone() -> None:
    assert known([node(7)], ("MODIFIED", node(7)), ("DELETED", node(8))) is None


def test_a_cache_of_one_nodes_pods_knows_no_others_listed_or_watched() -> None:
    async def run() -> list[str]:
        server, changed = ApiServer(tls=False), asyncio.Event()
        await server.start()
        async with Api(Access(server.url, "", server.token)) as api:
            await api.create(pod("listed", "node1"))
            await api.create(pod("listed-elsewhere", "node2"))
            cache = Cache(api, "Pod", fields="spec.nodeName=node1", changed=changed.set)
            following = asyncio.create_task(cache.follow())
            async with asyncio.timeout(20):
                await cache.complete.wait()
                await api.create(pod("watched-elsewhere", "node2"))
                await api.create(pod("watched", "node1"))
                while len(cache.objects) < 2:
                    changed.clear()
                    await changed.wait()
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        await server.stop()
        return [one["metadata"]["name"] for one in cache.all()]

    assert asyncio.run(run()) == ["listed", "watched"]
