import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from aiohttp import web

from porter.cluster import resources
from porter.cluster.connection import Connection
from porter.cluster.mirror import Mirror
from porter.cluster.timings import WatchTimings
from porter.cluster.watch import Watch
from porter.events.entries import NodeGone, NodeObserved, Observed, Relisted, WatchClosed, WatchOpened
from porter.model import keys
from porter.model.names import NodeName
from porter.model.objects import Node
from tests.cluster.faults import FaultServer, bookmark, faulty, line, listing, node, refuse, say, stream, until
from tests.cluster.publishing import web_service

NODES = "/api/v1/nodes"
QUICK = WatchTimings(server=(5, 5), silence=0.3, first_wait=0.02, longest_wait=0.1, page=2)
PATIENT = replace(QUICK, silence=60.0)
NODE1 = NodeName("node1")
NODE2 = NodeName("node2")


@asynccontextmanager
async def watching(
    connection: Connection,
    known: Mapping[str, Node] | None = None,
    timings: WatchTimings = QUICK,
) -> AsyncIterator[tuple[Watch[Node, None], list[Observed]]]:
    seen: list[Observed] = []
    watch = Watch(
        resources.nodes(),
        connection=connection,
        mirror=Mirror(known or {}),
        emit=seen.append,
        clock=monotonic,
        timings=timings,
    )
    task = asyncio.create_task(watch.run())
    try:
        yield watch, seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def serve(server: FaultServer, *watches: AsyncIterator[bytes], lists: list[web.Response] | None = None) -> None:
    """Answer lists from the given ones, the last for ever, and watches in turn; after them, hang."""
    listings = lists or [listing(node("node1"))]
    streams = list(watches)

    async def handle(request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            return await stream(request, streams.pop(0) if streams else say(then_hang=True))
        response = listings.pop(0) if len(listings) > 1 else listings[0]
        return web.Response(body=response.body, status=response.status, content_type="application/json")

    server.routes[NODES] = handle


def test_a_list_is_one_entry_with_only_the_differences_to_what_was_known(tmp_path: Path) -> None:
    async def main() -> list[Observed]:
        async with faulty(tmp_path) as (server, connection):
            serve(
                server,
                lists=[
                    listing(node("node1"), node("node2", ready=False), more="next"),
                    listing(node("node3"), version="100"),
                ],
            )
            known = {"node1": Node(name=NODE1), "node2": Node(name=NODE2), "node9": Node(name=NodeName("node9"))}
            async with watching(connection, known) as (watch, seen):
                await watch.synced.wait()
                return seen

    assert asyncio.run(main()) == [
        Relisted(
            resource="nodes",
            total=3,
            nodes=(Node(name=NODE2, ready=False), Node(name=NodeName("node3"))),
            gone=("node9",),
        ),
    ]


def test_only_a_changed_projection_is_an_entry(tmp_path: Path) -> None:
    async def main() -> list[Observed]:
        async with faulty(tmp_path) as (server, connection):
            serve(
                server,
                say(
                    line("MODIFIED", node("node1", version="101")),
                    line("MODIFIED", node("node1", ready=False, version="102")),
                    line("MODIFIED", node("node1", ready=False, version="102")),
                    line("MODIFIED", node("node1", version="101")),
                    line("DELETED", node("node1", version="103")),
                    bookmark("104"),
                    then_hang=True,
                ),
            )
            async with watching(connection) as (_, seen):
                await until(lambda: len(seen) == 3)
                await asyncio.sleep(0.05)
                return seen

    assert asyncio.run(main())[1:] == [NodeObserved(node=Node(name=NODE1, ready=False)), NodeGone(node=NODE1)]


def test_a_half_open_watch_is_left_and_resumed_where_it_was(tmp_path: Path) -> None:
    async def main() -> FaultServer:
        async with faulty(tmp_path) as (server, connection):
            serve(
                server,
                say(bookmark("150"), then_hang=True),
                say(line("DELETED", node("node1", version="151")), then_hang=True),
            )
            async with watching(connection, timings=replace(QUICK, silence=1.0)) as (_, seen):
                await until(lambda: NodeGone(node=NODE1) in seen)
            return server

    server = asyncio.run(main())
    assert server.asked("GET", NODES, watch="1", resourceVersion="150") == 1
    assert server.asked("GET", NODES, limit="2") == 1


def test_a_line_that_is_cut_is_not_read_and_comes_again(tmp_path: Path) -> None:
    async def main() -> list[Observed]:
        async with faulty(tmp_path) as (server, connection):
            whole = line("DELETED", node("node1", version="102"))
            serve(server, say(bookmark("101"), whole[:40]), say(whole, then_hang=True))
            async with watching(connection) as (_, seen):
                await until(lambda: len(seen) == 2)
            assert server.asked("GET", NODES, watch="1", resourceVersion="101") >= 1
            return seen

    assert asyncio.run(main())[1:] == [NodeGone(node=NODE1)]


def test_an_expired_version_in_the_stream_leads_to_a_new_list_that_finds_what_was_missed(tmp_path: Path) -> None:
    async def main() -> list[Observed]:
        async with faulty(tmp_path) as (server, connection):
            gone = line("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"})
            serve(
                server,
                say(gone),
                lists=[listing(node("node1")), listing(node("node2"), version="200")],
            )
            async with watching(connection) as (watch, seen):
                await until(lambda: watch.health.lists == 2)
                return seen

    assert asyncio.run(main())[1:] == [
        Relisted(resource="nodes", total=1, nodes=(Node(name=NODE2),), gone=("node1",)),
    ]


