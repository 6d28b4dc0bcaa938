"""What kube-proxy makes of Services and EndpointSlices: which address and port leads where. Pure, no sockets.

A rule without targets still says what becomes of a connection: refused, or dropped without a word when the policy is
Local and no endpoint is on this node (so that a wrong owner is seen as lost traffic).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from porter.lab.families import Address, in_order, read_address
from porter.lab.kube import Object

SERVICE_NAME = "kubernetes.io/service-name"


class Place(NamedTuple):
    """An address, a port and the protocol that it is of."""

    address: Address
    port: int
    protocol: str = "TCP"

    @property
    def order(self) -> tuple[tuple[int, int], int, str]:
        """A key to sort by, for both families."""
        return in_order(self.address), self.port, self.protocol


class Rule(NamedTuple):
    """Where connections to a place go, in turn. Without targets they are dropped or refused."""

    targets: tuple[Place, ...]
    drops: bool


class Endpoint(NamedTuple):
    """A ready endpoint of one Service port."""

    place: Place
    node: str | None


def rules(
    services: Iterable[Object], slices: Iterable[Object], *, node: str, addresses: Sequence[Address]
) -> dict[Place, Rule]:
    """Every place that this node's kube-proxy serves; `addresses` are the node's own, for node ports.

    Where two Services name one place, the first by name has it. A place leads to endpoints of its own family.
    """
    by_service: dict[tuple[str, str], list[Object]] = {}
    for piece in slices:
        owner = piece["metadata"].get("labels", {}).get(SERVICE_NAME, "")
        by_service.setdefault((piece["metadata"].get("namespace", ""), owner), []).append(piece)
    table: dict[Place, Rule] = {}
    for service in sorted(services, key=lambda s: (s["metadata"]["namespace"], s["metadata"]["name"])):
        mine = by_service.get((service["metadata"]["namespace"], service["metadata"]["name"]), [])
        for place, rule in _of_service(service, mine, node=node, addresses=addresses):
            table.setdefault(place, rule)
    return table


def _of_service(
    service: Object, slices: list[Object], *, node: str, addresses: Sequence[Address]
) -> Iterator[tuple[Place, Rule]]:
    spec = service["spec"]
    local = spec.get("externalTrafficPolicy") == "Local"
    inside = spec.get("internalTrafficPolicy") == "Local"
    cluster = [own for text in spec.get("clusterIPs") or [] if (own := read_address(text))]
    families = {own.version for own in cluster}
    for port in spec.get("ports") or []:
        protocol = port.get("protocol", "TCP")
        if protocol not in {"TCP", "UDP"}:
            continue  # SCTP: the relays in user space speak none
        ready = _endpoints(slices, port.get("name", ""), protocol)
        here = [endpoint for endpoint in ready if endpoint.node == node]
        for own in cluster:
            place = Place(own, port["port"], protocol)
            yield place, _rule(place, here if inside else ready, drops=inside)
        outside = [Place(own, port["nodePort"], protocol) for own in addresses if port.get("nodePort")]
        for ingress in service.get("status", {}).get("loadBalancer", {}).get("ingress") or []:
            own = read_address(ingress.get("ip"))
            if own and ingress.get("ipMode", "VIP") == "VIP":
                outside.append(Place(own, port["port"], protocol))
        for place in (one for one in outside if one.address.version in families):
            yield place, _rule(place, here if local else ready, drops=local)


def _rule(place: Place, endpoints: list[Endpoint], *, drops: bool) -> Rule:
    same = {one.place for one in endpoints if one.place.address.version == place.address.version}
    return Rule(targets=tuple(sorted(same, key=lambda target: target.order)), drops=drops)


def _endpoints(slices: list[Object], port_name: str, protocol: str) -> list[Endpoint]:
    """The ready endpoints of a Service port; a missing `ready` means yes (EndpointConditions of the API)."""
    found = []
    for piece in slices:
        ports = [
            port["port"]
            for port in piece.get("ports") or []
            if (port.get("name", ""), port.get("protocol", "TCP")) == (port_name, protocol)
        ]
        for endpoint in piece.get("endpoints") or []:
            if endpoint.get("conditions", {}).get("ready") is False:
                continue
            for text in endpoint["addresses"][:1]:  # the API: consumers use the first
                if own := read_address(text):
                    found += [Endpoint(Place(own, port, protocol), endpoint.get("nodeName")) for port in ports]
    return found
