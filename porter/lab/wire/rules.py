"""What a bad wire does to a frame: lets it pass, loses it, or hands it only to some. Pure; frames are bytes.

`outward` is from the host to the switch. A frame is Ethernet II (RFC 894); its addresses are at 0 and 6.
"""

import random
from collections.abc import Callable, Sequence
from typing import Final

from porter.lab.families import Address

Rule = Callable[[bytes, bool], Sequence[bytes]]
"""A frame and whether it goes outward, to the frames that arrive in its place: itself, none, or copies of it."""

_TYPES: Final = {4: b"\x08\x00", 6: b"\x86\xdd"}  # of a frame, by the version of IP in it
_TCP, _HEAD, _IPV6_HEAD = 6, 14, 40
_PROTOCOL, _SOURCE, _TARGET = {4: 23, 6: 20}, {4: 26, 6: 22}, {4: 30, 6: 38}  # offsets (RFC 791, 3.1; RFC 8200, 3)
_BROADCAST: Final = b"\xff" * 6


def loses(share: float, rng: random.Random) -> Rule:
    """Lose this share (0 to 1) of the frames of either direction, each by its own throw."""

    def rule(frame: bytes, _outward: bool) -> Sequence[bytes]:  # noqa: FBT001 - the shape of a Rule
        return () if rng.random() < share else (frame,)

    return rule


def cut_from_server(address: Address, port: int) -> Rule:
    """Lose what goes to or comes from a TCP server, and nothing else: connections stand and are silent.

    No kernel puts extension headers of IPv6 before TCP unasked.
    """
    there, number, version = address.packed, port.to_bytes(2, "big"), address.version
    kind, protocol, source, target = _TYPES[version], _PROTOCOL[version], _SOURCE[version], _TARGET[version]

    def rule(frame: bytes, outward: bool) -> Sequence[bytes]:  # noqa: FBT001
        if frame[12:14] != kind or frame[protocol] != _TCP:
            return (frame,)
        at = target if outward else source
        tcp = _HEAD + ((frame[_HEAD] & 15) * 4 if kind == _TYPES[4] else _IPV6_HEAD)
        its_port = frame[tcp + 2 : tcp + 4] if outward else frame[tcp : tcp + 2]
        return () if frame[at : at + len(there)] == there and its_port == number else (frame,)

    return rule


def cut_from_hosts(peers: Sequence[bytes], others: Sequence[bytes]) -> Rule:
    """Lose what goes to or comes from the peers' MACs. A broadcast or multicast reaches each of the others, alone."""
    deaf, hearing = frozenset(peers), tuple(others)

    def rule(frame: bytes, outward: bool) -> Sequence[bytes]:  # noqa: FBT001
        if not outward:
            return () if frame[6:12] in deaf else (frame,)
        if frame[0] & 1:  # RFC 894: the lowest bit of the first byte marks a group
            return tuple(mac + frame[6:] for mac in hearing)
        return () if frame[:6] in deaf else (frame,)

    return rule
