"""Deployments and DaemonSets to pods: what to create, what to delete, what to report. Pure; the caller writes.

A Deployment owns its pods directly: there are no ReplicaSets in between. Pods are born with their node's name, so
there is no scheduler either; they are spread over the ready nodes.
"""

import copy
import random
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from porter.lab.controllers.names import controller_of, digest, owned_by, tail
from porter.lab.controllers.rollouts import may_run_on, pace, stands_still
from porter.lab.kube import Object, ready_status
from porter.lab.node.pods import is_ready

_AVAILABLE = {
    True: ("True", "MinimumReplicasAvailable", "Deployment has minimum availability."),
    False: ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability."),
}
HASH = {"Deployment": "pod-template-hash", "DaemonSet": "controller-revision-hash"}


class Plan(NamedTuple):
    """What is missing: pods to create, pods to delete, and the status to be reported."""

    create: list[Object]
    delete: list[Object]
    status: Object


def plan(workload: Object, pods: Iterable[Object], nodes: Iterable[Object], *, chance: random.Random) -> Plan:
    """The plan for a Deployment or DaemonSet, given all pods and nodes."""
    uid = workload["metadata"]["uid"]
    mine = [pod for pod in pods if (owner := controller_of(pod)) and owner["uid"] == uid]
    if "deletionTimestamp" in workload["metadata"]:
        return Plan([], _living(mine), {})
    if workload["kind"] == "Deployment":
        return _deployment(workload, mine, list(nodes), chance=chance)
    return _daemon_set(workload, mine, list(nodes), chance=chance)


def _living(pods: Iterable[Object]) -> list[Object]:
    """Those that are not on their way out: only they count as replicas."""
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def orphans(pods: Iterable[Object], workloads: Iterable[Object]) -> list[Object]:
    """Pods whose Deployment or DaemonSet is gone: the garbage collector's part."""
    uids = {workload["metadata"]["uid"] for workload in workloads}
    return [
        pod
        for pod in pods
        if (owner := controller_of(pod))
        and owner["kind"] in HASH
        and owner["uid"] not in uids
        and "deletionTimestamp" not in pod["metadata"]
    ]


def node_is_ready(node: Object) -> bool:
    """Ready, and open for new pods."""
    return ready_status(node) == "True" and not node["spec"].get("unschedulable")


def _deployment(workload: Object, mine: list[Object], nodes: list[Object], *, chance: random.Random) -> Plan:
    wanted = workload["spec"].get("replicas", 1)
    mark = digest(workload["spec"]["template"])
    living = _living(mine)
    new = [pod for pod in living if pod["metadata"]["labels"].get(HASH["Deployment"]) == mark]
    old = [pod for pod in living if pod not in new]
    ready = [pod for pod in living if is_ready(pod)]
    surge, spare = pace(workload, wanted)
    recreated = (workload["spec"].get("strategy") or {}).get("type") == "Recreate"
    status = _deployment_status(workload, living, new, ready, leaving=len(mine) - len(living))
    if old and stands_still(workload):
        return Plan([], [], status)

    missing = max(0, min(wanted - len(new), wanted + (surge if old else 0) - len(living)))
    if recreated and any(pod["metadata"]["labels"].get(HASH["Deployment"]) != mark for pod in mine):
        missing = 0  # also while old ones end, as oldPodsRunning of the real controller has it
    usable = sorted(node["metadata"]["name"] for node in nodes if node_is_ready(node) and may_run_on(workload, node))
    load = Counter(pod["spec"].get("nodeName", "") for pod in new)
    create = []
    for _ in range(missing if usable else 0):
        node = min(usable, key=lambda name: (load[name], name))
        load[node] += 1
        name = f"{workload['metadata']['name']}-{mark}-{tail(chance)}"
        create.append(_pod(workload, name=name, node=node, mark=mark))

    # Old pods go when enough ready ones stay; those that are not ready go first. Surplus new ones: the youngest.
    may_go = len(ready) - (wanted - spare)
    delete = []
    for pod in sorted(old, key=lambda pod: (is_ready(pod), pod["metadata"]["name"])):
        if not is_ready(pod):
            delete.append(pod)
        elif may_go > 0:
            delete.append(pod)
            may_go -= 1
    by_age = sorted(new, key=lambda pod: (is_ready(pod), pod["metadata"].get("creationTimestamp", "")), reverse=True)
    delete += by_age[wanted:]
    return Plan(create, delete, status)


