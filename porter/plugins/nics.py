"""This node's NICs as they are told to the fold: those that can carry ARP or NDP to clients, and their state.

No loopback, no slave of a bond or bridge, no overlay, no pod's end of a veth pair. Makes values of what netlink says.
"""

import socket
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from porter.model.objects import Nic, Way
from porter.plugins.netlink import Fields, Tables, fields_of, read_route, read_tables

_ETHERNET = 1  # ARPHRD_ETHER, linux/if_arp.h
_IFF_UP, _IFF_LOOPBACK, _IFF_RUNNING, _IFF_NOARP, _IFF_LOWER_UP = 0x1, 0x8, 0x40, 0x80, 0x10000  # linux/if.h
_IFF_CARRIER = _IFF_RUNNING | _IFF_LOWER_UP  # a port that 802.1X has not let in has the second alone
_IFA_F_TEMPORARY = 0x01  # a privacy address (RFC 8981): it changes every day, and is nobody's to know
_SYSCTLS: Final = Path("/proc/sys/net/ipv4/conf")
_MAIN_TABLE = 254
_UNICAST = 1  # RTN_UNICAST, linux/rtnetlink.h
_INWARD_KINDS: Final = frozenset(
    {"dummy", "ifb", "vxlan", "geneve", "gretap", "ip6gretap", "erspan", "ip6erspan", "nlmon", "vcan", "wireguard"},
)
"""Kinds of NICs that lead to no segment of clients, or to an overlay. Kube-proxy's kube-ipvs0 is a dummy."""
_INWARD_NAMES: Final = frozenset({"kube-ipvs0", "nodelocaldns"})
_POD_PREFIXES: Final = ("cali", "veth", "lxc", "cilium_", "azv", "eni", "gke", "tap", "vnet", "cni-")
"""How CNIs name the host's end of a pod's veth pair. With an address of its own such a NIC is reported all the same,
unless it does no ARP either, as Cilium's."""


def read_nics(leave_out: Collection[str] = ()) -> tuple[Nic, ...]:
    """Return the NICs of the calling thread's network namespace, sorted by name. Takes a few milliseconds.

    `leave_out` names addresses that are on a NIC only because they are announced: they are none of its networks.
    """
    return tuple(_with_arp_settings(nic) for nic in nics_of(read_tables(_may_lead_outside), leave_out))


def nics_of(tables: Tables, leave_out: Collection[str] = ()) -> tuple[Nic, ...]:
    """Return the NICs that netlink tells of, as `read_nics` does."""
    links = {link["index"]: link for link in tables.links if _may_lead_outside(link)}
    networks = _networks((each for each in tables.addresses if each["index"] in links), frozenset(leave_out))
    gateways = _gateways(each for each in tables.default_routes if _table(each) == _MAIN_TABLE)
    nics = (_nic(link, networks, gateways) for link in links.values() if not _is_of_pods(link, networks))
    return tuple(sorted(nics, key=lambda nic: nic.name))


def read_ways(targets: Iterable[str], nics: Iterable[Nic], leave_out: Collection[str] = ()) -> tuple[Way, ...]:
    """Return over which of the NICs the kernel reaches each target, in order; it takes a millisecond for each.

    The kernel's own answer counts, whatever it has that from: a static route, a rule, a default gateway. A target that
    is reached only thanks to an address in `leave_out` is not told of.
    """
    names = {socket.if_nametoindex(nic.name): nic.name for nic in nics if _exists(nic.name)}
    ways: list[Way] = []
    for target in sorted(set(targets)):
        route = read_route(target)
        if route is not None and route.get("RTA_PREFSRC") in leave_out:
            continue
        unicast = route is not None and route["type"] == _UNICAST  # not this node's own, and no black hole
        ways.append(Way(to=target, nic=names.get(route["RTA_OIF"], "") if route is not None and unicast else ""))
    return tuple(ways)


def _exists(name: str) -> bool:
    try:
        return socket.if_nametoindex(name) > 0
    except OSError:
        return False


def _with_arp_settings(nic: Nic) -> Nic:
    return replace(nic, arp_ignore=_in_force("arp_ignore", nic.name), arp_announce=_in_force("arp_announce", nic.name))


def _in_force(setting: str, nic: str) -> int | None:
    """Return the larger of what is set for the NIC and for all (Linux, ip-sysctl); None where that cannot be read.

    The kernel tells nobody of a change of it: it is read whenever the NICs are.
    """
    try:
        return max(int((_SYSCTLS / each / setting).read_text()) for each in ("all", nic))
    except (OSError, ValueError):
        return None


def _may_lead_outside(link: Fields) -> bool:
    if link["ifi_type"] != _ETHERNET or link["flags"] & _IFF_LOOPBACK:
        return False
    kind, slave_kind = _kinds(link)
    name = link["IFLA_IFNAME"]
    if kind in _INWARD_KINDS or name in _INWARD_NAMES:
        return False
    return "IFLA_MASTER" not in link or slave_kind == "vrf"  # a slave of a bridge or bond speaks as its master


def _is_of_pods(link: Fields, networks: Mapping[int, list[str]]) -> bool:
    kind, _ = _kinds(link)
    if kind not in {"veth", "tun"} or not link["IFLA_IFNAME"].startswith(_POD_PREFIXES):
        return False
    return link["index"] not in networks or bool(link["flags"] & _IFF_NOARP)


def _kinds(link: Fields) -> tuple[str | None, str | None]:
    info = link.get("IFLA_LINKINFO")
    if info is None:
        return None, None
    fields = fields_of(info)
    return fields.get("IFLA_INFO_KIND"), fields.get("IFLA_INFO_SLAVE_KIND")


def _nic(link: Fields, networks: Mapping[int, list[str]], gateways: Mapping[int, set[str]]) -> Nic:
    index, flags = link["index"], link["flags"]
    return Nic(
        name=link["IFLA_IFNAME"],
        mac=link.get("IFLA_ADDRESS", ""),
        networks=tuple(sorted(networks.get(index, ()))),
        gateways=tuple(sorted(gateways.get(index, ()))),
        up=bool(flags & _IFF_UP),
        carrier=flags & _IFF_CARRIER == _IFF_CARRIER,
        arp=not flags & _IFF_NOARP,
    )


def _networks(addresses: Iterable[Fields], leave_out: frozenset[str]) -> Mapping[int, list[str]]:
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


def _table(route: Fields) -> object:
    return route.get("RTA_TABLE", route.get("table"))


def _gateways(routes: Iterable[Fields]) -> Mapping[int, set[str]]:
    """Return each NIC's default gateways, without link-local ones, which no pool can hold."""
    gateways: defaultdict[int, set[str]] = defaultdict(set)
    for route in routes:
        hops = [route, *route.get("RTA_MULTIPATH", ())]
        for hop in (hops[0], *map(fields_of, hops[1:])):
            gateway, nic = hop.get("RTA_GATEWAY"), hop.get("RTA_OIF", hop.get("oif"))
            if gateway is not None and nic is not None and not ip_address(gateway).is_link_local:
                gateways[nic].add(gateway)
    return gateways
