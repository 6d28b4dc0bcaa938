"""The kernel's links, addresses and routes by netlink, as plain mappings. The one module that knows pyroute2.

pyroute2 has no types, and brings an event loop of its own: never call this on another. Never changes anything.
"""

import contextlib
import errno
from collections.abc import Mapping
from typing import Any, NamedTuple

from pyroute2 import IPRoute, NetlinkDumpInterrupted, NetlinkError

Fields = Mapping[str, Any]
"""A message's header fields and attributes by name: `ifi_type`, `IFLA_ADDRESS`."""

_TRIES = 10


class Tables(NamedTuple):
    """What the kernel knew at one moment, of the calling thread's network namespace."""

    links: list[Fields]
    addresses: list[Fields]
    default_routes: list[Fields]
    """Of all tables, and of both families."""


def read_tables() -> Tables:
    """Read everything. What changes meanwhile is read again; OSError when it never stops changing."""
    for _ in range(_TRIES):
        with contextlib.suppress(NetlinkDumpInterrupted), IPRoute() as netlink:
            answers = (netlink.get_links(), netlink.get_addr(), netlink.get_default_routes())
            return Tables(*([fields_of(message) for message in answer] for answer in answers))
    raise OSError(errno.EAGAIN, f"the NICs changed each of the {_TRIES} times that they were read")


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