def _deployment_status(
    workload: Object, living: list[Object], new: list[Object], ready: list[Object], *, leaving: int
) -> Object:
    wanted = workload["spec"].get("replicas", 1)
    counts = {
        "replicas": len(living),
        "updatedReplicas": len(new),
        "readyReplicas": len(ready),
        "availableReplicas": len(ready),
        "unavailableReplicas": max(0, wanted - len(ready)),
    }
    available = len(ready) >= wanted - pace(workload, wanted).missing
    behind = f'ReplicaSet "{workload["metadata"]["name"]}-{digest(workload["spec"]["template"])}"'
    done = len(new) == len(living) == wanted == len(ready)
    return {
        "observedGeneration": workload["metadata"].get("generation", 1),
        **{key: value or None for key, value in counts.items()},  # zero is left out, as the API's omitempty does
        "terminatingReplicas": leaving,
        "conditions": [
            _condition(workload, "Available", *_AVAILABLE[available]),
            _condition(
                workload,
                "Progressing",
                "True",
                "NewReplicaSetAvailable" if done else "ReplicaSetUpdated",
                f"{behind} has successfully progressed." if done else f"{behind} is progressing.",
            ),
        ],
    }


def _daemon_set(workload: Object, mine: list[Object], nodes: list[Object], *, chance: random.Random) -> Plan:
    """One pod a node. The next one comes to a node when the one before has ended."""
    mark = digest(workload["spec"]["template"])
    names = sorted(node["metadata"]["name"] for node in nodes if may_run_on(workload, node))
    living = _living(mine)
    on: dict[str, list[Object]] = {}
    for pod in mine:
        on.setdefault(pod["spec"].get("nodeName", ""), []).append(pod)
    old = [pod for pod in living if pod["metadata"]["labels"].get(HASH["DaemonSet"]) != mark]
    create = [
        _pod(workload, name=f"{workload['metadata']['name']}-{tail(chance)}", node=name, mark=mark)
        for name in names
        if name not in on
    ]
    delete = [pod for name in on if name not in names for pod in _living(on[name])]
    if old and not stands_still(workload):
        there = sum(1 for pod in living if is_ready(pod) and pod["spec"].get("nodeName") in names)
        may_go = max(0, pace(workload, len(names)).missing - (len(names) - there))
        replaced = sorted((pod for pod in old if pod not in delete), key=lambda pod: pod["metadata"]["name"])
        delete += [pod for pod in replaced if not is_ready(pod)]
        delete += [pod for pod in replaced if is_ready(pod)][:may_go]
    return Plan(create, delete, _daemon_set_status(workload, names, on, mark))


def _daemon_set_status(workload: Object, names: list[str], on: dict[str, list[Object]], mark: str) -> Object:
    """A node's oldest pod counts, also while it ends (daemon_controller.go, updateDaemonSetStatus)."""
    counted = [min(on[name], key=_birth) for name in names if name in on]
    ready = sum(map(is_ready, counted))
    updated = sum(pod["metadata"]["labels"].get(HASH["DaemonSet"]) == mark for pod in counted)
    return {
        "observedGeneration": workload["metadata"].get("generation", 1),
        "desiredNumberScheduled": len(names),
        "currentNumberScheduled": len(counted),
        "numberMisscheduled": len(on) - len(counted),
        "numberReady": ready,
        "numberAvailable": ready or None,
        "updatedNumberScheduled": updated or None,
        "numberUnavailable": (len(names) - ready) or None,
    }


def _birth(pod: Object) -> str:
    return str(pod["metadata"].get("creationTimestamp", ""))


def _pod(workload: Object, *, name: str, node: str, mark: str) -> Object:
    template = copy.deepcopy(workload["spec"]["template"])
    metadata = template.get("metadata") or {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": workload["metadata"]["namespace"],
            "labels": {**(metadata.get("labels") or {}), HASH[workload["kind"]]: mark},
            **({"annotations": metadata["annotations"]} if metadata.get("annotations") else {}),
            "ownerReferences": [owned_by(workload)],
        },
        "spec": {**template["spec"], "nodeName": node},
    }


def _condition(workload: Object, kind: str, status: str, reason: str, message: str) -> Object:
    """A condition that keeps its times while it says the same."""
    said = {"type": kind, "status": status, "reason": reason, "message": message}
    for known in workload.get("status", {}).get("conditions") or []:
        if {key: known.get(key) for key in said} == said:
            kept: Object = known
            return kept
    return said
