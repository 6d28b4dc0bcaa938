"""Namespaces, Nodes, Events, EndpointSlices and Leases: the small behaviours of kinds that have few."""

from __future__ import annotations

from collections.abc import Iterator

from porter.lab.apiserver.behaviour import Behaviour
from porter.lab.apiserver.errors import FieldError, duplicate, required, unsupported, wrong
from porter.lab.apiserver.families import FAMILIES, family_of
from porter.lab.apiserver.naming import label_problems
from porter.lab.apiserver.objects import Json, at, name_of, section

NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
_PROTOCOLS = ("TCP", "UDP", "SCTP")
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
            for nth, address in enumerate(endpoint.get("addresses") or []):
                if kind in FAMILIES and family_of(address) != kind:
                    why = f"must be an {kind} address"
                    yield wrong(f"endpoints[{index}].addresses[{nth}]", address, why)
        yield from _slice_port_errors(obj.get("ports") or [])


def _slice_port_errors(ports: list[Json]) -> Iterator[FieldError]:
    for index, port in enumerate(ports):
        name = port["name"]
        if name:
            yield from (wrong(f"ports[{index}].name", name, why) for why in label_problems(name))
        if name in [one["name"] for one in ports[:index]]:
            yield duplicate(f"ports[{index}].name", name)
        if port["protocol"] not in _PROTOCOLS:
            yield unsupported(f"ports[{index}].protocol", port["protocol"], _PROTOCOLS)


class LeaseBehaviour(Behaviour):
    """A Lease lasts for some time."""

    def validate(self, obj: Json, old: Json | None) -> Iterator[FieldError]:
        """What is wrong with it."""
        del old
        lasts = at(obj, "spec.leaseDurationSeconds")
        if lasts is not None and lasts <= 0:
            yield wrong("spec.leaseDurationSeconds", lasts, "must be greater than 0")
        changes = at(obj, "spec.leaseTransitions", 0)
        if changes < 0:
            yield wrong("spec.leaseTransitions", changes, "must be greater than or equal to 0")
