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

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

LIMIT = 4096
"""BPF_MAXINSNS: the kernel takes no longer program. It may have no room for one that long (net.core.optmem_max)."""
ACCEPT_BYTES = 0x40000

# Codes of linux/bpf_common.h; each names what it does to the accumulator A.
_LOAD_WORD = 0x20  # A = the four bytes at k
_LOAD_HALF = 0x28
_LOAD_BYTE = 0x30
_JUMP = 0x05
_JUMP_EQUAL = 0x15
_JUMP_GREATER = 0x25
_JUMP_AT_LEAST = 0x35
_AND = 0x54
_RETURN = 0x06

_PACKET_TYPE = 0xFFFFF000 + 4  # SKF_AD_OFF + SKF_AD_PKTTYPE
_LAST_OWN_TYPE = 2  # PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST
# A frame of a VLAN that has no device here comes with packet type 3 and its tag gone, or, at an earlier stage of the
# kernel or from a NIC that strips tags itself, with the tag beside the frame: what PACKET_AUXDATA would show.
_VLAN_TAG, _VLAN_PRESENT = 0xFFFFF000 + 44, 0xFFFFF000 + 48  # SKF_AD_VLAN_TAG, SKF_AD_VLAN_TAG_PRESENT
_VLAN_ID = 0x0FFF  # the rest is priority; a tag with id 0 is a priority alone (IEEE 802.1Q, 6.9)
_ETHERTYPE_AT, _HARDWARE_AT, _LENGTHS_AT, _OPERATION_AT, _SENDER_AT, _TARGET_AT = 12, 14, 18, 20, 28, 38
_ARP, _ETHERNET_IPV4, _LENGTHS = 0x0806, 0x00010800, 0x0604
_REQUEST, _REPLY = 1, 2

_BLOCK = 16  # ranges tested in a row before the search halves again: jumps reach only 255 instructions far
_HEAD = 28  # more than the instructions around the searches
_ADDRESS = struct.Struct("!I")
_INSTRUCTION = struct.Struct("=HBBI")


class Instruction(NamedTuple):
    """One `struct sock_filter`: where a condition holds skip `yes` instructions, else `no`."""

    code: int
    yes: int
    no: int
    k: int


Program = tuple[Instruction, ...]
Range = tuple[int, int]


def program(addresses: Iterable[bytes], *, limit: int = LIMIT) -> Program:
    """Return the filter for a set of IPv4 addresses of 4 bytes each, of at most `limit` instructions (128 or more).

    The same set gives the same program.
    """
    watched = ranges(addresses)
    if not watched:
        return (_always(0),)
    room = limit - _HEAD
    size = _size(watched)
    if size > room:
        watched = coarser(watched, _most_that_fit(room))
        size = _size(watched)
    return _assemble(_search(watched), senders=2 * size <= room)


def _most_that_fit(room: int) -> int:
    """Return how many ranges surely fit, whatever they are: at two instructions each, and those of the search."""
    most = room // 2
    while 2 * most + 4 * _leaves(most) > room:
        most -= 1
    return most


