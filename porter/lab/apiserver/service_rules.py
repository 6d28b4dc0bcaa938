"""What is wrong with a Service: the rules of Kubernetes for what is in it. It changes nothing and gives nothing out.

As k8s.io/kubernetes/pkg/apis/core/validation (ValidateService, validateServicePort, ValidateServiceUpdate).
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

from porter.lab.apiserver.errors import FieldError, duplicate, forbidden_field, quoted, required, unsupported, wrong
from porter.lab.apiserver.families import NOT_AN_IP, family_of
from porter.lab.apiserver.naming import (
    label_problems,
    labels_errors,
    port_name_problems,
    qualified_problems,
    subdomain_problems,
)
from porter.lab.apiserver.objects import Json, at

EXTERNAL = ("NodePort", "LoadBalancer")
TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
PORTS = range(1, 65536)
NOT_A_PORT = "must be between 1 and 65535, inclusive"
_NOT_A_NETWORK = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
_BALANCERS_ONLY = ("allocateLoadBalancerNodePorts", "loadBalancerClass")
_LONGEST_AFFINITY = 86400  # seconds


def service_errors(spec: Json, status: Json, old: Json | None) -> Iterator[FieldError]:
    """Everything that is wrong with it; `old` is the spec that is stored, None for a new Service."""
    kind = spec.get("type")
    if kind not in TYPES:
        yield unsupported("spec.type", kind, TYPES)
    if not spec.get("ports") and kind != "ExternalName" and spec.get("clusterIP") != "None":
        yield required("spec.ports")
    yield from _port_errors(spec.get("ports", []), str(kind))
    yield from labels_errors(spec.get("selector") or {}, "spec.selector")
    yield from _choices(spec)
    yield from _addresses(spec)
    yield from _of_a_type(spec)
    if old is not None:
        yield from _immutable(spec, old)
    for index, entry in enumerate(at(status, "loadBalancer.ingress", [])):
        where = f"status.loadBalancer.ingress[{index}]"
        if "ip" in entry and not family_of(entry["ip"]):
            yield wrong(f"{where}.ip", entry["ip"], NOT_AN_IP)
        if entry.get("hostname") and family_of(entry["hostname"]):
            yield wrong(f"{where}.hostname", entry["hostname"], "must be a DNS name, not an IP address")


def port_or_name_errors(value: Any, where: str) -> Iterator[FieldError]:
    """What is wrong with a port that may be told by its number or its name."""
    if isinstance(value, str):
        yield from (wrong(where, value, why) for why in port_name_problems(value))
    elif value not in PORTS:
        yield wrong(where, value, NOT_A_PORT)


def protocol_errors(port: Json, where: str) -> Iterator[FieldError]:
    """What is wrong with the protocol of a port."""
    if port.get("protocol") not in _PROTOCOLS:
        yield unsupported(f"{where}.protocol", port.get("protocol"), _PROTOCOLS)


def _port_errors(ports: list[Json], kind: str) -> Iterator[FieldError]:
    seen: list[Any] = []
    for index, port in enumerate(ports):
        where, name = f"spec.ports[{index}]", port.get("name")
        if name:
            yield from (wrong(f"{where}.name", name, why) for why in label_problems(name))
        elif len(ports) > 1:
            yield required(f"{where}.name")
        if name and name in [one.get("name") for one in ports[:index]]:
            yield duplicate(f"{where}.name", name)
        if port.get("port", 0) not in PORTS:
            yield wrong(f"{where}.port", port.get("port", 0), NOT_A_PORT)
        yield from protocol_errors(port, where)
        if port.get("targetPort") != port.get("port"):
            yield from port_or_name_errors(port.get("targetPort"), f"{where}.targetPort")
        if port.get("nodePort") and kind == "ClusterIP":
            yield forbidden_field(f"{where}.nodePort", "may not be used when `type` is 'ClusterIP'")
        identity = {"protocol": port.get("protocol"), "port": port.get("port")}
        if identity in seen:
            yield duplicate(where, identity)
        seen.append(identity)


def _choices(spec: Json) -> Iterator[FieldError]:
    for key, allowed in (
        ("sessionAffinity", ("ClientIP", "None")),
        ("externalTrafficPolicy", ("Cluster", "Local")),
        ("internalTrafficPolicy", ("Cluster", "Local")),
        ("ipFamilyPolicy", ("SingleStack", "PreferDualStack", "RequireDualStack")),
    ):
        if key in spec and spec[key] not in allowed:
            yield unsupported(f"spec.{key}", spec[key], allowed)
    lasts = at(spec, "sessionAffinityConfig.clientIP.timeoutSeconds", 1)
    if not 0 < lasts <= _LONGEST_AFFINITY:
        where = "spec.sessionAffinityConfig.clientIP.timeoutSeconds"
        yield wrong(where, lasts, f"must be greater than 0 and less than {_LONGEST_AFFINITY}")


def _addresses(spec: Json) -> Iterator[FieldError]:
    for index, address in enumerate(spec.get("externalIPs") or []):
        if not family_of(address):
            yield wrong(f"spec.externalIPs[{index}]", address, NOT_AN_IP)
    for index, network in enumerate(spec.get("loadBalancerSourceRanges") or []):
        try:
            ip_network(str(network).strip())
        except ValueError:
            yield wrong(f"spec.loadBalancerSourceRanges[{index}]", network, _NOT_A_NETWORK)


def _of_a_type(spec: Json) -> Iterator[FieldError]:
    """What only some types may have, or must have."""
    kind = spec.get("type")
    if kind == "ExternalName":
        name = spec.get("externalName")
        if not name:
            yield required("spec.externalName")
        else:
            yield from (wrong("spec.externalName", name, why) for why in subdomain_problems(name.removesuffix(".")))
    if kind not in EXTERNAL and spec.get("externalTrafficPolicy"):
        why = "may only be set for externally-accessible services"
        yield wrong("spec.externalTrafficPolicy", spec["externalTrafficPolicy"], why)
    if kind != "LoadBalancer":
        for key in _BALANCERS_ONLY:
            if key in spec:
                yield forbidden_field(f"spec.{key}", "may only be used when `type` is 'LoadBalancer'")
        if spec.get("loadBalancerSourceRanges"):
            yield forbidden_field("spec.LoadBalancerSourceRanges", "may only be used when `type` is 'LoadBalancer'")
    elif spec.get("loadBalancerClass"):
        named = spec["loadBalancerClass"]
        yield from (wrong("spec.loadBalancerClass", named, why) for why in qualified_problems(named))
    checked = kind == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"
    if spec.get("healthCheckNodePort") and not checked:
        why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        yield wrong("spec.healthCheckNodePort", spec["healthCheckNodePort"], why)


def _immutable(spec: Json, old: Json) -> Iterator[FieldError]:
    if spec.get("type") == old.get("type") == "LoadBalancer":
        now, was = spec.get("loadBalancerClass"), old.get("loadBalancerClass")
        if now != was:
            yield wrong("spec.loadBalancerClass", now, "may not change once set")
    with_address = "ExternalName" not in (spec.get("type"), old.get("type"))
    if with_address and spec.get("clusterIP") != old.get("clusterIP"):
        message = f"Invalid value: []string{{{quoted(spec.get('clusterIP'))}}}: may not change once set"
        yield FieldError(field="spec.clusterIPs[0]", reason="FieldValueInvalid", message=message)
