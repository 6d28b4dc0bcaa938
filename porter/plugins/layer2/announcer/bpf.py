"""Classic BPF programs that let a socket hear only of some addresses: their instructions, and the search in them.

The last 32 bits of an address are searched for among ranges by halves. Makes programs of any family; never opens a
socket, and knows nothing of what frames mean.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

LIMIT = 4096
"""BPF_MAXINSNS: the kernel takes no longer program. It may have no room for one that long (net.core.optmem_max)."""
ACCEPT_BYTES = 0x40000

# Codes of linux/bpf_common.h; each names what it does to the accumulator A.
LOAD_WORD = 0x20  # A = the four bytes at k
LOAD_HALF = 0x28
LOAD_BYTE = 0x30
JUMP = 0x05
JUMP_EQUAL = 0x15
_JUMP_GREATER = 0x25
_JUMP_AT_LEAST = 0x35
_AND = 0x54
_RETURN = 0x06

_PACKET_TYPE = 0xFFFFF000 + 4  # SKF_AD_OFF + SKF_AD_PKTTYPE
_LAST_OWN_TYPE = 2  # PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST
_NIC = 0xFFFFF000 + 8  # SKF_AD_IFINDEX
# A frame of a VLAN that has no device here comes with packet type 3 and its tag gone, or, at an earlier stage of the
# kernel or from a NIC that strips tags itself, with the tag beside the frame: what PACKET_AUXDATA would show.
_VLAN_TAG, _VLAN_PRESENT = 0xFFFFF000 + 44, 0xFFFFF000 + 48  # SKF_AD_VLAN_TAG, SKF_AD_VLAN_TAG_PRESENT
_VLAN_ID = 0x0FFF  # the rest is priority; a tag with id 0 is a priority alone (IEEE 802.1Q, 6.9)

_BLOCK = 16  # ranges tested in a row before the search halves again: jumps reach only 255 instructions far
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


def always(size: int) -> Instruction:
    """Return the end of a program: so many bytes of the frame are let through."""
    return Instruction(_RETURN, 0, 0, size)


DROP = always(0)
NOTHING: Program = (DROP,)
"""Lets nothing through."""
TO_US: Program = (
    Instruction(LOAD_WORD, 0, 0, _VLAN_PRESENT),
    Instruction(JUMP_EQUAL, 4, 0, 0),
    Instruction(LOAD_WORD, 0, 0, _VLAN_TAG),
    Instruction(_AND, 0, 0, _VLAN_ID),
    Instruction(JUMP_EQUAL, 1, 0, 0),
    DROP,
    Instruction(LOAD_BYTE, 0, 0, _PACKET_TYPE),
    Instruction(_JUMP_GREATER, 0, 1, _LAST_OWN_TYPE),
    DROP,
)
"""Drops what is to another station, or of a VLAN that is not ours."""


def only(load: int, at: int, value: int) -> Program:
    """Return instructions that drop a frame with anything else at that place."""
    return (Instruction(load, 0, 0, at), Instruction(JUMP_EQUAL, 1, 0, value), DROP)


def of_nic(number: int) -> Program:
    """Return instructions that drop a frame of another NIC than that of this index.

    A socket that is bound to a NIC also hears what a VLAN or macvlan device upon it takes from it, without the tag, as
    if it were for the NIC itself (net/core/dev.c, __netif_receive_skb_core: orig_dev).
    """
    return only(LOAD_WORD, _NIC, number)


def pack(instructions: Program) -> bytes:
    """Return the program as an array of `struct sock_filter`."""
    return b"".join(_INSTRUCTION.pack(*each) for each in instructions)


def ranges(addresses: Iterable[bytes]) -> list[Range]:
    """Return addresses of 4 bytes as ranges of neighbours, both ends included, in order."""
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


def most_that_fit(room: int) -> int:
    """Return how many ranges surely fit, whatever they are: at two instructions each, and those of the search."""
    most = room // 2
    while 2 * most + 4 * _leaves(most) > room:
        most -= 1
    return most


def _leaves(count: int) -> int:
    return 1 if count <= _BLOCK else _leaves(count // 2) + _leaves(count - count // 2)


def search(watched: Sequence[Range]) -> list[Instruction]:
    """Return instructions that accept when A lies in a range, and else continue behind the last of them."""
    size = size_of(watched)
    return list(_branch(watched, behind=size))


def size_of(watched: Sequence[Range]) -> int:
    """Return how many instructions the search takes."""
    if len(watched) <= _BLOCK:
        return sum(1 if first == last else 2 for first, last in watched) + 2
    half = len(watched) // 2
    return 2 + size_of(watched[:half]) + size_of(watched[half:])


def _branch(watched: Sequence[Range], *, behind: int) -> Iterable[Instruction]:
    """Yield the search over these ranges; `behind` counts the instructions from here to the end of the whole search."""
    if len(watched) <= _BLOCK:
        yield from _leaf(watched, behind=behind)
        return
    half = len(watched) // 2
    low_size = size_of(watched[:half])
    # A conditional jump reaches 255 instructions, a plain one any distance.
    yield Instruction(_JUMP_AT_LEAST, 0, 1, watched[half][0])
    yield Instruction(JUMP, 0, 0, low_size)
    yield from _branch(watched[:half], behind=behind - 2)
    yield from _branch(watched[half:], behind=behind - 2 - low_size)


def _leaf(watched: Sequence[Range], *, behind: int) -> Iterable[Instruction]:
    size = size_of(watched)
    miss, accept = size - 2, size - 1
    at = 0
    for first, last in watched:
        if first == last:
            yield Instruction(JUMP_EQUAL, accept - at - 1, 0, first)
            at += 1
        else:
            yield Instruction(_JUMP_GREATER, 1, 0, last)  # beyond this range: on to the next
            yield Instruction(_JUMP_AT_LEAST, accept - at - 2, miss - at - 2, first)
            at += 2
    yield Instruction(JUMP, 0, 0, behind - miss - 1)
    yield always(ACCEPT_BYTES)
