"""What `benchmarks.api` measures, each in a process of its own: agents without announcers, and a bare client.

Prints one JSON object.
"""

import argparse
import asyncio
import gc
import json
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.api_cluster import NAMESPACE, SERVICES
from benchmarks.memory import resident_megabytes
from benchmarks.telling import say
from porter.agent.pipeline import Batch, Pipeline
from porter.agent.publishing import Publishing
from porter.agent.recorder import Recorder
from porter.agent.starting import begin
from porter.cli.collector import collect_seldom
from porter.cluster.adapter import ClusterAdapter
from porter.cluster.connection import STRATEGIC_PATCH, Connection
from porter.cluster.timings import PublishTimings
from porter.events.entries import AgentSilent, Observed, ServiceObserved
from porter.loop import run
from porter.model import keys
from porter.model.names import NodeName, ServiceKey
from porter.model.objects import Agent as AgentReport
from porter.model.objects import Nic
from porter.plugins.registry import Registry
from porter.reconciler.decide import Rules
from porter.reconciler.world import World

LEASE = 5.0  # seconds, as `porter run` has it
_TOLD = 10  # agents after which it is said how many hold their Leases
_FIRST = IPv4Address("172.16.0.1")


class Agent:
    """A node's agent, whole but for its announcer: it lists, watches, logs, decides, leads and publishes."""

    def __init__(self, directory: Path, node: NodeName, connection: Connection, lease: float) -> None:
        rules = Rules(protocols=Registry.discover().rules)
        self._beginning = begin(f"sqlite:///{directory / node}.db", node=node, rules=rules, now=_now())
        self.reconciler = self._beginning.reconciler
        self._recorder = Recorder(self._beginning.log, _now)
        self._pipeline = Pipeline(self.reconciler, self._recorder, self._act)
        self.adapter = ClusterAdapter(
            connection,
            NAMESPACE,
            node,
            known=self.reconciler.world,
            emit=self._pipeline.observe,
            report=self._pipeline.applied,
            lease_duration=lease,
        )
        self._publishing = Publishing(self.reconciler, self.adapter)
        nic = Nic(name="eth0", mac="02:00:00:00:00:01", networks=("172.16.255.254/12",))
        self.adapter.report_agent(AgentReport(node=node, nics=(nic,)))
        self.published: set[ServiceKey] = set()
        """Services of Porter's that the API has shown with an address."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run while the `with` lasts."""
        tasks = [asyncio.create_task(job) for job in (self._recorder.run(), self._pipeline.run())]
        await self.adapter.start()
        try:
            yield
        finally:
            self._publishing.stop()
            await self.adapter.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._recorder.close()
            self._beginning.log.close()

    def _act(self, batch: Batch) -> None:
        self._publishing.after(batch)
        for entry in batch.observed:
            if isinstance(entry, ServiceObserved) and entry.service.claimed_by and entry.service.addresses:
                self.published.add(entry.service.key)


async def converge(connection: Connection, services: int, lease: float) -> dict[str, Any]:
    """Start an agent in a cluster whose Services all wait for an address, and have it publish them."""
    with tempfile.TemporaryDirectory() as name:
        agent = Agent(Path(name), NodeName("node0"), connection, lease)
        start, cpu = time.perf_counter(), time.process_time()
        async with agent.running():
            await _until(lambda: len(agent.published) >= services)
            seconds, used = time.perf_counter() - start, time.process_time() - cpu
            await _until(lambda: not agent.adapter.publishing)
        return {"seconds": seconds, "cpu_seconds": used}


async def bare(connection: Connection, services: int) -> dict[str, Any]:
    """Send the patches that publish a Service, for many, with nothing around it."""
    numbers = iter(range(services))

    async def work() -> None:
        for number in numbers:
            path = f"{SERVICES}/bare-{number:05}"
            for where, body in ((path, _metadata()), (f"{path}/status", _status(number))):
                await connection.request("PATCH", where, body=body, content_type=STRATEGIC_PATCH)

    start = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(PublishTimings().at_once)))
    return {"seconds": time.perf_counter() - start}


def _metadata() -> dict[str, Any]:
    labels = {_foreign(keys.written_eip("porter")): "pool"}
    annotations = {_foreign(keys.layer2_node("porter")): "node0"}
    return {"metadata": {"labels": labels, "annotations": annotations}}


