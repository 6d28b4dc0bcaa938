"""The kinds that Porter watches: where each is in the API, how it is read, and which entries tell of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from porter.cluster import projection, reports, wire
from porter.cluster.mirror import Seen
from porter.cluster.views import EipView, LeaseView, ServiceView
from porter.events import entries
from porter.events.entries import Observed, Relisted, Resource
from porter.model.names import EipName, NodeName, ServiceKey
from porter.model.objects import Agent, Eip, Endpoints, Namespace, Node, Service

V = TypeVar("V")
W = TypeVar("W")

EIPS_PATH = "/apis/network.kubesphere.io/v1alpha2/eips"


@dataclass(frozen=True, kw_only=True)
class Kind(Generic[V, W]):
    """One kind. `project` raises msgspec.ValidationError for what is no such object; nothing else raises."""

    resource: Resource
    path: str
    project: Callable[[bytes], Seen[V, W]]
    observed: Callable[[V], Observed]
    gone: Callable[[str], Observed]
    relisted: Callable[[int, tuple[V, ...], tuple[str, ...]], Relisted]
    locate: Callable[[str], str]
    """From an object's key to its path."""
    identify: Callable[[bytes], tuple[str, str]] | None = None
    """From an object to its key and version, at a fraction of what `project` takes; raises as that does.

    For kinds of which own writes are taken in, whose echoes need no more.
    """
    missing: str = "the API server does not serve it"
    """What it means, and what to do, when the kind itself is not there."""


_IDENTIFIED = msgspec.json.Decoder(wire.Identified)


def _namespaced(prefix: str, plural: str) -> Callable[[str], str]:
    def locate(key: str) -> str:
        namespace, _, name = key.partition("/")
        return f"{prefix}/namespaces/{namespace}/{plural}/{name}"

    return locate


def _identify(data: bytes) -> tuple[str, str]:
    meta = _IDENTIFIED.decode(data).metadata
    return meta.name, meta.version


def _identify_namespaced(data: bytes) -> tuple[str, str]:
    meta = _IDENTIFIED.decode(data).metadata
    return f"{meta.namespace}/{meta.name}", meta.version


def services() -> Kind[Service, ServiceView]:
    """Services of every namespace; only load balancers, and what carries Porter's traces, are of interest."""
    decoder = msgspec.json.Decoder(wire.RawService)

    def project(data: bytes) -> Seen[Service, ServiceView]:
        raw = decoder.decode(data)
        view = projection.service_view(raw)
        value = projection.service_of(raw, view)
        return Seen(
            key=f"{view.namespace}/{view.name}",
            uid=view.uid,
            version=view.version,
            value=value,
            view=None if value is None else view,
        )

    return Kind(
        resource="services",
        path="/api/v1/services",
        project=project,
        observed=lambda value: entries.ServiceObserved(service=value),
        gone=lambda key: entries.ServiceGone(service=ServiceKey(key)),
        relisted=lambda total, changed, gone: Relisted(resource="services", total=total, services=changed, gone=gone),
        locate=_namespaced("/api/v1", "services"),
        identify=_identify_namespaced,
    )


def eips() -> Kind[Eip, EipView]:
    """Eips."""
    decoder = msgspec.json.Decoder(wire.RawEip)

    def project(data: bytes) -> Seen[Eip, EipView]:
        raw = decoder.decode(data)
        view = projection.eip_view(raw)
        return Seen(key=view.name, uid=view.uid, version=view.version, value=projection.eip_of(raw), view=view)

    return Kind(
        resource="eips",
        path=EIPS_PATH,
        project=project,
        observed=lambda value: entries.EipObserved(eip=value),
        gone=lambda key: entries.EipGone(eip=EipName(key)),
        relisted=lambda total, changed, gone: Relisted(resource="eips", total=total, eips=changed, gone=gone),
        locate=lambda key: f"{EIPS_PATH}/{key}",
        identify=_identify,
        missing="the kind Eip is not installed; apply the output of `porter manifests`",
    )


