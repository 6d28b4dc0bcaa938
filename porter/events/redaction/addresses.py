"""Other addresses that keep the structure: networks stay networks of their size, ranges stay ranges, order stays order.

All networks, ranges and single addresses of a log are gathered to blocks that do not overlap; each block moves as a
whole to another place, in the same order. So what lay inside, beside or before something else still does, and the last
bits stay. No block moves to where another one was. Special addresses (loopback, multicast, …) stay what they are.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from ipaddress import IPv6Address, ip_network
from typing import Final

from porter.events.errors import LogError
from porter.model.addresses import Address, InvalidRangeError, parse_address, parse_network, parse_range

LITERAL: Final = re.compile(
    r"(?<![\w.:])(?=[0-9A-Fa-f]*:[0-9A-Fa-f]*:)[0-9A-Fa-f:]*(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]|::)(?!\w)"
    r"|(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\w)",
)
"""What looks like an address inside a text. Whether it is one, `parse_address` knows."""

_Span = tuple[int, int]  # first and last number
_SPECIAL: Final[dict[int, list[_Span]]] = {
    version: [(int(net.network_address), int(net.broadcast_address)) for net in map(ip_network, texts)]
    for version, texts in {
        4: ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"),  # as the fold reserves them
        6: ("::/16", "fe80::/10", "ff00::/8"),
    }.items()
}
_LINK_LOCAL: Final = ip_network("fe80::/10")
_BITS: Final = {4: 32, 6: 128}
_SMALLEST: Final = {4: 8, 6: 64}  # host bits of a block: neighbours stay neighbours
_LARGEST: Final = {4: 24, 6: 112}  # host bits: a wider network, as 0.0.0.0/0, names nobody's
_STARTS: Final = {
    4: (int(parse_address("10.0.0.0") or 0), int(parse_address("1.0.0.0") or 0)),
    6: (int(parse_address("2001:db8::") or 0), int(parse_address("fd00::") or 0)),
}
_EUI64: Final = 0x000000FFFE000000  # RFC 4291, appendix A: what a MAC leaves in the middle of an interface identifier
_EUI64_MASK: Final = 0x000000FFFF000000
_UNKNOWN: Final = "0.0.0.0"  # noqa: S104 - no address to listen on, but one that is nobody's


class Addresses:
    """The addresses of one log, and what stands for each. `add` all, then `settle`, then ask."""

    def __init__(self) -> None:
        self._spans: dict[int, set[_Span]] = {4: set(), 6: set()}
        self._link_local: set[int] = set()
        self._firsts: dict[int, list[int]] = {4: [], 6: []}
        self._moves: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        """By the place of a block in `_firsts`: its last number, and by how much it moves."""

    def add(self, text: str) -> None:
        """Note the addresses in a text, and the network where the whole text is one."""
        network = parse_network(text) if "/" in text else None
        if network is not None:
            self._note(network.version, int(network.network_address), int(network.broadcast_address))
            text = text.partition("/")[0]
        for found in LITERAL.finditer(text):
            address = parse_address(found[0])
            if address is not None:
                self._note(address.version, int(address), int(address))

    def add_range(self, text: str) -> None:
        """Note what an Eip names as its addresses, as written."""
        try:
            found = parse_range(text)
        except InvalidRangeError:
            pass
        else:
            self._note(found.version, found.first, found.last)
        self.add(text)

    def settle(self) -> None:
        """Decide where every block moves. Raises LogError when there is no room."""
        for version, spans in self._spans.items():
            blocks = _apart(spans)
            taken = [*blocks, *_SPECIAL[version]]
            starts = iter(_STARTS[version])
            free = next(starts)
            for first, last in blocks:
                place = _room(free, last - first + 1, taken, version)
                if place is None:  # rare: behind the first start all is full
                    place = _room(next(starts), last - first + 1, taken, version)
                if place is None:
                    raise LogError("the log holds so many networks that no room is left for others in their place")
                free = place + last - first + 1
                taken.append((place, free - 1))
                self._firsts[version].append(first)
                self._moves[version].append((last, place - first))
        self._numbered = {number: place for place, number in enumerate(sorted(self._link_local), start=1)}

    def other(self, address: Address, macs: Mapping[str, str]) -> str:
        """Return what stands for an address. `macs` is what stands for MACs: an IPv6 address may hold one."""
        number = int(address)
        if address.version == 6:  # noqa: PLR2004 - IP's own version number
            number = _other_interface(number, macs)
        if address in _LINK_LOCAL:
            if number == int(address):
                number = (0xFE80 << 112) + self._numbered.get(number, 0)
            return str(IPv6Address(number))
        if any(first <= number <= last for first, last in _SPECIAL[address.version]):
            return str(address)
        place = bisect_right(self._firsts[address.version], number) - 1
        if place < 0 or number > self._moves[address.version][place][0]:
            return _UNKNOWN
        return str(type(address)(number + self._moves[address.version][place][1]))

    def _note(self, version: int, first: int, last: int) -> None:
        if first == last and version == 6 and IPv6Address(first) in _LINK_LOCAL:  # noqa: PLR2004
            self._link_local.add(first)
        if any(start <= first and last <= end for start, end in _SPECIAL[version]):
            return
        bits = max(_SMALLEST[version], (first ^ last).bit_length())
        if bits > _LARGEST[version]:
            if first != last and (first ^ last).bit_length() != _BITS[version]:
                self._note(version, first, first)
                self._note(version, last, last)
            return
        self._spans[version].add((first >> bits << bits, ((last >> bits) + 1 << bits) - 1))


def _apart(spans: Iterable[_Span]) -> list[_Span]:
    """Return the spans that lie in no other. They are CIDR blocks: one lies in the other, or they do not touch."""
    found: list[_Span] = []
    for first, last in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not found or last > found[-1][1]:
            found.append((first, last))
    return found


def _room(free: int, size: int, taken: Iterable[_Span], version: int) -> int | None:
    """Return the first aligned place from `free` on where a block of the size overlaps nothing that is taken."""
    place = -(-free // size) * size
    for first, last in sorted(taken):
        if first <= place + size - 1 and last >= place:
            place = -(-(last + 1) // size) * size
    return place if place + size <= 1 << _BITS[version] else None


def _other_interface(number: int, macs: Mapping[str, str]) -> int:
    """Exchange the MAC in an address that was made from one (EUI-64)."""
    if number & _EUI64_MASK != _EUI64:
        return number
    octets = (number & (1 << 64) - 1).to_bytes(8)
    mac = bytes([octets[0] ^ 2, *octets[1:3], *octets[5:]]).hex(":")
    new = bytes.fromhex(macs.get(mac, "02:00:00:00:00:00").replace(":", ""))
    interface = bytes([new[0] ^ 2, *new[1:3], 0xFF, 0xFE, *new[3:]])
    return number >> 64 << 64 | int.from_bytes(interface)
