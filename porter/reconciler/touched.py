"""What an observed entry is about: the keys under which decisions may have to change, and nothing of how."""

from typing import assert_never

import msgspec

from porter.events.entries import (
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
from porter.model.names import NodeName, ServiceKey, service_key
from porter.model.objects import Endpoints
from porter.reconciler.world import World


class Touched(msgspec.Struct, kw_only=True):
    """What one entry is about."""

    services: set[ServiceKey] = set()
    nodes: set[NodeName] = set()
    """Nodes, their agents, or whether these are silent."""
    serving: set[ServiceKey] = set()
    """Services whose endpoints are elsewhere now."""
    only_serving: bool = False
    """It is about nothing else."""
    pools: bool = False
    namespaces: bool = False
    cluster: bool = False


def touched_by(entry: Observed, world: World) -> Touched:  # noqa: C901, PLR0912 - one branch for each kind of entry
    """Return what an entry is about. `world` is as it was before the entry: it knows what is going to be gone."""
    match entry:
        case EndpointsObserved(endpoints=endpoints):  # first: it is most of a log
            return Touched(serving={_service_of(endpoints), *_serving(endpoints.key, world)}, only_serving=True)
        case ServiceObserved(service=service):
            return Touched(services={service.key})
        case ServiceGone(service=key):
            return Touched(services={key})
        case EipObserved() | EipGone():
            return Touched(pools=True)
        case NodeObserved(node=node):
            return Touched(nodes={node.name})
        case AgentObserved(agent=agent):
            return Touched(nodes={agent.node})
        case NodeGone(node=name) | AgentGone(node=name) | AgentSilent(node=name) | AgentHeard(node=name):
            return Touched(nodes={name})
        case EndpointsGone(endpoints=slice_key):
            return Touched(serving=_serving(slice_key, world), only_serving=True)
        case NamespaceObserved() | NamespaceGone():
            return Touched(namespaces=True)
        case ClusterObserved():
            return Touched(cluster=True)
        case Relisted():
            return _touched_by_list(entry, world)
        case AgentStarted() | LeaderObserved() | AddressClaimed() | WatchClosed() | WatchOpened():
            return Touched()
        case _:
            assert_never(entry)


def _touched_by_list(entry: Relisted, world: World) -> Touched:
    gone = _touched_by_gone(entry.resource, entry.gone, world)
    return Touched(
        services={service.key for service in entry.services} | gone.services,
        nodes={node.name for node in entry.nodes} | {agent.node for agent in entry.agents} | gone.nodes,
        serving={key for found in entry.endpoints for key in (_service_of(found), *_serving(found.key, world))}
        | gone.serving,
        pools=entry.resource == "eips",
        namespaces=entry.resource == "namespaces",
    )


def _touched_by_gone(resource: Resource, gone: tuple[str, ...], world: World) -> Touched:
    match resource:
        case "services":
            return Touched(services={ServiceKey(key) for key in gone})
        case "nodes" | "leases":
            return Touched(nodes={NodeName(key) for key in gone})
        case "endpointslices":
            return Touched(serving={service for key in gone for service in _serving(key, world)})
        case "eips" | "namespaces":
            return Touched()
        case _:
            assert_never(resource)


def _service_of(endpoints: Endpoints) -> ServiceKey:
    return service_key(endpoints.namespace, endpoints.service)


def _serving(slice_key: str, world: World) -> set[ServiceKey]:
    """Return the Service that the slice was of until now."""
    known = world.slices.get(slice_key)
    return set() if known is None else {_service_of(known)}
