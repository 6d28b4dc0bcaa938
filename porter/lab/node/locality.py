"""How packets for the addresses of Services come to this node's listeners, in the two manners of kube-proxy.

IPVS: each address is an address of the node, on kube-ipvs0, so the node also answers ICMP for it, and ARP unless
strictARP is set. iptables: the addresses are nobody's; only packets for a Service's port are taken, so a node answers
neither ARP nor ICMP. A real kube-proxy does the latter with netfilter; here policy routing does it (ip-rule(8)).
"""

from collections.abc import Collection, Sequence
from typing import Protocol

from porter.lab.families import Address, in_order
from porter.lab.network import SERVICE_LINK
from porter.lab.node import addresses
from porter.lab.node.rules import Place

_TABLE = 100  # of routes: no other is used in a lab's node


class Locality(Protocol):
    """One manner. Each call brings the node to the wanted places, whatever it was at before."""

    async def extend(self, places: Collection[Place]) -> None:
        """Take packets for these places too."""

    async def narrow(self, places: Collection[Place]) -> None:
        """Take packets for no other places."""


class Ipvs:
    """Addresses of the node's own."""

    def __init__(self, own: Sequence[Address]) -> None:
        self._own = frozenset(own)
        self._here: frozenset[Address] = frozenset()

    async def extend(self, places: Collection[Place]) -> None:
        """Put addresses on kube-ipvs0."""
        wanted = self._addresses(places)
        await addresses.change(SERVICE_LINK, add=wanted - self._here)
        self._here |= wanted

    async def narrow(self, places: Collection[Place]) -> None:
        """Take addresses off it."""
        wanted = self._addresses(places)
        await addresses.change(SERVICE_LINK, remove=self._here - wanted)
        self._here = wanted

    def _addresses(self, places: Collection[Place]) -> frozenset[Address]:
        return frozenset(place.address for place in places) - self._own


class Iptables:
    """A rule for each port, and the addresses nobody's."""

    def __init__(self, own: Sequence[Address]) -> None:
        self._own = {address.version: address for address in own}
        self._here: frozenset[Place] = frozenset()

    async def extend(self, places: Collection[Place]) -> None:
        """Add rules and what they lead to."""
        wanted = self._places(places)
        for version, own in self._own.items():
            new = _of(version, wanted - self._here)
            # The node's own connections come from its own address: the answers to a Service's would find no way back.
            route = f"dev lo table {_TABLE} src {own}"
            lines = [f"route replace local {address} {route}" for address in _each_address(new)]
            await addresses.batch([*lines, *(f"rule add {_selector(place)}" for place in new)], version=version)
        self._here |= wanted

    async def narrow(self, places: Collection[Place]) -> None:
        """Take them away."""
        wanted = self._places(places)
        left = {place.address for place in wanted}
        for version in self._own:
            gone = _of(version, self._here - wanted)
            lines = [f"rule del {_selector(place)}" for place in gone]
            routes = [address for address in _each_address(gone) if address not in left]
            lines += [f"route del local {address} dev lo table {_TABLE}" for address in routes]
            await addresses.batch(lines, version=version)
        self._here = wanted

    def _places(self, places: Collection[Place]) -> frozenset[Place]:
        return frozenset(place for place in places if place.address not in self._own.values())


MODES = {"ipvs": Ipvs, "iptables": Iptables, "": Iptables}
"""By `mode` in kube-proxy's configuration; empty is the platform's default, iptables on Linux."""


def _of(version: int, places: Collection[Place]) -> list[Place]:
    """Those of one family, in order."""
    return sorted((one for one in places if one.address.version == version), key=lambda place: place.order)


def _each_address(places: Collection[Place]) -> list[Address]:
    return sorted({place.address for place in places}, key=in_order)


def _selector(place: Place) -> str:
    return f"to {place.address} ipproto {place.protocol.lower()} dport {place.port} lookup {_TABLE}"
