"""What of addresses, routes and settings of IP a topology asks for, in each family that it has.

Lines for `ip -batch`, and kernel settings. Where the topology has no IPv6, it is switched off everywhere; IPv4 cannot
be, so where that is missing no host has an address of it but its loopback's.
"""

from ipaddress import ip_interface

from porter.lab.families import Interface
from porter.lab.topology import Host, Topology

_OFF = {"net.ipv6.conf.all.disable_ipv6": 1, "net.ipv6.conf.default.disable_ipv6": 1}
# Nobody else gives out addresses on these wires, so nothing waits a second for each to be found unique (RFC 4862, 5.4).
_ON = dict.fromkeys(_OFF, 0) | {
    "net.ipv6.conf.all.accept_dad": 0,
    "net.ipv6.conf.default.accept_dad": 0,
    "net.ipv6.conf.all.accept_ra": 0,
    "net.ipv6.conf.default.accept_ra": 0,
}
_FORWARD = {"net.ipv6.conf.all.forwarding": 1, "net.ipv6.conf.default.forwarding": 1}


def settings(topology: Topology, *, forwards: bool) -> dict[str, int]:
    """Kernel settings of a host, to be made before it has links; `forwards` for nodes and the router."""
    if topology.ipv6 is None:
        return _OFF
    return {**_ON, **(_FORWARD if forwards else {})}


def router_lines(topology: Topology) -> list[str]:
    """The router's addresses on its bridges, which exist."""
    return [_add(address, segment) for segment in topology.segments for address in topology.gateways_of(segment)]


def host_lines(topology: Topology, host: Host, *, pod_link: str) -> list[str]:
    """A host's addresses and routes on links that exist; of a node also those of its pods."""
    lines = [_add(address, nic.name) for nic in host.nics for address in nic.addresses]
    spoken = {address.version for address in host.addresses}
    gateways = topology.gateways_of(host.nics[0].segment)
    lines += [f"route add default via {gateway.ip}" for gateway in gateways if gateway.version in spoken]
    if host in topology.nodes:
        pods = topology.pods_of(host.name)
        lines += [_add(ip_interface((network[1], network.prefixlen)), pod_link) for network in pods]
        lines += [
            f"route add {network} via {address}"
            for other in topology.nodes
            if other is not host
            for network, address in zip(topology.pods_of(other.name), other.addresses, strict=True)
        ]
    return lines


def _add(address: Interface, link: str) -> str:
    return f"addr add {address} {'nodad' if address.version == 6 else 'brd +'} dev {link}"  # noqa: PLR2004 - IP's number
