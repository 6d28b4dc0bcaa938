"""Readable builders of what Porter observes, and the shortest way from a few objects to what is decided about them.

The network is the guide's: nodes node1 … at 192.168.0.11 … on eth0, in 192.168.0.0/24.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias, assert_never

import msgspec

from porter.events.entries import (
    RESOURCES,
    AgentObserved,
    AgentStarted,
    ClusterObserved,
    Decided,
    EipObserved,
    EndpointsObserved,
    NamespaceObserved,
    NodeObserved,
    Observed,
    Relisted,
    ServiceObserved,
)
from porter.model.addresses import Family
from porter.model.assignment import Assignment, PoolState
from porter.model.names import EipName, NodeName, ServiceKey
from porter.model.objects import Agent, Cluster, Eip, Endpoints, Namespace, Nic, Node, Options, Port, Service
from porter.reconciler.decide import Decisions, Rules, decide
from porter.reconciler.fold import Reconciler
from porter.reconciler.world import World
from tests.protocols import BROKEN, EVERYWHERE, REFUSING, SINGLE, STUB

Thing: TypeAlias = Service | Eip | Node | Agent | Endpoints | Namespace | Cluster | Options

RULES = Rules(protocols={p.name: p for p in (SINGLE, EVERYWHERE, STUB, REFUSING, BROKEN)})
"""`layer2` has one owner, `everywhere` all; `stub` is a stub, `refusing` refuses every Eip, `broken` raises."""


EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


def born(age: int) -> str:
    """Return a creation time: the smaller the number, the older the object."""
    return f"{EPOCH + timedelta(seconds=age):%Y-%m-%dT%H:%M:%SZ}"


def service(key: str, age: int = 0, **fields: Any) -> Service:
    """Build a Service that is Porter's by its annotation, with port 80."""
    namespace, _, name = key.partition("/")
    known: dict[str, Any] = {"type": "LoadBalancer", "claimed_by": "porter", "ports": ports(80)}
    return Service(namespace=namespace, name=name, uid=key, created=born(age), **{**known, **fields})


def published(found: Service, *texts: str, node: str | None = None, pool: str | None = "pool") -> Service:
    """Return the Service as the API shows it once the leader has written what was decided."""
    return msgspec.structs.replace(
        found,
        addresses=texts,
        written_node=None if node is None else NodeName(node),
        written_eip=None if pool is None else EipName(pool),
    )


def ports(*numbers: int, protocol: str = "TCP") -> tuple[Port, ...]:
    return tuple(Port(protocol=protocol, port=number) for number in numbers)


def eip(name: str, address: str, age: int = 0, **fields: Any) -> Eip:
    """Build a layer 2 pool."""
    return Eip(name=EipName(name), uid=name, created=born(age), address=address, **{"protocol": "layer2", **fields})


def node(name: str, *addresses: str, **fields: Any) -> Node:
    return Node(name=NodeName(name), addresses=addresses, **fields)


def nic(name: str, *networks: str, **fields: Any) -> Nic:
    return Nic(name=name, networks=networks, **{"mac": "02:00:00:00:00:01", **fields})


def agent(name: str, *nics: Nic, **fields: Any) -> Agent:
    return Agent(node=NodeName(name), nics=nics, **fields)


def endpoints(key: str, *ready: str, serving: Sequence[str] = (), **fields: Any) -> Endpoints:
    """Build the EndpointSlice of a Service, with endpoints on these nodes."""
    namespace, _, name = key.partition("/")
    return Endpoints(
        namespace=namespace,
        service=name,
        ready=tuple(map(NodeName, ready)),
        serving=tuple(map(NodeName, serving)),
        **{"name": f"{name}-1", **fields},
    )


def nodes(count: int = 3) -> list[Thing]:
    """Build the guide's nodes, each with its agent: node1 at 192.168.0.11, node2 at .12, …"""
    found: list[Thing] = []
    for number in range(1, count + 1):
        text = f"192.168.0.{10 + number}"
        found += [node(f"node{number}", text), agent(f"node{number}", nic("eth0", f"{text}/24"))]
    return found


def served(*services: Service, by: Sequence[str] = ("node1", "node2", "node3")) -> list[Thing]:
    """Return the Services together with ready endpoints of each on these nodes."""
    return [thing for one in services for thing in (one, endpoints(one.key, *by))]


def observed(thing: Thing) -> Observed:
    """Return the entry that says that the object is as it is."""
    match thing:
        case Service():
            return ServiceObserved(service=thing)
        case Eip():
            return EipObserved(eip=thing)
        case Node():
            return NodeObserved(node=thing)
        case Agent():
            return AgentObserved(agent=thing)
        case Endpoints():
            return EndpointsObserved(endpoints=thing)
        case Namespace():
            return NamespaceObserved(namespace=thing)
        case Cluster():
            return ClusterObserved(cluster=thing)
        case Options():
            return AgentStarted(node=NodeName("node1"), porter="1.0", schema="1", options=thing)
        case _:
            assert_never(thing)


def relisted() -> Iterator[Relisted]:
    """Return the entries after which every kind was listed, and nothing new was in the lists."""
    return (Relisted(resource=resource, total=0) for resource in RESOURCES)


def world_of(*things: Thing) -> World:
    world = World()
    for entry in [*map(observed, things), *relisted()]:
        world.apply(entry)
    return world


def decided(*things: Thing, rules: Rules = RULES) -> Decisions:
    """Decide a world that holds exactly these objects."""
    return decide(world_of(*things), rules)


def folded(*things: Thing, rules: Rules = RULES) -> Reconciler:
    """Return a reconciler that was told of these objects, and has listed everything."""
    reconciler = Reconciler(rules)
    fold(reconciler, *map(observed, things), *relisted())
    return reconciler


def fold(reconciler: Reconciler, *entries: Observed) -> list[Decided]:
    """Fold the entries one after the other; return everything decided on the way."""
    return [decision for seq, entry in enumerate(entries, 1) for decision in reconciler.fold(entry, seq)]


def of(decisions: Decisions, key: str, family: Family = "IPv4") -> Assignment:
    return decisions.assignments[ServiceKey(key), family]


def pool(decisions: Decisions, name: str) -> PoolState:
    return decisions.pools[EipName(name)]


def addresses(decisions: Decisions) -> dict[str, str | None]:
    """Return each Service's IPv4 address."""
    return {key: found.address for (key, family), found in decisions.assignments.items() if family == "IPv4"}


def names(found: Iterable[str]) -> tuple[NodeName, ...]:
    return tuple(map(NodeName, found))


def lasting(decisions: Decisions) -> Decisions:
    """Return decisions without the refused candidates: they are kept as they were when the decision was made."""
    kept = {slot: msgspec.structs.replace(found, candidates=()) for slot, found in decisions.assignments.items()}
    return Decisions(assignments=kept, pools=decisions.pools)
