"""Who is on a lab's network: hosts and their NICs. Values, and what must be true of one by itself."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, IPv6Network

import msgspec

from porter.lab.errors import LabError
from porter.lab.families import Address, Interface

FIRST_SEGMENT = "br0"
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")
_NIC = re.compile(r"[a-zA-Z][a-zA-Z0-9_.-]{0,14}")  # IFNAMSIZ is 16, the last byte is a zero
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


class Nic(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A network card: without `carrier` its cable is out, without `up` it is switched off."""

    name: str
    address: IPv4Interface | None = None
    ipv6: IPv6Interface | None = None
    segment: str = FIRST_SEGMENT
    carrier: bool = True
    up: bool = True
    mac: str | None = None

    @property
    def addresses(self) -> tuple[Interface, ...]:
        """Its address of each family that it has, IPv4 first."""
        return tuple(one for one in (self.address, self.ipv6) if one is not None)


class Host(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A node, the client, or another host."""

    name: str
    nics: tuple[Nic, ...]

    @property
    def address(self) -> Interface:
        """The host's first address: a node's first InternalIP."""
        return self.nics[0].addresses[0]

    @property
    def addresses(self) -> tuple[Address, ...]:
        """The host's own address of each family that it has, IPv4 first: a node's InternalIPs."""
        return tuple(one.ip for one in self.nics[0].addresses)

    def must_have_ipv4(self) -> IPv4Address:
        """Return its address of IPv4; a LabError says that there is none."""
        if (found := self.nics[0].address) is None:
            raise LabError(f"{self.name} has no IPv4 in this lab, which is of IPv6 alone")
        return found.ip

    def must_have_ipv6(self) -> IPv6Address:
        """Return its address of IPv6; a LabError says that there is none."""
        if (found := self.nics[0].ipv6) is None:
            raise LabError(
                f"{self.name} has no IPv6 in this lab; bring it up with --dual-stack, or give its first NIC 'ipv6'"
            )
        return found.ip

    def nic(self, name: str | None = None) -> Nic:
        """The NIC of that name, or the first one, which carries the host's first address."""
        for nic in self.nics:
            if name in {nic.name, None}:
                return nic
        known = ", ".join(nic.name for nic in self.nics)
        raise LabError(f"no interface '{name}' on {self.name}. It has: {known}")


class Ipv6(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What gives a network IPv6, beside IPv4 or alone; each NIC says its own address.

    `gateway` is the router's address on the first segment, `routes` are those on the others.
    """

    gateway: IPv6Interface
    routes: dict[str, IPv6Interface] = {}
    pods: IPv6Network = IPv6Network("fd00:10:244::/56")
    services: IPv6Network = IPv6Network("fd00:10:233::/112")


def is_segment(name: str) -> bool:
    """Tell whether a bridge may be called so."""
    return bool(_NIC.fullmatch(name))


def problems_of(host: Host) -> Iterator[str]:
    """What is wrong with a host by itself."""
    if not _NAME.fullmatch(host.name) or host.name == "switch":
        yield f"'{host.name}' cannot be a host's name; use small letters, digits and '-', not 'switch'"
    if not host.nics:
        yield f"{host.name} has no NICs"
        return
    for nic in host.nics:
        yield from _problems_of_nic(host, nic)


def _problems_of_nic(host: Host, nic: Nic) -> Iterator[str]:
    for what, text, pattern in (
        ("NIC name", nic.name, _NIC),
        ("segment", nic.segment, _NIC),
        ("MAC", nic.mac or "02:00:00:00:00:01", _MAC),
    ):
        if not pattern.fullmatch(text):
            yield f"'{text}' of {host.name} cannot be a {what}"
    if nic.name == "lo":
        yield f"{host.name} has its own 'lo'; give the NIC another name"
