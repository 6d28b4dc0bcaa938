"""Several agents and a line between them and the API server that may fail in every way a line can."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest

from porter.cluster.connection import Connection
from porter.events.entries import AgentHeard, AgentObserved, AgentSilent
from porter.lab.apiserver.audit import Audited
from porter.model.names import NodeName
from porter.model.objects import Agent as Report
from tests.cluster.cluster import QUICK, Agent, Cluster, agent, cluster
from tests.cluster.faults import kubeconfig, until

NODE2 = NodeName("node2")
PATIENT = replace(QUICK, watch=replace(QUICK.watch, server=(300, 300), silence=300.0))


class Line:
    """A TCP relay. `stall` makes every open connection deaf and dumb without closing it; new ones work."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()
        self._stalled = asyncio.Event()
        self._server: asyncio.Server | None = None
        self.stalled = 0

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def stall(self) -> None:
        self._stalled.set()
        self._stalled = asyncio.Event()

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        deaf = self._stalled
        both = [
            asyncio.create_task(self._copy(reader, far_writer, deaf)),
            asyncio.create_task(self._copy(far_reader, writer, deaf)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
            for end in (writer, far_writer):  # at once: this may be cancelled while it waits
                end.close()
            await asyncio.gather(*both, return_exceptions=True)
            for end in (writer, far_writer):
                with suppress(OSError):
                    await end.wait_closed()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, deaf: asyncio.Event) -> None:
        while data := await reader.read(65536):
            if deaf.is_set():
                self.stalled += 1
                await asyncio.Event().wait()
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def behind(line: Line, kube: Cluster, tmp_path: Path, node: str, lease: float) -> AsyncIterator[Agent]:
    path = kubeconfig(tmp_path / f"{node}.kubeconfig", await line.start(), token=kube.server.token)
    async with await Connection.open(path) as connection:
        one = Agent(connection, node, None, lease, timings=PATIENT)
        await one.adapter.start()
        try:
            yield one
        finally:
            await one.adapter.stop()
            await line.stop()


def test_an_agent_that_dies_is_silent_and_one_that_stops_in_order_is_leaving(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube, agent(kube, "node1", lease=1.0) as one:
            async with agent(kube, "node2", lease=1.0) as two:
                await until(lambda: NODE2 in one.world.agents)
                for task in (*two.adapter._tasks, *two.adapter._writing):
                    task.cancel()
                await until(lambda: one.of(AgentSilent), 6)
                assert one.of(AgentSilent)[0].node == NODE2
                two.adapter._tasks = two.adapter._writing = []
            async with agent(kube, "node2", lease=1.0):
                await until(lambda: one.of(AgentHeard), 6)
            await until(lambda: one.world.agents[NODE2].leaving)
            await asyncio.sleep(2)

            assert len(one.of(AgentSilent)) == 1
            assert one.of(AgentObserved)[-1].agent == Report(node=NODE2, leaving=True)

    asyncio.run(main())


def test_who_is_cut_off_judges_nobody_and_finds_out_soon_that_its_watches_are_dead(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube, agent(kube, "node2", lease=1.5):
            line = Line(int(kube.server.url.rsplit(":", 1)[1]))
            async with behind(line, kube, tmp_path, "node1", 1.5) as one:
                await one.adapter.wait_synced()
                await until(lambda: NODE2 in one.world.agents and not one.adapter.health.frozen)
                line.stall()
                await kube.service("web")
                await until(lambda: "default/web" in one.world.services, 10)
                await until(lambda: not one.adapter.health.frozen and one.adapter.health.connected, 10)

                assert line.stalled > 0
                assert not one.of(AgentSilent)

    asyncio.run(main())


def test_without_an_api_server_nobody_is_judged_for_as_long_as_it_takes(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            cluster(tmp_path) as kube,
            agent(kube, "node1", lease=1.0) as one,
            agent(kube, "node2", lease=1.0) as two,
        ):
            await until(lambda: NODE2 in one.world.agents and not one.adapter.health.frozen)
            await kube.server.stop()
            await asyncio.sleep(3.5)
            assert one.adapter.health.frozen
            await kube.server.start()
            await until(lambda: not one.adapter.health.frozen and not two.adapter.health.frozen, 10)
            await asyncio.sleep(1.5)

            assert not one.of(AgentSilent)
            assert not two.of(AgentSilent)

    asyncio.run(main())


@pytest.mark.parametrize("services", [0, 50])
def test_an_idle_cluster_costs_the_renewals_of_the_budget_however_many_services_there_are(
    tmp_path: Path, services: int
) -> None:
    lease, seconds = 1.5, 2.0
    asked: list[Audited] = []

    async def main() -> None:
        async with cluster(tmp_path, audit=asked.append) as kube:
            for number in range(services):
                await kube.service(f"web-{number}")
            async with (
                agent(kube, "node1", lease=lease, timings=PATIENT) as one,
                agent(kube, "node2", lease=lease, timings=PATIENT) as two,
            ):
                await one.adapter.wait_synced()
                await two.adapter.wait_synced()
                await until(lambda: one.adapter.is_leader or two.adapter.is_leader)
                await until(lambda: sum(each.asked.resource == "servicecidrs" for each in asked) >= 2)
                before = len(asked)
                begin = monotonic()
                await asyncio.sleep(seconds)
                new, took = asked[before:], monotonic() - begin

        requests = Counter((one.asked.verb, one.asked.resource, one.asked.name) for one in new)
        renewals = 10 * took / (3 * lease) + 1  # docs/api-server.md; and one for the begin of the window
        assert requests.keys() == {
            ("patch", "leases", "porter-node-node1"),
            ("patch", "leases", "porter-node-node2"),
            ("update", "leases", "porter-leader"),
        }
        assert max(count for (verb, _, _), count in requests.items() if verb == "patch") <= renewals
        assert requests["update", "leases", "porter-leader"] <= 15 * took / (4 * lease) + 1

    asyncio.run(main())
