"""This node's NICs, read by netlink and followed by its events. The one module that knows pyroute2, which has no types.

Reports NICs that can carry ARP to clients: no loopback, no slave, no overlay, no pod's end of a veth pair. Never polls,
and never changes a NIC.
"""

import contextlib
import errno
import logging
import os
import select
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from ipaddress import ip_address
from typing import Any, Final

from pyroute2 import IPRoute, NetlinkDumpInterrupted

from porter.model.objects import Nic

_ETHERNET = 1  # ARPHRD_ETHER, linux/if_arp.h
_IFF_UP, _IFF_LOOPBACK, _IFF_NOARP, _IFF_LOWER_UP = 0x1, 0x8, 0x80, 0x10000  # linux/if.h
_IFA_F_TEMPORARY = 0x01  # a privacy address (RFC 8981): it changes every day, and is nobody's to know
_MAIN_TABLE = 254
_INWARD_KINDS: Final = frozenset(
    {"dummy", "ifb", "vxlan", "geneve", "gretap", "ip6gretap", "erspan", "ip6erspan", "nlmon", "vcan", "wireguard"},
)
"""Kinds of NICs that lead to no segment of clients, or to an overlay. Kube-proxy's kube-ipvs0 is a dummy."""
_INWARD_NAMES: Final = frozenset({"kube-ipvs0", "nodelocaldns"})
_POD_PREFIXES: Final = ("cali", "veth", "lxc", "cilium_", "azv", "eni", "gke", "tap", "vnet", "cni-")
"""How CNIs name the host's end of a pod's veth pair. With an address of its own such a NIC is reported all the same."""

_RTMGRP_LINK, _RTMGRP_IPV4_IFADDR, _RTMGRP_IPV4_ROUTE = 0x1, 0x10, 0x40  # linux/rtnetlink.h
_RTMGRP_IPV6_IFADDR, _RTMGRP_IPV6_ROUTE = 0x100, 0x400
_CHANGES = _RTMGRP_LINK | _RTMGRP_IPV4_IFADDR | _RTMGRP_IPV4_ROUTE | _RTMGRP_IPV6_IFADDR | _RTMGRP_IPV6_ROUTE
_TOGETHER = 0.05  # seconds: what comes within them after a first change is one change
_CHUNK = 65536
_TRIES = 10
_RETRY = 1.0
_LOG = logging.getLogger(__name__)


def read_nics(leave_out: Collection[str] = ()) -> tuple[Nic, ...]:
    """Return the NICs of the calling thread's network namespace, sorted by name. Takes a few milliseconds.

    `leave_out` names addresses that are on a NIC only because they are announced: they are none of its networks.
    """
    links, addresses, routes = _dump()
    networks = _networks(addresses, frozenset(leave_out))
    gateways = _gateways(route for route in routes if route.get("RTA_TABLE", route.get("table")) == _MAIN_TABLE)
    return tuple(
        sorted(
            (_nic(link, networks, gateways) for link in links if _leads_outside(link, networks)),
            key=lambda nic: nic.name,
        ),
    )


class NicWatcher:
    """Calls `on_change`, from a thread of its own, soon after links, addresses or routes changed.

    Events that come together are one call. Lost events are a call too: whoever is called reads everything anew.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._events.setblocking(False)
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._follow, name="nic watcher", daemon=True)

    def start(self) -> None:
        """Follow the NICs of the calling thread's network namespace from now on. Returns at once."""
        self._events.bind((0, _CHANGES))
        self._thread.start()

    def stop(self) -> None:
        """End; `on_change` is not called after this returns. Safe to call twice."""
        if self._wake_write < 0:
            return
        os.close(self._wake_write)
        self._wake_write = -1
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join()
        os.close(self._wake_read)
        self._events.close()

    def _follow(self) -> None:
        patience: float | None = None
        while self._waits(self._events, patience):
            until = time.monotonic() + _TOGETHER
            self._drain()
            while (left := until - time.monotonic()) > 0:
                if not self._waits(self._events, left):
                    return
                self._drain()
            patience = None if self._tell() else _RETRY

    def _tell(self) -> bool:
        try:
            self._on_change()
        except Exception:  # noqa: BLE001 - whatever went wrong, to follow the NICs no more would be worse
            _LOG.exception("a change of the NICs could not be handled; it is tried again")
            return False
        return True

    def _waits(self, events: socket.socket, timeout: float | None) -> bool:
        """Wait for events, or for the timeout. Returns False when it is time to end."""
        readable, _, _ = select.select([events.fileno(), self._wake_read], [], [], timeout)
        return self._wake_read not in readable

    def _drain(self) -> None:
        while True:
            try:
                self._events.recv(_CHUNK)
            except BlockingIOError:
                return
            except OSError:
                continue  # ENOBUFS: events were lost; a change all the same


