"""Services: defaults, what a change of type clears, cluster IPs, node ports. No traffic is handled here."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from porter.lab.apiserver import families
from porter.lab.apiserver.behaviour import Behaviour
from porter.lab.apiserver.changes import Change
from porter.lab.apiserver.errors import FieldError, invalid, wrong
from porter.lab.apiserver.objects import Json, at, name_of, section
from porter.lab.apiserver.service_rules import EXTERNAL, service_errors
from porter.lab.apiserver.store import Resource

SERVICES = Resource("", "services")
NODE_PORTS = range(30000, 32768)
_TYPE_BOUND = ("allocateLoadBalancerNodePorts", "loadBalancerClass", "healthCheckNodePort", "externalTrafficPolicy")


def _spec(obj: Json | None) -> Json:
    found: Json = at(obj, "spec", {})
    return found


def _type(spec: Json) -> str:
    return str(spec.get("type", "ClusterIP"))


def _has_address(spec: Json) -> bool:
    return _type(spec) != "ExternalName"


def _wants_node_ports(spec: Json) -> bool:
    given = bool(spec.get("allocateLoadBalancerNodePorts", True))
    return _type(spec) == "NodePort" or (_type(spec) == "LoadBalancer" and given)


def _wants_health_port(spec: Json) -> bool:
    return _type(spec) == "LoadBalancer" and bool(spec.get("externalTrafficPolicy") == "Local")


class ServiceBehaviour(Behaviour):
    """Gives out cluster IPs and node ports, each once; follows the store to know which are taken."""

    sections = ("spec", "status")

    def __init__(self, ranges: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]) -> None:
        self._ranges = ranges
        self._addresses: dict[str, int] = {}
        self._ports: dict[int, int] = {}
        self._next_port = 0
        self._next_address = dict.fromkeys(ranges, 10)

    def follow(self, resource: Resource, change: Change) -> None:
        """Count what a stored Service holds, and stop counting what it held before."""
        if resource != SERVICES or (not change.deleted and _spec(change.object) == _spec(change.previous)):
            return
        for obj, step in ((change.previous, -1), (None if change.deleted else change.object, 1)):
            spec = _spec(obj)
            for address in spec.get("clusterIPs", []):
                self._addresses[address] = self._addresses.get(address, 0) + step
            ports = [port.get("nodePort") for port in spec.get("ports", [])]
            for number in {*ports, spec.get("healthCheckNodePort")} - {None, 0}:
                self._ports[number] = self._ports.get(number, 0) + step

    def fresh(self, obj: Json) -> None:
        """Set what the creation sets."""
        obj["status"] = {"loadBalancer": {}}

    def default(self, obj: Json, old: Json | None) -> None:
        """Fill in what was left out."""
        spec = section(obj, "spec")
        spec.setdefault("type", "ClusterIP")
        if old is not None:
            _clear_what_the_type_gave(spec, _spec(old))
            _keep_what_was_given(spec, _spec(old))
        spec.setdefault("sessionAffinity", "None")
        if spec["sessionAffinity"] == "ClientIP":
            section(section(spec, "sessionAffinityConfig"), "clientIP").setdefault("timeoutSeconds", 10800)
        for port in spec.get("ports", []):
            port.setdefault("protocol", "TCP")
            if not port.get("targetPort"):
                port["targetPort"] = port.get("port")
        if spec["type"] != "ExternalName":
            spec.setdefault("internalTrafficPolicy", "Cluster")
        if spec["type"] in EXTERNAL:
            spec.setdefault("externalTrafficPolicy", "Cluster")
        if spec["type"] == "LoadBalancer":
            spec.setdefault("allocateLoadBalancerNodePorts", True)
        else:
            obj["status"] = at(obj, "status", {}) | {"loadBalancer": {}}
        for entry in at(obj, "status.loadBalancer.ingress", []):
            if entry.get("ip"):
                entry.setdefault("ipMode", "VIP")

    def validate(self, obj: Json, old: Json | None) -> Iterator[FieldError]:
        """What is wrong with it."""
        yield from service_errors(_spec(obj), obj.get("status") or {}, None if old is None else _spec(old))

    def allocate(self, obj: Json, old: Json | None) -> None:
        """Take what is given out once only."""
        spec = _spec(obj)
        if _has_address(spec):
            self._give_addresses(obj, spec, _spec(old))
        held = {port.get("nodePort") for port in _spec(old).get("ports", [])}
        for index, port in enumerate(spec.get("ports", [])):
            asked = port.get("nodePort")
            if asked and asked not in held:
                self._refuse_taken_port(obj, index, asked)
            elif not asked and _wants_node_ports(spec):
                port["nodePort"] = self._free_port()
        if _wants_health_port(spec) and not spec.get("healthCheckNodePort"):
            spec["healthCheckNodePort"] = self._free_port()

    def _give_addresses(self, obj: Json, spec: Json, old: Json) -> None:
        spec["clusterIPs"] = list(spec.get("clusterIPs") or filter(None, [spec.get("clusterIP")]))
        by_family = {f"IPv{one.version}": one for one in self._ranges}
        families.settle(obj, spec, old, cluster=tuple(by_family))
        given: list[str] = spec["clusterIPs"]
        if given != ["None"]:
            for address in given:
                self._refuse_address(obj, address, old)
            missing = spec["ipFamilies"][len(given) :]
            given += [self._free_address(by_family[family]) for family in missing]
            if missing and not name_of(obj):
                why = f'failed to allocate IP: IPAddress.networking.k8s.io "{given[0]}" is invalid: spec.parentRef.name: Required value'  # noqa: E501
                raise invalid("", "Service", "", [wrong("spec.clusterIPs", [""], why)])
        spec["clusterIP"] = given[0]

    def _refuse_address(self, obj: Json, address: str, old: Json) -> None:
        if not any(ipaddress.ip_address(address) in network for network in self._ranges):
            ranges = ",".join(str(network) for network in self._ranges)
            why = f"failed to allocate IP {address}: the provided IP is not in the valid range ({ranges})"
        elif self._addresses.get(address) and address not in old.get("clusterIPs", []):
            why = f"failed to allocate IP {address}: provided IP is already allocated"
        else:
            return
        raise invalid("", "Service", name_of(obj), [wrong("spec.clusterIPs", [address], why)])

    def _refuse_taken_port(self, obj: Json, index: int, number: int) -> None:
        where = f"spec.ports[{index}].nodePort"
        if number not in NODE_PORTS:
            span = f"{NODE_PORTS.start}-{NODE_PORTS.stop - 1}"
            error = wrong(where, number, f"provided port is not in the valid range. The range of valid ports is {span}")
        elif self._ports.get(number):
            error = wrong(where, number, "provided port is already allocated")
        else:
            return
        raise invalid("", "Service", name_of(obj), [error])

    def _free_address(self, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
        size = network.num_addresses
        for _ in range(min(size, 1 << 20)):
            offset = self._next_address[network] = max(1, (self._next_address[network] + 1) % (size - 1))
            address = str(network[offset])
            if not self._addresses.get(address):
                return address
        message = f"Internal error occurred: failed to allocate a serviceIP: range {network} is full"
        raise invalid("", "Service", "", [wrong("spec.clusterIPs", [], message)])

    def _free_port(self) -> int:
        for _ in NODE_PORTS:
            number = NODE_PORTS[self._next_port % len(NODE_PORTS)]
            self._next_port += 1
            if not self._ports.get(number):
                self._ports[number] = 0
                return number
        raise invalid("", "Service", "", [wrong("spec.ports", [], "failed to allocate a nodePort: range is full")])


def _clear_what_the_type_gave(  # noqa: C901  (one list of what goes)
    spec: Json, old: Json
) -> None:
    """What came with the old type and is not asked for anew goes with it."""
    kind, was = spec["type"], old.get("type")
    if kind == was:
        if not _wants_health_port(spec) and spec.get("healthCheckNodePort") == old.get("healthCheckNodePort"):
            spec.pop("healthCheckNodePort", None)
        return
    for key in _TYPE_BOUND:
        stays = key == "externalTrafficPolicy" and kind in EXTERNAL
        if was in EXTERNAL and kind != "LoadBalancer" and not stays and spec.get(key) == old.get(key):
            spec.pop(key, None)
    if was in EXTERNAL and kind not in EXTERNAL:
        numbers = {port.get("nodePort") for port in old.get("ports", [])}
        for port in spec.get("ports", []):
            if port.get("nodePort") in numbers:
                port.pop("nodePort", None)
    if kind == "ExternalName":
        for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"):
            if spec.get(key) == old.get(key):
                spec.pop(key, None)


def _keep_what_was_given(spec: Json, old: Json) -> None:
    """A writer who leaves out what the server gave out keeps it."""
    if _has_address(spec) and _has_address(old):
        for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if not spec.get(key) and key in old:
                spec[key] = old[key]
    if _wants_node_ports(spec) and _wants_node_ports(old):
        numbers = {(port.get("protocol"), port.get("port")): port.get("nodePort") for port in old.get("ports", [])}
        for port in spec.get("ports", []):
            kept = numbers.get((port.get("protocol", "TCP"), port.get("port")))
            if not port.get("nodePort") and kept:
                port["nodePort"] = kept
    if _wants_health_port(spec) and not spec.get("healthCheckNodePort") and "healthCheckNodePort" in old:
        spec["healthCheckNodePort"] = old["healthCheckNodePort"]
