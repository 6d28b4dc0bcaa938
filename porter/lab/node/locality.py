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

_FIRST, _SECOND, _LAST = 1, 2, 3  # of rules: for a place, for the rest of its address, for whatever is local besides


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
    """A rule for each port, and the addresses nobody's.

    A kernel answers from an address only if it stands in the table `local`, be it but to refuse a connection. So the
    addresses are there, and rules before the one for that table let it be seen by packets for the ports alone.
    """

    def __init__(self, own: Sequence[Address]) -> None:
        self._own = {address.version: address for address in own}
        self._here: frozenset[Place] = frozenset()

    async def extend(self, places: Collection[Place]) -> None:
        """Add rules and what they lead to."""
        wanted = self._places(places)
        for version, own in self._own.items():
            here, new = _of(version, self._here), _of(version, wanted - self._here)
            lines = [f"rule add pref {_LAST} lookup local", "rule del pref 0"] if new and not here else []
            lines += [f"rule add {_selector(place)}" for place in new]
            for address in sorted(_addresses(new) - _addresses(here), key=in_order):
                lines.append(f"rule add {_otherwise(address)}")
                # The node's own connections come from its own address: answers to a Service's would find no way back.
                lines.append(f"route replace local {address} dev lo table local src {own}")
            await addresses.batch(lines, version=version)
        self._here |= wanted

    async def narrow(self, places: Collection[Place]) -> None:
        """Take them away."""
        wanted = self._places(places)
        for version in self._own:
            left, gone = _of(version, wanted), _of(version, self._here - wanted)
            lines = []
            for address in sorted(_addresses(gone) - _addresses(left), key=in_order):
                lines += [f"route del local {address} dev lo table local", f"rule del {_otherwise(address)}"]
            lines += [f"rule del {_selector(place)}" for place in gone]
            lines += ["rule add pref 0 lookup local", f"rule del pref {_LAST}"] if gone and not left else []
            await addresses.batch(lines, version=version)
        self._here = wanted

    def _places(self, places: Collection[Place]) -> frozenset[Place]:
        return frozenset(place for place in places if place.address not in self._own.values())


MODES = {"ipvs": Ipvs, "iptables": Iptables, "": Iptables}
"""By `mode` in kube-proxy's configuration; empty is the platform's default, iptables on Linux."""


def _of(version: int, places: Collection[Place]) -> list[Place]:
    """Those of one family, in order."""
    return sorted((one for one in places if one.address.version == version), key=lambda place: place.order)


def _addresses(places: Collection[Place]) -> frozenset[Address]:
    return frozenset(place.address for place in places)


def _selector(place: Place) -> str:
    """What is for a place is the node's."""
    return f"pref {_FIRST} to {place.address} ipproto {place.protocol.lower()} dport {place.port} lookup local"


def _otherwise(address: Address) -> str:
    """What else is for its address is not."""
    return f"pref {_SECOND} to {address} lookup main"
