"""What a new cluster already holds: Namespaces, the Service `kubernetes`, its range, roles. Nothing of Porter."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

from porter.lab.apiserver.decoding import WriteOptions
from porter.lab.apiserver.handling import Parts
from porter.lab.apiserver.objects import Json, name_of
from porter.lab.apiserver.rbac import GROUP
from porter.lab.apiserver.roles import cluster_bindings, cluster_roles
from porter.lab.apiserver.store import Key

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_BY = WriteOptions(manager="kube-apiserver")
_LABELS = {"component": "apiserver", "provider": "kubernetes"}


def furnish(parts: Parts, *, address: str, port: int, ranges: tuple[IPv4Network | IPv6Network, ...]) -> None:
    """Put in place what is missing; the endpoint of the Service `kubernetes` follows where the server listens."""
    for name in NAMESPACES:
        _ensure(parts, "v1", "Namespace", "", {"metadata": {"name": name}})
    cidrs = [str(network) for network in ranges]
    _ensure(
        parts, "networking.k8s.io/v1", "ServiceCIDR", "", {"metadata": {"name": "kubernetes"}, "spec": {"cidrs": cidrs}}
    )
    ports = [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": port}]
    service = {"type": "ClusterIP", "clusterIP": str(ranges[0][1]), "ports": ports}
    _ensure(parts, "v1", "Service", "default", {"metadata": {"name": "kubernetes", "labels": _LABELS}, "spec": service})
    endpoint = {"addresses": [address], "conditions": {"ready": True}}
    _ensure(
        parts,
        "discovery.k8s.io/v1",
        "EndpointSlice",
        "default",
        {
            "metadata": {"name": "kubernetes", "labels": {"kubernetes.io/service-name": "kubernetes"}},
            "addressType": "IPv6" if ":" in address else "IPv4",
            "endpoints": [endpoint],
            "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
        },
        replace=True,
    )
    for role in cluster_roles():
        _ensure(parts, f"{GROUP}/v1", "ClusterRole", "", role)
    for binding in cluster_bindings():
        _ensure(parts, f"{GROUP}/v1", "ClusterRoleBinding", "", binding)
    parts.lifecycle.settle()


def _ensure(parts: Parts, version: str, name: str, namespace: str, obj: Json, *, replace: bool = False) -> None:
    kind = parts.kinds.named(version, name)
    assert kind is not None, f"{name} is a built-in kind"
    obj = {"apiVersion": version, "kind": name} | obj
    key = Key(namespace, name_of(obj))
    there = parts.store.get(kind.resource, key) is not None
    if there and replace:
        parts.writes.update(kind, key, obj, "", _BY)
    elif not there:
        parts.writes.create(kind, namespace, obj, _BY)
