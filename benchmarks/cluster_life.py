"""A made-up life of a cluster, as its entries: 2,000 Services on 50 nodes, most of what happens endpoint changes.

The decisions are those of this version and stand behind their cause, as an agent records them; what follows from a
decision (the leader publishes, the API shows it, this node announces) follows here too. The same seed gives the same
life. Used by benchmarks.replay.
"""

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from porter.events.entries import (
    AgentHeard,
    AgentObserved,
    AgentSilent,
    AgentStarted,
    Announced,
    AssignmentDecided,
    AssignmentEnded,
    ClusterObserved,
    EndpointsObserved,
    Entry,
    LeaderObserved,
    NodeObserved,
    Observed,
    Published,
    Recorded,
    Relisted,
    ServiceGone,
    ServiceObserved,
    Withdrawn,
)
from porter.model.assignment import Assignment
from porter.model.names import EipName, NodeName, ServiceKey
from porter.model.objects import Agent, Cluster, Eip, Endpoints, Namespace, Nic, Node, Port, Service
from porter.plugins.registry import Registry
from porter.reconciler.decide import Rules
from porter.reconciler.fold import Reconciler
from porter.reconciler.snapshot import Snapshot

SERVICES = 2_000
NODES = 50
PODS = 3
"""Of each Service, on as many nodes."""
BEGIN = datetime(2026, 11, 21, 10, tzinfo=UTC)
HERE = NodeName("node-00")
"""The node whose agent writes this log. It leads, too."""
_STEP = timedelta(milliseconds=200)
_CREATED = 1_767_225_600