def test_a_new_list_that_changes_nothing_is_no_entry(tmp_path: Path) -> None:
    async def main() -> list[Observed]:
        async with faulty(tmp_path) as (server, connection):
            serve(server, say(line("ERROR", {"code": 410})))
            async with watching(connection) as (watch, seen):
                await until(lambda: watch.health.lists == 2)
                return seen

    assert len(asyncio.run(main())) == 1


def test_watches_that_end_at_once_and_answers_of_410_do_not_spin(tmp_path: Path) -> None:
    async def main() -> int:
        async with faulty(tmp_path) as (server, connection):

            async def handle(request: web.Request) -> web.StreamResponse:
                return refuse(410, "too old") if "watch" in request.query else listing(node("node1"))

            server.routes[NODES] = handle
            async with watching(connection) as (watch, _):
                await watch.synced.wait()
                await asyncio.sleep(0.5)
            return len(server.requests)

    assert asyncio.run(main()) < 40


def test_errors_are_waited_out_with_a_sentence_and_nothing_is_forgotten(tmp_path: Path) -> None:
    async def main() -> tuple[str | None, list[Observed], str | None]:
        async with faulty(tmp_path) as (server, connection):

            async def fail(_: web.Request) -> web.StreamResponse:
                return refuse(500, "etcd is away")

            server.routes[NODES] = fail
            async with watching(connection, {"node1": Node(name=NODE1)}) as (watch, seen):
                await until(lambda: len(server.requests) > 2)
                trouble, before = watch.health.error, list(seen)
                serve(server)
                await watch.synced.wait()
                return trouble, before, watch.health.error

    trouble, before, after = asyncio.run(main())
    assert trouble == "the API server failed at GET /api/v1/nodes: etcd is away"
    assert before == []
    assert after is None


