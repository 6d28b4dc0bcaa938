"""Nodes that fell silent are not ready, and neither are their pods.

A node is judged by when this process last saw its Lease change, by its own clock, never by the time written in it.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from porter.lab.kube import Object, ready_status

_NOT_READY, _UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"


class Silence:
    """Since when each node has been silent."""

    def __init__(self, *, grace: timedelta) -> None:
        self._grace = grace
        self._seen: dict[str, tuple[str, float]] = {}

    def observe(self, leases: Iterable[Object], *, now: float) -> None:
        """Note which leases changed. `now` is in seconds of a clock that only goes forward."""
        for lease in leases:
            name, version = lease["metadata"]["name"], lease["metadata"]["resourceVersion"]
            if self._seen.get(name, ("", 0.0))[0] != version:
                self._seen[name] = (version, now)

    def forgive(self, *, now: float) -> None:
        """Begin to count anew for everybody: this process heard nothing itself for a while."""
        self._seen = {name: (version, now) for name, (version, _) in self._seen.items()}

    def is_silent(self, node: str, *, now: float) -> bool:
        """Tell whether its lease stood still for longer than the grace time. Without a lease, that begins now."""
        _, since = self._seen.setdefault(node, ("", now))
        return now - since > self._grace.total_seconds()


def not_ready(node: Object, *, at: str) -> list[Object] | None:
    """The conditions of a node that fell silent, None when they say so already."""
    conditions = node.get("status", {}).get("conditions") or []
    if not any(condition["type"] == "Ready" and condition["status"] != "Unknown" for condition in conditions):
        return None
    return [
        {
            **condition,
            "status": "Unknown",
            "reason": "NodeStatusUnknown",
            "message": "Kubelet stopped posting node status.",
            "lastTransitionTime": at if condition["status"] != "Unknown" else condition["lastTransitionTime"],
        }
        for condition in conditions
    ]


def taints(node: Object) -> list[Object] | None:
    """The taints that go with a node's readiness, None when it has them already. Others are left alone."""
    ready = ready_status(node)
    effects = {"True": (), "Unknown": ("NoSchedule", "NoExecute")}.get(ready, ("NoSchedule",))
    key = _UNREACHABLE if ready == "Unknown" else _NOT_READY
    known = node["spec"].get("taints") or []
    others = [taint for taint in known if taint["key"] not in (_UNREACHABLE, _NOT_READY)]
    wanted = {(key, effect) for effect in effects}
    if {(taint["key"], taint["effect"]) for taint in known if taint not in others} == wanted:
        return None
    return [*others, *({"key": key, "effect": effect} for effect in effects)]


def pods_to_unready(
    pods: Iterable[Object], silent: Mapping[str, bool], *, at: str
) -> list[tuple[Object, list[Object]]]:
    """Pods of silent nodes that still say they are ready, with the conditions they should have."""
    found = []
    for pod in pods:
        conditions = pod.get("status", {}).get("conditions") or []
        ready = any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
        if ready and silent.get(pod["spec"].get("nodeName", "")):
            changed = [
                {**c, "status": "False", "reason": "NodeNotReady", "lastTransitionTime": at}
                if c["type"] == "Ready"
                else c
                for c in conditions
            ]
            found.append((pod, changed))
    return found
