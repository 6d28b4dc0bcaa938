"""The NICs as the announcer sees them: there or not, usable or not, which MAC. And a socket that tells of changes.

Reads the state anew when something changed, so that a lost notification costs nothing. Changes no NIC.
"""

import fcntl
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

_SIOCGIFFLAGS, _SIOCGIFADDR, _SIOCGIFNETMASK, _SIOCGIFHWADDR = 0x8913, 0x8915, 0x891B, 0x8927  # linux/sockios.h
_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_RTMGRP_LINK = 1
_RTM_NEWLINK, _RTM_DELLINK = 16, 17
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg
_CHUNK = 65536
_NAME_BYTES = 15  # IFNAMSIZ without its final zero
_HOST_MASK = b"\xff" * 4
_HOST_LENGTH = 128
_IPV6_ADDRESSES = "/proc/net/if_inet6"


class Link(NamedTuple):
    """One NIC. `number` (its index) tells a NIC from another that had its name before."""

    number: int
    up: bool
    carrier: bool
    mac: bytes
    own: frozenset[bytes]
    """The NIC's own first IPv4 address and all its IPv6 addresses, packed. A /32 or /128 is lent to it, not its own."""


class Links:
    """Reads NICs, and hears of changes."""

    def __init__(self) -> None:
        self._ask = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._events.bind((0, _RTMGRP_LINK))
        self._events.setblocking(False)

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when a NIC changed."""
        return self._events.fileno()

    def interrupted(self) -> frozenset[int]:
        """Take all notifications, and return the indexes of NICs that were down or without carrier in one of them."""
        down: set[int] = set()
        while True:
            try:
                chunk = self._events.recv(_CHUNK)
            except BlockingIOError:
                return frozenset(down)
            except OSError:
                continue  # ENOBUFS: some were lost; everything is read anew anyway
            down.update(_down(chunk))

    def read(self, name: str) -> Link | None:
        """Return the NIC of this name as it is now, or None where there is none."""
        encoded = name.encode()
        if not encoded or len(encoded) > _NAME_BYTES:
            return None
        request = struct.pack("16s24x", encoded)
        try:
            index = socket.if_nametoindex(name)
            flags = struct.unpack_from("=H", self._ioctl(_SIOCGIFFLAGS, request), 16)[0]
            mac = self._ioctl(_SIOCGIFHWADDR, request)[18:24]
        except OSError:
            return None
        return Link(
            index,
            bool(flags & _IFF_UP),
            bool(flags & _IFF_RUNNING),
            mac,
            frozenset((*self._own_ipv4(request), *_own_ipv6(index))),
        )

    def _own_ipv4(self, request: bytes) -> tuple[bytes, ...]:
        try:
            mask = self._ioctl(_SIOCGIFNETMASK, request)[20:24]
            return () if mask == _HOST_MASK else (self._ioctl(_SIOCGIFADDR, request)[20:24],)
        except OSError:
            return ()  # EADDRNOTAVAIL: it has no address

    def _ioctl(self, number: int, request: bytes) -> bytes:
        return fcntl.ioctl(self._ask, number, request)


def _own_ipv6(index: int) -> Iterator[bytes]:
    """Yield what /proc/net/if_inet6 tells: address, index, prefix length, scope and flags in hexadecimal, and name."""
    try:
        with open(_IPV6_ADDRESSES) as table:  # noqa: PTH123 - pathlib is more than this process needs
            rows = [line.split() for line in table]
    except OSError:
        return  # a kernel without IPv6
    for address, number, length, *_ in rows:
        if int(number, 16) == index and int(length, 16) != _HOST_LENGTH:
            yield bytes.fromhex(address)


def _down(chunk: bytes) -> Iterator[int]:
    at = 0
    while at + _HEADER.size + _LINK.size <= len(chunk):
        length, kind, *_ = _HEADER.unpack_from(chunk, at)
        if kind in (_RTM_NEWLINK, _RTM_DELLINK):
            _, _, index, flags, _ = _LINK.unpack_from(chunk, at + _HEADER.size)
            if kind == _RTM_DELLINK or not (flags & _IFF_UP and flags & _IFF_RUNNING):
                yield index
        if length < _HEADER.size:
            return
        at += (length + 3) & ~3  # NLMSG_ALIGN
