"""What the kernel says over rtnetlink of links and addresses, read as values. Bytes in, values out; no sockets here.

Only what the announcer needs of it, so that it needs no library: linux/netlink.h, linux/rtnetlink.h, linux/if_addr.h.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_NLMSG_DONE, _NLMSG_ERROR = 3, 2
_RTM_NEWLINK, _RTM_DELLINK, _RTM_GETLINK, _RTM_NEWADDR, _RTM_DELADDR, _RTM_GETADDR = 16, 17, 18, 20, 21, 22
_NLM_F_REQUEST, _NLM_F_ACK, _NLM_F_DUMP = 0x1, 0x4, 0x300
_IFLA_CARRIER_DOWN_COUNT = 48  # linux/if_link.h, since Linux 4.16
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg
_ADDRESS = struct.Struct("=BBBBI")  # struct ifaddrmsg
_ATTRIBUTE = struct.Struct("=HH")  # struct rtattr
_COUNT = struct.Struct("=I")

ALL_ADDRESSES = _HEADER.pack(_HEADER.size + _ADDRESS.size, _RTM_GETADDR, _NLM_F_REQUEST | _NLM_F_DUMP, 1, 0) + bytes(
    _ADDRESS.size
)
"""The request for the addresses of all NICs, of both families."""


def one_link(number: int) -> bytes:
    """Return the request for the NIC of an index."""
    body = _LINK.pack(0, 0, number, 0, 0)
    return _HEADER.pack(_HEADER.size + len(body), _RTM_GETLINK, _NLM_F_REQUEST | _NLM_F_ACK, 1, 0) + body


class LinkChanged(NamedTuple):
    """A NIC is there, or is not any more."""

    number: int
    usable: bool
    """It is there, up, and has carrier."""
    attributes: bytes
    """As they came: a node whose pods come and go tells of many links, and nobody asks for theirs."""

    @property
    def downs(self) -> int | None:
        """How often it has lost its carrier since it was made; None where the kernel does not say."""
        count = _attributes(self.attributes).get(_IFLA_CARRIER_DOWN_COUNT, b"")
        return _COUNT.unpack(count)[0] if len(count) == _COUNT.size else None


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
            usable = kind == _RTM_NEWLINK and bool(flags & _IFF_UP and flags & _IFF_RUNNING)
            yield LinkChanged(number, usable, body[_LINK.size :])
        elif kind in (_RTM_NEWADDR, _RTM_DELADDR) and len(body) >= _ADDRESS.size:
            _, prefix, _, _, number = _ADDRESS.unpack_from(body)
            address = _address(_attributes(body[_ADDRESS.size :]))
            yield AddressChanged(number, address, is_lent=prefix == 8 * len(address))
        elif kind in (_NLMSG_DONE, _NLMSG_ERROR):
            yield Done(failed=kind == _NLMSG_ERROR)


def _attributes(data: bytes) -> Mapping[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size:
            break
        found[kind] = data[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3  # RTA_ALIGN
    return found


def _address(attributes: Mapping[int, bytes]) -> bytes:
    """Return IFA_LOCAL, which is the NIC's own where a link has two ends, else IFA_ADDRESS."""
    return attributes.get(_IFA_LOCAL) or attributes.get(_IFA_ADDRESS) or b""
