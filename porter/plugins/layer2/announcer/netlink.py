"""What the kernel says over rtnetlink of links and addresses, read as values. Bytes in, values out; no sockets here.

Only what the announcer needs of it, so that it needs no library: linux/netlink.h, linux/rtnetlink.h, linux/if_addr.h.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

_NLMSG_DONE, _NLMSG_ERROR = 3, 2
_RTM_NEWLINK, _RTM_DELLINK, _RTM_NEWADDR, _RTM_DELADDR, _RTM_GETADDR = 16, 17, 20, 21, 22
_NLM_F_REQUEST, _NLM_F_DUMP = 0x1, 0x300
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg
_ADDRESS = struct.Struct("=BBBBI")  # struct ifaddrmsg
_ATTRIBUTE = struct.Struct("=HH")  # struct rtattr

ALL_ADDRESSES = _HEADER.pack(_HEADER.size + _ADDRESS.size, _RTM_GETADDR, _NLM_F_REQUEST | _NLM_F_DUMP, 1, 0) + bytes(
    _ADDRESS.size
)
"""The request for the addresses of all NICs, of both families."""


class LinkChanged(NamedTuple):
    """A NIC is there, or is not any more."""

    number: int
    usable: bool
    """It is there, up, and has carrier."""


class AddressChanged(NamedTuple):
    """A NIC has an address, or has it no longer."""

    number: int
    address: bytes
    is_lent: bool
    """It is a /32 or /128, as kube-proxy gives its device for every Service: no address of the node's own."""


class Done(NamedTuple):
    """The end of an answer."""

    failed: bool


Message = LinkChanged | AddressChanged | Done


def messages(chunk: bytes) -> Iterator[Message]:
    """Yield what is of interest in a chunk that was received. Whatever is cut off or unknown is left out."""
    at = 0
    while at + _HEADER.size <= len(chunk):
        length, kind, *_ = _HEADER.unpack_from(chunk, at)
        body = chunk[at + _HEADER.size : at + length]
        if length < _HEADER.size:
            return
        at += (length + 3) & ~3  # NLMSG_ALIGN
        if kind in (_RTM_NEWLINK, _RTM_DELLINK) and len(body) >= _LINK.size:
            _, _, number, flags, _ = _LINK.unpack_from(body)
            yield LinkChanged(number, kind == _RTM_NEWLINK and bool(flags & _IFF_UP and flags & _IFF_RUNNING))
        elif kind in (_RTM_NEWADDR, _RTM_DELADDR) and len(body) >= _ADDRESS.size:
            _, prefix, _, _, number = _ADDRESS.unpack_from(body)
            address = _address(body)
            yield AddressChanged(number, address, is_lent=prefix == 8 * len(address))
        elif kind in (_NLMSG_DONE, _NLMSG_ERROR):
            yield Done(failed=kind == _NLMSG_ERROR)


def _address(body: bytes) -> bytes:
    """Return IFA_LOCAL, which is the NIC's own where a link has two ends, else IFA_ADDRESS."""
    found: dict[int, bytes] = {}
    at = _ADDRESS.size
    while at + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, at)
        if length < _ATTRIBUTE.size:
            break
        found[kind] = body[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3  # RTA_ALIGN
    return found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS) or b""
