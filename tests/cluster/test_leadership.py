import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec
import pytest
from aiohttp import web

from porter.cluster import wire
from porter.cluster.connection import Connection
from porter.cluster.leadership import Leadership
from porter.cluster.reports import lease_view
from porter.model.names import NodeName
from tests.cluster.cluster import LEASES, NAMESPACE, Cluster, cluster
from tests.cluster.faults import answer, faulty, until

LEADER = f"{LEASES}/porter-leader"


class Clock:
    """The real one, which a test may hold back or push on."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return monotonic() + self.ahead


class Candidate:
    def __init__(self, connection: Connection, node: str, duration: float) -> None:
        self.clock = Clock()
        self.changes: list[bool] = []
        self.holders: list[str | None] = []
        self.leadership = Leadership(
            connection,
            namespace=NAMESPACE,
            node=NodeName(node),
            duration=duration,
            clock=self.clock,
            on_change=self.changes.append,
            on_holder=self.holders.append,
        )
        self.task = asyncio.create_task(self.leadership.run())

    async def halt(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def sees(self, kube: Cluster) -> None:
        """What its watch would bring now."""
        raw = msgspec.convert(await kube.get(LEADER), wire.RawLease)
        self.leadership.observe(lease_view(raw))


@asynccontextmanager
async def candidates(tmp_path: Path, duration: float = 1.0) -> AsyncIterator[tuple[Cluster, Any]]:
    made: list[Candidate] = []
    async with cluster(tmp_path) as kube:

        def candidate(node: str) -> Candidate:
            made.append(Candidate(kube.connection, node, duration))
            return made[-1]

        try:
            yield kube, candidate
        finally:
            for one in made:
                await one.halt()


def test_one_of_two_leads_and_the_other_follows_when_it_releases(tmp_path: Path) -> None:
    async def main() -> None:
        async with candidates(tmp_path, 20.0) as (kube, candidate):
            first = candidate("node1")
            await until(lambda: first.leadership.is_leader)
            second = candidate("node2")
            await until(lambda: second.holders == ["node1"])
            await first.halt()
            await first.leadership.release()
            assert not first.leadership.is_leader
            assert first.changes == [True, False]
            await second.sees(kube)
            await until(lambda: second.leadership.is_leader)

            assert second.holders[-1] == "node2"
            assert (await kube.get(LEADER))["spec"]["leaseTransitions"] == 1

    asyncio.run(main())


def test_a_leader_that_dies_is_followed_after_its_lease_and_not_before(tmp_path: Path) -> None:
    async def main() -> None:
        async with candidates(tmp_path) as (_, candidate):
            first = candidate("node1")
            await until(lambda: first.leadership.is_leader)
            await first.halt()
            died = monotonic()
            second = candidate("node2")
            await until(lambda: second.leadership.is_leader, 10)

            assert monotonic() - died > 1.0
            assert not first.leadership.is_leader

    asyncio.run(main())


def test_two_never_lead_at_the_same_time_while_the_leader_renews(tmp_path: Path) -> None:
    async def main() -> None:
        async with candidates(tmp_path) as (_, candidate):
            three = [candidate(f"node{number}") for number in range(3)]
            await until(lambda: any(one.leadership.is_leader for one in three))
            for _ in range(200):
                assert sum(one.leadership.is_leader for one in three) == 1
                await asyncio.sleep(0.015)

    asyncio.run(main())


def test_a_leader_that_slept_too_long_acts_no_more_before_it_has_asked(tmp_path: Path) -> None:
    async def main() -> None:
        async with candidates(tmp_path) as (_, candidate):
            first = candidate("node1")
            await until(lambda: first.leadership.is_leader)
            first.clock.ahead += 0.81

            assert not first.leadership.is_leader
            first.leadership.check()
            assert first.changes == [True, False]

    asyncio.run(main())


def test_a_right_to_act_that_ended_while_a_renewal_was_under_way_is_told_although_it_begins_again(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with candidates(tmp_path, 4.0) as (kube, candidate):
            first = candidate("node1")
            await until(lambda: first.leadership.is_leader)
            await kube.connection.request("PUT", "/lab/trouble", body={"delay": 0.3})
            sent = kube.connection.requests
            await until(lambda: kube.connection.requests > sent)
            first.clock.ahead += 2.2  # beyond what the last renewal allows, and within what this one will

            assert not first.leadership.is_leader, "what is tried now is not done"
            await until(lambda: first.leadership.is_leader)
            assert first.changes == [True, False, True], "so that it is done later"

    asyncio.run(main())


@pytest.mark.parametrize("odd", [b"<html>", b'{"metadata": null}'])
def test_an_answer_that_is_no_lease_is_told_and_asked_for_again(tmp_path: Path, odd: bytes) -> None:
    async def main() -> None:
        async with faulty(tmp_path) as (server, connection):

            async def nonsense(_: web.Request) -> web.StreamResponse:
                return web.Response(body=odd, content_type="application/json")

            async def lease(request: web.Request) -> web.StreamResponse:
                free = {"metadata": {"name": "porter-leader", "resourceVersion": "1"}}
                return answer(await request.json() if request.method == "PUT" else free)

            server.routes[LEADER] = nonsense
            one = Candidate(connection, "node1", 1.0)
            try:
                await until(lambda: one.leadership.error)
                assert "the Lease porter-leader cannot be held: the answer is no Lease: " in (
                    one.leadership.error or ""
                )
                server.routes[LEADER] = lease
                await until(lambda: one.leadership.is_leader)
            finally:
                await one.halt()

    asyncio.run(main())


def test_without_an_api_server_nobody_leads_for_long_and_somebody_does_again_afterwards(tmp_path: Path) -> None:
    async def main() -> None:
        async with candidates(tmp_path) as (kube, candidate):
            first = candidate("node1")
            await until(lambda: first.leadership.is_leader)
            await kube.server.stop()
            await until(lambda: not first.leadership.is_leader, 2)
            assert first.leadership.error is not None
            await kube.server.start()
            await until(lambda: first.leadership.is_leader, 5)
            assert first.leadership.error is None

    asyncio.run(main())


def test_a_new_process_of_the_leading_node_goes_on_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with candidates(tmp_path, 30.0) as (_, candidate):
            first = candidate("node1")
            await until(lambda: first.leadership.is_leader)
            await first.halt()
            again = candidate("node1")
            await until(lambda: again.leadership.is_leader, 2)

            assert again.holders == ["node1"]

    asyncio.run(main())


def test_a_lease_that_somebody_deletes_is_made_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with candidates(tmp_path) as (kube, candidate):
            first = candidate("node1")
            await until(lambda: first.leadership.is_leader)
            await kube.delete(LEADER)
            first.leadership.observe(None)
            await asyncio.sleep(0.4)
            await until(lambda: first.leadership.is_leader)

            assert (await kube.get(LEADER))["spec"]["holderIdentity"].startswith("node1_")

    asyncio.run(main())
