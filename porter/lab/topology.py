"""What a lab looks like: nodes, their NICs, the segments they are plugged into, the client. Values and a YAML reader.

Nothing here touches the machine; `network` builds what is described here.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from importlib import resources
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

import msgspec

from porter.lab.errors import LabError

FIRST_SEGMENT = "br0"
MOST_NODES = 89  # 192.168.0.2 to .90: the guide's pool begins at 192.168.0.91
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")
_NIC = re.compile(r"[a-zA-Z][a-zA-Z0-9_.-]{0,14}")  # IFNAMSIZ is 16, the last byte is a zero
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


class Nic(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A network card: without `carrier` its cable is out, without `up` it is switched off."""

    name: str
    address: IPv4Interface | None = None
    segment: str = FIRST_SEGMENT
    carrier: bool = True
    up: bool = True
    mac: str | None = None


class Host(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A node or the client."""

    name: str
    nics: tuple[Nic, ...]

    @property
    def address(self) -> IPv4Interface:
        """The host's first address: a node's InternalIP."""
        return next(nic.address for nic in self.nics if nic.address is not None)

    def nic(self, name: str | None = None) -> Nic:
        """The NIC of that name, or the one that carries the host's first address."""
        for nic in self.nics:
            if nic.name == name or (name is None and nic.address is not None):
                return nic
        known = ", ".join(nic.name for nic in self.nics)
        raise LabError(f"no interface '{name}' on {self.name}. It has: {known}")


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

    @property
    def hosts(self) -> tuple[Host, ...]:
        """The nodes, the client and the others."""
        return (*self.nodes, self.client, *self.others)

    def gateway_of(self, segment: str) -> IPv4Interface | None:
        """The router's address on a segment, None where it has none."""
        return self.gateway if segment == FIRST_SEGMENT else self.routes.get(segment)

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """Every bridge, the first one (with the gateway) first."""
        named = {nic.segment for host in self.hosts for nic in host.nics}
        return (FIRST_SEGMENT, *sorted((named | set(self.routes)) - {FIRST_SEGMENT}))

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


def guide(nodes: int = 3) -> Topology:
    """The network of the user guide: node i has eth0 192.168.0.(1+i), node1 (its master1) also eth1 192.168.1.2."""
    if not 1 <= nodes <= MOST_NODES:
        raise LabError(f"{nodes} nodes do not fit into the guide's network; ask for 1 to {MOST_NODES}")
    hosts = []
    for index in range(1, nodes + 1):
        nics = [Nic(name="eth0", address=IPv4Interface(f"192.168.0.{1 + index}/24"))]
        if index == 1:
            nics.append(Nic(name="eth1", address=IPv4Interface("192.168.1.2/24"), segment="br1"))
        hosts.append(Host(name=f"node{index}", nics=tuple(nics)))
    client = Host(name="client", nics=(Nic(name="eth0", address=IPv4Interface("192.168.0.200/24")),))
    return Topology(gateway=IPv4Interface("192.168.0.1/24"), nodes=tuple(hosts), client=client)


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
    if kind in {IPv4Interface, IPv4Network, IPv4Address}:
        return kind(value)
    raise NotImplementedError(kind)


def _problems(topology: Topology) -> Iterator[str]:
    if topology.mac_age < 1:
        yield f"mac_age is {topology.mac_age}; it must be at least 1 second"
    if not topology.nodes:
        yield "it has no nodes"
    names = [host.name for host in topology.hosts]
    yield from (f"two hosts are called '{name}'" for name in sorted({n for n in names if names.count(n) > 1}))
    if FIRST_SEGMENT in topology.routes:
        yield f"the router's address on {FIRST_SEGMENT} is the gateway; 'routes' is for the other segments"
    for segment in topology.routes:
        if not _NIC.fullmatch(segment):
            yield f"'{segment}' of routes cannot be a segment"
    for host in topology.hosts:
        yield from _host_problems(topology, host)
    yield from _shared_addresses(topology)


def _host_problems(topology: Topology, host: Host) -> Iterator[str]:
    if not _NAME.fullmatch(host.name) or host.name == "switch":
        yield f"'{host.name}' cannot be a host's name; use small letters, digits and '-', not 'switch'"
    if not host.nics:
        yield f"{host.name} has no NICs"
        return
    first = host.nics[0]
    gateway = topology.gateway_of(first.segment)
    if first.address is None:
        yield f"the first NIC of {host.name} needs an address"
    elif host in topology.nodes and first.segment != FIRST_SEGMENT:
        yield f"the first NIC of node {host.name} must be on {FIRST_SEGMENT}, where the gateway is"
    elif gateway is None:
        yield f"{host.name} is on {first.segment}, where the router has no address; add it to 'routes'"
    elif first.address.ip not in gateway.network:
        yield f"{host.name} has {first.address}, outside the gateway's {gateway.network}"
    for nic in host.nics:
        yield from _nic_problems(host, nic)


def _shared_addresses(topology: Topology) -> Iterator[str]:
    taken = {address.ip: f"the router on {segment}" for segment, address in topology.routes.items()}
    taken[topology.gateway.ip] = "the gateway"
    for host in topology.hosts:
        for address in [nic.address.ip for nic in host.nics if nic.address is not None]:
            if address in taken:
                yield f"{host.name} and {taken[address]} have the same address {address}"
            taken[address] = host.name


def _nic_problems(host: Host, nic: Nic) -> list[str]:
    problems = []
    for what, text, pattern in (
        ("NIC name", nic.name, _NIC),
        ("segment", nic.segment, _NIC),
        ("MAC", nic.mac or "02:00:00:00:00:01", _MAC),
    ):
        if not pattern.fullmatch(text):
            problems.append(f"'{text}' of {host.name} cannot be a {what}")
    if nic.name == "lo":
        problems.append(f"{host.name} has its own 'lo'; give the NIC another name")
    return problems
