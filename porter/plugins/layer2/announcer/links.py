"""The NICs as the announcer sees them: there or not, usable or not, which MAC and which addresses of the node's own.

Reads the state anew when something changed, and where notifications were lost, whether a NIC had lost its carrier: so
a lost one costs nothing. Changes no NIC.
"""

import fcntl
import socket
import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from . import netlink
from .netlink import AddressChanged, Done, LinkChanged, Message

_SIOCGIFFLAGS, _SIOCGIFHWADDR, _SIOCGIFINDEX = 0x8913, 0x8927, 0x8933  # linux/sockios.h
_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_RTMGRP_LINK, _RTMGRP_IPV4_IFADDR, _RTMGRP_IPV6_IFADDR = 0x1, 0x10, 0x100
_CHUNK = 65536
_BUFFER_BYTES = 4 << 20  # the kernel gives at most net.core.rmem_max
_NAME_BYTES = 15  # IFNAMSIZ without its final zero
_PATIENCE = 2.0  # seconds for the kernel to list the addresses


class Link(NamedTuple):
    """One NIC. `number` (its index) tells a NIC from another that had its name before."""

    number: int
    up: bool
    carrier: bool
    mac: bytes


class Changes(NamedTuple):
    """What happened to the NICs since the last time."""

    interrupted: frozenset[int]
    """The indexes of those that were down, gone or without carrier, however shortly."""
    links: bool
    """Some NIC changed. On a node whose pods come and go that is often, and mostly none of ours."""
    addresses: bool
    """The node got or lost an address of its own, and not one that is lent."""


class Links:
    """Reads NICs, and hears of changes."""

    def __init__(self) -> None:
        self._ask = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._events.bind((0, _RTMGRP_LINK | _RTMGRP_IPV4_IFADDR | _RTMGRP_IPV6_IFADDR))
        self._events.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self._events.setblocking(False)
        self._own: Mapping[bytes, int] | None = None
        self._downs: dict[int, int | None] = {}
        """By index, how often a NIC had lost its carrier when it was read first, or first after an interruption."""

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when a NIC or an address changed."""
        return self._events.fileno()

    def changes(self) -> Changes:
        """Take all notifications."""
        interrupted: set[int] = set()
        missed = links = addresses = False
        while True:
            try:
                chunk = self._events.recv(_CHUNK)
            except BlockingIOError:
                break
            except OSError:
                missed, self._own = True, None  # ENOBUFS: there were more than the buffer could hold
                continue
            for message in netlink.messages(chunk):
                match message:
                    case LinkChanged(number=number, usable=usable):
                        links = True
                        if not usable:
                            interrupted.add(number)
                            self._downs.pop(number, None)
                    case AddressChanged(is_lent=False):
                        addresses, self._own = True, None
                    case AddressChanged() | Done():
                        pass
        if missed:
            interrupted |= self._fallen()
        return Changes(frozenset(interrupted), links or missed, addresses or missed)

    def _fallen(self) -> frozenset[int]:
        """Return the indexes of NICs that have lost their carrier since they were read, or may have; forget of them."""
        before = self._downs
        self._downs = {
            number: downs for number, downs in before.items() if downs is not None and downs == _downs(number)
        }
        return frozenset(before.keys() - self._downs.keys())

    def read(self, name: str) -> Link | None:
        """Return the NIC of this name as it is now, or None where there is none."""
        encoded = name.encode()
        if not encoded or len(encoded) > _NAME_BYTES:
            return None
        request = struct.pack("16s24x", encoded)
        try:
            # socket.if_nametoindex opens a socket: where that fails, no NIC would seem to be there
            index = struct.unpack_from("=i", self._ioctl(_SIOCGIFINDEX, request), 16)[0]
            if index not in self._downs:
                self._downs[index] = _downs(index)  # before its state: what happens in between is seen twice
            flags = struct.unpack_from("=H", self._ioctl(_SIOCGIFFLAGS, request), 16)[0]
            mac = self._ioctl(_SIOCGIFHWADDR, request)[18:24]
        except OSError:
            return None
        return Link(index, bool(flags & _IFF_UP), bool(flags & _IFF_RUNNING), mac)

    def owner(self, address: bytes) -> str | None:
        """Return the name of the NIC whose own this packed address is, of whichever NIC of the node; None for none."""
        if self._own is None:
            self._own = {one.address: one.number for one in _addresses() if not one.is_lent}
        number = self._own.get(address)
        if number is None:
            return None
        try:
            return socket.if_indextoname(number)
        except OSError:
            return f"number {number}"

    def _ioctl(self, number: int, request: bytes) -> bytes:
        return fcntl.ioctl(self._ask, number, request)


def _downs(number: int) -> int | None:
    """Return how often a NIC has lost its carrier; None where that is not known, or the NIC is gone."""
    links = (message for message in _answer(netlink.one_link(number)) if isinstance(message, LinkChanged))
    try:
        return next((link.downs for link in links), None)
    except OSError:
        return None


def _addresses() -> Iterator[AddressChanged]:
    """Yield every address of every NIC as it is now."""
    for message in _answer(netlink.ALL_ADDRESSES):
        if isinstance(message, AddressChanged):
            yield message


def _answer(request: bytes) -> Iterator[Message]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as connection:
        connection.settimeout(_PATIENCE)
        connection.send(request)
        while True:
            for message in netlink.messages(connection.recv(_CHUNK)):
                if isinstance(message, Done):
                    return
                yield message