def test_a_server_that_goes_away_and_comes_back_is_followed_again(tmp_path: Path) -> None:
    async def main() -> list[Observed]:
        async with faulty(tmp_path) as (server, connection):
            serve(server)
            async with watching(connection) as (watch, seen):
                await watch.synced.wait()
                await server.stop()
                await until(lambda: "cannot be reached" in (watch.health.error or ""))
                assert not watch.health.connected
                serve(server, say(line("DELETED", node("node1", version="101")), then_hang=True))
                await server.start()
                await until(lambda: NodeGone(node=NODE1) in seen)
                assert watch.health.connected
                return seen

    _, closed, opened, gone = asyncio.run(main())
    assert isinstance(closed, WatchClosed)
    assert (closed.resource, bool(closed.problem)) == ("nodes", True)
    assert isinstance(opened, WatchOpened)
    assert (opened.resource, opened.seconds > 0) == ("nodes", True)
    assert gone == NodeGone(node=NODE1)


def test_a_watch_that_is_only_doubted_is_opened_anew_and_that_is_no_entry(tmp_path: Path) -> None:
    async def main() -> list[Observed]:
        async with faulty(tmp_path) as (server, connection):
            serve(server)
            async with watching(connection, timings=PATIENT) as (watch, seen):
                for times in range(1, 4):
                    await until(lambda times=times: server.asked("GET", NODES, watch="1") == times)  # type: ignore[misc]
                    await until(lambda: watch.health.connected)
                    watch.doubt(-1.0)
                    await until(lambda: not watch.health.connected)
                await until(lambda: watch.health.connected and watch.health.error is None)
                return seen

    assert [type(one) for one in asyncio.run(main())] == [Relisted]


def test_a_doubted_watch_that_cannot_be_opened_anew_is_told_as_closed(tmp_path: Path) -> None:
    async def main() -> list[Observed]:
        async with faulty(tmp_path) as (server, connection):
            serve(server)
            async with watching(connection, timings=PATIENT) as (watch, seen):
                await until(lambda: server.asked("GET", NODES, watch="1") and watch.health.connected)

                async def fail(_: web.Request) -> web.StreamResponse:
                    return refuse(500, "etcd is away")

                server.routes[NODES] = fail
                watch.doubt(-1.0)
                await until(lambda: len(seen) == 2)
                serve(server)
                await until(lambda: len(seen) == 3)
                return seen

    _, closed, opened = asyncio.run(main())
    assert isinstance(closed, WatchClosed)
    assert "etcd is away" in closed.problem
    assert isinstance(opened, WatchOpened)


def test_a_watch_that_is_asked_to_wait_tries_again_when_it_is_woken(tmp_path: Path) -> None:
    async def main() -> None:
        async with faulty(tmp_path) as (server, connection):

            async def later(_: web.Request) -> web.StreamResponse:
                return refuse(429, "slow down", Retry_After="86400")

            server.routes[NODES] = later
            async with watching(connection) as (watch, _):
                await until(lambda: watch.health.error is not None)
                serve(server)
                await asyncio.sleep(0.1)
                assert len(server.requests) == 1
                watch.retry()
                await watch.synced.wait()

    asyncio.run(asyncio.wait_for(main(), 10))


async def blanks(over: asyncio.Event) -> AsyncIterator[bytes]:
    while not over.is_set():
        yield b"\n"
        await asyncio.sleep(0.05)


def test_a_watch_that_is_kept_open_and_tells_nothing_is_not_well(tmp_path: Path) -> None:
    async def main() -> tuple[str, int]:
        async with faulty(tmp_path) as (server, connection):
            over = asyncio.Event()
            serve(server, blanks(over), say(bookmark("101"), then_hang=True))
            async with watching(connection) as (watch, _):
                await watch.synced.wait()
                await until(lambda: watch.health.connected and watch.health.error is not None)
                stale = watch.health.error or ""
                over.set()
                await until(lambda: watch.health.error is None)
                return stale, watch.health.lists

    stale, lists = asyncio.run(main())
    assert stale == "no event and no bookmark came for more than 0.9 s, although the API server takes the watch"
    assert lists == 2


