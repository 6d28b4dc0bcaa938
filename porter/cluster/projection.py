"""From the API server's JSON to the values of porter.model: only what the fold reads, so that noise is never an entry.

Pure. Nothing that a user can write raises: what makes no sense stays as text, and the fold says so on its object.
Sets are sorted, so that equal content is equal.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from porter.cluster import wire
from porter.cluster.views import ConditionView, EipView, IngressView, ServiceView
from porter.model import keys
from porter.model.names import EipName, NodeName
from porter.model.objects import Eip, Endpoints, KeyFamily, Namespace, Node, Port, Service
from porter.model.text import fit_to_show

FAMILIES: tuple[KeyFamily, ...] = ("porter", "openelb")
WRITTEN_LABELS = frozenset(
    key for family in FAMILIES for key in (keys.written_eip(family), keys.written_protocol(family))
)
WRITTEN_ANNOTATIONS = frozenset(keys.layer2_node(family) for family in FAMILIES)
WRITTEN_CONDITIONS = frozenset({keys.CONDITION_ASSIGNED, keys.CONDITION_ANNOUNCED})
_TRUE = "true"
_Spellings = Mapping[KeyFamily, tuple[str, str]]


def _spellings(key: Callable[[KeyFamily], str]) -> _Spellings:
    """Return the two spellings of a key, by the family whose comes first."""
    porter, openelb = key("porter"), key("openelb")
    return {"porter": (porter, openelb), "openelb": (openelb, porter)}


_WANTED_PROTOCOL, _WANTED_EIP, _WANTED_ADDRESS = map(
    _spellings, (keys.wanted_protocol, keys.wanted_eip, keys.wanted_address)
)
_NODE, _WRITTEN_EIP, _WRITTEN_PROTOCOL = map(_spellings, (keys.layer2_node, keys.written_eip, keys.written_protocol))
_ASKED: Mapping[KeyFamily, frozenset[str]] = {
    family: frozenset({keys.wanted_protocol(family), keys.wanted_eip(family), keys.wanted_address(family)})
    for family in FAMILIES
}
"""The annotations by which a Service asks for something, in either spelling."""


# ---------------------------------------------------------------------------------------------- Services


def service_view(raw: wire.RawService) -> ServiceView:
    """Take the fields of a Service that Porter writes."""
    meta, status = raw.metadata, raw.status
    balancer = status.load_balancer or wire.RawLoadBalancer()
    return ServiceView(
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        version=meta.resource_version,
        ingress=tuple(
            IngressView(ip=one.ip, hostname=one.hostname, ip_mode=one.ip_mode) for one in balancer.ingress or ()
        ),
        labels=_only(meta.labels, WRITTEN_LABELS),
        annotations=_only(meta.annotations, WRITTEN_ANNOTATIONS),
        finalizers=tuple(sorted(keys.OLD_FINALIZERS.intersection(meta.finalizers or ()))),
        conditions=tuple(
            ConditionView(
                type=one.type,
                status=one.status,
                reason=one.reason or "",
                message=one.message or "",
                since=one.last_transition_time,
            )
            for one in status.conditions or ()
            if one.type in WRITTEN_CONDITIONS
        ),
    )


def service_of(raw: wire.RawService, view: ServiceView) -> Service | None:
    """Return the Service, or None when it is no load balancer and carries nothing of Porter's."""
    meta, spec = raw.metadata, raw.spec
    traces = view.labels or view.annotations or view.finalizers or view.conditions
    if spec.type != "LoadBalancer" and not traces:
        return None
    labels, annotations = meta.labels or {}, meta.annotations or {}
    family = _family(labels, annotations)
    node = _first(annotations, _NODE[family])
    eip = _first(labels, _WRITTEN_EIP[family])
    protocol = _first(labels, _WRITTEN_PROTOCOL[family])
    return Service(
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        created=meta.creation_timestamp or "",
        type=spec.type,
        load_balancer_class=_shown(spec.load_balancer_class),
        deleting=meta.deletion_timestamp is not None,
        claimed_by=_shown(annotations.get(keys.CLAIM)),
        keys=family,
        wanted_protocol=_first(annotations, _WANTED_PROTOCOL[family]),
        wanted_eip=_first(annotations, _WANTED_EIP[family]),
        wanted_address=_first(annotations, _WANTED_ADDRESS[family]),
        load_balancer_ip=_shown(spec.load_balancer_ip),
        policy="Local" if spec.policy == "Local" else "Cluster",
        ports=_ports(spec.ports or ()),
        selector=_pairs(spec.selector),
        ip_families=spec.ip_families or ("IPv4",),
        ip_family_policy=spec.ip_family_policy or "SingleStack",
        written_node=NodeName(node) if node else None,
        written_eip=EipName(eip) if eip else None,
        written_protocol=protocol or None,
        addresses=view.ips,
        leftover_finalizers=view.finalizers,
    )


def _family(labels: wire.Strings, annotations: wire.Strings) -> KeyFamily:
    """Whose keys the Service uses: by what it asks for, else by its claim, else by what was written on it."""
    for family, asked in _ASKED.items():
        if not asked.isdisjoint(annotations):
            return family
    if annotations.get(keys.CLAIM) == "openelb":
        return "openelb"
    if keys.CLAIM in annotations:
        return "porter"
    for family in FAMILIES:
        if keys.written_eip(family) in labels or keys.layer2_node(family) in annotations:
            return family
    return "porter"


# ---------------------------------------------------------------------------------------------- Eips


