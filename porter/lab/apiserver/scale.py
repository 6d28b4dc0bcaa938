"""The scale subresource of Deployments and ReplicaSets: the number of replicas, seen as an object of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from porter.lab.apiserver.errors import invalid, wrong
from porter.lab.apiserver.objects import Json, at, metadata, name_of

_SHOWN = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def scale_of(obj: Json) -> Json:
    """The Scale (autoscaling/v1) of a workload."""
    labels = at(obj, "spec.selector.matchLabels", {})
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: metadata(obj)[key] for key in _SHOWN if key in metadata(obj)},
        "spec": {"replicas": at(obj, "spec.replicas", 0)},
        "status": {
            "replicas": at(obj, "status.replicas", 0),
            "selector": ",".join(f"{key}={value}" for key, value in sorted(labels.items())),
        },
    }


def scale_change(change: Callable[[Json], Any]) -> Callable[[Json], Any]:
    """A change of a Scale as a change of the workload that it shows."""

    def changed(obj: Json) -> Json:
        wanted = change(scale_of(obj))
        replicas = at(wanted, "spec.replicas", 0)
        if not isinstance(replicas, int) or replicas < 0:
            negative = wrong("spec.replicas", replicas, "must be greater than or equal to 0")
            raise invalid("autoscaling", "Scale", name_of(obj), [negative])
        about = metadata(obj)
        if at(wanted, "metadata.resourceVersion"):
            about = about | {"resourceVersion": wanted["metadata"]["resourceVersion"]}
        return obj | {"metadata": about, "spec": obj["spec"] | {"replicas": replicas}}

    return changed
