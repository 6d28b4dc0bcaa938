"""An agent without a cluster, to be killed: it observes a life of chance, decides, records, and says what it acts upon.

It runs in forks of a process that has done the imports, so that hundreds of them take seconds.
"""

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from typing import Any

import msgspec
import sqlalchemy
from sqlalchemy import event

from porter.agent.pipeline import Batch, Pipeline
from porter.agent.recorder import Recorder
from porter.agent.starting import state_of
from porter.agent.upkeep import Upkeep
from porter.events.codec import encode
from porter.events.entries import (
    AgentHeard,
    AgentSilent,
    AgentStarted,
    Announced,
    AssignmentDecided,
    Observed,
    ServiceGone,
)
from porter.events.log import EventLog
from porter.events.retention import Retention
from porter.model.names import NodeName
from porter.reconciler.fold import Reconciler
from porter.reconciler.world import World
from tests.worlds import RULES, eip, endpoints, lasting, nodes, observed, published, relisted, service

RETENTION = Retention(age=timedelta.max, story_age=timedelta.max, entries=300)
EVERY = 30
NAMES = [f"default/web{number}" for number in range(6)]
_BEGIN = datetime(2026, 11, 21, 10, tzinfo=UTC)


class Acted(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent was about to act upon: its decisions since the last time, and its state."""

    seq: int
    """No entry after this one was folded yet."""
    decided: tuple[str, ...]
    state: str


def state(reconciler: Reconciler) -> str:
    """Return a state as text, equal for equal states."""
    decisions = lasting(reconciler.decisions)
    found = (
        reconciler.world,
        [found for _, found in sorted(decisions.assignments.items())],
        [found for _, found in sorted(decisions.pools.items())],
    )
    return msgspec.json.encode(found, order="deterministic").decode()


def live(url: str, seed: int, statement: int, to: Connection) -> None:
    """Live until killed: from outside, or before the SQL statement of that number where it is not 0."""
    chance = random.Random(seed)
    if statement:
        _die_before(statement)
    with EventLog.open(url, stream="node1", migrate=True) as log:
        asyncio.run(_run(log, chance, to))


def _die_before(statement: int) -> None:
    left = statement

    def count(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(sqlalchemy.Engine, "before_cursor_execute", count)
    event.listen(sqlalchemy.Engine, "commit", count)


async def _run(log: EventLog, chance: random.Random, to: Connection) -> None:
    reconciler, snapshot = state_of(log, RULES)

    def now() -> datetime:
        return _BEGIN + timedelta(seconds=log.last_seq)

    upkeep = Upkeep(log, state=reconciler.snapshot, clock=now, snapshot=snapshot, retention=RETENTION, every=EVERY)
    recorder = Recorder(log, now, upkeep)

    def act(batch: Batch) -> None:
        decided = tuple(encode(one)[2].decode() for one in batch.decided)
        # Said before it is done: what is said may be acted upon at any moment from now on.
        to.send_bytes(msgspec.json.encode(Acted(seq=recorder.last_seq, decided=decided, state=state(reconciler))))
        for one in batch.decided:
            if isinstance(one, AssignmentDecided) and one.assignment.address:
                pipeline.applied(Announced(address=one.assignment.address, protocol="layer2", nic="eth0"))

    pipeline = Pipeline(reconciler, recorder, act)
    async with asyncio.TaskGroup() as group:
        group.create_task(recorder.run())
        to.send_bytes(b"")
        for entry in _started(reconciler.world):
            pipeline.observe(entry)
        while True:
            for _ in range(chance.randrange(1, 12)):
                pipeline.observe(_something(chance, reconciler))
            await pipeline.step()
            await asyncio.sleep(0)


def _started(world: World) -> Iterator[Observed]:
    yield AgentStarted(node=NodeName("node1"), porter="1", schema="2")
    if not world.nodes:
        yield from map(observed, nodes(3))
        yield observed(eip("pool", "192.168.0.91-192.168.0.95", interface="eth0"))
    yield from relisted()


def _something(chance: random.Random, reconciler: Reconciler) -> Observed:
    name = chance.choice(NAMES)
    dice = chance.randrange(20)
    if dice < 12:
        return observed(endpoints(name, *chance.sample(["node1", "node2", "node3"], chance.randrange(1, 4))))
    if dice < 15:
        found = reconciler.assignments_of(name)
        plain = service(name, age=int(name[-1]))
        if found and found[0].address is not None:
            return observed(published(plain, found[0].address, node=found[0].nodes[0] if found[0].nodes else None))
        return observed(plain)
    if dice < 16:
        return ServiceGone(service=service(name).key)
    node = NodeName(chance.choice(["node2", "node3"]))
    return AgentSilent(node=node, seconds=6.0) if dice < 18 else AgentHeard(node=node)