def eip_of(raw: wire.RawEip) -> Eip:
    """Return the Eip; a field of the wrong type becomes its text, or what it is when it is missing."""
    meta = raw.metadata
    spec: Mapping[str, Any] = raw.spec if isinstance(raw.spec, dict) else {}
    labels, annotations = meta.labels or {}, meta.annotations or {}
    namespaces = spec.get("namespaces")
    selector = spec.get("namespaceSelector")
    return Eip(
        name=EipName(meta.name),
        uid=meta.uid,
        created=meta.creation_timestamp or "",
        address=_text(spec.get("address")),
        protocol=_text(spec.get("protocol")).strip() or "bgp",
        interface=_text(spec.get("interface")).strip() or None,
        disable=spec.get("disable") is True,
        using_known_ips=spec.get("usingKnownIPs") is True,
        priority=_small_number(spec.get("priority")),
        namespaces=tuple(sorted({_text(one) for one in namespaces})) if isinstance(namespaces, list) else (),
        namespace_selector=_pairs({key: _text(value) for key, value in selector.items()})
        if isinstance(selector, dict)
        else (),
        default=any(annotations.get(keys.default_eip(one), "").strip().lower() == _TRUE for one in FAMILIES),
        foreign=any(keys.cni(one) in labels for one in FAMILIES),
        deleting=meta.deletion_timestamp is not None,
    )


def eip_view(raw: wire.RawEip) -> EipView:
    """Take what is written on an Eip, besides its spec."""
    meta = raw.metadata
    status = raw.status if isinstance(raw.status, dict) else {}
    finalizers = meta.finalizers or ()
    return EipView(name=meta.name, uid=meta.uid, version=meta.resource_version, status=status, finalizers=finalizers)


# ---------------------------------------------------------------------------------------------- Nodes, endpoints


def node_of(raw: wire.RawNode) -> Node:
    """Return the Node. Without a condition Ready it counts as ready."""
    meta = raw.metadata
    conditions = {one.type: one.status for one in raw.status.conditions or ()}
    ranges = raw.spec.pod_cidrs or ((raw.spec.pod_cidr,) if raw.spec.pod_cidr else ())
    return Node(
        name=NodeName(meta.name),
        addresses=tuple(
            sorted({one.address for one in raw.status.addresses or () if one.type in {"InternalIP", "ExternalIP"}}),
        ),
        ready=conditions.get("Ready", "True") == "True",
        network_unavailable=conditions.get("NetworkUnavailable") == "True",
        excluded=keys.EXCLUDE_NODE in (meta.labels or {}),
        layer2_address=_first(meta.annotations or {}, _NODE["porter"]),
        pod_ranges=tuple(sorted(set(ranges))),
        deleting=meta.deletion_timestamp is not None,
    )


def endpoints_of(raw: wire.RawEndpointSlice) -> Endpoints | None:
    """Return the nodes of a slice, or None when it belongs to no Service."""
    meta = raw.metadata
    service = (meta.labels or {}).get(keys.SERVICE_OF_SLICE)
    if not service:
        return None
    ready: set[NodeName] = set()
    serving: set[NodeName] = set()
    unplaced = False
    for endpoint in raw.endpoints or ():
        state = _endpoint_state(endpoint.conditions or wire.RawEndpointConditions())
        if state == "ready" and not endpoint.node_name:
            unplaced = True
        elif endpoint.node_name and state != "down":
            (ready if state == "ready" else serving).add(NodeName(endpoint.node_name))
    return Endpoints(
        namespace=meta.namespace,
        name=meta.name,
        service=service,
        ready=tuple(sorted(ready)),
        serving=tuple(sorted(serving - ready)),
        unplaced=unplaced,
    )


def _endpoint_state(conditions: wire.RawEndpointConditions) -> Literal["ready", "serving", "down"]:
    if conditions.ready is not False:  # discovery/v1: an absent condition is to be read as true
        return "ready"
    if conditions.terminating and conditions.serving:
        return "serving"
    return "down"


def namespace_of(raw: wire.RawNamespace) -> Namespace:
    """Return the namespace and its labels."""
    return Namespace(name=raw.metadata.name, labels=_pairs(raw.metadata.labels))


# ---------------------------------------------------------------------------------------------- small parts


def _first(values: wire.Strings, names: tuple[str, ...]) -> str | None:
    """The first of these keys that is there and not blank."""
    for name in names:
        text = values.get(name)
        if text is not None and text.strip():
            return fit_to_show(text)
    return None


def _ports(listed: tuple[wire.RawPort, ...]) -> tuple[Port, ...]:
    ports = [Port(protocol=one.protocol or "TCP", port=one.port) for one in listed]
    if len(ports) > 1:
        ports.sort(key=lambda port: (port.protocol, port.port))
    return tuple(ports)


def _shown(text: str | None) -> str | None:
    return fit_to_show(text) if text else None


def _only(values: wire.Strings | None, names: frozenset[str]) -> tuple[tuple[str, str], ...]:
    if not values or names.isdisjoint(values):
        return ()
    return tuple(sorted((key, value) for key, value in values.items() if key in names))


def _pairs(values: wire.Strings | None) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((values or {}).items()))


def _small_number(value: object) -> int:
    """A number that every encoding can carry; 0 for anything else."""
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return max(-(2**31), min(2**31 - 1, value))


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case str():
            return fit_to_show(value)
        case _:
            return fit_to_show(msgspec.json.encode(value).decode())
