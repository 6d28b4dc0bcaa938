"""How fast the fold decides: what one change costs among many Services, and what a lost node or a full pool costs.

    python -m benchmarks.reconcile --json

Every world is published to the end before anything is measured, as in a cluster that runs: so nearly all addresses are
held, and an entry is news about one of them. Times are of `Reconciler.fold` alone, without the log.
"""

import argparse
import gc
import statistics
import time
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address
from typing import Any

import msgspec

from benchmarks.memory import resident_megabytes
from benchmarks.telling import tell
from porter.cli.collector import collect_seldom
from porter.events.entries import (
    AgentSilent,
    AssignmentDecided,
    Decided,
    EndpointsObserved,
    NodeGone,
    Relisted,
    ServiceGone,
    ServiceObserved,
)
from porter.model.names import EipName, NodeName
from porter.model.objects import Agent, Eip, Endpoints, Namespace, Nic, Node, Port, Service
from porter.model.protocol import PlacementRequest
from porter.plugins.layer2.plugin import Layer2
from porter.reconciler.book import Book
from porter.reconciler.decide import Rules
from porter.reconciler.fold import Reconciler


class Counting(Layer2):
    """Layer 2 that counts how often it is asked to place an address: each time is an election."""

    asked = 0

    def place(self, request: PlacementRequest) -> Sequence[NodeName]:
        self.asked += 1
        return super().place(request)


LAYER2 = Counting()
RULES = Rules(protocols={"layer2": LAYER2})
POOL = Eip(name=EipName("pool"), uid="pool", created="2026-01-01T00:00:00Z", address="172.16.0.0/12", protocol="layer2")
_START = 1_767_225_600


