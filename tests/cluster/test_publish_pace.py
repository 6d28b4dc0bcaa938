"""How fast the leader writes, and in which order, over HTTP to a server that counts."""

import asyncio
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest
from aiohttp import web

from porter.cluster.pace import Pace
from porter.cluster.timings import PublishTimings
from tests.cluster.cluster import QUICK
from tests.cluster.faults import Handler, refuse, until
from tests.cluster.publishing import Bench, Services, bench

DOCUMENT = Path(__file__).parents[2] / "docs" / "api-server.md"


def want_all(one: Bench, services: Services) -> None:
    for number, path in enumerate(services.objects):
        one.want(f"192.168.1.{number}", f"default/{path.rpartition('/')[2]}")


@pytest.mark.parametrize(("name", "known"), [("default/old", True), ("other/new", False)], ids=["a change", "another"])
def test_a_burst_of_services_does_not_starve_one(tmp_path: Path, name: str, *, known: bool) -> None:
    burst = [f"default/burst{number:03}" for number in range(200)]
    services = Services([*burst, name])
    if known:
        services.give(name, "192.168.0.91")

    async def main() -> None:
        async with bench(tmp_path, list(services.objects.values())) as one:
            services.serve(one)
            for number, each in enumerate(burst):
                one.want(f"192.168.1.{number}", each)
            await until(lambda: len(one.patches()) >= 20)
            before = len(one.patches())
            one.want("192.168.0.91", name, "node2")
            await until(lambda: any("burst" not in path for path in one.patches()))
            at = next(at for at, path in enumerate(one.patches()) if "burst" not in path)
            await until(lambda: not one.publisher.busy, 20)

            assert at - before <= 4 * QUICK.publish.at_once, "what was under way, and a turn of the burst's"
            assert len(one.patches()) >= 2 * len(burst), "there was a burst to wait behind"

    asyncio.run(main())


def test_events_are_not_in_the_way_of_what_is_published(tmp_path: Path) -> None:
    services = Services(f"default/web{number}" for number in range(50))

    async def main() -> None:
        async with bench(tmp_path, list(services.objects.values())) as one:
            services.serve(one)
            want_all(one, services)
            await until(lambda: not one.publisher.busy, 20)
            written = [method for method, _, _, _ in one.server.requests if method in {"PATCH", "POST"}]

            assert written == ["PATCH"] * 100 + ["POST"] * 50

    asyncio.run(main())


def test_no_more_is_written_in_a_second_than_the_pace_allows(tmp_path: Path) -> None:
    services = Services(f"default/web{number}" for number in range(20))
    pace = replace(QUICK.publish, per_second=50.0, burst=5)

    async def main() -> None:
        async with bench(tmp_path, list(services.objects.values()), pace) as one:
            services.serve(one)
            begin = monotonic()
            want_all(one, services)
            await until(lambda: not one.publisher.busy, 20)
            seconds = monotonic() - begin
            written = [path for method, path, _, _ in one.server.requests if method in {"PATCH", "POST"}]

            assert len(written) == 3 * len(services.objects)
            assert (len(written) - pace.burst) / pace.per_second <= seconds

    asyncio.run(main())


def test_no_more_writes_are_under_way_at_a_time_than_allowed(tmp_path: Path) -> None:
    services = Services(f"default/web{number}" for number in range(3 * QUICK.publish.at_once))
    under_way, most = 0, 0

    async def main() -> None:
        async with bench(tmp_path, list(services.objects.values())) as one:
            services.serve(one)

            def slow(take: Handler) -> Handler:
                async def handle(request: web.Request) -> web.StreamResponse:
                    nonlocal under_way, most
                    under_way += 1
                    most = max(most, under_way)
                    await asyncio.sleep(0.05)
                    under_way -= 1
                    return await take(request)

                return handle

            for path in services.objects:
                one.server.routes[path] = slow(one.server.routes[path])
            want_all(one, services)
            await until(lambda: not one.publisher.busy, 20)

    asyncio.run(main())
    assert most == QUICK.publish.at_once


def test_the_bounds_are_those_that_are_documented() -> None:
    text = " ".join(DOCUMENT.read_text().split())
    bounds = PublishTimings()

    assert f"At most {bounds.at_once} writes are under way, and one Event" in text
    assert f"at most {bounds.per_second:,.0f} are sent in a second" in text
    assert f"after a burst of {bounds.burst}." in text
    assert f"One that has waited for {bounds.event_wait:g} seconds is dropped" in text
    assert f"again after {bounds.undone_wait:g} seconds" in text
    assert f"up to {bounds.undone_longest / 60:g} minutes" in text