def _dump() -> tuple[list[dict[str, Any]], ...]:
    """Return all links, addresses and default routes. What changes while it is read is read again."""
    for _ in range(_TRIES):
        with contextlib.suppress(NetlinkDumpInterrupted), IPRoute() as netlink:
            answers = (netlink.get_links(), netlink.get_addr(), netlink.get_default_routes())
            return tuple([_fields(message) for message in answer] for answer in answers)
    raise OSError(errno.EAGAIN, f"the NICs changed each of the {_TRIES} times that they were read")


def _fields(message: Any) -> dict[str, Any]:
    """Return a message's header fields and attributes in one flat mapping."""
    fields = {key: message[key] for key in message if key not in {"attrs", "header"}}
    with contextlib.suppress(KeyError):
        fields.update((name, value) for name, value, *_ in message["attrs"])
    return fields


def _leads_outside(link: Mapping[str, Any], networks: Mapping[int, list[str]]) -> bool:
    if link["ifi_type"] != _ETHERNET or link["flags"] & (_IFF_LOOPBACK | _IFF_NOARP):
        return False
    kind, slave_kind = _kinds(link)
    name = link["IFLA_IFNAME"]
    if kind in _INWARD_KINDS or name in _INWARD_NAMES:
        return False
    if "IFLA_MASTER" in link and slave_kind != "vrf":  # a slave of a bridge or bond speaks as its master
        return False
    return link["index"] in networks or not (kind in {"veth", "tun"} and name.startswith(_POD_PREFIXES))


def _kinds(link: Mapping[str, Any]) -> tuple[str | None, str | None]:
    info = link.get("IFLA_LINKINFO")
    if info is None:
        return None, None
    fields = _fields(info)
    return fields.get("IFLA_INFO_KIND"), fields.get("IFLA_INFO_SLAVE_KIND")


def _nic(link: Mapping[str, Any], networks: Mapping[int, list[str]], gateways: Mapping[int, set[str]]) -> Nic:
    index = link["index"]
    return Nic(
        name=link["IFLA_IFNAME"],
        mac=link.get("IFLA_ADDRESS", ""),
        networks=tuple(sorted(networks.get(index, ()))),
        gateways=tuple(sorted(gateways.get(index, ()))),
        up=bool(link["flags"] & _IFF_UP),
        carrier=bool(link["flags"] & _IFF_LOWER_UP),
    )


def _networks(addresses: Iterable[Mapping[str, Any]], leave_out: frozenset[str]) -> Mapping[int, list[str]]:
    """Return each NIC's addresses with their prefix lengths, without link-local and temporary ones."""
    networks: defaultdict[int, list[str]] = defaultdict(list)
    for each in addresses:
        address = each.get("IFA_LOCAL", each.get("IFA_ADDRESS"))  # of a point-to-point link, ours is the local one
        if address is None or address in leave_out or ip_address(address).is_link_local:
            continue
        flags = each.get("IFA_FLAGS", each.get("flags", 0))
        if not (each["family"] == socket.AF_INET6 and flags & _IFA_F_TEMPORARY):  # the same bit says less of IPv4
            networks[each["index"]].append(f"{address}/{each['prefixlen']}")
    return networks


def _gateways(routes: Iterable[Mapping[str, Any]]) -> Mapping[int, set[str]]:
    """Return each NIC's default gateways, without link-local ones, which no pool can hold."""
    gateways: defaultdict[int, set[str]] = defaultdict(set)
    for route in routes:
        hops = [route, *route.get("RTA_MULTIPATH", ())]
        for hop in (hops[0], *map(_fields, hops[1:])):
            gateway, nic = hop.get("RTA_GATEWAY"), hop.get("RTA_OIF", hop.get("oif"))
            if gateway is not None and nic is not None and not ip_address(gateway).is_link_local:
                gateways[nic].add(gateway)
    return gateways
