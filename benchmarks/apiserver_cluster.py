"""The cluster of the API server's benchmark: what is in it, who watches what, and what is written how often.

It is the lab's own, by default of 20 nodes, as `porter lab up` opens it. On each node an agent of Porter watches
Services, Eips, Nodes, EndpointSlices, Namespaces and the Leases of its namespace, kubelet its own Node and the Pods on
it, kube-proxy Services and EndpointSlices: ten watches a node. The controllers have seven more.

The writes are those of pods that come and go all the time: their status, the EndpointSlices that follow, Services that
are published, Eips that say so, Leases and Nodes that are renewed, Events. Each is made as the program makes it that
makes it in a cluster.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

NODES = 20
SERVICES, PODS = 5, 10  # for each node
SENT = "sent-{:019d}"
"""What a write carries: when it was sent, in nanoseconds of the monotonic clock. A watch looks for it alone."""
_MERGE, _STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
_LEASE = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"
_EIP = "/apis/network.kubesphere.io/v1alpha2/eips"
_TIME, _SECOND = "2026-11-21T10:00:00.000000Z", "2026-11-21T10:00:00Z"
_AGENT_LEASES, _NODE_LEASES = _LEASE.format("porter-system"), _LEASE.format("kube-node-lease")
_SERVICES, _NODES, _NAMESPACES = "/api/v1/services", "/api/v1/nodes", "/api/v1/namespaces"
_SLICES, _PODS = "/apis/discovery.k8s.io/v1/endpointslices", "/api/v1/pods"
_APPS = "/apis/apps/v1"

OF_AN_AGENT = (_SERVICES, _EIP, _NODES, _SLICES, _NAMESPACES, _AGENT_LEASES)
OF_KUBE_PROXY = (_SERVICES, _SLICES)
OF_CONTROLLERS = (_NODES, f"{_APPS}/deployments", f"{_APPS}/daemonsets", _PODS, _SERVICES, _SLICES, _NODE_LEASES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """What a watch is on: everything at a path, or what of it a field selector leaves, which has these names."""

    path: str
    fields: str = ""
    names: frozenset[str] = frozenset()

    def sees(self, at: str, name: str) -> bool:
        """Whether it sees what is written there to the object of a name."""
        return at == self.path and (not self.fields or name in self.names)


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """One sort of write: `share` of 100, which objects, how, and the body; `seen_at` is where watches see it."""

    share: int
    seen_at: str
    method: str
    paths: tuple[str, ...]
    media: str
    body: Callable[[str, str, str], Any]
    """From the object's path, what was sent (`SENT`) and the resourceVersion that was last answered."""


def watches(size: int) -> list[Watched]:
    """What is watched with so many nodes, once for every watch."""
    everywhere = (OF_AN_AGENT + OF_KUBE_PROXY) * size + OF_CONTROLLERS
    return [
        *(Watched(path=path) for path in everywhere),
        *(one for node in range(size) for one in _of_a_kubelet(node, size)),
    ]


def _of_a_kubelet(node: int, size: int) -> Iterator[Watched]:
    name = f"node{node}"
    yield Watched(path=_NODES, fields=f"metadata.name={name}", names=frozenset({name}))
    yield Watched(path=_PODS, fields=f"spec.nodeName={name}", names=frozenset(_pods_on(node, size)))


def _pods_on(node: int, size: int) -> Iterator[str]:
    return (f"pod-{n}" for n in range(PODS * size) if n % size == node)


def traffic(size: int) -> list[Traffic]:
    """Everything that is written with so many nodes, 100 shares of it."""
    services = tuple(f"/api/v1/namespaces/default/services/web-{n}" for n in range(SERVICES * size))
    slices = tuple(
        f"/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/web-{n}-x" for n in range(SERVICES * size)
    )
    pods = tuple(f"/api/v1/namespaces/default/pods/pod-{n}/status" for n in range(PODS * size))
    nodes = tuple(f"{_NODES}/node{n}/status" for n in range(size))
    eips = tuple(f"{_EIP}/pool-{n}/status" for n in range(size))
    leases = tuple(f"{_AGENT_LEASES}/agent-node{n}" for n in range(size))
    beats = tuple(f"{_NODE_LEASES}/node{n}" for n in range(size))
    events = ("/api/v1/namespaces/default/events",)
    return [
        Traffic(share=30, seen_at=_PODS, method="PATCH", paths=pods, media=_STRATEGIC, body=_ready),
        Traffic(share=25, seen_at=_SLICES, method="PUT", paths=slices, media="application/json", body=_slice),
        Traffic(share=15, seen_at=_SERVICES, method="PATCH", paths=services, media=_MERGE, body=_noted),
        Traffic(share=8, seen_at=_AGENT_LEASES, method="PUT", paths=leases, media="application/json", body=_lease),
        Traffic(share=7, seen_at=_NODE_LEASES, method="PUT", paths=beats, media="application/json", body=_lease),
        Traffic(share=5, seen_at=_NODES, method="PATCH", paths=nodes, media=_STRATEGIC, body=_ready),
        Traffic(share=5, seen_at=_EIP, method="PATCH", paths=eips, media=_MERGE, body=_usage),
        Traffic(share=5, seen_at="", method="POST", paths=events, media="application/json", body=_event),
    ]