def test_what_is_compared_and_need_not_be_written_takes_nobodys_turn(tmp_path: Path) -> None:
    services = Services(["default/web"])
    pace = replace(QUICK.publish, per_second=5.0, burst=5)

    async def main() -> None:
        async with bench(tmp_path, list(services.objects.values()), pace) as one:
            services.serve(one)
            one.want()
            await until(lambda: not one.publisher.busy)
            begin, written = monotonic(), len(one.patches())
            for _ in range(50):
                one.want()
                await until(lambda: not one.publisher.busy)

            assert len(one.patches()) == written
            assert monotonic() - begin < 5, "50 turns at 5 a second take 10"

    asyncio.run(main())


def test_when_the_server_asks_one_to_wait_all_wait(tmp_path: Path) -> None:
    services = Services(f"default/web{number}" for number in range(100))

    async def refuse_all(_: web.Request) -> web.StreamResponse:
        return refuse(429, "too many", Retry_After="1")

    async def main() -> None:
        async with bench(tmp_path, list(services.objects.values())) as one:
            one.server.routes |= dict.fromkeys(services.objects, refuse_all)
            want_all(one, services)
            await until(one.patches)
            begin = monotonic()
            await asyncio.sleep(0.3)
            assert len(one.patches()) <= QUICK.publish.at_once or monotonic() - begin >= 1
            services.serve(one)
            await until(lambda: not one.publisher.busy, 20)

            assert {path for path in one.patches() if path.endswith("/status")} == {
                f"{path}/status" for path in services.objects
            }

    asyncio.run(main())


def test_one_object_that_is_refused_alone_does_not_hold_up_the_others_for_long(tmp_path: Path) -> None:
    services = Services(["default/one", "default/two"])

    async def refuse_one(_: web.Request) -> web.StreamResponse:
        return refuse(429, "the webhook is busy", Retry_After="50")

    async def main() -> None:
        async with bench(tmp_path, list(services.objects.values())) as one:
            services.serve(one)
            refused, other = services.objects
            one.server.routes[refused] = refuse_one
            one.want("192.168.1.1", "default/one")
            await until(one.patches)
            one.want("192.168.1.2", "default/two")
            await until(lambda: f"{other}/status" in one.patches(), 10)

            assert one.patches().count(refused) == 1, "it is not asked before its time"

    asyncio.run(main())


def test_the_pace_is_closed_for_as_long_as_asked_once_different_objects_are_refused() -> None:
    now = 100.0
    pace = Pace(clock=lambda: now, per_second=1000.0, burst=50)

    def closed() -> float:
        return pace._closed_until - now

    pace.close("one", 50.0)
    assert closed() == 1.0
    now += 2
    pace.close("one", 50.0)
    assert closed() == 1.0, "the same one again"
    pace.close("two", 30.0)
    assert closed() == 30.0
    now += 60
    pace.close("two", 30.0)
    assert closed() == 1.0, "what the other was asked to wait is over"
    pace.close("three", 0.5)
    assert closed() == 1.0


def test_an_address_that_another_service_is_losing_is_not_given_before_even_if_it_is_wanted_while_waiting(
    tmp_path: Path,
) -> None:
    services = Services(["default/old", "default/new"])
    services.give("default/old", "192.168.0.91")
    old, new = services.objects

    async def main() -> None:
        async with bench(tmp_path, list(services.objects.values())) as one:
            services.serve(one)
            gate, take = asyncio.Event(), one.server.routes[old]

            async def slow(request: web.Request) -> web.StreamResponse:
                await gate.wait()
                return await take(request)

            one.server.routes |= {old: slow, f"{old}/status": slow}
            one.want("192.168.0.92", "default/old")
            await until(one.patches)
            one.publisher._outbox._pace.close("the pace", 1.0)
            one.want("192.168.0.93", "default/new")
            lanes = one.publisher._errands._lanes
            await until(lambda: ("service", "default/new") in lanes._running)
            one.want("192.168.0.91", "default/new")
            await until(lambda: ("service", "default/new") in lanes._blocked)
            await asyncio.sleep(0.2)
            assert all(path.startswith(old) for path in one.patches())
            gate.set()
            await until(lambda: not one.publisher.busy, 20)

            paths = one.patches()
            assert paths.index(f"{old}/status") < paths.index(new)
            assert services.objects[new]["status"]["loadBalancer"]["ingress"][0]["ip"] == "192.168.0.91"

    asyncio.run(main())