def _leaves(count: int) -> int:
    return 1 if count <= _BLOCK else _leaves(count // 2) + _leaves(count - count // 2)


def pack(instructions: Program) -> bytes:
    """Return the program as an array of `struct sock_filter`."""
    return b"".join(_INSTRUCTION.pack(*each) for each in instructions)


def ranges(addresses: Iterable[bytes]) -> list[Range]:
    """Return the addresses as ranges of neighbours, both ends included, in order."""
    merged: list[Range] = []
    for number in sorted({_ADDRESS.unpack(address)[0] for address in addresses}):
        if merged and merged[-1][1] + 1 == number:
            merged[-1] = (merged[-1][0], number)
        else:
            merged.append((number, number))
    return merged


def coarser(watched: Sequence[Range], most: int) -> list[Range]:
    """Return at most `most` ranges that cover the given ones, closing the smallest gaps first."""
    gaps = sorted(range(1, len(watched)), key=lambda at: (watched[at][0] - watched[at - 1][1], at))
    closed = frozenset(gaps[: max(0, len(watched) - max(1, most))])
    merged: list[Range] = []
    for at, (first, last) in enumerate(watched):
        if at in closed:
            merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return merged


def _search(watched: Sequence[Range]) -> list[Instruction]:
    """Return instructions that accept when A lies in a range, and else continue behind the last of them."""
    size = _size(watched)
    return list(_branch(watched, behind=size))


def _size(watched: Sequence[Range]) -> int:
    if len(watched) <= _BLOCK:
        return sum(1 if first == last else 2 for first, last in watched) + 2
    half = len(watched) // 2
    return 2 + _size(watched[:half]) + _size(watched[half:])


def _branch(watched: Sequence[Range], *, behind: int) -> Iterable[Instruction]:
    """Yield the search over these ranges; `behind` counts the instructions from here to the end of the whole search."""
    if len(watched) <= _BLOCK:
        yield from _leaf(watched, behind=behind)
        return
    half = len(watched) // 2
    low_size = _size(watched[:half])
    # A conditional jump reaches 255 instructions, a plain one any distance.
    yield Instruction(_JUMP_AT_LEAST, 0, 1, watched[half][0])
    yield Instruction(_JUMP, 0, 0, low_size)
    yield from _branch(watched[:half], behind=behind - 2)
    yield from _branch(watched[half:], behind=behind - 2 - low_size)


def _leaf(watched: Sequence[Range], *, behind: int) -> Iterable[Instruction]:
    size = _size(watched)
    miss, accept = size - 2, size - 1
    at = 0
    for first, last in watched:
        if first == last:
            yield Instruction(_JUMP_EQUAL, accept - at - 1, 0, first)
            at += 1
        else:
            yield Instruction(_JUMP_GREATER, 1, 0, last)  # beyond this range: on to the next
            yield Instruction(_JUMP_AT_LEAST, accept - at - 2, miss - at - 2, first)
            at += 2
    yield Instruction(_JUMP, 0, 0, behind - miss - 1)
    yield _always(ACCEPT_BYTES)


def _assemble(search: Sequence[Instruction], *, senders: bool) -> Program:
    checks: list[tuple[int, int, Callable[[int], Instruction]]] = [
        (_LOAD_BYTE, _PACKET_TYPE, lambda drop: Instruction(_JUMP_GREATER, drop, 0, _LAST_OWN_TYPE)),
        (_LOAD_HALF, _ETHERTYPE_AT, lambda drop: Instruction(_JUMP_EQUAL, 0, drop, _ARP)),
        (_LOAD_WORD, _HARDWARE_AT, lambda drop: Instruction(_JUMP_EQUAL, 0, drop, _ETHERNET_IPV4)),
        (_LOAD_HALF, _LENGTHS_AT, lambda drop: Instruction(_JUMP_EQUAL, 0, drop, _LENGTHS)),
    ]
    head = [
        Instruction(_LOAD_WORD, 0, 0, _VLAN_PRESENT),
        Instruction(_JUMP_EQUAL, 4, 0, 0),
        Instruction(_LOAD_WORD, 0, 0, _VLAN_TAG),
        Instruction(_AND, 0, 0, _VLAN_ID),
        Instruction(_JUMP_EQUAL, 1, 0, 0),
        _always(0),
    ]
    last = len(head) + 2 * len(checks) + 3  # the place of the instruction that drops
    for load, where, check in checks:
        head.append(Instruction(load, 0, 0, where))
        head.append(check(last - len(head) - 1))
    head += [
        Instruction(_LOAD_HALF, 0, 0, _OPERATION_AT),
        Instruction(_JUMP_EQUAL, 2, 0, _REQUEST),
        Instruction(_JUMP_EQUAL, 3, 0, _REPLY),
        _always(0),
        Instruction(_LOAD_WORD, 0, 0, _TARGET_AT),
        Instruction(_JUMP, 0, 0, 1),
        Instruction(_LOAD_WORD, 0, 0, _SENDER_AT),
    ]
    second = [Instruction(_LOAD_WORD, 0, 0, _SENDER_AT), *search] if senders else []
    return (*head, *search, *second, _always(0))


def _always(size: int) -> Instruction:
    return Instruction(_RETURN, 0, 0, size)
