"""The logs that docs/replay.md shows: three nodes of a small cluster, one of which is lost and comes back."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from porter.events.codec import is_observed
from porter.events.entries import (
    AgentHeard,
    AgentSilent,
    AgentStarted,
    AgentStopped,
    Announced,
    EndpointsObserved,
    Entry,
    LeaderObserved,
    Published,
    Recorded,
    ServiceObserved,
    Withdrawn,
)
from porter.events.export import write_file
from porter.model.names import NodeName, ServiceKey
from porter.plugins.registry import Registry
from porter.reconciler.decide import Rules
from porter.reconciler.fold import Reconciler
from tests.worlds import eip, endpoints, nodes, observed, published, relisted, service

BEGIN = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
WEB = ServiceKey("default/web")
ADDRESS = "192.168.0.91"
EDITS = """\
# node2 was not lost, but the pool was another from the start
{"drop": 20}
{"change": 7, "set": {"address": "192.168.0.95-192.168.0.99"}}
"""


class Log:
    """One node's log while it is written: decisions follow from what is observed, as in an agent."""

    def __init__(self, node: str, *, ahead: float = 0.0) -> None:
        self.node = node
        self.records: list[Recorded] = []
        self._ahead = ahead
        self._reconciler = Reconciler(Rules(protocols=Registry.discover().rules))

    def add(self, seconds: float, *entries: Entry) -> None:
        """Record entries at so many seconds; what is decided takes a millisecond."""
        for entry in entries:
            self._record(seconds, entry)
            if is_observed(entry):
                for decision in self._reconciler.fold(entry, len(self.records)):  # type: ignore[arg-type]
                    self._record(seconds + 0.001, decision)

    def _record(self, seconds: float, entry: Entry) -> None:
        at = BEGIN + timedelta(seconds=seconds + self._ahead)
        self.records.append(Recorded(len(self.records) + 1, at, entry))


def example() -> list[Log]:
    """Return the logs of node1, which leads, and of node2, which is lost after two minutes and whose clock is ahead."""
    logs = one, two = [Log("node1"), Log("node2", ahead=0.25)]
    plain = service(WEB)
    on = Announced(address=ADDRESS, protocol="layer2", nic="eth0", services=(WEB,))
    off = Withdrawn(address=ADDRESS, protocol="layer2", nic="eth0")
    first = published(plain, ADDRESS, node="node2")
    second = published(plain, ADDRESS, node="node1")
    for log in logs:
        log.add(0, AgentStarted(node=NodeName(log.node), porter="1", schema="2"))
        log.add(0, LeaderObserved(holder=NodeName("node1")))
        log.add(0.1, *map(observed, nodes(2)), observed(eip("pool", "192.168.0.91-192.168.0.100", interface="eth0")))
        log.add(0.2, *relisted())
        log.add(5, EndpointsObserved(endpoints=endpoints(WEB, "node1", "node2")))
        log.add(6, ServiceObserved(service=plain))
    one.add(6.03, Published(service=WEB, addresses=(ADDRESS,), eip=first.written_eip, node=NodeName("node2")))
    for log in logs:
        log.add(6.04, ServiceObserved(service=first))
    two.add(6.05, on)
    one.add(126, AgentSilent(node=NodeName("node2"), seconds=6.0))
    one.add(126.02, Published(service=WEB, addresses=(ADDRESS,), eip=first.written_eip, node=NodeName("node1")))
    one.add(126.03, ServiceObserved(service=second), on)
    two.add(126.8, ServiceObserved(service=second), off)
    for log in logs:
        log.add(130, EndpointsObserved(endpoints=endpoints(WEB, "node1")))
    one.add(131, AgentHeard(node=NodeName("node2")))
    two.add(140, AgentStopped(node=NodeName("node2")))
    return logs


def write_example(folder: Path) -> None:
    """Write the logs and the edits to a folder."""
    for log in example():
        write_file(log.records, folder / f"{log.node}.jsonl")
    (folder / "edits.jsonl").write_text(EDITS, encoding="utf-8")
