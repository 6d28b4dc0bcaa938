"""The second family of a lab's network: what of addresses, routes and settings a dual-stack topology asks for.

Lines for `ip -batch`, and kernel settings. Where the topology has no IPv6, it is switched off everywhere.
"""

from porter.lab.topology import FIRST_SEGMENT, Host, Topology

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
    if topology.ipv6 is None:
        return []
    places = [(FIRST_SEGMENT, topology.ipv6.gateway), *sorted(topology.ipv6.routes.items())]
    return [f"addr add {address} dev {segment} nodad" for segment, address in places]


def host_lines(topology: Topology, host: Host, *, pod_link: str) -> list[str]:
    """A host's addresses and routes on links that exist; of a node also those of its pods."""
    lines = [f"addr add {nic.ipv6} dev {nic.name} nodad" for nic in host.nics if nic.ipv6 is not None]
    gateway = topology.ipv6_gateway_of(host.nics[0].segment)
    if gateway is not None and host.ipv6 is not None:
        lines.append(f"route add default via {gateway.ip}")
    pods = topology.ipv6_pods_of(host.name) if host in topology.nodes else None
    if pods is not None:
        lines.append(f"addr add {pods[1]}/64 dev {pod_link} nodad")
        lines += [
            f"route add {topology.ipv6_pods_of(other.name)} via {other.ipv6.ip}"
            for other in topology.nodes
            if other is not host and other.ipv6 is not None
        ]
    return lines