def test_a_quiet_kind_of_a_server_without_bookmarks_is_listed_again_and_again(tmp_path: Path) -> None:
    async def main() -> tuple[int, list[Observed]]:
        async with faulty(tmp_path) as (server, connection):
            serve(server, lists=[listing(node("node1")), listing(node("node1", ready=False), version="101")])
            async with watching(connection) as (watch, seen):
                await until(lambda: watch.health.lists == 4)
                return server.asked("GET", NODES, watch="1"), seen

    watches, seen = asyncio.run(main())
    assert 3 <= watches <= 7, "one or two watches that tell nothing, then a list: before what is known counts as stale"
    first, second = [one for one in seen if isinstance(one, Relisted)]
    assert (first.nodes, second.nodes) == ((Node(name=NODE1),), (Node(name=NODE1, ready=False),))


@pytest.mark.parametrize("odd", [{}, {"metadata": None}, {"metadata": {"resourceVersion": 7}}])
def test_a_bookmark_that_cannot_be_read_is_a_fault_of_the_server_and_the_watch_goes_on(
    tmp_path: Path, odd: object
) -> None:
    async def main() -> None:
        async with faulty(tmp_path) as (server, connection):
            gone = line("DELETED", node("node1", version="151"))
            serve(server, say(line("BOOKMARK", odd), then_hang=True), say(gone, then_hang=True))
            async with watching(connection, timings=PATIENT) as (_, seen):
                await until(lambda: NodeGone(node=NODE1) in seen)

            closed = next(one for one in seen if isinstance(one, WatchClosed))
            assert closed.problem.startswith("the watch of nodes brought a bookmark that cannot be read: ")

    asyncio.run(main())


def test_a_kind_that_is_not_installed_is_said_and_takes_nothing_away(tmp_path: Path) -> None:
    async def main() -> tuple[str | None, list[Observed]]:
        async with faulty(tmp_path) as (server, connection):
            seen: list[Observed] = []
            watch = Watch(
                resources.eips(),
                connection=connection,
                mirror=Mirror({}),
                emit=seen.append,
                clock=monotonic,
                timings=QUICK,
            )
            task = asyncio.create_task(watch.run())
            await until(lambda: len(server.requests) > 2)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return watch.health.error, seen

    error, seen = asyncio.run(main())
    assert error is not None
    assert error.startswith("the kind Eip is not installed; apply the output of `porter manifests`")
    assert seen == []


def test_what_the_answer_to_an_own_write_has_shown_is_no_news_when_the_watch_brings_it(tmp_path: Path) -> None:
    def shown(version: str, **labels: str) -> dict[str, Any]:
        found = web_service(version)
        return found | {"metadata": found["metadata"] | {"labels": labels}}

    async def main() -> list[str]:
        written = shown("101", **{keys.written_eip("porter"): "pool"})
        views: list[str] = []
        async with faulty(tmp_path) as (server, connection):
            watch = Watch(
                resources.services(),
                connection=connection,
                mirror=Mirror({}),
                emit=lambda _entry: None,
                clock=monotonic,
                on_view=lambda _key, view: views.append("" if view is None else view.version),
            )
            watched = asyncio.Event()

            async def handle(request: web.Request) -> web.StreamResponse:
                if "watch" not in request.query:
                    return listing(shown("100"))
                watched.set()
                return await stream(request, echo())

            async def echo() -> AsyncIterator[bytes]:
                await observed.wait()
                yield line("MODIFIED", written)
                yield line("MODIFIED", shown("102"))
                await observed_again.wait()
                yield line("DELETED", shown("104"))
                await asyncio.Event().wait()

            observed, observed_again = asyncio.Event(), asyncio.Event()
            server.routes["/api/v1/services"] = handle
            task = asyncio.create_task(watch.run())
            await watched.wait()
            watch.observe(json.dumps(written).encode())
            observed.set()
            await until(lambda: views[-1:] == ["102"])
            watch.observe(json.dumps(shown("103")).encode())
            observed_again.set()
            await until(lambda: views[-1:] == [""])  # what is gone is news, whatever the watch has yet to bring
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return views

    assert asyncio.run(main()) == ["100", "101", "102", "103", ""]
