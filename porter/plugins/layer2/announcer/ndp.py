"""Neighbour Discovery for IPv6 over Ethernet (RFC 4861) as values: solicitations and advertisements. No sockets here.

A frame is an untagged Ethernet II frame with one IPv6 packet (RFC 8200) without extension headers:

    destination 6 | source 6 | 0x86dd | 0x6 class flow 4 | length 2 | 58 | hop limit 255 | sender 16 | receiver 16
    type 1 | code 0 | checksum 2 | flags 4 | target 16 | options, each: kind 1 | length in units of 8 bytes 1 | data

Addresses are bytes in network order: 6 of a MAC, 16 of an IPv6 address. What is reserved is sent as zero and not read
(RFC 4861, 4.3 and 4.4). A packet with extension headers is refused: none of the kernels that we know sends one.
"""

import struct
from typing import NamedTuple

ETHERTYPE = 0x86DD
ICMPV6 = 58
SOLICITATION = 135  # RFC 4861, 4.3
ADVERTISEMENT = 136  # RFC 4861, 4.4
HOP_LIMIT = 255
"""Nobody beyond a router can have sent a packet that still has it (RFC 4861, 7.1.1)."""
SOURCE_MAC = 1  # RFC 4861, 4.6.1: source link-layer address
TARGET_MAC = 2  # the same: target link-layer address
UNSPECIFIED = bytes(16)
ALL_NODES = bytes.fromhex("ff02000000000000 0000000000000001")  # RFC 4291, 2.7.1
SHORTEST = 78
"""Bytes of a frame without options: 14 of Ethernet, 40 of IPv6, 24 of ICMPv6."""
LONGEST = 1514
"""Bytes of the longest frame that is read: what an Ethernet of ordinary size carries."""

_HEADERS = struct.Struct("!6s6sHIHBB16s16s")
_MESSAGE = struct.Struct("!BBHI16s")
_VERSION_6 = 6
_MESSAGE_AT = 54
MULTICAST = 0xFF  # RFC 4291, 2.7: the first byte
_SOLICITED_NODE = bytes.fromhex("ff0200000000000000000001ff")  # RFC 4291, 2.7.1: then the address's last 3 bytes
_ROUTER, _SOLICITED, _OVERRIDE = 1 << 31, 1 << 30, 1 << 29
_UNIT = 8
_MAC_BYTES = 6


class MalformedPacketError(ValueError):
    """Bytes that are no valid solicitation or advertisement. The message says why."""


class Option(NamedTuple):
    """One option: its kind, and its data of 6, 14, 22 … bytes. Options of unknown kinds are kept and mean nothing."""

    kind: int
    data: bytes


class Solicitation(NamedTuple):
    """A question who has an address; from nobody (`::`) it asks whether the address is free (RFC 4862, 5.4)."""

    destination: bytes
    source: bytes
    sender: bytes
    receiver: bytes
    target: bytes
    options: tuple[Option, ...] = ()

    def pack(self) -> bytes:
        """Return the bytes of the frame."""
        return _pack(self, SOLICITATION, 0)

    @property
    def is_probe(self) -> bool:
        """A question by somebody who does not have the address yet, whether it is taken."""
        return self.sender == UNSPECIFIED

    @property
    def mac(self) -> bytes:
        """The asker's own: as the option says, else as the frame does. A probe has no option."""
        return _option(self.options, SOURCE_MAC) or self.source


class Advertisement(NamedTuple):
    """Somebody tells who has an address: one that asked, or everybody."""

    destination: bytes
    source: bytes
    sender: bytes
    receiver: bytes
    target: bytes
    router: bool
    solicited: bool
    """It answers a solicitation of the receiver, and so proves that the way there and back works."""
    override: bool
    """Caches that know another MAC are to take this one."""
    options: tuple[Option, ...] = ()

    def pack(self) -> bytes:
        """Return the bytes of the frame."""
        flags = self.router * _ROUTER | self.solicited * _SOLICITED | self.override * _OVERRIDE
        return _pack(self, ADVERTISEMENT, flags)

    @property
    def mac(self) -> bytes:
        """Of the host that has the target: as the option says, else as the frame does."""
        return _option(self.options, TARGET_MAC) or self.source


Packet = Solicitation | Advertisement


def parse(frame: bytes) -> Packet:
    """Read a frame. Raises MalformedPacketError for what is no such message, and what RFC 4861 (7.1) has us discard."""
    if len(frame) < SHORTEST:
        raise MalformedPacketError("short")
    destination, source, ethertype, first, length, header, hops, sender, receiver = _HEADERS.unpack_from(frame)
    if ethertype != ETHERTYPE or first >> 28 != _VERSION_6 or header != ICMPV6:
        raise MalformedPacketError("not ICMPv6")
    end = _MESSAGE_AT + length
    if end < SHORTEST or end > len(frame):  # what follows the packet is the medium's padding
        raise MalformedPacketError("of another length than it says")
    if hops != HOP_LIMIT or sender[0] == MULTICAST:
        raise MalformedPacketError("routed, or from a group")
    message = frame[_MESSAGE_AT:end]
    kind, code, _, flags, target = _MESSAGE.unpack_from(message)
    if kind not in (SOLICITATION, ADVERTISEMENT) or code != 0:
        raise MalformedPacketError("neither solicitation nor advertisement")
    if target[0] == MULTICAST or checksum(sender, receiver, message) != 0:
        raise MalformedPacketError("damaged, or about a group")
    options = _options(message[_MESSAGE.size :])
    if kind == SOLICITATION:
        return _checked(Solicitation(destination, source, sender, receiver, target, options))
    router, solicited, override = (bool(flags & each) for each in (_ROUTER, _SOLICITED, _OVERRIDE))
    if solicited and receiver[0] == MULTICAST:  # RFC 4861, 7.1.2
        raise MalformedPacketError("an answer to a group")
    return Advertisement(destination, source, sender, receiver, target, router, solicited, override, options)


