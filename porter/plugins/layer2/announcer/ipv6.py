"""IPv6: Neighbour Discovery (RFC 4861) is said and heard, and duplicates are looked for first (RFC 4862, 5.4)."""

import socket
from collections.abc import Iterable

from . import ndp, ndp_filter
from .bpf import Program
from .ndp_responder import NdpResponder


class Ipv6:
    """Keeps the promises of `family.Family`."""

    name = "IPv6"
    ethertype = ndp.ETHERTYPE
    has_weak_hosts = False  # Linux answers for an address only where it is: net/ipv6/ndisc.c, ndisc_recv_ns
    longest = ndp.LONGEST

    def pack(self, text: str) -> bytes | None:
        """Return the 16 bytes of the address."""
        try:
            return socket.inet_pton(socket.AF_INET6, text)
        except (OSError, ValueError):  # ValueError: a null character
            return None

    def is_of_host(self, address: bytes) -> bool:
        """Tell whether one host can have it: neither a group, nor `::`, `::1` or one of IPv4 in disguise (RFC 4291)."""
        return address[0] != ndp.MULTICAST and any(address[:8])

    def text(self, address: bytes) -> str:
        """Return the short form (RFC 5952)."""
        return socket.inet_ntop(socket.AF_INET6, address)

    def filter(self, addresses: Iterable[bytes], *, limit: int) -> Program:
        """Return the filter of solicitations and advertisements."""
        return ndp_filter.program(addresses, limit=limit)

    def groups(self, addresses: Iterable[bytes]) -> frozenset[bytes]:
        """Return the groups of solicited nodes (RFC 4861, 7.2.1), to which questions about the addresses are sent."""
        return frozenset(map(ndp.solicited_node, addresses))

    def responder(self) -> NdpResponder:
        """Return a responder to solicitations."""
        return NdpResponder()

    def probe(self, address: bytes, *, mac: bytes) -> bytes:
        """Return a solicitation as duplicates are looked for with (RFC 4862, 5.4.2)."""
        return ndp.probe(address, mac=mac).pack()

    def announcement(self, address: bytes, *, mac: bytes) -> tuple[bytes, ...]:
        """Return an unsolicited advertisement, which overrides what caches have (RFC 4861, 7.2.6)."""
        return (ndp.unsolicited(address, mac=mac).pack(),)

    def defence(self, address: bytes, *, mac: bytes) -> bytes:
        """Return an unsolicited advertisement: who claimed the address has told others what is to be overridden."""
        return ndp.unsolicited(address, mac=mac).pack()
