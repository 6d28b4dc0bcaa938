"""Which field of which value holds a name of what. One table, and a walk over values that follows it.

A field of text that is not in the table is treated as free text, in which only words of Porter's own are kept: so a
field that is added later cannot give a name away.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import Enum, auto
from functools import cache
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from porter.events import entries as e
from porter.model import assignment as a
from porter.model import objects as o
from porter.model import reasons as r

_Struct = TypeVar("_Struct", bound=msgspec.Struct)


class Kind(Enum):
    """What the text in a field names."""

    KEPT = auto()
    """A word of Kubernetes or of Porter, a number, a time: nobody's secret."""
    NAMESPACE = auto()
    SERVICE = auto()
    SERVICE_KEY = auto()
    SLICE = auto()
    SLICE_KEY = auto()
    NODE = auto()
    EIP = auto()
    UID = auto()
    NIC = auto()
    INTERFACE = auto()
    """A NIC, or `can_reach:` and an address."""
    MAC = auto()
    ADDRESS = auto()
    """Addresses and networks, as somebody wrote them."""
    RANGE = auto()
    """`spec.address` of an Eip."""
    PROTOCOL = auto()
    CLASS = auto()
    CLAIM = auto()
    DISTRIBUTION = auto()
    LABEL = auto()
    LABEL_VALUE = auto()
    LABELS = auto()
    """Pairs of the two above."""
    PORTER = auto()
    """The version of the Porter that wrote the log: it is marked."""
    GONE = auto()
    """Names of whatever kind of object was listed."""
    TEXT = auto()

    __hash__ = object.__hash__  # it is asked for with every text of a log, and each kind is there once


K = Kind
FIELDS: Mapping[type[msgspec.Struct], Mapping[str, Kind]] = {
    e.PluginInfo: {"name": K.PROTOCOL, "version": K.KEPT, "distribution": K.DISTRIBUTION},
    e.AgentStarted: {"node": K.NODE, "porter": K.PORTER, "schema": K.KEPT},
    e.Relisted: {"resource": K.KEPT, "gone": K.GONE},
    e.ServiceGone: {"service": K.SERVICE_KEY},
    e.EipGone: {"eip": K.EIP},
    e.NodeGone: {"node": K.NODE},
    e.EndpointsGone: {"endpoints": K.SLICE_KEY},
    e.NamespaceGone: {"namespace": K.NAMESPACE},
    e.AgentGone: {"node": K.NODE},
    e.AgentSilent: {"node": K.NODE},
    e.AgentHeard: {"node": K.NODE},
    e.LeaderObserved: {"holder": K.NODE},
    e.WatchClosed: {"resource": K.KEPT, "problem": K.TEXT},
    e.WatchOpened: {"resource": K.KEPT},
    e.AddressClaimed: {"address": K.ADDRESS, "nic": K.NIC, "mac": K.MAC, "node": K.NODE, "peer": K.NODE},
    e.AssignmentDecided: {"previous_address": K.ADDRESS, "previous_nodes": K.NODE},
    e.AssignmentEnded: {
        "service": K.SERVICE_KEY,
        "family": K.KEPT,
        "previous_address": K.ADDRESS,
        "previous_nodes": K.NODE,
    },
    e.Announced: {
        "address": K.ADDRESS,
        "protocol": K.PROTOCOL,
        "nic": K.NIC,
        "mac": K.MAC,
        "services": K.SERVICE_KEY,
    },
    e.Withdrawn: {"address": K.ADDRESS, "protocol": K.PROTOCOL, "nic": K.NIC},
    e.AnnouncementFailed: {"address": K.ADDRESS, "protocol": K.PROTOCOL, "error": K.TEXT},
    e.PluginFailed: {"plugin": K.PROTOCOL, "version": K.KEPT, "error": K.TEXT},
    e.Published: {"service": K.SERVICE_KEY, "addresses": K.ADDRESS, "eip": K.EIP, "node": K.NODE},
    e.EipPublished: {"eip": K.EIP},
    e.PublishFailed: {"what": K.TEXT, "error": K.TEXT},
    e.AgentStopped: {"node": K.NODE, "unfinished": K.PROTOCOL},
    e.LogResumed: {"problem": K.TEXT},
    e.LogSetAside: {"to": K.TEXT, "problem": K.TEXT},
    a.Candidate: {"node": K.NODE},
    a.Assignment: {
        "service": K.SERVICE_KEY,
        "family": K.KEPT,
        "address": K.ADDRESS,
        "eip": K.EIP,
        "protocol": K.PROTOCOL,
        "nodes": K.NODE,
    },
    a.PoolState: {"eip": K.EIP},
    r.Verdict: {"reason": K.KEPT, "detail": K.TEXT},
    o.Port: {"protocol": K.KEPT},
    o.Service: {
        "namespace": K.NAMESPACE,
        "name": K.SERVICE,
        "uid": K.UID,
        "created": K.KEPT,
        "type": K.KEPT,
        "load_balancer_class": K.CLASS,
        "claimed_by": K.CLAIM,
        "keys": K.KEPT,
        "wanted_protocol": K.PROTOCOL,
        "wanted_eip": K.EIP,
        "wanted_address": K.ADDRESS,
        "load_balancer_ip": K.ADDRESS,
        "policy": K.KEPT,
        "selector": K.LABELS,
        "ip_families": K.KEPT,
        "ip_family_policy": K.KEPT,
        "written_node": K.NODE,
        "written_eip": K.EIP,
        "written_protocol": K.PROTOCOL,
        "addresses": K.ADDRESS,
        "leftover_finalizers": K.KEPT,
    },
    o.Eip: {
        "name": K.EIP,
        "uid": K.UID,
        "created": K.KEPT,
        "address": K.RANGE,
        "protocol": K.PROTOCOL,
        "interface": K.INTERFACE,
        "namespaces": K.NAMESPACE,
        "namespace_selector": K.LABELS,
    },
    o.Node: {"name": K.NODE, "addresses": K.ADDRESS, "layer2_address": K.ADDRESS, "pod_ranges": K.ADDRESS},
    o.Endpoints: {
        "namespace": K.NAMESPACE,
        "name": K.SLICE,
        "service": K.SERVICE,
        "ready": K.NODE,
        "serving": K.NODE,
    },
    o.Namespace: {"name": K.NAMESPACE, "labels": K.LABELS},
    o.Nic: {"name": K.NIC, "mac": K.MAC, "networks": K.ADDRESS, "gateways": K.ADDRESS},
    o.Way: {"to": K.ADDRESS, "nic": K.NIC},
    o.Rival: {"address": K.ADDRESS, "mac": K.MAC},
    o.Agent: {"node": K.NODE, "api_servers": K.ADDRESS},
    o.Options: {"load_balancer_class": K.CLASS},
    o.Cluster: {"service_ranges": K.ADDRESS, "api_servers": K.ADDRESS},
}

