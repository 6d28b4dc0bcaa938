"""What the publisher does when the server, or somebody else, does not do as it should."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from porter.events.entries import Published, PublishFailed
from tests.cluster.cluster import QUICK, assigned, cluster
from tests.cluster.cluster import agent as running
from tests.cluster.faults import answer, refuse, until
from tests.cluster.publishing import PATH, WEB, Services, bench, web_service


def test_a_write_that_is_forbidden_is_told_once_with_the_remedy(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path) as one:

            async def forbid(_: web.Request) -> web.StreamResponse:
                return refuse(403, 'services "web" is forbidden: User "porter" cannot patch')

            one.server.routes[PATH] = forbid
            one.want()
            await until(lambda: len(one.patches()) >= 3)

            assert [type(entry) for entry in one.reports] == [PublishFailed]
            assert one.reports[0].error == (
                'Porter may not patch services: services "web" is forbidden: User "porter" cannot patch; '
                "grant it with the ClusterRole of `porter manifests`"
            )

    asyncio.run(main())


def test_after_a_conflict_the_newest_state_is_read_and_written(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path) as one:
            sent: list[str] = []

            async def handle(request: web.Request) -> web.StreamResponse:
                if request.method == "GET":
                    return answer(web_service("5"))
                version = (await request.json())["metadata"]["resourceVersion"]
                sent.append(version)
                return refuse(409, "modified") if version == "1" else answer(web_service("6"))

            one.server.routes[PATH] = handle
            one.want()
            await until(lambda: "5" in sent)

            assert sent[:2] == ["1", "5"]
            assert not [entry for entry in one.reports if "modified" in entry.error]

    asyncio.run(main())


def test_a_write_that_does_not_last_is_not_repeated_for_ever(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path) as one:
            version = 1

            async def drop(_: web.Request) -> web.StreamResponse:
                nonlocal version
                version += 1
                return answer(web_service(str(version)))

            one.server.routes |= {PATH: drop, f"{PATH}/status": drop}
            one.want()
            await asyncio.sleep(1)

            assert all(2 <= one.patches().count(path) < 8 for path in (PATH, f"{PATH}/status"))
            assert [entry.error for entry in one.reports] == [
                "the API server took the write, and it did not last: another program undoes it, or the CRD is too old",
            ]

    asyncio.run(main())


def test_who_no_longer_leads_writes_no_more(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path) as one:

            async def fail(_: web.Request) -> web.StreamResponse:
                return refuse(500, "etcd is away")

            one.server.routes[PATH] = fail
            one.want()
            await until(lambda: len(one.patches()) >= 2)
            one.leads = False
            one.publisher.lead(False)
            await asyncio.sleep(0.05)
            sent = len(one.patches())
            one.want("192.168.0.92")
            await asyncio.sleep(0.5)

            assert len(one.patches()) == sent
            assert not one.publisher.busy

    asyncio.run(main())


def test_the_newest_wish_wins(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path) as one:
            bodies: list[Any] = []

            async def slow(request: web.Request) -> web.StreamResponse:
                bodies.append(await request.json())
                await asyncio.sleep(0.05)
                labels = {"eip.porter.kubesphere.io/v1alpha2": "pool-a"}
                annotations = {"layer2.porter.kubesphere.io/v1alpha1": "node1"}
                metadata = web_service(str(10 + len(bodies)))["metadata"]
                return answer(web_service(metadata=metadata | {"labels": labels, "annotations": annotations}))

            one.server.routes[PATH] = slow
            one.server.routes[f"{PATH}/status"] = slow
            for number in range(91, 99):
                one.want(f"192.168.0.{number}")
            await until(lambda: len(bodies) >= 2)

            assert bodies[1]["status"]["loadBalancer"]["ingress"][0]["ip"] == "192.168.0.98"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("shown", "address", "node"),
    [
        pytest.param(["192.168.0.91"], "192.168.0.91", "node2", id="an owner"),
        pytest.param([], "192.168.0.92", "node1", id="an address"),
    ],
)
def test_what_was_decided_before_something_else_was_shown_waits_for_the_next_decision(
    tmp_path: Path, shown: list[str], address: str, node: str
) -> None:
    """Else what is shown is always what was decided one decision ago, and each brings about the other, again and again."""
    services = Services([WEB])
    services.objects[PATH]["metadata"]["annotations"] = {"layer2.porter.kubesphere.io/v1alpha1": "node2"}
    services.objects[PATH]["status"]["loadBalancer"]["ingress"] = [{"ip": one, "ipMode": "VIP"} for one in shown]

    async def main() -> None:
        async with bench(tmp_path, list(services.objects.values())) as one:
            services.serve(one)
            before = one.services.mirror.known[WEB]
            one.want("192.168.0.91", node="node1")
            await until(lambda: one.patches() and not one.publisher.busy)
            written = len(one.patches())
            wanted = [assigned("web", address, node, service=WEB)]

            one.publisher.want_service(WEB, before, wanted)
            await asyncio.sleep(0.2)
            assert len(one.patches()) == written
            one.publisher.want_service(WEB, one.services.mirror.known[WEB], wanted)
            await until(lambda: not one.publisher.busy)
            assert len(one.patches()) > written

    asyncio.run(main())


def test_what_was_published_is_told_also_by_who_leads_no_more(tmp_path: Path) -> None:
    services = Services([WEB])

    async def main() -> None:
        async with bench(tmp_path, list(services.objects.values())) as one:
            services.serve(one)
            take = one.server.routes[f"{PATH}/status"]

            async def end(request: web.Request) -> web.StreamResponse:
                one.leads = False
                return await take(request)

            one.server.routes[f"{PATH}/status"] = end
            one.want()
            await until(lambda: not one.publisher.busy)

            assert [type(entry) for entry in one.reports] == [Published]

    asyncio.run(main())


def test_two_leaders_for_a_moment_do_no_harm(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube:
            await kube.service("web")
            async with running(kube, "node1") as one, running(kube, "node2", timings=replace(QUICK, tick=60.0)) as two:
                await one.adapter.wait_synced()
                await two.adapter.wait_synced()
                await until(lambda: one.adapter.is_leader or two.adapter.is_leader)
                two.adapter._publisher._leads = lambda: True
                two.adapter._publisher._errands._may = lambda _job: True
                one.adapter._publisher._leads = lambda: True
                one.adapter._publisher._errands._may = lambda _job: True
                for _ in range(5):
                    for each in (one, two):
                        each.want("web", assigned("web", "192.168.0.91", "node1"))
                    await asyncio.sleep(0.05)
                await until(lambda: not one.adapter.publishing and not two.adapter.publishing)

                assert one.adapter._publisher.writes + two.adapter._publisher.writes == 2
                assert len(await kube.events()) == 1
                shown = (await kube.get(PATH))["status"]["loadBalancer"]["ingress"]
                assert [ingress["ip"] for ingress in shown] == ["192.168.0.91"]
                assert all(isinstance(entry, Published) for entry in one.reports + two.reports)

    asyncio.run(main())
