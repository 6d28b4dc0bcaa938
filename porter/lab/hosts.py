"""Who is on a lab's network: hosts and their NICs. Values, and what must be true of one by itself."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Interface, IPv6Address, IPv6Interface, IPv6Network

import msgspec

from porter.lab.errors import LabError
from porter.lab.families import Address

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


class Host(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A node, the client, or another host."""

    name: str
    nics: tuple[Nic, ...]

    @property
    def address(self) -> IPv4Interface:
        """The host's first address: a node's InternalIP."""
        return next(nic.address for nic in self.nics if nic.address is not None)

    @property
    def ipv6(self) -> IPv6Interface | None:
        """The address of IPv6 on its first NIC: a node's second InternalIP."""
        return self.nics[0].ipv6

    def must_have_ipv6(self) -> IPv6Address:
        """Return that address; a LabError says that there is none."""
        if self.ipv6 is None:
            raise LabError(
                f"{self.name} has no IPv6 in this lab; bring it up with --dual-stack, or give its first NIC 'ipv6'"
            )
        return self.ipv6.ip

    @property
    def addresses(self) -> tuple[Address, ...]:
        """The host's own address of each family that it has, IPv4 first."""
        return (self.address.ip, *([self.ipv6.ip] if self.ipv6 is not None else []))

    def nic(self, name: str | None = None) -> Nic:
        """The NIC of that name, or the one that carries the host's first address."""
        for nic in self.nics:
            if nic.name == name or (name is None and nic.address is not None):
                return nic
        known = ", ".join(nic.name for nic in self.nics)
        raise LabError(f"no interface '{name}' on {self.name}. It has: {known}")


class Ipv6(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What makes a network dual stack; each NIC says its own address.

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
    if host.nics[0].address is None:
        yield f"the first NIC of {host.name} needs an address"
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