GONE: Mapping[str, Kind] = {
    "services": K.SERVICE_KEY,
    "eips": K.EIP,
    "nodes": K.NODE,
    "endpointslices": K.SLICE_KEY,
    "namespaces": K.NAMESPACE,
    "leases": K.NODE,
}
"""What `objects.relisted` names as gone, by its resource."""

Replace = Callable[[Kind, str, msgspec.Struct], str]
"""From what a text names, the text, and the value that holds it, to the text that stands there instead."""


def replaced(value: _Struct, replace: Replace) -> _Struct:
    """Return the value with every text in it, however deep, replaced. Types are kept, and what is no text."""
    changes: dict[str, Any] = {}
    for name, kind in _looked_at(type(value)):
        old = getattr(value, name)
        if not old:
            continue
        if kind is Kind.GONE:
            assert isinstance(value, e.Relisted)
            kind = GONE[value.resource]  # noqa: PLW2901 - it says which kind it stands for
        new = _replaced(old, kind, replace, value)
        if new != old:
            changes[name] = new
    return msgspec.structs.replace(value, **changes) if changes else value


@cache
def _looked_at(struct: type[msgspec.Struct]) -> tuple[tuple[str, Kind], ...]:
    """Return the fields of a value that may hold a text to be replaced, or a value that does."""
    known = FIELDS.get(struct, {})
    named = ((name, known.get(name, Kind.TEXT)) for name in struct.__struct_fields__)
    hints = get_type_hints(struct)
    return tuple((name, kind) for name, kind in named if kind is not Kind.KEPT and _may_hold_text(hints[name]))


def _may_hold_text(hint: Any) -> bool:
    inner = get_args(hint)
    return any(map(_may_hold_text, inner)) if inner else hint not in {bool, int, float, NoneType, Ellipsis}


def _replaced(old: Any, kind: Kind, replace: Replace, holder: msgspec.Struct) -> Any:
    if isinstance(old, str):
        return replace(kind, old, holder)
    if isinstance(old, msgspec.Struct):
        return replaced(old, replace)
    if kind is Kind.LABELS:
        return tuple(
            (replace(Kind.LABEL, label, holder), replace(Kind.LABEL_VALUE, value, holder)) for label, value in old
        )
    return tuple([_replaced(each, kind, replace, holder) for each in old])


def texts_in(value: msgspec.Struct) -> Iterator[tuple[Kind, str]]:
    """Yield every text in the value that `replaced` would replace, with what it names."""
    found: list[tuple[Kind, str]] = []

    def note(kind: Kind, text: str, _: msgspec.Struct) -> str:
        found.append((kind, text))
        return text

    replaced(value, note)
    return iter(found)
