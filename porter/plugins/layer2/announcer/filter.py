"""The kernel-side filter of an ARP socket: a classic BPF program made from the addresses that are ours to watch.

Frames that do not concern one of them never wake user space. A program may let through more than it must (beyond
about 2,000 scattered addresses it watches ranges): whoever reads the frames checks them again. Makes programs; never
opens a socket.

The program, for a frame of packet type 0 (to us), 1 (broadcast) or 2 (multicast), and without the tag of a VLAN:

    an ARP request or reply for IPv4?                     else drop
    the address asked for (request) or told of (reply):   a binary search over the watched ranges
    where there is room, also a request's sender:         the same search: somebody uses our address

A request is answered by the first search; a reply's sender, and a gratuitous request, tell of a conflict (RFC 5227).
"""

from collections.abc import Iterable, Sequence

from .bpf import (
    DROP,
    JUMP,
    JUMP_EQUAL,
    LIMIT,
    LOAD_HALF,
    LOAD_WORD,
    NOTHING,
    TO_US,
    Instruction,
    Program,
    coarser,
    most_that_fit,
    only,
    ranges,
    search,
    size_of,
)

_ETHERTYPE_AT, _HARDWARE_AT, _LENGTHS_AT, _OPERATION_AT, _SENDER_AT, _TARGET_AT = 12, 14, 18, 20, 28, 38
_ARP, _ETHERNET_IPV4, _LENGTHS = 0x0806, 0x00010800, 0x0604
_REQUEST, _REPLY = 1, 2

_HEAD: Program = (
    *TO_US,
    *only(LOAD_HALF, _ETHERTYPE_AT, _ARP),
    *only(LOAD_WORD, _HARDWARE_AT, _ETHERNET_IPV4),
    *only(LOAD_HALF, _LENGTHS_AT, _LENGTHS),
    Instruction(LOAD_HALF, 0, 0, _OPERATION_AT),
    Instruction(JUMP_EQUAL, 2, 0, _REQUEST),
    Instruction(JUMP_EQUAL, 3, 0, _REPLY),
    DROP,
    Instruction(LOAD_WORD, 0, 0, _TARGET_AT),
    Instruction(JUMP, 0, 0, 1),
    Instruction(LOAD_WORD, 0, 0, _SENDER_AT),
)
_AROUND = len(_HEAD) + 2  # instructions beside the searches


def program(addresses: Iterable[bytes], *, limit: int = LIMIT) -> Program:
    """Return the filter for a set of IPv4 addresses of 4 bytes each, of at most `limit` instructions (128 or more).

    The same set gives the same program.
    """
    watched = ranges(addresses)
    if not watched:
        return NOTHING
    room = limit - _AROUND
    size = size_of(watched)
    if size > room:
        watched = coarser(watched, most_that_fit(room))
        size = size_of(watched)
    return _assemble(search(watched), senders=2 * size <= room)


def _assemble(found: Sequence[Instruction], *, senders: bool) -> Program:
    second = (Instruction(LOAD_WORD, 0, 0, _SENDER_AT), *found) if senders else ()
    return (*_HEAD, *found, *second, DROP)
