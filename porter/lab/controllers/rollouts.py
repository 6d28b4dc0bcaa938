"""How fast a rollout goes: how many pods more, and how many fewer, its strategy allows. Pure."""

from typing import NamedTuple

from porter.lab.kube import Object

_QUARTER = "25%"


class Pace(NamedTuple):
    """How many pods a rollout may have beyond the wanted ones, and how many of those may be missing."""

    surge: int
    missing: int


def pace(workload: Object, wanted: int) -> Pace:
    """The pace of a Deployment or DaemonSet. As k8s.io/kubernetes/pkg/controller/deployment/util.ResolveFenceposts."""
    spec = workload["spec"]
    if workload["kind"] == "DaemonSet":
        rolling = (spec.get("updateStrategy") or {}).get("rollingUpdate") or {}
        return Pace(surge=0, missing=max(1, _share(rolling.get("maxUnavailable", 1), wanted, up=True)))
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return Pace(surge=0, missing=wanted)
    rolling = strategy.get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", _QUARTER), wanted, up=True)
    missing = min(wanted, _share(rolling.get("maxUnavailable", _QUARTER), wanted, up=False))
    return Pace(surge, missing if surge or missing else 1)  # small percentages may come to nothing: one goes, then


def stands_still(workload: Object) -> bool:
    """Whether nothing old is replaced by itself: a Deployment that is paused, a DaemonSet that waits for deletions."""
    spec = workload["spec"]
    return bool(spec.get("paused")) or (spec.get("updateStrategy") or {}).get("type") == "OnDelete"


def may_run_on(workload: Object, node: Object) -> bool:
    """Whether a node has the labels that the template's nodeSelector asks for."""
    wanted = workload["spec"]["template"]["spec"].get("nodeSelector") or {}
    found = node["metadata"].get("labels") or {}
    return all(found.get(key) == value for key, value in wanted.items())


def _share(value: int | str, of: int, *, up: bool) -> int:
    """A number, or a percentage of one, rounded up or down."""
    if isinstance(value, int):
        return value
    percent = int(value.removesuffix("%"))
    return -(-of * percent // 100) if up else of * percent // 100