def _status(number: int) -> dict[str, Any]:
    address = str(_FIRST + number)
    condition = {
        "type": _foreign(keys.CONDITION_ASSIGNED),
        "status": "True",
        "reason": "FirstFree",
        "message": f"{address} of Eip pool",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    ingress = [{"ip": address, "ipMode": "VIP"}]
    return {"status": {"loadBalancer": {"ingress": ingress}, "conditions": [condition]}}


def _foreign(key: str) -> str:
    """Return a key of the same length that is not Porter's: what has Porter's, its leader would take off again."""
    return key.replace("porter", "others")


async def relist(connection: Connection, times: int) -> dict[str, Any]:
    """List a cluster, and again and again, knowing it already; see whether the memory grows."""
    world = World()

    def take(entry: Observed) -> None:
        world.apply(entry)

    seconds, memory = [], []
    for _ in range(times + 1):
        adapter = ClusterAdapter(
            connection,
            NAMESPACE,
            NodeName("node0"),
            known=world,
            emit=take,
            report=lambda _entry: None,
            read_only=True,
        )
        start = time.perf_counter()
        await adapter.start()
        await adapter.wait_synced()
        seconds.append(time.perf_counter() - start)
        memory.append(resident_megabytes())
        await adapter.stop()
        del adapter
        gc.collect()  # of an agent there is one, and this is one after the other: it is not to be counted
    return {
        "list_10k_s": round(seconds[0], 2),
        "relist_10k_s": round(median(seconds[1:]), 2),
        "rss_mb_after_list": round(memory[0], 1),
        "rss_mb_after_relist": round(memory[1], 1),
        f"rss_mb_after_{times}_relists": round(memory[-1], 1),
    }


async def leases(kubeconfig: Path, agents: int, seconds: float, lease: float) -> dict[str, Any]:
    """Have agents hold their Leases for a while, each with a connection, all lists and all watches of its own.

    They know of the cluster what the first of them has listed, as agents do that come back: so each takes what its
    views take, and not all objects once more.
    """
    world = World()
    silent: set[NodeName] = set()

    def take(entry: Observed) -> None:
        world.apply(entry)

    def count(entry: Observed) -> None:
        if isinstance(entry, AgentSilent):
            silent.add(entry.node)

    async with AsyncExitStack() as stack:
        adapters: list[ClusterAdapter] = []
        for number in range(agents):
            connection = await stack.enter_async_context(await Connection.open(kubeconfig))
            adapter = ClusterAdapter(
                connection,
                NAMESPACE,
                NodeName(f"node{number}"),
                known=world,
                emit=count if adapters else take,
                report=lambda _entry: None,
                lease_duration=lease,
            )
            await adapter.start()
            stack.push_async_callback(adapter.stop)
            await adapter.wait_synced()  # one by one: a server has to list everything for each
            adapters.append(adapter)
            if len(adapters) % _TOLD == 0:
                say(f"{len(adapters)} agents")
        await _until(lambda: any(adapter.is_leader for adapter in adapters))
        await asyncio.sleep(lease)  # what is written only at the start is over
        silent.clear()
        begin, cpu = time.time(), time.process_time()
        await asyncio.sleep(seconds)
        end = time.time()
        return {
            "from": begin,
            "to": end,
            "load": round((time.process_time() - cpu) / (end - begin), 2),
            "taken_for_silent": len(silent),
            "rss_mb": round(resident_megabytes()),
        }


def _now() -> datetime:
    return datetime.now(UTC)


async def _until(condition: Any) -> None:
    async with asyncio.timeout(600):
        while not condition():  # noqa: ASYNC110 - of many kinds
            await asyncio.sleep(0.01)


async def _main(options: argparse.Namespace) -> dict[str, Any]:
    if options.what == "leases":
        return await leases(options.kubeconfig, options.agents, options.seconds, options.lease)
    async with await Connection.open(options.kubeconfig) as connection:
        match options.what:
            case "converge":
                return await converge(connection, options.services, options.lease)
            case "bare":
                return await bare(connection, options.services)
            case _:
                return await relist(connection, options.times)


def measure(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure one thing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("what", choices=["converge", "bare", "relist", "leases"])
    parser.add_argument("--services", type=int)
    parser.add_argument("--times", type=int)
    parser.add_argument("--agents", type=int)
    parser.add_argument("--for", type=float, dest="seconds")
    parser.add_argument("--lease", type=float, default=LEASE, metavar="SECONDS")
    return run(_main(parser.parse_args(arguments)))


if __name__ == "__main__":
    collect_seldom()  # as the agent does
    print(json.dumps(measure()))