class ClusterLife:
    """One life, entry by entry. Iterate over `entries` once."""

    def __init__(self, *, services: int = SERVICES, nodes: int = NODES, seed: int = 7) -> None:
        self._chance = random.Random(seed)
        self._reconciler = Reconciler(Rules(protocols=Registry.discover().rules))
        self._nodes = [NodeName(f"node-{number:02}") for number in range(nodes)]
        self._begins_with = services
        self._services: dict[ServiceKey, Service] = {}
        self._places: dict[ServiceKey, list[NodeName]] = {}
        self._made = 0
        self._seq = 0
        self._announced: dict[str, str] = {}

    def entries(self, count: int) -> Iterator[Recorded]:
        """Yield `count` entries."""
        for entry in self._forever():
            self._seq += 1
            yield Recorded(self._seq, BEGIN + self._seq * _STEP, entry)
            if self._seq == count:
                return

    def snapshot(self) -> Snapshot:
        """Return the state before the entry that was yielded last, if that is an observed one."""
        return self._reconciler.snapshot()

    def _forever(self) -> Iterator[Entry]:
        yield from self._beginning()
        while True:
            yield from self._happening()

    def _happening(self) -> Iterator[Entry]:
        """Let one thing happen: of 10,000 nearly all are endpoints that come and go.

        At five entries a second, 20 of 10,000 replace a Service every two minutes, and one loses a node every half an
        hour in either way, each time with all that moves because of it.
        """
        dice = self._chance.randrange(10_000)
        if dice < 9_955:
            yield from self._observe(EndpointsObserved(endpoints=self._endpoints(self._any_service())))
        elif dice < 9_970:
            number = self._chance.randrange(len(self._nodes))
            yield from self._observe(AgentObserved(agent=self._agent(number, gateway=self._chance.random() < 0.5)))
        elif dice < 9_990:
            gone = self._any_service()
            del self._services[gone.key]
            del self._places[gone.key]
            yield from self._observe(ServiceGone(service=gone.key))
            new = self._service()
            yield from self._observe(EndpointsObserved(endpoints=self._endpoints(new)))
            yield from self._observe(ServiceObserved(service=new))
        elif dice < 9_991:
            number = self._chance.randrange(1, len(self._nodes))
            yield from self._observe(NodeObserved(node=self._node(number, ready=False)))
            yield from self._observe(NodeObserved(node=self._node(number)))
        elif dice < 9_992:
            lost = self._chance.choice(self._nodes[1:])
            yield from self._observe(AgentSilent(node=lost, seconds=6.0))
            yield from self._observe(AgentHeard(node=lost))
        else:
            yield from self._observe(LeaderObserved(holder=HERE))

    def _beginning(self) -> Iterator[Entry]:
        eips = tuple(
            Eip(
                name=EipName(name),
                uid=name,
                created="2026-01-01T00:00:00Z",
                address=address,
                protocol="layer2",
                default=name == "edge",
            )
            for name, address in (("edge", "172.16.16.0/20"), ("spare", "172.17.0.0/24"))
        )
        for _ in range(self._begins_with):
            self._service()
        services = tuple(self._services.values())
        slices = tuple(self._endpoints(service) for service in services)
        nodes = tuple(self._node(number) for number in range(len(self._nodes)))
        agents = tuple(self._agent(number) for number in range(len(self._nodes)))
        namespaces = tuple(Namespace(name=f"team-{number}") for number in range(20))
        yield from self._observe(AgentStarted(node=HERE, porter="1.0.0", schema="1"))
        yield from self._observe(ClusterObserved(cluster=Cluster(service_ranges=("10.96.0.0/12",))))
        yield from self._observe(LeaderObserved(holder=HERE))
        yield from self._observe(Relisted(resource="eips", total=len(eips), eips=eips))
        yield from self._observe(Relisted(resource="namespaces", total=len(namespaces), namespaces=namespaces))
        yield from self._observe(Relisted(resource="nodes", total=len(self._nodes), nodes=nodes))
        yield from self._observe(Relisted(resource="leases", total=len(self._nodes), agents=agents))
        yield from self._observe(Relisted(resource="endpointslices", total=len(slices), endpoints=slices))
        yield from self._observe(Relisted(resource="services", total=len(services), services=services))

    def _observe(self, entry: Observed) -> Iterator[Entry]:
        """Yield an observation, what is decided because of it, and all that follows from that."""
        yield entry
        # _seq counts what was yielded: by now it is the number of the entry above.
        decided = self._reconciler.fold(entry, self._seq)
        yield from decided
        for decision in decided:
            if isinstance(decision, AssignmentDecided):
                yield from self._carry_out(decision.assignment)
            elif isinstance(decision, AssignmentEnded) and decision.previous_address in self._announced:
                nic = self._announced.pop(decision.previous_address)
                yield Withdrawn(address=decision.previous_address, protocol="layer2", nic=nic)

    def _carry_out(self, found: Assignment) -> Iterator[Entry]:
        service = self._services.get(found.service)
        if service is None or found.address is None:
            return
        node = found.nodes[0] if found.nodes else None
        shown = msgspec.structs.replace(
            service,
            addresses=(found.address,),
            written_eip=found.eip,
            written_node=node or service.written_node,
        )
        if found.address in self._announced and node != HERE:
            yield Withdrawn(address=found.address, protocol="layer2", nic=self._announced.pop(found.address))
        if shown != service:
            self._services[service.key] = shown
            yield Published(service=service.key, addresses=shown.addresses, eip=found.eip, node=node)
            yield from self._observe(ServiceObserved(service=shown))
        if node == HERE and found.address not in self._announced:
            self._announced[found.address] = "eth0"
            mac = "52:54:00:00:00:00"
            yield Announced(address=found.address, protocol="layer2", nic="eth0", mac=mac, services=(service.key,))

    def _any_service(self) -> Service:
        keys = self._order()
        return self._services[keys[self._chance.randrange(len(keys))]]

    def _order(self) -> list[ServiceKey]:
        if len(self._services) != len(self._keys) or self._keys_of != self._made:
            self._keys, self._keys_of = list(self._services), self._made
        return self._keys

    _keys: list[ServiceKey] = []  # noqa: RUF012 - replaced, never changed
    _keys_of = 0

    def _service(self) -> Service:
        number = self._made
        self._made += 1
        made = Service(
            namespace=f"team-{number % 20}",
            name=f"web-{number:05}",
            uid=f"5d1f7f0e-0000-4000-8000-{number:012}",
            created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(_CREATED + number)),
            type="LoadBalancer",
            claimed_by="porter",
            policy="Local" if number % 10 == 0 else "Cluster",
            ports=(Port(protocol="TCP", port=80), Port(protocol="TCP", port=443)),
            selector=(("app", f"web-{number:05}"),),
        )
        self._services[made.key] = made
        return made

    def _endpoints(self, service: Service) -> Endpoints:
        """Move one of a Service's pods: an endpoint goes, or comes on another node."""
        places = self._places.setdefault(service.key, self._chance.sample(self._nodes, PODS))
        if len(places) == PODS:
            places.pop(self._chance.randrange(PODS))
        else:
            places.append(self._chance.choice([node for node in self._nodes if node not in places]))
        return Endpoints(
            namespace=service.namespace,
            name=f"{service.name}-x2k4d",
            service=service.name,
            ready=tuple(sorted(places)),
        )

    def _node(self, number: int, *, ready: bool = True) -> Node:
        return Node(
            name=self._nodes[number],
            addresses=(f"172.16.1.{number}",),
            pod_ranges=(f"10.244.{number}.0/24",),
            ready=ready,
        )

    def _agent(self, number: int, *, gateway: bool = True) -> Agent:
        nic = Nic(
            name="eth0",
            mac=f"52:54:00:00:00:{number:02x}",
            networks=(f"172.16.1.{number}/12",),
            gateways=("172.16.0.1",) if gateway else (),
        )
        return Agent(node=self._nodes[number], nics=(nic,))
