"""What the announcer needs of a family of addresses, and the words that its threads share. No sockets here.

Two families are in place: `ipv4`, which speaks ARP, and `ipv6`, which speaks NDP. Each is an object that keeps the
promises of `Family`, and has a `Responder`. A `Segment` is one NIC and one family, so each family has a socket, a
filter and a table of answers of its own on every NIC.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from .bpf import Program

if TYPE_CHECKING:
    from .responder import Responder


class Table(NamedTuple):
    """What is answered for on one NIC, in one family. Never changed: another one takes its place, whole."""

    mac: bytes = b""
    held: frozenset[bytes] = frozenset()
    """Packed addresses that are answered for."""
    probed: frozenset[bytes] = frozenset()
    """Packed addresses that are asked for, to see whether somebody has them: silence, and an open ear."""
    own: frozenset[bytes] = frozenset()
    """The MACs of the node's own NICs: whose kernel may answer for what is held or probed, and is no rival."""


class News(NamedTuple):
    """What other hosts were heard to say of packed addresses."""

    rivals: dict[bytes, bytes]
    """Probed addresses that another host has or wants, with the MAC of the last one."""
    disputed: dict[bytes, list[bytes]]
    """Held addresses that others claim, with their MACs in the order in which they were heard, at most a few."""


class Family(Protocol):
    """One family of addresses on Ethernet. Addresses are packed, in network order; pure."""

    name: str
    ethertype: int
    """What a socket of the family is bound to."""
    has_weak_hosts: bool
    """Whether a kernel may answer for an address that it has on another NIC (RFC 1122, 3.3.4.2)."""
    longest: int
    """Bytes of the family's longest frame. Of a longer one this many and one more are read, and it is refused."""

    def pack(self, text: str) -> bytes | None:
        """Return the address, or None for what is none of this family."""

    def is_of_host(self, address: bytes) -> bool:
        """Tell whether one host of a segment can have the address: it is of no group, nobody's, nor each host's own."""

    def text(self, address: bytes) -> str:
        """Return the address as people write it."""

    def filter(self, addresses: Iterable[bytes], *, limit: int) -> Program:
        """Return what the kernel lets through: all that concerns these addresses.

        Of at most `limit` instructions, which is 128 or more; where they do not suffice, more is let through than must.
        """

    def groups(self, addresses: Iterable[bytes]) -> frozenset[bytes]:
        """Return the multicast groups, packed, to which questions about these addresses are sent; none for all."""

    def responder(self) -> "Responder":
        """Return a responder that answers nothing yet."""

    def probe(self, address: bytes, *, mac: bytes) -> bytes:
        """Return the frame that asks whether somebody has the address, and changes no cache."""

    def announcement(self, address: bytes, *, mac: bytes) -> tuple[bytes, ...]:
        """Return the frames that tell everybody whose the address is."""

    def defence(self, address: bytes, *, mac: bytes) -> bytes:
        """Return the one frame that answers a claim of another host."""
