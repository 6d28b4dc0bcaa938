"""The kernel's links, addresses and routes by netlink, as plain mappings. The one module that knows pyroute2.

pyroute2 has no types, and brings an event loop of its own: never call this on another. Never changes anything.

It takes a tenth of a millisecond for each address, and a node in IPVS mode has thousands, two for each Service, which
are all read whenever kube-proxy binds one. So addresses are read here by hand (rtnetlink(7)), and not all of them.
"""

import contextlib
import errno
import os
import socket
import struct
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

from pyroute2 import IPRoute, NetlinkDumpInterrupted, NetlinkError

Fields = Mapping[str, Any]
"""A message's header fields and attributes by name: `ifi_type`, `IFLA_ADDRESS`."""

_TRIES = 10
_RTM_GETADDR, _RTM_NEWADDR = 22, 20  # linux/rtnetlink.h
_NLMSG_ERROR, _NLMSG_DONE = 2, 3  # linux/netlink.h
_NLM_F_REQUEST, _NLM_F_DUMP, _NLM_F_DUMP_INTR = 0x1, 0x300, 0x10
_HEADER: Final = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence number, port
_ADDRESS: Final = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix length, flags, scope, index of the link
_ATTRIBUTE: Final = struct.Struct("=HH")  # rtattr: length, type
_ADDRESSES: Final = {1: "IFA_ADDRESS", 2: "IFA_LOCAL"}  # linux/if_addr.h
_IFA_FLAGS = 8
_FAMILY: Final = {4: socket.AF_INET, 16: socket.AF_INET6}  # by the length of an address
_CHUNK = 65536  # more than the kernel puts into one answer of a dump


class Tables(NamedTuple):
    """What the kernel knew at one moment, of the calling thread's network namespace."""

    links: list[Fields]
    addresses: list[Fields]
    """Of the links that were asked for."""
    default_routes: list[Fields]
    """Of all tables, and of both families."""


def read_tables(of_interest: Callable[[Fields], bool]) -> Tables:
    """Read everything, but addresses of links that are of no interest.

    What changes meanwhile is read again; OSError when it never stops changing.
    """
    for _ in range(_TRIES):
        with contextlib.suppress(NetlinkDumpInterrupted), IPRoute() as netlink:
            links = [fields_of(each) for each in netlink.get_links()]
            routes = [fields_of(each) for each in netlink.get_default_routes()]
            addresses = _read_addresses({link["index"] for link in links if of_interest(link)})
            return Tables(links=links, addresses=list(addresses), default_routes=routes)
    raise OSError(errno.EAGAIN, f"the NICs changed each of the {_TRIES} times that they were read")


def _read_addresses(links: Collection[int]) -> Iterator[Fields]:
    """Yield the addresses of some links, of both families. Raises NetlinkDumpInterrupted when any changed meanwhile."""
    request = _HEADER.pack(_HEADER.size + _ADDRESS.size, _RTM_GETADDR, _NLM_F_REQUEST | _NLM_F_DUMP, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.send(request + bytes(_ADDRESS.size))
        while True:
            answer, at = netlink.recv(_CHUNK), 0
            while at < len(answer):
                length, kind, flags, *_ = _HEADER.unpack_from(answer, at)
                if flags & _NLM_F_DUMP_INTR:
                    raise NetlinkDumpInterrupted
                if kind == _NLMSG_DONE:
                    return
                if kind == _NLMSG_ERROR:
                    code = -struct.unpack_from("=i", answer, at + _HEADER.size)[0]
                    raise OSError(code, os.strerror(code))
                family, prefix, about, _, index = _ADDRESS.unpack_from(answer, at + _HEADER.size)
                if kind == _RTM_NEWADDR and index in links:
                    known = {"family": family, "prefixlen": prefix, "flags": about, "index": index}
                    yield known | _attributes(answer, at + _HEADER.size + _ADDRESS.size, at + length)
                at += _aligned(length)


def _attributes(answer: bytes, at: int, end: int) -> dict[str, Any]:
    """What an address is, and more of its flags than fit into its header."""
    fields: dict[str, Any] = {}
    while at < end:
        length, kind = _ATTRIBUTE.unpack_from(answer, at)
        value = answer[at + _ATTRIBUTE.size : at + length]
        if kind in _ADDRESSES:
            fields[_ADDRESSES[kind]] = socket.inet_ntop(_FAMILY[len(value)], value)
        elif kind == _IFA_FLAGS:
            (fields["IFA_FLAGS"],) = struct.unpack("=I", value)
        at += _aligned(length)
    return fields


def _aligned(length: int) -> int:
    """Netlink's messages and attributes begin at multiples of four."""
    return (length + 3) & ~3


def read_route(target: str) -> Fields | None:
    """Return the route that the kernel takes to an address, or None where it knows of none. About a millisecond."""
    with IPRoute() as netlink:
        try:
            answer = netlink.route("get", dst=target)
        except NetlinkError:  # unreachable, prohibited, or no address of a family that is on
            return None
        return fields_of(answer[0])


def fields_of(message: Any) -> Fields:
    """Return a message, or a nested one, as one flat mapping. Of an attribute that comes twice the last is kept."""
    fields = {key: message[key] for key in message if key not in {"attrs", "header"}}
    with contextlib.suppress(KeyError):
        fields.update((name, value) for name, value, *_ in message["attrs"])
    return fields
