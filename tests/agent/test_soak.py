"""An hour of a cluster's life in seconds: what changes nothing adds no entry, and the log stays within its bounds."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.cluster_life import BEGIN, ClusterLife
from porter.agent.pipeline import Pipeline
from porter.agent.recorder import Recorder
from porter.agent.starting import state_of
from porter.agent.upkeep import Upkeep
from porter.events.codec import is_observed
from porter.events.entries import (
    AssignmentDecided,
    EndpointsObserved,
    NodeObserved,
    Observed,
    Recorded,
    Relisted,
    ServiceObserved,
)
from porter.events.log import EventLog
from porter.events.retention import Retention
from porter.events.verify import verify
from porter.plugins.registry import Registry
from porter.reconciler.decide import Rules
from tests.agent.api import SERVICES, SLICES, Api
from tests.agent.command import Command
from tests.agent.test_life import answers
from tests.events.test_compaction import size_on_disk
from tests.plugins.netns import Wire
from tests.worlds import lasting

ROUNDS = 60  # a minute each
MINUTE = timedelta(minutes=1)


@pytest.mark.root
def test_what_is_rewritten_and_changes_nothing_adds_no_entry(api: Api, agent: Command) -> None:
    services = [f"web{number}" for number in range(5)]
    api.node("node2")
    api.eip()
    for name in services:
        api.service(name)
    agent.more = ["--dry-run"]
    agent.start_ready()
    api.patch("/api/v1/nodes/node2/status", {"status": {"conditions": [_ready("True")]}})
    agent.wait("all Services", lambda: len(agent.status()["assignments"]) == len(services))
    agent.wait("all written", lambda: agent.metrics()["porter_entries_waiting"] == 0)
    before = agent.status()["log"]["last_seq"]
    moves, flaps = 0, 0

    for minute in range(ROUNDS):
        noise = {"metadata": {"annotations": {"endpoints.kubernetes.io/last-change-trigger-time": str(minute)}}}
        for name in services:
            api.patch(f"{SLICES}/{name}-1", noise)  # rewritten, as Kubernetes does
            api.patch(f"{SERVICES}/{name}", {"metadata": {"labels": {"build": str(minute)}}})
        beat = _ready("True") | {"lastHeartbeatTime": f"2026-11-21T10:{minute:02}:00Z"}
        api.patch("/api/v1/nodes/node2/status", {"status": {"conditions": [beat]}})
        if minute % 6 == 0:  # a rolling update: a pod is away for a moment
            name = services[minute % len(services)]
            for ready in (False, True):
                api.patch(f"{SLICES}/{name}-1", {"endpoints": [_endpoint("node1", ready=ready)]})
                moves += 1
        if minute % 20 == 0:  # a node flaps
            for status in ("False", "True"):
                api.patch("/api/v1/nodes/node2/status", {"status": {"conditions": [_ready(status)]}})
                flaps += 1

    def last() -> bool:
        entries = agent.entries()[before:]
        return len([one for one in entries if isinstance(one, EndpointsObserved)]) >= moves

    agent.wait("the last move", last)
    new = agent.entries()[before:]

    assert len([one for one in new if isinstance(one, EndpointsObserved)]) == moves
    assert len([one for one in new if isinstance(one, NodeObserved)]) == flaps
    assert [one for one in new if isinstance(one, ServiceObserved | Relisted)] == []
    observed = [one for one in new if is_observed(one)]
    assert len(observed) == moves + flaps, "nothing else was observed"


def _endpoint(node: str, *, ready: bool) -> dict[str, object]:
    return {"addresses": ["10.1.0.1"], "nodeName": node, "conditions": {"ready": ready, "serving": ready}}


def _ready(status: str) -> dict[str, str]:
    return {"type": "Ready", "status": status}


def hour() -> Iterator[list[Recorded]]:
    """Return a life of 2,000 Services on 50 nodes, a minute at a time."""
    life = (one for one in ClusterLife().entries(18_000) if is_observed(one.entry))
    for _, entries in itertools.groupby(life, key=lambda one: (one.at - BEGIN) // MINUTE):
        yield list(entries)


@pytest.mark.slow
def test_a_log_stays_within_its_bounds_while_a_cluster_lives(tmp_path: Path) -> None:
    path, rules = tmp_path / "porter.db", Rules(protocols=Registry.discover().rules)
    retention = Retention(age=timedelta(minutes=20), entries=6_000, size=6 << 20)
    acted: list[AssignmentDecided] = []

    async def main() -> None:
        clock = [BEGIN]

        def now() -> datetime:
            return clock[0]

        with EventLog.open(str(path), stream="node-00", migrate=True) as log:
            reconciler, snapshot = state_of(log, rules)
            state = reconciler.snapshot
            upkeep = Upkeep(log, state=state, clock=now, snapshot=snapshot, retention=retention, every=1_000)
            recorder = Recorder(log, now, upkeep)
            pipeline = Pipeline(
                reconciler,
                recorder,
                lambda batch: acted.extend(one for one in batch.decided if isinstance(one, AssignmentDecided)),
            )
            running = asyncio.create_task(recorder.run())
            for minute in hour():
                clock[0] = minute[-1].at
                for batch in (minute[at : at + 50] for at in range(0, len(minute), 50)):
                    for one in batch:
                        _observe(pipeline, one.entry)
                    await pipeline.step()
                for _ in range(6):  # what would happen in that minute
                    await upkeep.turn(recorder.last_seq, recorder._thread)
                used, waiting = size_on_disk(path), size_on_disk(path.with_name("porter.db-wal"))
                assert used - waiting <= retention.size * 5 // 4, f"{used:,} bytes at {now()}"
                assert waiting <= 9 << 20, "the write-ahead log is bounded too"
                assert log.head.entries <= retention.entries + 1_000
            running.cancel()
            await recorder.close()
            assert verify(log).holds
            again, _ = state_of(log, rules)
            assert again.world == reconciler.world
            assert lasting(again.decisions) == lasting(reconciler.decisions)
            kept = list(log.read())
            head = log.head

        assert head.last_seq > 2 * retention.entries
        assert head.entries < retention.entries
        noise = [one for one in kept if is_observed(one.entry) and one.seq > head.compacted_through]
        assert now() - noise[0].at < retention.age + timedelta(minutes=10), "what is old has gone"
        told = [one.entry for one in kept if isinstance(one.entry, AssignmentDecided)]
        assert told == acted[-len(told) :], "the story is there, the newest of it"
        assert len(told) > len(noise) / 1_000

    asyncio.run(main())


def _observe(pipeline: Pipeline, entry: object) -> None:
    assert isinstance(entry, Observed)
    pipeline.observe(entry)


@pytest.mark.root
def test_an_agent_keeps_as_much_of_its_log_as_it_is_told(api: Api, agent: Command, net: Wire) -> None:
    client = net.capture()
    api.eip()
    api.service("web")
    agent.more = ["--keep-age", "1s"]
    agent.start_ready()
    agent.wait("an answer on the wire", lambda: answers(client))
    assert agent.terminate() == 0
    with EventLog.open(str(agent.log), read_only=True) as log:
        first, decided = log.last_seq, [one for one in log.read() if isinstance(one.entry, AssignmentDecided)]
        assert [one.seq for one in log.snapshots()] == [first]
        assert log.whole_after == 0
    time.sleep(1.1)  # as long as observations are to stay

    agent.start_ready()

    def compacted_through() -> int:
        with EventLog.open(str(agent.log), read_only=True) as log:
            return log.head.compacted_through

    agent.wait("what the snapshot knows to go", lambda: compacted_through() == first - 1)
    agent.wait("an answer on the wire", lambda: answers(client))
    with EventLog.open(str(agent.log), read_only=True) as log:
        found = verify(log)
        assert found.holds
        assert found.taken_out > 0
        assert [one for one in log.read(until=first) if isinstance(one.entry, AssignmentDecided)] == decided
