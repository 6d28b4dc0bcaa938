"""Logs as an agent writes them: what was observed, each followed by what was decided because of it."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from porter.events.entries import (
    AgentSilent,
    AgentStarted,
    EndpointsObserved,
    Entry,
    Observed,
    Recorded,
    ServiceGone,
    ServiceObserved,
)
from porter.events.log import EventLog
from porter.model.names import NodeName, ServiceKey
from porter.plugins.registry import Registry
from porter.reconciler.decide import Rules
from porter.reconciler.fold import Reconciler
from tests.worlds import eip, endpoints, nodes, observed, published, relisted, service

BEGIN = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
WEB = ServiceKey("default/web")
ADDRESS = "192.168.0.91"
POOL = eip("pool", "192.168.0.91-192.168.0.100", interface="eth0")


def recorded(entries: Iterable[Observed], *, every: timedelta = timedelta(seconds=1)) -> list[Recorded]:
    """Record observations with the decisions of this version, one a second."""
    reconciler = Reconciler(Rules(protocols=Registry.discover().rules))
    found: list[Recorded] = []

    def add(entry: Entry) -> int:
        found.append(Recorded(len(found) + 1, BEGIN + len(found) * every, entry))
        return len(found)

    for entry in entries:
        for decision in reconciler.fold(entry, add(entry)):
            add(decision)
    return found


def a_life_of_a_service() -> list[Observed]:
    """A Service comes, gets its address and node1, loses node1, and goes."""
    plain = service("default/web")
    return [
        AgentStarted(node=NodeName("node1"), porter="1", schema="1"),
        *map(observed, nodes(2)),
        observed(POOL),
        *relisted(),
        ServiceObserved(service=plain),
        EndpointsObserved(endpoints=endpoints("default/web", "node1", "node2")),
        ServiceObserved(service=published(plain, ADDRESS, node="node1")),
        AgentSilent(node=NodeName("node1"), seconds=6.0),
        ServiceObserved(service=published(plain, ADDRESS, node="node2")),
        ServiceGone(service=WEB),
    ]


def log_at(path: Path, records: Iterable[Recorded]) -> Path:
    """Keep records in a database."""
    with EventLog.open(str(path), stream="node1", migrate=True) as log:
        log.append(list(records))
    return path