def services_only(size: int) -> tuple[list[Watched], list[Traffic]]:
    """The strictest reading: ten watches a node that all see every write."""
    only = next(one for one in traffic(size) if one.seen_at == _SERVICES)
    return [Watched(path=_SERVICES)] * 10 * size, [only]


def objects(size: int) -> Iterator[tuple[str, Any]]:
    """What is there with so many nodes before the first write: where to POST it, and the object."""
    yield _NAMESPACES, {"metadata": {"name": "porter-system"}}
    for n in range(size):
        yield _NODES, {"metadata": {"name": f"node{n}"}, "spec": {"podCIDR": f"10.244.{n}.0/24"}}
        yield _AGENT_LEASES, {"metadata": {"name": f"agent-node{n}"}, "spec": {}}
        yield _NODE_LEASES, {"metadata": {"name": f"node{n}"}, "spec": {}}
    for n in range(size):
        spec: Any = {"address": f"192.168.{n}.91-192.168.{n}.100", "interface": "eth0", "protocol": "layer2"}
        yield _EIP, {"metadata": {"name": f"pool-{n}"}, "spec": spec}
    for n in range(SERVICES * size):
        about: Any = {"name": f"web-{n}", "annotations": {"lb.kubesphere.io/v1alpha1": "porter"}}
        port = {"name": "http", "port": 80, "targetPort": 8080}
        spec = {"type": "LoadBalancer", "selector": {"app": f"web-{n}"}, "ports": [port]}
        yield "/api/v1/namespaces/default/services", {"metadata": about, "spec": spec}
        yield "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", _slice(f"/web-{n}-x", SENT.format(0), "")
    for n in range(PODS * size):
        container = {"name": "web", "image": "nginx:1.27", "ports": [{"containerPort": 8080}]}
        labels = {"app": f"web-{n % (SERVICES * size)}", "pod-template-hash": "5d9c7b8f6d"}
        spec = {"nodeName": f"node{n % size}", "containers": [container]}
        yield "/api/v1/namespaces/default/pods", {"metadata": {"name": f"pod-{n}", "labels": labels}, "spec": spec}


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _condition(reason: str, sent: str, moment: str) -> dict[str, str]:
    return {"type": "Ready", "status": "True", "reason": reason, "message": sent, "lastTransitionTime": moment}


def _ready(path: str, sent: str, _version: str) -> Any:
    ready = _condition("AllIsWell", sent, _SECOND)
    if "/pods/" not in path:
        return {"status": {"conditions": [ready | {"lastHeartbeatTime": _SECOND}]}}
    state = {"name": "web", "image": "nginx:1.27", "imageID": "", "ready": True, "restartCount": 0, "started": True}
    addresses = {"hostIP": "10.0.0.1", "podIP": "10.244.0.7", "phase": "Running"}
    return {"status": {"conditions": [ready], "containerStatuses": [state], **addresses}}


def _slice(path: str, sent: str, _version: str) -> Any:
    name = _name(path)
    service = name.removesuffix("-x")
    endpoints = [
        {
            "addresses": [f"10.244.{n}.7"],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "nodeName": f"node{n}",
            "targetRef": {"kind": "Pod", "namespace": "default", "name": f"{service}-{n}"},
        }
        for n in range(4)
    ]
    about: Any = {"name": name, "namespace": "default", "annotations": {"written": sent}}
    about["labels"] = {"kubernetes.io/service-name": service}
    ports = [{"name": "http", "port": 8080, "protocol": "TCP"}]
    return {"metadata": about, "addressType": "IPv4", "endpoints": endpoints, "ports": ports}


def _noted(_path: str, sent: str, _version: str) -> Any:
    return {"metadata": {"annotations": {"written": sent, "layer2.porter.kubesphere.io/v1alpha1": "node1"}}}


def _lease(path: str, sent: str, version: str) -> Any:
    about = {"name": _name(path), "annotations": {"written": sent}, "resourceVersion": version}
    spec = {"holderIdentity": _name(path), "leaseDurationSeconds": 5, "renewTime": _TIME, "leaseTransitions": 1}
    return {"metadata": about, "spec": spec}


def _usage(_path: str, sent: str, _version: str) -> Any:
    ready = _condition("Announced", sent, _TIME)
    return {"status": {"usage": 3, "poolSize": 10, "ready": True, "conditions": [ready]}}


def _event(_path: str, sent: str, _version: str) -> Any:
    about = {"kind": "Service", "namespace": "default", "name": "web-0"}
    named = {"generateName": "web-0.", "namespace": "default"}
    when = {"firstTimestamp": _SECOND, "lastTimestamp": _SECOND, "count": 1}
    who = {"source": {"component": "porter", "host": "node1"}, "reportingComponent": "porter", "type": "Normal"}
    return {"metadata": named, "involvedObject": about, "reason": "Announced", "message": sent, **when, **who}


def encoded(value: Any) -> bytes:
    """The value as a request's body."""
    return msgspec.json.encode(value)
