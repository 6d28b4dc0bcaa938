"""Pods and what makes them: the defaults that every Pod template gets, and selectors that must match their template."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from porter.lab.apiserver.behaviour import Behaviour
from porter.lab.apiserver.errors import FieldError
from porter.lab.apiserver.objects import Json, at, section
from porter.lab.apiserver.pod_rules import pod_change_errors, pod_errors, template_errors


def _default_pod(spec: Json) -> None:
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    if "serviceAccountName" in spec:
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")
    for container in (*spec.get("containers", []), *spec.get("initContainers", [])):
        _default_container(container, host_network=bool(spec.get("hostNetwork")))


def _default_container(container: Json, *, host_network: bool) -> None:
    image = str(container.get("image", ""))
    tag = image.rpartition("/")[2].partition(":")[2]
    latest = tag in ("", "latest") and "@" not in image
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    container.setdefault("imagePullPolicy", "Always" if latest else "IfNotPresent")
    for port in container.get("ports", []):
        port.setdefault("protocol", "TCP")
        if host_network:
            port.setdefault("hostPort", port.get("containerPort"))
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe in container:
            timings: Json = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
            container[probe] = timings | container[probe]
            if "httpGet" in container[probe]:
                container[probe]["httpGet"].setdefault("scheme", "HTTP")
    for variable in container.get("env", []):
        reference = at(variable, "valueFrom.fieldRef")
        if reference is not None:
            reference.setdefault("apiVersion", "v1")


class PodBehaviour(Behaviour):
    """A Pod is pending until somebody reports otherwise: nothing schedules or runs it here."""

    sections = ("spec",)

    def fresh(self, obj: Json) -> None:
        """Set what the creation sets."""
        obj["status"] = {"phase": "Pending", "qosClass": "BestEffort"}

    def default(self, obj: Json, old: Json | None) -> None:
        """Fill in what was left out."""
        del old
        _default_pod(section(obj, "spec"))

    def validate(self, obj: Json, old: Json | None) -> Iterator[FieldError]:
        """What is wrong with it."""
        yield from pod_errors(obj["spec"], "spec")
        if old is not None:
            yield from pod_change_errors(obj["spec"], old["spec"])

    def grace(self, obj: Json, asked: int | None) -> int | None:
        """What was asked for, else what its spec says; no time for one that no node has, or that has ended."""
        if not at(obj, "spec.nodeName") or at(obj, "status.phase") in ("Failed", "Succeeded"):
            return 0
        wanted: int = at(obj, "spec.terminationGracePeriodSeconds", 0) if asked is None else asked
        return wanted if wanted >= 0 else 1


class TemplateBehaviour(Behaviour):
    """Deployments, DaemonSets and ReplicaSets: a selector and a template, and the defaults of each kind."""

    sections = ("spec",)

    def __init__(self, name: str) -> None:
        self._name = name

    def fresh(self, obj: Json) -> None:
        """Set what the creation sets."""
        statuses: dict[str, Json] = {
            "DaemonSet": {
                "currentNumberScheduled": 0,
                "numberMisscheduled": 0,
                "desiredNumberScheduled": 0,
                "numberReady": 0,
            },
            "ReplicaSet": {"replicas": 0},
        }
        obj["status"] = statuses.get(self._name, {})

    def default(self, obj: Json, old: Json | None) -> None:
        """Fill in what was left out."""
        spec = section(obj, "spec")
        _default_pod(section(section(spec, "template"), "spec"))
        if self._name != "DaemonSet":
            spec.setdefault("replicas", 1)
        if self._name != "ReplicaSet":
            spec.setdefault("revisionHistoryLimit", 10)
        rolling: dict[str, Any] = {"maxUnavailable": "25%", "maxSurge": "25%"}
        if self._name == "Deployment":
            spec.setdefault("progressDeadlineSeconds", 600)
            _default_rolling(section(spec, "strategy"), rolling)
        if self._name == "DaemonSet":
            _default_rolling(section(spec, "updateStrategy"), {"maxUnavailable": 1, "maxSurge": 0})
            if old is None:  # what the old extensions API counted, still on every DaemonSet
                section(section(obj, "metadata"), "annotations").setdefault(
                    "deprecated.daemonset.template.generation", "1"
                )

    def validate(self, obj: Json, old: Json | None) -> Iterator[FieldError]:
        """What is wrong with it."""
        return template_errors(self._name, obj["spec"], None if old is None else old["spec"])


def _default_rolling(strategy: Json, rolling: Json) -> None:
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = rolling | strategy.get("rollingUpdate", {})
