"""ARP packets for IPv4 over Ethernet (RFC 826) as values. Bytes in, values out; no sockets here.

A frame is an untagged Ethernet II frame of 42 bytes, or more where it was padded to the minimum of 60:

    destination 6 | source 6 | 0x0806 | hardware 1 | protocol 0x0800 | 6 | 4 | operation | sender 6+4 | target 6+4
"""

import struct
from typing import NamedTuple

ETHERTYPE = 0x0806
REQUEST = 1  # RFC 826: ares_op$REQUEST
REPLY = 2  # RFC 826: ares_op$REPLY
BROADCAST = b"\xff" * 6
NO_MAC = bytes(6)
NO_ADDRESS = bytes(4)
LENGTH = 42
LONGEST = 128
"""Bytes. Ethernet pads to 60; some drivers and tunnels pad further. What is longer still is no ARP frame."""

_FRAME = struct.Struct("!6s6sH8s6s4s6s4s")
_REQUEST_HEADER = b"\x00\x01\x08\x00\x06\x04\x00\x01"  # Ethernet, IPv4, lengths 6 and 4, request
_REPLY_HEADER = b"\x00\x01\x08\x00\x06\x04\x00\x02"
_ETHERTYPE_BYTES = b"\x08\x06"
_OPERATIONS = {_REQUEST_HEADER: REQUEST, _REPLY_HEADER: REPLY}
_HEADERS = {REQUEST: _REQUEST_HEADER, REPLY: _REPLY_HEADER}
REQUEST_HEAD = _ETHERTYPE_BYTES + _REQUEST_HEADER
"""What every request has at HEAD."""
HEAD, SOURCE, SENDER_MAC, SENDER, TARGET = slice(12, 22), slice(6, 12), slice(22, 28), slice(28, 32), slice(38, 42)
GROUP_BIT = 1  # IEEE 802: the lowest bit of the first byte; no station has such an address


class MalformedFrameError(ValueError):
    """Bytes that are no ARP packet for IPv4 over Ethernet. The message says why."""


class Frame(NamedTuple):
    """One ARP packet in its Ethernet frame. Addresses are bytes in network order: 6 of a MAC, 4 of an IPv4 address."""

    destination: bytes
    source: bytes
    operation: int
    sender_mac: bytes
    sender: bytes
    target_mac: bytes
    target: bytes

    def pack(self) -> bytes:
        """Return the 42 bytes of the frame. The NIC's driver pads it where the medium wants more."""
        return _FRAME.pack(
            self.destination,
            self.source,
            ETHERTYPE,
            _HEADERS[self.operation],
            self.sender_mac,
            self.sender,
            self.target_mac,
            self.target,
        )

    @property
    def is_probe(self) -> bool:
        """A question by somebody who does not have an address yet: is this one taken? (RFC 5227, 2.1.1)."""
        return self.operation == REQUEST and self.sender == NO_ADDRESS

    @property
    def is_gratuitous(self) -> bool:
        """Somebody tells everybody that it has this address (RFC 5227, 2.3; RFC 5944, 4.6)."""
        return self.sender == self.target


def parse(frame: bytes) -> Frame:
    """Read a frame. Raises MalformedFrameError for everything that is not an ARP request or reply for IPv4."""
    if len(frame) < LENGTH:
        raise MalformedFrameError("short")
    destination, source, ethertype, header, *addresses = _FRAME.unpack_from(frame)
    if ethertype != ETHERTYPE:
        raise MalformedFrameError("not ARP")
    operation = _OPERATIONS.get(header)
    if operation is None:
        raise MalformedFrameError("not a request or reply for IPv4 over Ethernet")
    return Frame(destination, source, operation, *addresses)


def is_station(mac: bytes) -> bool:
    """Tell whether a MAC can be one station's: neither zero nor a group address."""
    return mac != NO_MAC and not mac[0] & GROUP_BIT


def answer(request: Frame, mac: bytes) -> Frame:
    """Return the reply to a request for an address that we hold, to the asker alone (RFC 826, packet reception)."""
    return Frame(
        destination=request.sender_mac,
        source=mac,
        operation=REPLY,
        sender_mac=mac,
        sender=request.target,
        target_mac=request.sender_mac,
        target=request.sender,
    )


def middle_of_answers(mac: bytes) -> bytes:
    """Return what all answers of a MAC have between the asker's MAC and the address that was asked for.

    With it `asker + middle + target + asker + sender` is `answer(request, mac).pack()`, in a tenth of the time.
    """
    return mac + _ETHERTYPE_BYTES + _REPLY_HEADER + mac


def question(address: bytes, *, mac: bytes, sender: bytes) -> Frame:
    """Return the request that asks everybody who has the address."""
    return Frame(BROADCAST, mac, REQUEST, mac, sender, NO_MAC, address)


def probe(address: bytes, *, mac: bytes) -> Frame:
    """Return the question whether the address is taken, which changes no cache (RFC 5227, 2.1.1: sender all zero)."""
    return question(address, mac=mac, sender=NO_ADDRESS)


def gratuitous_request(address: bytes, *, mac: bytes) -> Frame:
    """Return the announcement in the form of a request (RFC 5227, 2.3: sender and target are the address)."""
    return question(address, mac=mac, sender=address)


def gratuitous_reply(address: bytes, *, mac: bytes) -> Frame:
    """Return the announcement in the form of a reply.

    The target MAC is our own (RFC 5944, 4.6); Linux takes no other for gratuitous (net/ipv4/arp.c, arp_is_garp).
    """
    return Frame(BROADCAST, mac, REPLY, mac, address, mac, address)
