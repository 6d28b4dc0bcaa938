"""What a lab looks like: nodes, their NICs, the segments they are plugged into, the client. Values and a YAML reader.

Nothing here touches the machine; `network` builds what is described here.
"""

from collections.abc import Iterator
from functools import cached_property
from importlib import resources
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from pathlib import Path
from typing import Any

import msgspec

from porter.lab.errors import LabError
from porter.lab.hosts import FIRST_SEGMENT, Host, Ipv6, Nic, is_segment, problems_of

__all__ = ["FIRST_SEGMENT", "Host", "Ipv6", "Nic", "Topology", "guide", "load", "parse", "plain", "shipped"]
MOST_NODES = 89  # 192.168.0.2 to .90: the guide's pool begins at 192.168.0.91


class Topology(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """The whole network. `gateway` is the default route, and where the API server listens for the nodes.

    `routes` are the router's addresses on the other segments, which it then forwards between; a host whose first NIC is
    on such a segment has its default route there. `others` are hosts that are no nodes: a printer, a stranger.
    """

    gateway: IPv4Interface
    nodes: tuple[Host, ...]
    client: Host
    others: tuple[Host, ...] = ()
    routes: dict[str, IPv4Interface] = {}
    mac_age: int = 300
    """Seconds after which a switch forgets on which port a silent MAC was."""
    api_port: int = 6443
    pods: IPv4Network = IPv4Network("10.244.0.0/16")
    services: IPv4Network = IPv4Network("10.233.0.0/18")
    ipv6: Ipv6 | None = None
    """With it the lab is dual stack, IPv4 first; without it there is no IPv6."""

    @property
    def hosts(self) -> tuple[Host, ...]:
        """The nodes, the client and the others."""
        return (*self.nodes, self.client, *self.others)

    @property
    def service_ranges(self) -> str:
        """The ranges of cluster IPs, the first family's first, with a comma between them."""
        return ",".join([str(self.services), *([str(self.ipv6.services)] if self.ipv6 is not None else [])])

    def gateway_of(self, segment: str) -> IPv4Interface | None:
        """The router's address on a segment, None where it has none."""
        return self.gateway if segment == FIRST_SEGMENT else self.routes.get(segment)

    def ipv6_gateway_of(self, segment: str) -> IPv6Interface | None:
        """The router's address of IPv6 on a segment, None where it has none."""
        if self.ipv6 is None:
            return None
        return self.ipv6.gateway if segment == FIRST_SEGMENT else self.ipv6.routes.get(segment)

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """Every bridge, the first one (with the gateway) first."""
        named = {nic.segment for host in self.hosts for nic in host.nics}
        named |= {*self.routes, *(self.ipv6.routes if self.ipv6 is not None else ())}
        return (FIRST_SEGMENT, *sorted(named - {FIRST_SEGMENT}))

    def host(self, name: str) -> Host:
        """The node or client of that name; a LabError names those that exist."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise LabError(f"no node '{name}' in this lab. It has: {', '.join(host.name for host in self.hosts)}")

    def node(self, name: str) -> Host:
        """The node of that name; the client and the others are none."""
        host = self.host(name)
        if host not in self.nodes:
            what = "the client, not a node" if host is self.client else "no node"
            raise LabError(f"'{name}' is {what}. Nodes: {', '.join(node.name for node in self.nodes)}")
        return host

    def pods_of(self, name: str) -> IPv4Network:
        """The pod range of a node: the first node has the second /24, as kubeadm with flannel hands them out."""
        index = [node.name for node in self.nodes].index(name) + 1
        first = int(self.pods.network_address) + (index << 8)
        return IPv4Network((first, 24))

    def ipv6_pods_of(self, name: str) -> IPv6Network | None:
        """A node's second pod range, a /64; None in a lab without IPv6."""
        if self.ipv6 is None:
            return None
        index = [node.name for node in self.nodes].index(name) + 1
        return IPv6Network((int(self.ipv6.pods.network_address) + (index << 64), 64))


def guide(nodes: int = 3, *, dual_stack: bool = False) -> Topology:
    """The network of the user guide: node i has eth0 192.168.0.(1+i), node1 (its master1) also eth1 192.168.1.2.

    With `dual_stack` 192.168.0.N also has 2001:db8::N, and 192.168.1.N has 2001:db8:1::N.
    """
    if not 1 <= nodes <= MOST_NODES:
        raise LabError(f"{nodes} nodes do not fit into the guide's network; ask for 1 to {MOST_NODES}")

    def nic(name: str, net: int, host: int) -> Nic:
        ipv6 = IPv6Interface(f"2001:db8:{net or ''}::{host}/64".replace(":::", "::")) if dual_stack else None
        address = IPv4Interface(f"192.168.{net}.{host}/24")
        return Nic(name=name, address=address, ipv6=ipv6, segment=f"br{net}")

    hosts = [Host(name=f"node{index}", nics=(nic("eth0", 0, 1 + index),)) for index in range(1, nodes + 1)]
    hosts[0] = Host(name="node1", nics=(*hosts[0].nics, nic("eth1", 1, 2)))
    return Topology(
        gateway=IPv4Interface("192.168.0.1/24"),
        nodes=tuple(hosts),
        client=Host(name="client", nics=(nic("eth0", 0, 200),)),
        ipv6=Ipv6(gateway=IPv6Interface("2001:db8::1/64")) if dual_stack else None,
    )


def shipped() -> dict[str, Path]:
    """The topologies that come with Porter, by name."""
    folder = Path(str(resources.files("porter.lab") / "topologies"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load(name: str) -> Topology:
    """A shipped topology by its name, or one from a YAML file. Raises LabError with the fault's place."""
    import yaml  # noqa: PLC0415 - 40 ms that most commands do not need

    path = shipped().get(name, Path(name))
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        known = ", ".join(shipped())
        raise LabError(f"no topology '{name}': {error.strerror}. Shipped ones: {known}; or name a YAML file") from None
    try:
        return parse(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise LabError(f"topology {path} is not YAML: {' '.join(str(error).split())}") from None
    except LabError as error:
        raise LabError(f"topology {path}: {error.message}") from None


def parse(data: Any) -> Topology:
    """A topology from plain data, checked. Raises LabError."""
    try:
        topology = msgspec.convert(data, Topology, dec_hook=_decode)
    except (msgspec.ValidationError, ValueError) as error:
        raise LabError(str(error)) from None
    for problem in _problems(topology):
        raise LabError(problem)
    return topology


def plain(topology: Topology) -> Any:
    """The same as plain data, for a state file. `parse` reads it back."""
    return msgspec.json.decode(msgspec.json.encode(topology, enc_hook=str))


def _decode(kind: type, value: Any) -> Any:
    if kind in {IPv4Interface, IPv4Network, IPv4Address, IPv6Interface, IPv6Network, IPv6Address}:
        return kind(value)
    raise NotImplementedError(kind)


def _problems(topology: Topology) -> Iterator[str]:
    if topology.mac_age < 1:
        yield f"mac_age is {topology.mac_age}; it must be at least 1 second"
    if not topology.nodes:
        yield "it has no nodes"
    if topology.ipv6 is not None and len(topology.nodes) >= 1 << max(0, 64 - topology.ipv6.pods.prefixlen):
        yield f"the pods' range {topology.ipv6.pods} has no /64 for each of {len(topology.nodes)} nodes; a /56 has"
    names = [host.name for host in topology.hosts]
    yield from (f"two hosts are called '{name}'" for name in sorted({n for n in names if names.count(n) > 1}))
    if FIRST_SEGMENT in topology.routes:
        yield f"the router's address on {FIRST_SEGMENT} is the gateway; 'routes' is for the other segments"
    for segment in (*topology.routes, *(topology.ipv6.routes if topology.ipv6 is not None else ())):
        if not is_segment(segment):
            yield f"'{segment}' of routes cannot be a segment"
    for host in topology.hosts:
        yield from problems_of(host)
        yield from _misplaced(topology, host)
    yield from _shared_addresses(topology)


def _misplaced(topology: Topology, host: Host) -> Iterator[str]:
    first = host.nics[0]
    gateway, ipv6_gateway = topology.gateway_of(first.segment), topology.ipv6_gateway_of(first.segment)
    if host in topology.nodes and first.segment != FIRST_SEGMENT:
        yield f"the first NIC of node {host.name} must be on {FIRST_SEGMENT}, where the gateway is"
    elif gateway is None:
        yield f"{host.name} is on {first.segment}, where the router has no address; add it to 'routes'"
    elif host.address.ip not in gateway.network:
        yield f"{host.name} has {host.address}, outside the gateway's {gateway.network}"
    if topology.ipv6 is None:
        if any(nic.ipv6 is not None for nic in host.nics):
            yield f"{host.name} has an address of IPv6, but the network has no 'ipv6' with a gateway"
    elif first.ipv6 is None:
        if host in topology.nodes:
            yield f"the first NIC of node {host.name} needs 'ipv6', as the network is dual stack"
    elif ipv6_gateway is None:
        yield f"{host.name} has {first.ipv6} on {first.segment}, where the router has no IPv6; add it to 'ipv6'"
    elif first.ipv6.ip not in ipv6_gateway.network:
        yield f"{host.name} has {first.ipv6}, outside the gateway's {ipv6_gateway.network}"


def _shared_addresses(topology: Topology) -> Iterator[str]:
    ipv6 = topology.ipv6
    routes = [*topology.routes.items(), *(ipv6.routes.items() if ipv6 is not None else ())]
    taken = {address.ip: f"the router on {segment}" for segment, address in routes}
    taken |= {gateway.ip: "the gateway" for gateway in (topology.gateway, ipv6.gateway if ipv6 else None) if gateway}
    for host in topology.hosts:
        for address in [one.ip for nic in host.nics for one in (nic.address, nic.ipv6) if one is not None]:
            if address in taken:
                yield f"{host.name} and {taken[address]} have the same address {address}"
            taken[address] = host.name
