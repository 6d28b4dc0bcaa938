"""The kernel-side filter of a socket for Neighbour Discovery: a BPF program from the IPv6 addresses that are ours.

As for ARP (`filter`), frames that do not concern one of them never wake user space, and a program may let through more
than it must. The program, for a frame to us and without the tag of a VLAN:

    IPv6, directly ICMPv6, hop limit 255, a solicitation or advertisement?   else drop
    the address that it is about:                                            the search below
    where there is room, also the address that it is from:                   the same: somebody uses our address

The search: for each network of 96 bits that has one of our addresses, whether it is that, and the last 32 bits among
its ranges. Beyond a few hundred such networks the last 32 bits alone.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence

from . import ndp
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
    Range,
    coarser,
    most_that_fit,
    only,
    ranges,
    search,
    size_of,
)

_ETHERTYPE_AT, _HEADER_AND_HOPS_AT, _SENDER_AT, _TYPE_AT, _TARGET_AT = 12, 20, 22, 54, 62
_WORD = 4
_PREFIX = struct.Struct("!III")
_BYTE = 8  # bits: a half word is two fields, and the code behind the type is 0

_HEAD: Program = (
    *TO_US,
    *only(LOAD_HALF, _ETHERTYPE_AT, ndp.ETHERTYPE),
    *only(LOAD_HALF, _HEADER_AND_HOPS_AT, ndp.ICMPV6 << _BYTE | ndp.HOP_LIMIT),
    Instruction(LOAD_HALF, 0, 0, _TYPE_AT),
    Instruction(JUMP_EQUAL, 2, 0, ndp.SOLICITATION << _BYTE),
    Instruction(JUMP_EQUAL, 1, 0, ndp.ADVERTISEMENT << _BYTE),
    DROP,
)
_PREFIX_CHECK = 3 * _PREFIX.size // _WORD  # instructions
_AROUND = len(_HEAD) + 1  # instructions beside the blocks

_Watched = Mapping[tuple[int, ...], Sequence[Range]]
"""By the three words of a network, or () for any, the ranges of last words."""


def program(addresses: Iterable[bytes], *, limit: int = LIMIT) -> Program:
    """Return the filter for a set of IPv6 addresses of 16 bytes each, of at most `limit` instructions (128 or more).

    The same set gives the same program.
    """
    owned = sorted(set(addresses))
    if not owned:
        return NOTHING
    room = limit - _AROUND
    watched = _by_network(owned)
    if _total(watched) > room:
        network = next(iter(watched)) if len(watched) == 1 else ()
        watched = {
            network: coarser(ranges(address[-_WORD:] for address in owned), most_that_fit(room - _PREFIX_CHECK - 1))
        }
    target, sender = _blocks(watched, _TARGET_AT), _blocks(watched, _SENDER_AT)
    return (*_HEAD, *target, *(sender if 2 * len(target) <= room else ()), DROP)


def _by_network(owned: Iterable[bytes]) -> _Watched:
    last_words: dict[tuple[int, ...], list[bytes]] = {}
    for address in owned:
        last_words.setdefault(_PREFIX.unpack_from(address), []).append(address[-_WORD:])
    return {network: ranges(words) for network, words in last_words.items()}


def _total(watched: _Watched) -> int:
    return sum((_PREFIX_CHECK if network else 0) + 1 + size_of(found) for network, found in watched.items())


def _blocks(watched: _Watched, at: int) -> list[Instruction]:
    """Return instructions that accept a frame with one of these addresses at a place, and else go on behind them."""
    blocks: list[Instruction] = []
    for network, found in watched.items():
        block = [Instruction(LOAD_WORD, 0, 0, at + _PREFIX.size), *search(found)]
        for word in reversed(range(len(network))):
            # a conditional jump may not reach the next block
            check = (
                Instruction(LOAD_WORD, 0, 0, at + word * _WORD),
                Instruction(JUMP_EQUAL, 1, 0, network[word]),
                Instruction(JUMP, 0, 0, len(block)),
            )
            block = [*check, *block]
        blocks += block
    return blocks