def nodes() -> Kind[Node, None]:
    """Nodes."""
    decoder = msgspec.json.Decoder(wire.RawNode)

    def project(data: bytes) -> Seen[Node, None]:
        raw = decoder.decode(data)
        return _plain(raw.metadata, raw.metadata.name, projection.node_of(raw))

    return Kind(
        resource="nodes",
        path="/api/v1/nodes",
        project=project,
        observed=lambda value: entries.NodeObserved(node=value),
        gone=lambda key: entries.NodeGone(node=NodeName(key)),
        relisted=lambda total, changed, gone: Relisted(resource="nodes", total=total, nodes=changed, gone=gone),
        locate=lambda key: f"/api/v1/nodes/{key}",
    )


def endpointslices() -> Kind[Endpoints, None]:
    """EndpointSlices of every namespace, reduced to nodes."""
    decoder = msgspec.json.Decoder(wire.RawEndpointSlice)

    def project(data: bytes) -> Seen[Endpoints, None]:
        raw = decoder.decode(data)
        meta = raw.metadata
        return _plain(meta, f"{meta.namespace}/{meta.name}", projection.endpoints_of(raw))

    return Kind(
        resource="endpointslices",
        path="/apis/discovery.k8s.io/v1/endpointslices",
        project=project,
        observed=lambda value: entries.EndpointsObserved(endpoints=value),
        gone=lambda key: entries.EndpointsGone(endpoints=key),
        relisted=lambda total, changed, gone: Relisted(
            resource="endpointslices",
            total=total,
            endpoints=changed,
            gone=gone,
        ),
        locate=_namespaced("/apis/discovery.k8s.io/v1", "endpointslices"),
    )


def namespaces() -> Kind[Namespace, None]:
    """Namespaces."""
    decoder = msgspec.json.Decoder(wire.RawNamespace)

    def project(data: bytes) -> Seen[Namespace, None]:
        raw = decoder.decode(data)
        return _plain(raw.metadata, raw.metadata.name, projection.namespace_of(raw))

    return Kind(
        resource="namespaces",
        path="/api/v1/namespaces",
        project=project,
        observed=lambda value: entries.NamespaceObserved(namespace=value),
        gone=lambda key: entries.NamespaceGone(namespace=key),
        relisted=lambda total, changed, gone: Relisted(
            resource="namespaces",
            total=total,
            namespaces=changed,
            gone=gone,
        ),
        locate=lambda key: f"/api/v1/namespaces/{key}",
    )


def leases(namespace: str) -> Kind[Agent, LeaseView]:
    """The Leases of Porter's namespace: those of agents by their node, all others as `/name`."""
    decoder = msgspec.json.Decoder(wire.RawLease)
    path = leases_path(namespace)

    def project(data: bytes) -> Seen[Agent, LeaseView]:
        raw = decoder.decode(data)
        view, agent = reports.lease_view(raw), reports.agent_of(raw)
        key = f"/{view.name}" if agent is None else agent.node
        return Seen(key=key, uid=view.uid, version=view.version, value=agent, view=view)

    return Kind(
        resource="leases",
        path=path,
        project=project,
        observed=lambda value: entries.AgentObserved(agent=value),
        gone=lambda key: entries.AgentGone(node=NodeName(key)),
        relisted=lambda total, changed, gone: Relisted(resource="leases", total=total, agents=changed, gone=gone),
        locate=lambda key: path + (key if key.startswith("/") else "/" + reports.lease_name(NodeName(key))),
    )


def leases_path(namespace: str) -> str:
    """Where the Leases of a namespace are in the API."""
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


def _plain(meta: wire.Meta, key: str, value: V | None) -> Seen[V, None]:
    return Seen(key=key, uid=meta.uid, version=meta.resource_version, value=value, view=None)
