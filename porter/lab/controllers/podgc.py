"""Pods that nobody ends any more: their node is gone for good, or said to be out of service. Pure; the caller writes.

As k8s.io/kubernetes/pkg/controller/podgc: a node that is merely silent keeps its pods: it may come back with them.
"""

from collections.abc import Iterable
from datetime import timedelta

from porter.lab.kube import Object, ready_status

_OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"


class Absence:
    """Since when pods have named a Node that there is none of."""

    def __init__(self, *, grace: timedelta) -> None:
        """`grace` is how long a Node may be away: its kubelet registers it anew."""
        self._grace = grace
        self._since: dict[str, float] = {}

    def lost(self, pods: Iterable[Object], nodes: Iterable[Object], *, now: float) -> list[Object]:
        """The pods to be deleted at once. `now` is in seconds of a clock that only goes forward."""
        known = {node["metadata"]["name"]: node for node in nodes}
        on = [(pod["spec"].get("nodeName"), pod) for pod in pods]
        self._since = {name: self._since.get(name, now) for name, _ in on if name and name not in known}
        gone = {name for name, since in self._since.items() if now - since > self._grace.total_seconds()}
        return [pod for name, pod in on if name in gone or (name in known and _is_given_up(pod, known[name]))]


def _is_given_up(pod: Object, node: Object) -> bool:
    """Whether a pod ends on a node that an administrator has said is out of service (KEP-2268), and that is silent."""
    tainted = any(taint["key"] == _OUT_OF_SERVICE for taint in node["spec"].get("taints") or [])
    return tainted and ready_status(node) != "True" and "deletionTimestamp" in pod["metadata"]
