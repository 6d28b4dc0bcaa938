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
from porter.lab.families import Address, Family, Interface, Network, family_of
from porter.lab.hosts import FIRST_SEGMENT, Host, Ipv6, Nic, is_segment, problems_of

__all__ = ["FIRST_SEGMENT", "Host", "Ipv6", "Nic", "Topology", "guide", "load", "parse", "plain", "shipped"]
MOST_NODES = 89  # 192.168.0.2 to .90: the guide's pool begins at 192.168.0.91


class Topology(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """The whole network. `gateway` is the default route, and where the API server listens for the nodes.

    Without `gateway` the network is of IPv6 alone, and `ipv6` says these things. `routes` are the router's addresses on
    the other segments, which it then forwards between; a host whose first NIC is on such a segment has its default
    route there. `others` are hosts that are no nodes: a printer, a stranger.
    """

    nodes: tuple[Host, ...]
    client: Host
    gateway: IPv4Interface | None = None
    others: tuple[Host, ...] = ()
    routes: dict[str, IPv4Interface] = {}
    mac_age: int = 300
    """Seconds after which a switch forgets on which port a silent MAC was."""
    api_port: int = 6443
    pods: IPv4Network = IPv4Network("10.244.0.0/16")
    services: IPv4Network = IPv4Network("10.233.0.0/18")
    ipv6: Ipv6 | None = None
    """Beside a `gateway` of IPv4 it makes the lab dual stack, IPv4 first; without it there is no IPv6."""

    @property
    def hosts(self) -> tuple[Host, ...]:
        """The nodes, the client and the others."""
        return (*self.nodes, self.client, *self.others)

    @property
    def service_ranges(self) -> str:
        """The ranges of cluster IPs, the first family's first, with a comma between them."""
        six = [self.ipv6.services] if self.ipv6 is not None else []
        return ",".join(str(one) for one in ([self.services] if self.gateway is not None else []) + six)

    @property
    def families(self) -> tuple[Family, ...]:
        """The families that the network has, the first one first."""
        return tuple(family_of(gateway.ip) for gateway in self.gateways_of(FIRST_SEGMENT))

    @property
    def server(self) -> Address:
        """Where the API server is for the nodes: at the gateway, in the first family."""
        return self.gateways_of(FIRST_SEGMENT)[0].ip

    def gateways_of(self, segment: str) -> tuple[Interface, ...]:
        """The router's address on a segment in each family that it has there, IPv4 first."""
        four, six = self.gateway, self.ipv6.gateway if self.ipv6 is not None else None
        if segment != FIRST_SEGMENT:
            four, six = self.routes.get(segment), self.ipv6.routes.get(segment) if self.ipv6 is not None else None
        return tuple(one for one in (four, six) if one is not None)

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

    def pods_of(self, name: str) -> tuple[Network, ...]:
        """A node's range of pods in each family, a /24 and a /64.

        The first node has the second one, as kubeadm with flannel hands them out.
        """
        index = [node.name for node in self.nodes].index(name) + 1
        found: list[Network] = []
        if self.gateway is not None:
            found.append(IPv4Network((int(self.pods.network_address) + (index << 8), 24)))
        if self.ipv6 is not None:
            found.append(IPv6Network((int(self.ipv6.pods.network_address) + (index << 64), 64)))
        return tuple(found)


def guide(nodes: int = 3, *, families: tuple[Family, ...] = ("IPv4",)) -> Topology:
    """The network of the user guide: node i has eth0 192.168.0.(1+i), node1 (its master1) also eth1 192.168.1.2.

    With IPv6 among the families 2001:db8::N is beside each 192.168.0.N, or in its place, and 2001:db8:1::N likewise.
    """
    if not 1 <= nodes <= MOST_NODES:
        raise LabError(f"{nodes} nodes do not fit into the guide's network; ask for 1 to {MOST_NODES}")
    four, six = "IPv4" in families, "IPv6" in families

    def nic(name: str, net: int, host: int) -> Nic:
        ipv6 = IPv6Interface(f"2001:db8:{net or ''}::{host}/64".replace(":::", "::")) if six else None
        address = IPv4Interface(f"192.168.{net}.{host}/24") if four else None
        return Nic(name=name, address=address, ipv6=ipv6, segment=f"br{net}")

    hosts = [Host(name=f"node{index}", nics=(nic("eth0", 0, 1 + index),)) for index in range(1, nodes + 1)]
    hosts[0] = Host(name="node1", nics=(*hosts[0].nics, nic("eth1", 1, 2)))
    return Topology(
        gateway=IPv4Interface("192.168.0.1/24") if four else None,
        nodes=tuple(hosts),
        client=Host(name="client", nics=(nic("eth0", 0, 200),)),
        ipv6=Ipv6(gateway=IPv6Interface("2001:db8::1/64")) if six else None,
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
    if not topology.families:
        yield "it has no router: it needs a 'gateway', or 'ipv6' with one"
        return
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
    if topology.routes and topology.gateway is None:
        yield "'routes' are of IPv4, of which the network has no 'gateway'; those of IPv6 are in 'ipv6'"
    for segment in (*topology.routes, *(topology.ipv6.routes if topology.ipv6 is not None else ())):
        if not is_segment(segment):
            yield f"'{segment}' of routes cannot be a segment"
    for host in topology.hosts:
        yield from problems_of(host)
        yield from _misplaced(topology, host)
    yield from _shared_addresses(topology)


_WRITTEN: dict[Family, tuple[str, str, str]] = {
    "IPv4": ("an address", "'gateway'", "'routes'"),
    "IPv6": ("'ipv6'", "'ipv6' with a gateway", "'ipv6'"),
}
"""Where a file says what is of a family: a NIC's address, the gateway, the routes."""


def _misplaced(topology: Topology, host: Host) -> Iterator[str]:
    first = host.nics[0]
    if host in topology.nodes and first.segment != FIRST_SEGMENT:
        yield f"the first NIC of node {host.name} must be on {FIRST_SEGMENT}, where the gateway is"
    gateways = {family_of(gateway.ip): gateway for gateway in topology.gateways_of(first.segment)}
    own = {family_of(address.ip): address for address in first.addresses}
    for family, (address, _, routes) in _WRITTEN.items():
        if family not in topology.families:
            continue
        if family not in own:
            if host in topology.nodes or family == topology.families[0]:
                yield f"the first NIC of {host.name} needs {address}, as the network has {family}"
        elif family not in gateways:
            yield f"{host.name} is on {first.segment}, where the router has no address of {family}; add it to {routes}"
        elif own[family].ip not in gateways[family].network:
            yield f"{host.name} has {own[family]}, outside the gateway's {gateways[family].network}"
    foreign = {family_of(address.ip) for nic in host.nics for address in nic.addresses} - {*topology.families}
    for family in sorted(foreign):
        yield f"{host.name} has an address of {family}, but the network has no {_WRITTEN[family][1]}"


def _shared_addresses(topology: Topology) -> Iterator[str]:
    taken = {
        address.ip: "the gateway" if segment == FIRST_SEGMENT else f"the router on {segment}"
        for segment in topology.segments
        for address in topology.gateways_of(segment)
    }
    for host in topology.hosts:
        for address in [one.ip for nic in host.nics for one in nic.addresses]:
            if address in taken:
                yield f"{host.name} and {taken[address]} have the same address {address}"
            taken[address] = host.name