class Cluster:
    """A cluster of a size, and its reconciler."""

    def __init__(self, services: int, nodes: int, *, endpoints_each: int = 3, local: bool = False) -> None:
        self.nodes = [NodeName(f"node{number:04}") for number in range(nodes)]
        self.reconciler = Reconciler(RULES)
        self.seq = 0
        self.services = [self._service(number, "Local" if local else "Cluster") for number in range(services)]
        self._list(endpoints_each)

    def fold(self, entry: Any) -> list[Decided]:
        self.seq += 1
        return self.reconciler.fold(entry, self.seq)

    def publish(self) -> None:
        """Show in the API what is decided, as the leader does."""
        shown = []
        for service in self.services:
            (assignment,) = self.reconciler.assignments_of(service.key)
            if assignment.address is None:
                continue
            node = assignment.nodes[0] if assignment.nodes else None
            shown.append(
                msgspec.structs.replace(
                    service,
                    addresses=(assignment.address,),
                    written_eip=assignment.eip,
                    written_node=node,
                ),
            )
        self.fold(Relisted(resource="services", total=len(shown), services=tuple(shown)))

    def endpoints(self, number: int, shift: int, each: int = 3) -> Endpoints:
        places = sorted({self.nodes[(number * 7 + shift + at) % len(self.nodes)] for at in range(each)})
        return Endpoints(namespace="ns", name=f"s{number:06}-x", service=f"s{number:06}", ready=tuple(places))

    @staticmethod
    def _service(number: int, policy: Any) -> Service:
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(_START + number // 3))
        return Service(
            namespace="ns",
            name=f"s{number:06}",
            uid=str(number),
            created=created,
            type="LoadBalancer",
            claimed_by="porter",
            policy=policy,
            ports=(Port(protocol="TCP", port=80),),
            selector=(("app", str(number)),),
        )

    def _list(self, each: int) -> None:
        agents = []
        for at, name in enumerate(self.nodes):
            inside, outside = IPv4Address("10.240.0.10") + at, IPv4Address("172.16.0.10") + at
            nic = Nic(name="eth0", mac="02:00:00:00:00:01", networks=(f"{inside}/12", f"{outside}/12"))
            agents.append(Agent(node=name, nics=(nic,)))
        found = tuple(
            Node(
                name=name,
                addresses=(str(IPv4Address("10.240.0.10") + at),),
                pod_ranges=(f"10.{at // 256}.{at % 256}.0/24",),
            )
            for at, name in enumerate(self.nodes)
        )
        slices = tuple(self.endpoints(number, 0, each) for number in range(len(self.services)))
        self.fold(Relisted(resource="eips", total=1, eips=(POOL,)))
        self.fold(Relisted(resource="namespaces", total=1, namespaces=(Namespace(name="ns"),)))
        self.fold(Relisted(resource="nodes", total=len(found), nodes=found))
        self.fold(Relisted(resource="leases", total=len(agents), agents=tuple(agents)))
        self.fold(Relisted(resource="endpointslices", total=len(slices), endpoints=slices))
        self.fold(Relisted(resource="services", total=len(self.services), services=tuple(self.services)))


def timed(call: Callable[[], Any]) -> float:
    """Return how many seconds a call takes."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def endpoint_change(services: int, *, local: bool, rounds: int = 1500) -> dict[str, float]:
    """Move the endpoints of one Service after the other; microseconds for each entry."""
    cluster = Cluster(services, 100, local=local)
    cluster.publish()
    gc.collect()
    times = []
    for turn in range(rounds):
        number = (turn * 7919) % services
        entry = EndpointsObserved(endpoints=cluster.endpoints(number, 1 + turn % 5))
        times.append(timed(lambda entry=entry: cluster.fold(entry)) * 1e6)  # type: ignore[misc]
    cuts = statistics.quantiles(times, n=100)
    return {"p50": round(cuts[49], 1), "p99": round(cuts[98], 1)}


def node_loss() -> dict[str, Any]:
    """Lose one of 100 nodes that announce 10,000 addresses; then another one's Node, with its pod range, is deleted."""
    cluster = Cluster(10_000, 100)
    cluster.publish()
    lost = cluster.nodes[17]
    owned = sum(1 for found in cluster.reconciler.decisions.assignments.values() if lost in found.nodes)
    decided: list[Decided] = []
    LAYER2.asked = 0
    spent = timed(lambda: decided.extend(cluster.fold(AgentSilent(node=lost, seconds=6.0))))
    moved = [one for one in decided if isinstance(one, AssignmentDecided)]
    assert all(one.previous_nodes == (lost,) for one in moved)
    found: dict[str, Any] = {
        "node_loss_owned": owned,
        "node_loss_decided": len(moved),
        "node_loss_handled": LAYER2.asked,
    }
    found["node_loss_ms"] = round(spent * 1000, 1)
    gone = cluster.nodes[18]
    found["node_gone_owned"] = sum(1 for one in cluster.reconciler.decisions.assignments.values() if gone in one.nodes)
    LAYER2.asked = 0
    found["node_gone_ms"] = round(timed(lambda: cluster.fold(NodeGone(node=gone))) * 1000, 1)
    found["node_gone_handled"] = LAYER2.asked
    return found


def allocate(services: int) -> float:
    """Let so many Services come one by one, none of them published meanwhile; seconds."""
    cluster = Cluster(0, 20)
    arriving = [Cluster._service(number, "Cluster") for number in range(services)]  # noqa: SLF001 - the same Services
    gc.collect()
    return timed(lambda: [cluster.fold(ServiceObserved(service=service)) for service in arriving])


def fill_release_refill() -> float:
    """Fill a pool of 4,096 with 6,000 Services, let 2,000 go one by one, to those who wait longest; seconds."""
    pool = msgspec.structs.replace(POOL, address="172.17.0.0-172.17.15.255")
    cluster = Cluster(0, 20)
    cluster.fold(Relisted(resource="eips", total=1, eips=(pool,)))
    cluster.services = [Cluster._service(number, "Cluster") for number in range(6_000)]  # noqa: SLF001
    listed = Relisted(resource="services", total=6_000, services=tuple(cluster.services))

    def work() -> None:
        cluster.fold(listed)
        cluster.publish()
        for service in cluster.services[:2_000]:
            decided = cluster.fold(ServiceGone(service=service.key))
            assert decided

    return timed(work)


def memory() -> float:
    """Return the megabytes that 10,000 Services with 30,000 endpoints on 500 nodes add."""
    gc.collect()
    before = resident_megabytes()
    cluster = Cluster(10_000, 500)
    cluster.publish()
    gc.collect()
    return resident_megabytes() - before


def measure() -> dict[str, Any]:
    """Measure everything; ratios are of one run."""
    found: dict[str, Any] = {"rss_mb_10k": round(memory(), 1)}
    sizes = (1_000, 10_000, 100_000)
    # With Local each change concerns who may announce; with Cluster, where endpoints remain, it concerns nothing.
    found["endpoint_change_us"] = {str(size): endpoint_change(size, local=True) for size in sizes}
    found["endpoint_change_cluster_us"] = {str(size): endpoint_change(size, local=False) for size in sizes}
    changes = found["endpoint_change_us"]
    found["growth_10k_to_100k"] = round(changes["100000"]["p50"] / changes["10000"]["p50"], 2)
    found |= node_loss()
    found["allocate_10k_s"] = round(min(allocate(10_000) for _ in range(3)), 3)  # the machine's noise only adds
    found["allocate_50k_s"] = round(min(allocate(50_000) for _ in range(3)), 3)
    found["allocate_growth"] = round(found["allocate_50k_s"] / found["allocate_10k_s"], 2)
    found["fill_release_refill_s"] = round(fill_release_refill(), 3)
    cluster = Cluster(10_000, 100)
    cluster.publish()
    found["full_decide_10k_s"] = round(timed(Book(cluster.reconciler.world, RULES).rebuild), 3)
    return found


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    options = parser.parse_args()
    collect_seldom()  # as the agent does
    tell(measure().items(), as_json=options.json)


if __name__ == "__main__":
    main()
