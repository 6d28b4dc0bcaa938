"""Namespaces, Nodes, Secrets, Events, EndpointSlices and role bindings: the small behaviours of kinds that have few."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from porter.lab.apiserver.behaviour import Behaviour
from porter.lab.apiserver.errors import FieldError, required, unsupported, wrong
from porter.lab.apiserver.objects import Json, at, name_of, section

NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
_NODE_INFO = (
    *("machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "containerRuntimeVersion"),
    *("kubeletVersion", "kubeProxyVersion", "operatingSystem", "architecture"),
)


class NamespaceBehaviour(Behaviour):
    """A Namespace carries its own name as a label and is held until it is empty."""

    def fresh(self, obj: Json) -> None:
        """Set what the creation sets."""
        section(obj, "spec")["finalizers"] = ["kubernetes"]
        obj["status"] = {"phase": "Active"}

    def default(self, obj: Json, old: Json | None) -> None:
        """Fill in what was left out."""
        del old
        section(section(obj, "metadata"), "labels")["kubernetes.io/metadata.name"] = name_of(obj)


class NodeBehaviour(Behaviour):
    """A new Node is tainted until it is ready; its status shows what is not known as empty."""

    def fresh(self, obj: Json) -> None:
        """Set what the creation sets."""
        taints = section(obj, "spec").setdefault("taints", [])
        if NOT_READY not in taints:
            taints.append(dict(NOT_READY))

    def default(self, obj: Json, old: Json | None) -> None:
        """Fill in what was left out."""
        del old
        section(obj, "spec")
        status = section(obj, "status")
        section(section(status, "daemonEndpoints"), "kubeletEndpoint").setdefault("Port", 0)
        status["nodeInfo"] = dict.fromkeys(_NODE_INFO, "") | status.get("nodeInfo", {})
        for condition in status.get("conditions", []):
            condition.setdefault("lastHeartbeatTime", None)
            condition.setdefault("lastTransitionTime", None)


class SecretBehaviour(Behaviour):
    """What is written in plain words is kept encoded."""

    def default(self, obj: Json, old: Json | None) -> None:
        """Fill in what was left out."""
        del old
        obj.setdefault("type", "Opaque")
        plain = obj.pop("stringData", None)
        if plain:
            encoded = {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}
            obj["data"] = obj.get("data", {}) | encoded


class EventBehaviour(Behaviour):
    """Times that were not told are shown as null, as the API's types do."""

    def default(self, obj: Json, old: Json | None) -> None:
        """Fill in what was left out."""
        del old
        section(obj, "source")
        for key in ("firstTimestamp", "lastTimestamp", "eventTime"):
            obj.setdefault(key, None)
        for key in ("reportingComponent", "reportingInstance"):
            obj.setdefault(key, "")

    def validate(self, obj: Json, old: Json | None) -> Iterator[FieldError]:
        """What is wrong with it."""
        del old
        named = at(obj, "involvedObject.namespace", "")
        where = at(obj, "metadata.namespace", "")
        if named != where and (named or where != "default"):
            yield wrong("involvedObject.namespace", named, "does not match event.namespace")


class EndpointSliceBehaviour(Behaviour):
    """Endpoints of one address family, with named ports."""

    def default(self, obj: Json, old: Json | None) -> None:
        """Fill in what was left out."""
        del old
        obj.setdefault("endpoints", [])
        for port in obj.get("ports", []):
            port.setdefault("name", "")
            port.setdefault("protocol", "TCP")

    def validate(self, obj: Json, old: Json | None) -> Iterator[FieldError]:
        """What is wrong with it."""
        kind = obj.get("addressType")
        if not kind:
            yield required("addressType")
        elif kind not in ("FQDN", "IPv4", "IPv6"):
            yield unsupported("addressType", kind, ("FQDN", "IPv4", "IPv6"))
        if old is not None and kind != old.get("addressType"):
            yield wrong("addressType", kind, "field is immutable")
        for index, endpoint in enumerate(obj["endpoints"]):
            if not endpoint.get("addresses"):
                yield required(f"endpoints[{index}].addresses", "must contain at least 1 address")


class LeaseBehaviour(Behaviour):
    """A Lease lasts for some time."""

    def validate(self, obj: Json, old: Json | None) -> Iterator[FieldError]:
        """What is wrong with it."""
        del old
        lasts = at(obj, "spec.leaseDurationSeconds")
        if lasts is not None and lasts <= 0:
            yield wrong("spec.leaseDurationSeconds", lasts, "must be greater than 0")


class BindingBehaviour(Behaviour):
    """A role binding names one role, for ever."""

    def default(self, obj: Json, old: Json | None) -> None:
        """Fill in what was left out."""
        del old
        section(obj, "roleRef").setdefault("apiGroup", "rbac.authorization.k8s.io")
        for subject in obj.get("subjects", []):
            plain = subject.get("kind") == "ServiceAccount"
            if not plain:
                subject.setdefault("apiGroup", "rbac.authorization.k8s.io")

    def validate(self, obj: Json, old: Json | None) -> Iterator[FieldError]:
        """What is wrong with it."""
        if old is not None and obj["roleRef"] != old["roleRef"]:
            yield wrong("roleRef", obj["roleRef"], "cannot change roleRef")
