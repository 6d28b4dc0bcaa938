"""Services and pods to EndpointSlices. Pure; the caller writes."""

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

from porter.lab.controllers.names import digest, owned_by, selects
from porter.lab.families import family_of
from porter.lab.kube import Object
from porter.lab.node.pods import is_ready
from porter.lab.node.rules import SERVICE_NAME

MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"
_LARGEST = 100  # endpoints a slice, the real controller's default


def slices_of(service: Object, pods: Iterable[Object]) -> list[Object]:
    """All slices that a Service should have. None for a Service without a selector: those are somebody else's."""
    spec = service["spec"]
    if not spec.get("selector") or spec.get("type") == "ExternalName" or "deletionTimestamp" in service["metadata"]:
        return []
    mine = [pod for pod in sorted(pods, key=lambda pod: str(pod["metadata"]["name"])) if _serves(service, pod)]
    families = spec.get("ipFamilies") or ["IPv4"]
    return [piece for family in families for piece in _slices_of_family(service, mine, family)]


def _slices_of_family(service: Object, pods: list[Object], family: str) -> list[Object]:
    groups: dict[str, tuple[list[Object], list[Object]]] = {}
    for pod in pods:
        if address := _address(pod, family):
            ports = _ports(service, pod)
            groups.setdefault(digest(ports), (ports, []))[1].append(_endpoint(service, pod, address))
    pieces = [
        (ports, endpoints[start : start + _LARGEST])
        for _, (ports, endpoints) in sorted(groups.items())
        for start in range(0, len(endpoints), _LARGEST)
    ]
    return [_slice(service, family, number, *piece) for number, piece in enumerate(pieces or [([], [])])]


def differs(wanted: Object, found: Object) -> bool:
    """Tell whether writing the wanted slice would change the one that is there."""
    if any(wanted.get(part, []) != (found.get(part) or []) for part in ("endpoints", "ports")):
        return True
    return bool(wanted["metadata"]["labels"] != found["metadata"].get("labels"))


def _serves(service: Object, pod: Object) -> bool:
    same = pod["metadata"].get("namespace") == service["metadata"]["namespace"]
    chosen = same and selects(service["spec"]["selector"], pod["metadata"].get("labels") or {})
    finished = pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}
    return bool(chosen and not finished)


def _address(pod: Object, family: str) -> str:
    """The pod's address of a family, "" when it has none (yet)."""
    for one in pod.get("status", {}).get("podIPs") or []:
        if family_of(ip_address(one["ip"])) == family:
            return str(one["ip"])
    return ""


def _endpoint(service: Object, pod: Object, address: str) -> Object:
    """As k8s.io/endpointslice's podToEndpoint."""
    leaving, serving = "deletionTimestamp" in pod["metadata"], is_ready(pod)
    ready = bool(service["spec"].get("publishNotReadyAddresses")) or (serving and not leaving)
    return {
        "addresses": [address],
        "conditions": {"ready": ready, "serving": serving, "terminating": leaving},
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": {
            "kind": "Pod",
            "name": pod["metadata"]["name"],
            "namespace": pod["metadata"]["namespace"],
            "uid": pod["metadata"]["uid"],
        },
    }


def _ports(service: Object, pod: Object) -> list[Object]:
    """The Service's ports as this pod has them; a named target that the pod lacks is left out."""
    ports = []
    for port in service["spec"].get("ports") or []:
        number = _target(port, pod)
        if number is not None:
            ports.append({"name": port.get("name", ""), "port": number, "protocol": port.get("protocol", "TCP")})
    return ports


def _target(port: Object, pod: Object) -> int | None:
    target: Any = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target
    for container in pod["spec"]["containers"]:
        for listed in container.get("ports") or []:
            same_protocol = listed.get("protocol", "TCP") == port.get("protocol", "TCP")
            if listed.get("name") == target and same_protocol:
                return int(listed["containerPort"])
    return None


def _slice(service: Object, family: str, number: int, ports: list[Object], endpoints: list[Object]) -> Object:
    metadata = service["metadata"]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{metadata['name']}-{digest([metadata['uid'], family, number], length=5)}",
            "namespace": metadata["namespace"],
            "labels": {
                **(metadata.get("labels") or {}),
                SERVICE_NAME: metadata["name"],
                MANAGED_BY: MANAGER,
            },
            "ownerReferences": [owned_by(service)],
        },
        "addressType": family,
        "endpoints": endpoints,
        "ports": ports,
    }
