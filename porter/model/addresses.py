"""IP addresses and the ranges that an Eip can name. Text in, values out; what cannot be read is refused in words.

A range is kept as two integers and a version: a pool of 2^120 addresses costs as much as a pool of one.
"""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal, Self

import msgspec

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Family = Literal["IPv4", "IPv6"]

_LONGEST = 200  # characters of a user's text that an error repeats


class InvalidRangeError(ValueError):
    """A user's text that names no range of addresses. The message says what is wrong with it."""


def family_of(address: Address) -> Family:
    """Return the address's family in the words of `Service.spec.ipFamilies`."""
    return "IPv4" if address.version == 4 else "IPv6"  # noqa: PLR2004 - IP's own version number


def in_order(address: Address) -> tuple[int, int]:
    """Return what sorts addresses of both families: IPv4 first, then by number."""
    return (address.version, int(address))


def parse_address(text: str) -> Address | None:
    """Read one address, or return None when the text is none. A scoped address (`fe80::1%eth0`) is none."""
    stripped = text.strip()
    if len(stripped) > _LONGEST or "%" in stripped:
        return None
    return _parsed(stripped)


@lru_cache(maxsize=1 << 16)
def _parsed(text: str) -> Address | None:
    """Read an address once: the same texts come again with every entry."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return numbered(found.version, int(found))


class _Known:
    """An address that knows its hash and its text, which `ipaddress` works out each time: many tables ask for them."""

    __slots__ = ()
    _hash: int
    _text: str

    def __init__(self, number: int) -> None:
        super().__init__(number)  # type: ignore[call-arg]  # of one of the two classes that it is mixed into, as the slots
        self._hash, self._text = super().__hash__(), super().__str__()  # type: ignore[misc]

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return self._text


class _Known4(_Known, IPv4Address):
    __slots__ = ("_hash", "_text")


class _Known6(_Known, IPv6Address):
    __slots__ = ("_hash", "_text")


@lru_cache(maxsize=1 << 16)
def numbered(version: int, number: int) -> Address:
    """Return an address by its IP version (4 or 6) and number: the same object each time, which is found soonest."""
    return _Known4(number) if version == 4 else _Known6(number)  # noqa: PLR2004 - IP's own version number


class AddressRange(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """All addresses from `first` to `last`, both included, as integers of one IP version (4 or 6)."""

    version: int
    first: int
    last: int
    network: str = ""
    """The CIDR that the range was written as, or empty: only a CIDR has a network and a broadcast address."""

    @property
    def size(self) -> int:
        """How many addresses the range holds."""
        return self.last - self.first + 1

    @property
    def family(self) -> Family:
        """The family in the words of `Service.spec.ipFamilies`."""
        return "IPv4" if self.version == 4 else "IPv6"  # noqa: PLR2004 - IP's own version number

    @property
    def first_address(self) -> Address:
        """The lowest address."""
        return self.address(self.first)

    @property
    def last_address(self) -> Address:
        """The highest address."""
        return self.address(self.last)

    def address(self, number: int) -> Address:
        """Turn an integer of this range back into an address."""
        return numbered(self.version, number)

    def __contains__(self, address: Address) -> bool:
        """Tell whether the address lies in the range."""
        return address.version == self.version and self.first <= int(address) <= self.last

    def overlaps(self, other: Self) -> bool:
        """Tell whether the two ranges have an address in common."""
        return self.version == other.version and self.first <= other.last and other.first <= self.last

    def __str__(self) -> str:
        if self.network:
            return self.network
        return str(self.first_address) if self.size == 1 else f"{self.first_address}-{self.last_address}"


def parse_range(text: str) -> AddressRange:
    """Read `spec.address` of an Eip: one address, a CIDR (host bits are masked off) or `first-last`.

    Raises InvalidRangeError with a sentence that names the fault.
    """
    shown = text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
    stripped = text.strip()
    if not stripped:
        raise InvalidRangeError("spec.address is empty; write an address, a CIDR or first-last")
    if len(stripped) > _LONGEST:
        raise InvalidRangeError(f"spec.address is too long to be addresses: {shown!r}")
    if "/" in stripped:
        return _parse_network(stripped)
    parts = [part.strip() for part in stripped.split("-")]
    if len(parts) > 2:  # noqa: PLR2004 - first and last
        raise InvalidRangeError(f"spec.address {shown!r} has {len(parts)} parts; a range is first-last")
    addresses = [parse_address(part) for part in parts]
    for part, address in zip(parts, addresses, strict=True):
        if address is None:
            raise InvalidRangeError(f"{part!r} in spec.address {shown!r} is not an IP address")
    first, last = addresses[0], addresses[-1]
    assert first is not None
    assert last is not None
    if first.version != last.version:
        raise InvalidRangeError(f"spec.address {shown!r} mixes IPv4 and IPv6")
    if int(first) > int(last):
        raise InvalidRangeError(f"spec.address {shown!r} is reversed: {first} comes after {last}")
    return AddressRange(version=first.version, first=int(first), last=int(last))


def _parse_network(text: str) -> AddressRange:
    network = None if "%" in text else parse_network("/".join(part.strip() for part in text.split("/")))
    if network is None:
        raise InvalidRangeError(f"spec.address {text!r} is not a CIDR such as 192.168.0.96/28")
    return AddressRange(
        version=network.version,
        first=int(network.network_address),
        last=int(network.broadcast_address),
        network=str(network),
    )


def parse_network(text: str) -> Network | None:
    """Read a CIDR, host bits allowed, or return None when the text is none."""
    stripped = text.strip()
    return _parsed_network(stripped) if len(stripped) <= _LONGEST else None


@lru_cache(maxsize=1 << 14)
def _parsed_network(text: str) -> Network | None:
    """Read a CIDR once: the NICs of all nodes say the same ones again with every report."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def edges(network: Network) -> Iterable[Address]:
    """Return the addresses of a subnet that are not a host's: IPv4 network and broadcast, the IPv6 router anycast.

    A /31 (RFC 3021), a /32, a /127 (RFC 6164) and a /128 have none.
    """
    if network.num_addresses <= 2:  # noqa: PLR2004 - RFC 3021, RFC 6164
        return ()
    if isinstance(network, IPv4Network):
        return (network.network_address, network.broadcast_address)
    return (network.network_address,)  # RFC 4291, 2.6.1
