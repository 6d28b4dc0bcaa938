"""Events are sent when nothing else is, never for ever, and nothing but Events waits for them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import msgspec
from aiohttp import web

from porter.cluster import resources
from porter.cluster.notes import Notes
from porter.cluster.pace import Pace
from porter.cluster.publication import Note
from porter.cluster.views import ServiceView
from porter.model.names import NodeName
from tests.cluster.cluster import QUICK, assigned, cluster
from tests.cluster.cluster import agent as running
from tests.cluster.faults import FaultServer, answer, faulty, refuse, until
from tests.cluster.publishing import Services, bench, web_service

EVENTS = "/api/v1/namespaces/default/events"
NOTE = Note(type="Normal", reason="AddressAssigned", message="so it is")


def posts(server: FaultServer) -> list[str]:
    return [path for method, path, _, _ in server.requests if method == "POST"]


def seen(version: str) -> ServiceView:
    view = resources.services().project(json.dumps(web_service(version)).encode()).view
    assert view is not None
    return view


async def later(_: web.Request) -> web.StreamResponse:
    return refuse(429, "limit reached on namespace default", Retry_After="60")


def test_a_limit_for_events_alone_holds_up_nothing_else(tmp_path: Path) -> None:
    services = Services(["default/one", "default/two"])

    async def main() -> None:
        async with bench(tmp_path, list(services.objects.values())) as one:
            services.serve(one)
            one.server.routes[EVENTS] = later
            one.want("192.168.0.1", "default/one")
            await until(lambda: posts(one.server))
            one.want("192.168.0.2", "default/two")
            await until(lambda: any(path.endswith("two/status") for path in one.patches()))
            await asyncio.sleep(0.2)

            assert posts(one.server) == [EVENTS], "the server asked to wait"

    asyncio.run(main())


def test_an_event_waits_while_anything_else_is_to_be_written_however_old_it_is(tmp_path: Path) -> None:
    services = Services(["default/one", "default/two"])

    async def main() -> None:
        async with bench(tmp_path, list(services.objects.values())) as one:
            services.serve(one)
            gate, path = asyncio.Event(), "/api/v1/namespaces/default/services/two"
            take = one.server.routes[path]

            async def slow(request: web.Request) -> web.StreamResponse:
                await gate.wait()
                return await take(request)

            one.server.routes[path] = slow
            one.want("192.168.0.2", "default/two")
            await until(one.patches)
            one.want("192.168.0.1", "default/one")
            await until(lambda: any(each.endswith("one/status") for each in one.patches()))
            waiting = one.publisher._notes._waiting
            await until(lambda: waiting)
            waiting[0] = msgspec.structs.replace(waiting[0], since=waiting[0].since - 100)
            await asyncio.sleep(0.2)
            assert not posts(one.server)
            gate.set()
            await until(lambda: len(posts(one.server)) == 2)

    asyncio.run(main())


def test_an_event_that_has_waited_too_long_is_dropped(tmp_path: Path) -> None:
    services = Services(["default/one", "default/two"])
    sent: list[str] = []

    async def keep(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        sent.append(body["involvedObject"]["name"])
        return answer(body, status=201)

    async def main() -> None:
        async with bench(tmp_path, list(services.objects.values()), replace(QUICK.publish, event_wait=0.3)) as one:
            services.serve(one)
            one.server.routes[EVENTS] = later
            one.want("192.168.0.1", "default/one")
            await until(lambda: posts(one.server))
            await until(lambda: not one.publisher.busy)
            one.server.routes[EVENTS] = keep
            one.publisher._notes._closed_until = 0.0  # as if the minute were over
            one.want("192.168.0.2", "default/two")
            await until(lambda: sent)

            assert sent == ["two"]

    asyncio.run(main())


def test_the_oldest_of_too_many_events_are_dropped_also_while_one_of_them_is_being_sent(tmp_path: Path) -> None:
    sent: list[str] = []

    async def main() -> None:
        async with waiting(tmp_path, 1, most=2) as (server, events):
            gate = asyncio.Event()

            async def slow(request: web.Request) -> web.StreamResponse:
                body = await request.json()
                sent.append(body["message"])
                await gate.wait()
                return answer(body, status=201)

            server.routes[EVENTS] = slow
            flushing = asyncio.create_task(events.flush(5.0))
            await until(lambda: sent)
            for number in range(3):
                events.tell(seen("9"), replace(NOTE, message=f"{number}"), datetime.now(UTC))
            gate.set()
            await flushing

    asyncio.run(main())
    assert sent == [NOTE.message, "1", "2"]


@asynccontextmanager
async def waiting(tmp_path: Path, number: int, *, most: int = 100) -> AsyncIterator[tuple[FaultServer, Notes]]:
    """Events that wait, and nobody who sends them."""
    async with faulty(tmp_path) as (server, connection):
        pace = Pace(clock=monotonic, per_second=1000.0, burst=50)
        made = Notes(connection, node=NodeName("node1"), pace=pace, after=lambda: False, longest=300.0, most=most)
        for version in range(number):
            made.tell(seen(f"{version}"), NOTE, datetime.now(UTC))
        yield server, made


def test_who_stops_sends_what_waits(tmp_path: Path) -> None:
    async def take(request: web.Request) -> web.StreamResponse:
        return answer(await request.json(), status=201)

    async def main() -> None:
        async with waiting(tmp_path, 20) as (server, events):
            server.routes[EVENTS] = take
            await events.flush(5.0)

            assert len(posts(server)) == 20
            assert not events.busy

    asyncio.run(main())


def test_who_stops_does_not_wait_for_a_server_that_does_not_answer(tmp_path: Path) -> None:
    async def never(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async def main() -> None:
        async with waiting(tmp_path, 20) as (server, events):
            server.routes[EVENTS] = never
            async with asyncio.timeout(4):
                await events.flush(0.1)

            assert len(posts(server)) == 1
            assert not events.busy

    asyncio.run(main())


def test_who_stops_does_not_ask_again_and_again(tmp_path: Path) -> None:
    for code in (403, 429):

        async def no(_: web.Request, code: int = code) -> web.StreamResponse:
            return refuse(code, "no")

        async def main(no: object = no) -> None:
            async with waiting(tmp_path, 20) as (server, events):
                server.routes[EVENTS] = no  # type: ignore[assignment]
                await events.flush(5.0)

                assert len(posts(server)) == 1

        asyncio.run(main())


def test_who_stops_does_not_ask_before_its_time(tmp_path: Path) -> None:
    async def main() -> None:
        async with waiting(tmp_path, 20) as (server, events):
            events._closed_until = asyncio.get_running_loop().time() + 60
            await events.flush(5.0)

            assert not posts(server)
            assert not events.busy

    asyncio.run(main())


def test_an_agent_that_stops_tells_what_it_has_written(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube:
            await kube.service("web")
            async with running(kube) as one:
                await one.adapter.wait_synced()
                await until(lambda: one.adapter.is_leader)
                one.adapter._publisher._notes._after = lambda: True
                one.want("web", assigned("web", "192.168.0.91", "node1"))
                await until(lambda: one.reports)
                assert not await kube.events()

            assert [reason for reason, _ in await kube.events()] == ["AddressAssigned"]

    asyncio.run(main())
