"""The scale subresource of Deployments and ReplicaSets: the number of replicas, seen as an object of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from porter.lab.apiserver.decoding import Undecodable, WriteOptions, clean
from porter.lab.apiserver.errors import invalid, rejected_patch, unpatchable, wrong
from porter.lab.apiserver.kinds import Kind
from porter.lab.apiserver.objects import Json, at, copied, metadata, name_of

SCALE = Kind(  # no resource of its own: the body of the subresource
    group="autoscaling",
    version="v1",
    name="Scale",
    plural="scales",
    singular="scale",
    list_name="",
    verbs=("get", "update", "patch"),
)
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


def scale_change(change: Callable[[Json], Any], options: WriteOptions) -> Callable[[Json], Any]:
    """A change of a Scale as a change of the workload that it shows.

    What comes of it must be a Scale: it is read as one, by the options of the write.
    """

    def changed(obj: Json) -> Json:
        wanted = change(scale_of(obj))
        if not isinstance(wanted, dict):
            raise rejected_patch()
        found: Json = copied(wanted)
        try:
            clean(found, SCALE, options)
        except Undecodable as why:
            raise unpatchable(wanted, why) from why
        replicas = at(found, "spec.replicas", 0)
        if replicas < 0:
            negative = wrong("spec.replicas", replicas, "must be greater than or equal to 0")
            raise invalid("autoscaling", "Scale", name_of(obj), [negative])
        about = metadata(obj)
        if at(found, "metadata.resourceVersion"):
            about = about | {"resourceVersion": found["metadata"]["resourceVersion"]}
        return obj | {"metadata": about, "spec": obj["spec"] | {"replicas": replicas}}

    return changed
