"""IPv4: what is said and heard is ARP (RFC 826, RFC 5227)."""

import socket
from collections.abc import Iterable

from . import arp, filter  # noqa: A004 - the module says what it is
from .arp_responder import ArpResponder
from .bpf import Program

_LOOPBACK, _FIRST_OF_GROUPS = 127, 224  # the first byte


class Ipv4:
    """Keeps the promises of `family.Family`."""

    name = "IPv4"
    ethertype = arp.ETHERTYPE
    has_weak_hosts = True
    longest = arp.LONGEST

    def pack(self, text: str) -> bytes | None:
        """Return the 4 bytes of the address."""
        try:
            return socket.inet_pton(socket.AF_INET, text)
        except (OSError, ValueError):  # ValueError: a null character
            return None

    def is_of_host(self, address: bytes) -> bool:
        """Tell whether one host can have it: none of 0/8 and 127/8, and no group (RFC 6890, RFC 5771)."""
        return 0 < address[0] < _FIRST_OF_GROUPS and address[0] != _LOOPBACK

    def text(self, address: bytes) -> str:
        """Return the dotted form."""
        return socket.inet_ntoa(address)

    def filter(self, addresses: Iterable[bytes], *, limit: int) -> Program:
        """Return the filter of ARP frames."""
        return filter.program(addresses, limit=limit)

    def groups(self, addresses: Iterable[bytes]) -> frozenset[bytes]:
        """Return none: ARP asks everybody."""
        del addresses
        return frozenset()

    def responder(self) -> ArpResponder:
        """Return a responder to ARP requests."""
        return ArpResponder()

    def probe(self, address: bytes, *, mac: bytes) -> bytes:
        """Return an ARP probe (RFC 5227, 2.1.1)."""
        return arp.probe(address, mac=mac).pack()

    def announcement(self, address: bytes, *, mac: bytes) -> tuple[bytes, ...]:
        """Return both gratuitous forms: some hosts take only the request, some only the reply."""
        return (
            arp.gratuitous_request(address, mac=mac).pack(),
            arp.gratuitous_reply(address, mac=mac).pack(),
        )

    def defence(self, address: bytes, *, mac: bytes) -> bytes:
        """Return one ARP announcement (RFC 5227, 2.4)."""
        return arp.gratuitous_request(address, mac=mac).pack()
