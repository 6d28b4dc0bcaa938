"""What kube-proxy makes of Services and EndpointSlices: which address and port leads where. Pure, no sockets.

A rule without targets still says what becomes of a connection: dropped without a word when the policy is Local and the
endpoints are on other nodes (so that a wrong owner is seen as lost traffic), refused when there is none at all
(iptables/proxier.go of kube-proxy).
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
    """An endpoint of one Service port that takes connections; one that is not ready ends, and still serves."""

    place: Place
    node: str | None
    ready: bool


class Rules:
    """The rules of one node, kept from call to call: what has not changed since is the very same object again."""

    def __init__(self, *, node: str, addresses: Sequence[Address]) -> None:
        """`addresses` are the node's own, for node ports."""
        self._node, self._addresses = node, addresses
        self._known: dict[tuple[str, str], tuple[list[Object], list[tuple[Place, Rule]]]] = {}

    def of(self, services: Iterable[Object], slices: Iterable[Object]) -> dict[Place, Rule]:
        """Every place that this node's kube-proxy serves. An object that has changed must be another object.

        Where two Services name one place, the first by name has it. A place leads to endpoints of its own family.
        """
        sources: dict[tuple[str, str], list[Object]] = {}
        for service in sorted(services, key=lambda s: (s["metadata"]["namespace"], s["metadata"]["name"])):
            sources[service["metadata"]["namespace"], service["metadata"]["name"]] = [service]
        for piece in slices:
            owner = piece["metadata"].get("labels", {}).get(SERVICE_NAME, "")
            if (mine := sources.get((piece["metadata"].get("namespace", ""), owner))) is not None:
                mine.append(piece)
        self._known = {key: self._made(key, objects) for key, objects in sources.items()}
        table: dict[Place, Rule] = {}
        for _, made in self._known.values():
            for place, rule in made:
                table.setdefault(place, rule)
        return table

    def _made(self, key: tuple[str, str], objects: list[Object]) -> tuple[list[Object], list[tuple[Place, Rule]]]:
        before = self._known.get(key)
        if before is not None and list(map(id, before[0])) == list(map(id, objects)):
            return before
        service, *slices = objects
        return objects, list(_of_service(service, slices, node=self._node, addresses=self._addresses))


def _of_service(
    service: Object, slices: list[Object], *, node: str, addresses: Sequence[Address]
) -> Iterator[tuple[Place, Rule]]:
    spec = service["spec"]
    local = spec.get("externalTrafficPolicy") == "Local"
    inside = spec.get("internalTrafficPolicy") == "Local"
    known = {own.version for own in addresses}  # a node of one family serves that of a Service that has both
    cluster = [own for text in spec.get("clusterIPs") or [] if (own := read_address(text)) and own.version in known]
    families = {own.version for own in cluster}
    for port in spec.get("ports") or []:
        protocol = port.get("protocol", "TCP")
        if protocol not in {"TCP", "UDP"}:
            continue  # SCTP: the relays in user space speak none
        found = _endpoints(slices, port.get("name", ""), protocol)
        for own in cluster:
            place = Place(own, port["port"], protocol)
            yield place, _rule(place, found, only=node if inside else None)
        outside = [Place(own, port["nodePort"], protocol) for own in addresses if port.get("nodePort")]
        for ingress in service.get("status", {}).get("loadBalancer", {}).get("ingress") or []:
            own = read_address(ingress.get("ip"))
            if own and ingress.get("ipMode", "VIP") == "VIP":
                outside.append(Place(own, port["port"], protocol))
        for place in (one for one in outside if one.address.version in families):
            yield place, _rule(place, found, only=node if local else None)


def _rule(place: Place, endpoints: list[Endpoint], *, only: str | None) -> Rule:
    """The ready ones of the place's family; only where there is none, those that end (KEP-1669).

    `only` is the node that they must be on; None: any.
    """
    same = [one for one in endpoints if one.place.address.version == place.address.version]
    near = [one for one in same if only in {one.node, None}]
    taken = {one.place for one in near if one.ready} or {one.place for one in near}
    return Rule(targets=tuple(sorted(taken, key=lambda target: target.order)), drops=only is not None and bool(same))


def _endpoints(slices: list[Object], port_name: str, protocol: str) -> list[Endpoint]:
    """The endpoints of a Service port that are ready, or end and still serve.

    A missing `ready` or `serving` means yes, a missing `terminating` no (endpointslicecache.go of kube-proxy).
    """
    found = []
    for piece in slices:
        ports = [
            port["port"]
            for port in piece.get("ports") or []
            if (port.get("name", ""), port.get("protocol", "TCP")) == (port_name, protocol)
        ]
        for endpoint in piece.get("endpoints") or []:
            said = endpoint.get("conditions") or {}
            ready = said.get("ready") is not False
            if not ready and (said.get("serving") is False or not said.get("terminating")):
                continue
            for text in endpoint["addresses"][:1]:  # the API: consumers use the first
                if own := read_address(text):
                    found += [Endpoint(Place(own, port, protocol), endpoint.get("nodeName"), ready) for port in ports]
    return found