def checksum(sender: bytes, receiver: bytes, message: bytes) -> int:
    """Return the checksum of a message whose own is zero; 0 for one with the right checksum in it (RFC 4443, 2.3).

    The message has an even length, as all that consist of options have.
    """
    pseudo = sender + receiver + struct.pack("!II", len(message), ICMPV6)  # RFC 8200, 8.1
    # The ones' complement sum of 16-bit words is the whole number modulo 0xffff, since 0x10000 leaves 1.
    return -int.from_bytes(pseudo + message, "big") % 0xFFFF


def multicast_mac(group: bytes) -> bytes:
    """Return the Ethernet address of an IPv6 group (RFC 2464, 7)."""
    return b"\x33\x33" + group[12:]


def solicited_node(address: bytes) -> bytes:
    """Return the group to which questions about an address are sent (RFC 4291, 2.7.1)."""
    return _SOLICITED_NODE + address[13:]


def answer(question: Solicitation, mac: bytes) -> Advertisement:
    """Return the answer to a question about an address that we hold (RFC 4861, 7.2.4).

    To the asker alone; to all nodes, and not as solicited, where nobody asks: its sender has no address to answer to.
    """
    target, option = question.target, (Option(TARGET_MAC, mac),)
    if question.is_probe:
        return unsolicited(target, mac=mac)
    return Advertisement(
        destination=question.mac,
        source=mac,
        sender=target,
        receiver=question.sender,
        target=target,
        router=False,  # whatever the node is: what is behind a Service's address routes nothing
        solicited=True,
        override=True,  # neither anycast nor by proxy
        options=option,
    )


def unsolicited(address: bytes, *, mac: bytes) -> Advertisement:
    """Return the announcement that makes every cache take our MAC (RFC 4861, 7.2.6: with the override flag)."""
    return Advertisement(
        destination=multicast_mac(ALL_NODES),
        source=mac,
        sender=address,
        receiver=ALL_NODES,
        target=address,
        router=False,
        solicited=False,
        override=True,
        options=(Option(TARGET_MAC, mac),),
    )


def question(address: bytes, *, mac: bytes, sender: bytes) -> Solicitation:
    """Return the question that asks who has the address, for one who has the address `sender` (RFC 4861, 7.2.2)."""
    group = solicited_node(address)
    return Solicitation(multicast_mac(group), mac, sender, group, address, (Option(SOURCE_MAC, mac),))


def probe(address: bytes, *, mac: bytes) -> Solicitation:
    """Return the question whether the address is taken, which changes no cache (RFC 4862, 5.4.2).

    Without a nonce (RFC 7527): a copy that a loop brings back is told by the MAC that it comes from.
    """
    group = solicited_node(address)
    return Solicitation(multicast_mac(group), mac, UNSPECIFIED, group, address)


def _checked(read: Solicitation) -> Solicitation:
    if not read.is_probe:
        return read
    # RFC 4861, 7.1.1: nobody asks a group of solicited nodes, and has no MAC to tell
    if not read.receiver.startswith(_SOLICITED_NODE) or _option(read.options, SOURCE_MAC) is not None:
        raise MalformedPacketError("from nobody, and no probe")
    return read


def _options(data: bytes) -> tuple[Option, ...]:
    options: list[Option] = []
    at = 0
    while at < len(data):
        kind, *units = data[at : at + 2]
        length = units[0] * _UNIT if units else 0
        if length == 0 or at + length > len(data):
            raise MalformedPacketError("an option without an end")
        option = Option(kind, data[at + 2 : at + length])
        if kind in (SOURCE_MAC, TARGET_MAC) and len(option.data) != _MAC_BYTES:  # RFC 2464, 6
            raise MalformedPacketError("a MAC of another length")
        options.append(option)
        at += length
    return tuple(options)


def _option(options: tuple[Option, ...], kind: int) -> bytes | None:
    return next((option.data for option in options if option.kind == kind), None)


def _pack(packet: Packet, kind: int, flags: int) -> bytes:
    parts = [_MESSAGE.pack(kind, 0, 0, flags, packet.target)]
    parts += [bytes((option.kind, (len(option.data) + 2) // _UNIT)) + option.data for option in packet.options]
    message = b"".join(parts)
    check = checksum(packet.sender, packet.receiver, message)
    headers = _HEADERS.pack(
        packet.destination,
        packet.source,
        ETHERTYPE,
        _VERSION_6 << 28,
        len(message),
        ICMPV6,
        HOP_LIMIT,
        packet.sender,
        packet.receiver,
    )
    return b"".join((headers, message[:2], struct.pack("!H", check), message[4:]))
