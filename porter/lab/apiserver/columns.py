"""The columns that kubectl prints for each built-in kind, and the cells of one object. No HTTP and no Table here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from porter.lab.apiserver.ages import UNKNOWN, age
from porter.lab.apiserver.objects import Json, at, labels, metadata, name_of

NONE = "<none>"
Cells: TypeAlias = Callable[[Json, datetime], list[Any]]


@dataclass(frozen=True, slots=True)
class Layout:
    """The names of the columns, those of `-o wide` after a bar or with a star, and how the cells are made.

    The name comes first and is not told here, except where it comes elsewhere.
    """

    names: str
    cells: Cells

    def headers(self) -> list[tuple[str, int]]:
        """Each column with its priority: 1 is shown by `-o wide` only."""
        plain, _, wide = self.names.partition("|")
        told = [(name.rstrip("*"), int(name.endswith("*"))) for name in plain.split()]
        told += [(name, 1) for name in wide.split()]
        return told if ("Name", 1) in told else [("Name", 0), *told]

    def row(self, obj: Json, now: datetime) -> list[Any]:
        """The cells of one object."""
        cells = self.cells(obj, now)
        return cells if "Name*" in self.names else [name_of(obj), *cells]


def _age(obj: Json, now: datetime) -> str:
    return age(metadata(obj).get("creationTimestamp"), now)


def _joined(found: dict[str, Any] | None) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((found or {}).items())) or NONE


def _selector(obj: Json) -> str:
    return _joined(at(obj, "spec.selector.matchLabels"))


def _service(obj: Json, now: datetime) -> list[Any]:
    spec = obj["spec"]
    ports = []
    for port in spec.get("ports", []):
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        ports.append(f"{port['port']}{node}/{port['protocol']}")
    cluster = spec.get("clusterIP") or NONE
    return [
        spec["type"],
        cluster,
        _external(obj),
        ",".join(ports) or NONE,
        _age(obj, now),
        _joined(spec.get("selector")),
    ]


def _external(obj: Json) -> str:
    spec = obj["spec"]
    manual = spec.get("externalIPs", [])
    match spec["type"]:
        case "LoadBalancer":
            entries = at(obj, "status.loadBalancer.ingress", [])
            given = {entry.get("ip") or entry.get("hostname", "") for entry in entries}
            return ",".join([*sorted(given), *manual]) or "<pending>"
        case "ExternalName":
            return str(spec.get("externalName") or NONE)
        case _:
            return ",".join(manual) or NONE


def _node(obj: Json, now: datetime) -> list[Any]:
    ready = next((one for one in at(obj, "status.conditions", []) if one.get("type") == "Ready"), None)
    status = "Unknown" if ready is None else "Ready" if ready.get("status") == "True" else "NotReady"
    if at(obj, "spec.unschedulable"):
        status += ",SchedulingDisabled"
    prefix = "node-role.kubernetes.io/"
    roles = sorted(key.removeprefix(prefix) for key in labels(obj) if key.startswith(prefix))
    info = at(obj, "status.nodeInfo", {})
    addresses = at(obj, "status.addresses", [])

    def address(kind: str) -> str:
        return next((one.get("address", "") for one in addresses if one.get("type") == kind), NONE)

    about = [info.get(key) or UNKNOWN for key in ("osImage", "kernelVersion", "containerRuntimeVersion")]
    shown = [status, ",".join(roles) or NONE, _age(obj, now), info.get("kubeletVersion", "")]
    return [*shown, address("InternalIP"), address("ExternalIP"), *about]


def _pod(obj: Json, now: datetime) -> list[Any]:
    containers = at(obj, "spec.containers", [])
    statuses = at(obj, "status.containerStatuses", [])
    ready = sum(bool(one.get("ready")) for one in statuses)
    restarts = sum(one.get("restartCount", 0) for one in statuses)
    phase = at(obj, "status.reason") or at(obj, "status.phase", UNKNOWN)
    for one in statuses:
        phase = at(one, "state.waiting.reason") or at(one, "state.terminated.reason") or phase
    if "deletionTimestamp" in metadata(obj) and at(obj, "status.phase") not in ("Failed", "Succeeded"):
        phase = "Terminating"
    where = [at(obj, path) or NONE for path in ("status.podIP", "spec.nodeName", "status.nominatedNodeName")]
    gates = len(at(obj, "spec.readinessGates", [])) or NONE
    return [f"{ready}/{len(containers)}", phase, str(restarts), _age(obj, now), *where, gates]


def _containers(obj: Json) -> list[str]:
    found = at(obj, "spec.template.spec.containers", [])
    return [",".join(one["name"] for one in found), ",".join(one.get("image", "") for one in found)]


def _deployment(obj: Json, now: datetime) -> list[Any]:
    status = at(obj, "status", {})
    ready = f"{status.get('readyReplicas', 0)}/{at(obj, 'spec.replicas', 0)}"
    counts = [status.get("updatedReplicas", 0), status.get("availableReplicas", 0)]
    return [ready, *counts, _age(obj, now), *_containers(obj), _selector(obj)]


def _daemon_set(obj: Json, now: datetime) -> list[Any]:
    counted = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled")
    counts = [at(obj, f"status.{key}", 0) for key in (*counted, "numberAvailable")]
    where = _joined(at(obj, "spec.template.spec.nodeSelector"))
    return [*counts, where, _age(obj, now), *_containers(obj), _selector(obj)]


def _replica_set(obj: Json, now: datetime) -> list[Any]:
    counts = [at(obj, path, 0) for path in ("spec.replicas", "status.replicas", "status.readyReplicas")]
    return [*counts, _age(obj, now), *_containers(obj), _selector(obj)]


def _some(found: list[str]) -> str:
    shown = ",".join(found[:3])  # kubectl's own limit
    return f"{shown} + {len(found) - 3} more..." if len(found) > 3 else shown or "<unset>"  # noqa: PLR2004


def _slice(obj: Json, now: datetime) -> list[Any]:
    ports = [str(port.get("port", "*")) for port in obj.get("ports", [])]
    addresses = [one for endpoint in obj.get("endpoints", []) for one in endpoint.get("addresses", [])]
    return [obj.get("addressType"), _some(ports), _some(addresses), _age(obj, now)]


def _endpoints(obj: Json, now: datetime) -> list[Any]:
    found = [
        f"{one.get('ip', '')}:{port.get('port', 0)}"
        for subset in obj.get("subsets", [])
        for one in subset.get("addresses", [])
        for port in subset.get("ports", [])
    ]
    return [_some(found) if found else NONE, _age(obj, now)]


def _event(obj: Json, now: datetime) -> list[Any]:
    about = obj.get("involvedObject", {})
    created = metadata(obj).get("creationTimestamp")
    first = obj.get("firstTimestamp") or obj.get("eventTime") or created
    last = at(obj, "series.lastObservedTime") or obj.get("lastTimestamp") or first
    source = at(obj, "source.component") or obj.get("reportingComponent") or ""
    subject = f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}"
    count = at(obj, "series.count") or obj.get("count") or 1
    shown = [age(last, now), obj.get("type", ""), obj.get("reason", ""), subject, about.get("fieldPath", ""), source]
    return [*shown, (obj.get("message") or "").strip(), age(first, now), count, name_of(obj)]


def _binding(obj: Json, now: datetime) -> list[Any]:
    by_kind: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for one in obj.get("subjects", []):
        prefix = f"{one['namespace']}/" if one.get("namespace") else ""
        by_kind.setdefault(one["kind"], []).append(prefix + one["name"])
    role = f"{at(obj, 'roleRef.kind')}/{at(obj, 'roleRef.name')}"
    return [role, _age(obj, now), *(", ".join(found) for found in by_kind.values())]


LAYOUTS: dict[str, Layout] = {
    "Service": Layout("Type Cluster-IP External-IP Port(s) Age | Selector", _service),
    "Node": Layout(
        "Status Roles Age Version | Internal-IP External-IP OS-Image Kernel-Version Container-Runtime", _node
    ),
    "Pod": Layout("Ready Status Restarts Age | IP Node Nominated-Node Readiness-Gates", _pod),
    "Deployment": Layout("Ready Up-to-date Available Age | Containers Images Selector", _deployment),
    "DaemonSet": Layout(
        "Desired Current Ready Up-to-date Available Node-Selector Age | Containers Images Selector", _daemon_set
    ),
    "ReplicaSet": Layout("Desired Current Ready Age | Containers Images Selector", _replica_set),
    "EndpointSlice": Layout("AddressType Ports Endpoints Age", _slice),
    "Endpoints": Layout("Endpoints Age", _endpoints),
    "Namespace": Layout("Status Age", lambda obj, now: [at(obj, "status.phase"), _age(obj, now)]),
    "ConfigMap": Layout(
        "Data Age", lambda obj, now: [len(obj.get("data", {})) + len(obj.get("binaryData", {})), _age(obj, now)]
    ),
    "Secret": Layout("Type Data Age", lambda obj, now: [obj.get("type"), len(obj.get("data", {})), _age(obj, now)]),
    "ServiceAccount": Layout("Secrets Age", lambda obj, now: [len(obj.get("secrets", [])), _age(obj, now)]),
    "Lease": Layout("Holder Age", lambda obj, now: [at(obj, "spec.holderIdentity", ""), _age(obj, now)]),
    "ServiceCIDR": Layout("CIDRs Age", lambda obj, now: [",".join(at(obj, "spec.cidrs", [])), _age(obj, now)]),
    "Event": Layout("Last-Seen Type Reason Object Subobject* Source* Message First-Seen* Count* Name*", _event),
    "RoleBinding": Layout("Role Age | Users Groups ServiceAccounts", _binding),
    "ClusterRoleBinding": Layout("Role Age | Users Groups ServiceAccounts", _binding),
    "CustomResourceDefinition": Layout("Created-At", lambda obj, _now: [metadata(obj).get("creationTimestamp")]),
    "Role": Layout("Created-At", lambda obj, _now: [metadata(obj).get("creationTimestamp")]),
    "ClusterRole": Layout("Created-At", lambda obj, _now: [metadata(obj).get("creationTimestamp")]),
}
PLAIN = Layout("Age", lambda obj, now: [_age(obj, now)])
