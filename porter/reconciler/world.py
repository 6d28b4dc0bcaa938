"""The world as observed: the newest of everything that the log tells of, and nothing that could be derived from it.

`World.apply` takes one observed entry. It never decides, and it minds neither repetition nor an entry about
something that it has never heard of.
"""

from collections.abc import Mapping
from typing import TypeVar, assert_never

import msgspec

from porter.events.entries import (
    RESOURCES,
    AddressClaimed,
    AgentGone,
    AgentHeard,
    AgentObserved,
    AgentSilent,
    AgentStarted,
    ClusterObserved,
    EipGone,
    EipObserved,
    EndpointsGone,
    EndpointsObserved,
    LeaderObserved,
    NamespaceGone,
    NamespaceObserved,
    NodeGone,
    NodeObserved,
    Observed,
    Relisted,
    Resource,
    ServiceGone,
    ServiceObserved,
    WatchClosed,
    WatchOpened,
)
from porter.model.names import EipName, NodeName, ServiceKey, service_key
from porter.model.objects import Agent, Cluster, Eip, Endpoints, Namespace, Node, Options, Service

Key = TypeVar("Key")
Thing = TypeVar("Thing")


class World(msgspec.Struct, kw_only=True):
    """All observed facts. Changed only through `apply`; not safe to share between threads."""

    services: dict[ServiceKey, Service] = {}
    eips: dict[EipName, Eip] = {}
    nodes: dict[NodeName, Node] = {}
    slices: dict[str, Endpoints] = {}
    namespaces: dict[str, Namespace] = {}
    agents: dict[NodeName, Agent] = {}
    silent: set[NodeName] = set()
    """Agents whose Lease ran out."""
    cluster: Cluster = Cluster()
    leader: NodeName | None = None
    options: Options = Options()
    listed: set[Resource] = set()
    """The kinds that were listed completely since the agent last started."""
    claimed: dict[str, AddressClaimed] = {}
    """By address, the last other host that claimed it. Nothing is decided by it."""
    _slices_of: dict[ServiceKey, set[str]] = {}

    @property
    def complete(self) -> bool:
        """Whether every kind was listed: before that, nothing new is decided, since a part of the truth is missing."""
        return len(self.listed) == len(RESOURCES)

    def endpoints_of(self, service: ServiceKey) -> list[Endpoints]:
        """Return the EndpointSlices of a Service, sorted by name."""
        return [self.slices[key] for key in sorted(self._slices_of.get(service, ()))]

    def has_one_slice(self, service: ServiceKey) -> bool:
        """Tell whether a Service has exactly one EndpointSlice, as nearly all have."""
        return len(self._slices_of.get(service, ())) == 1

    def apply(self, entry: Observed) -> bool:  # noqa: C901, PLR0912 - one branch for each kind of entry
        """Take in one entry. Return whether anything that decisions rest on has changed."""
        match entry:
            case EndpointsObserved(endpoints=endpoints):  # first: it is most of a log
                return self._put_slice(endpoints)
            case AgentStarted(options=options):
                self.listed.clear()
                self.options = options
                return False
            case Relisted():
                return self._relist(entry)
            case ServiceObserved(service=service):
                return _put(self.services, service.key, service)
            case ServiceGone(service=key):
                return _drop(self.services, key)
            case EipObserved(eip=eip):
                return _put(self.eips, eip.name, eip)
            case EipGone(eip=name):
                return _drop(self.eips, name)
            case NodeObserved(node=node):
                return _put(self.nodes, node.name, node)
            case NodeGone(node=name):
                return _drop(self.nodes, name)
            case EndpointsGone(endpoints=slice_key):
                return self._drop_slice(slice_key)
            case NamespaceObserved(namespace=namespace):
                return _put(self.namespaces, namespace.name, namespace)
            case NamespaceGone(namespace=namespace_name):
                return _drop(self.namespaces, namespace_name)
            case AgentObserved(agent=agent):
                return _put(self.agents, agent.node, agent)
            case AgentGone(node=name):
                self.silent.discard(name)
                return _drop(self.agents, name)
            case AgentSilent(node=name):
                known = name in self.silent
                self.silent.add(name)
                return not known
            case AgentHeard(node=name):
                known = name in self.silent
                self.silent.discard(name)
                return known
            case ClusterObserved(cluster=cluster):
                changed = self.cluster != cluster
                self.cluster = cluster
                return changed
            case LeaderObserved(holder=holder):
                self.leader = holder
                return False
            case AddressClaimed(address=address):
                self.claimed[address] = entry
                return False
            case WatchClosed() | WatchOpened():
                return False
            case _:
                assert_never(entry)

    def known(self, resource: Resource) -> Mapping[str, object]:
        """Return what is known of one kind, under the keys by which `Relisted.gone` names its objects."""
        match resource:
            case "services":
                return {str(key): value for key, value in self.services.items()}
            case "eips":
                return {str(key): value for key, value in self.eips.items()}
            case "nodes":
                return {str(key): value for key, value in self.nodes.items()}
            case "endpointslices":
                return dict(self.slices)
            case "namespaces":
                return dict(self.namespaces)
            case "leases":
                return {str(key): value for key, value in self.agents.items()}
            case _:
                assert_never(resource)

    def _relist(self, entry: Relisted) -> bool:
        was_complete = self.complete
        changed = False
        for service in entry.services:
            changed |= _put(self.services, service.key, service)
        for eip in entry.eips:
            changed |= _put(self.eips, eip.name, eip)
        for node in entry.nodes:
            changed |= _put(self.nodes, node.name, node)
        for endpoints in entry.endpoints:
            changed |= self._put_slice(endpoints)
        for namespace in entry.namespaces:
            changed |= _put(self.namespaces, namespace.name, namespace)
        for agent in entry.agents:
            changed |= _put(self.agents, agent.node, agent)
        for key in entry.gone:
            changed |= self._drop(entry.resource, key)
        self.listed.add(entry.resource)
        return changed or self.complete != was_complete

    def _drop(self, resource: Resource, key: str) -> bool:
        match resource:
            case "services":
                return _drop(self.services, ServiceKey(key))
            case "eips":
                return _drop(self.eips, EipName(key))
            case "nodes":
                return _drop(self.nodes, NodeName(key))
            case "endpointslices":
                return self._drop_slice(key)
            case "namespaces":
                return _drop(self.namespaces, key)
            case "leases":
                self.silent.discard(NodeName(key))
                return _drop(self.agents, NodeName(key))
            case _:
                assert_never(resource)

    def _put_slice(self, endpoints: Endpoints) -> bool:
        key = endpoints.key
        before = self.slices.get(key)
        if before == endpoints:
            return False
        if before is not None and before.service != endpoints.service:
            self._drop_slice(key)
            before = None
        self.slices[key] = endpoints
        if before is None:
            service = service_key(endpoints.namespace, endpoints.service)
            self._slices_of.setdefault(service, set()).add(key)
        return True

    def _drop_slice(self, key: str) -> bool:
        before = self.slices.pop(key, None)
        if before is None:
            return False
        service = service_key(before.namespace, before.service)
        keys = self._slices_of[service]
        keys.discard(key)
        if not keys:
            del self._slices_of[service]
        return True


def _put(known: dict[Key, Thing], key: Key, value: Thing) -> bool:
    if known.get(key) == value:
        return False
    known[key] = value
    return True


def _drop(known: dict[Key, Thing], key: Key) -> bool:
    return known.pop(key, None) is not None
