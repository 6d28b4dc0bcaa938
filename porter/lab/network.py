"""The wires of a lab: namespaces, virtual Ethernet pairs and bridges, made with `ip`.

Everything lives in namespaces of the lab's own: nothing appears in the host's, so labs with the same addresses stand
side by side. The bridges and the gateway's address are in the namespace `switch`.
"""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from porter.lab import addressing, namespaces
from porter.lab.errors import LabError
from porter.lab.topology import Host, Nic, Topology

SWITCH = "switch"
SERVICE_LINK = "kube-ipvs0"  # where kube-proxy in IPVS mode keeps the addresses of Services
POD_LINK = "cni0"
_LONGEST_LINK = 15

_SWITCH = {"net.ipv4.ip_forward": 1, "net.ipv4.conf.all.arp_ignore": 1}
_NODE = {
    "net.ipv4.ip_forward": 1,
    "net.ipv4.conf.all.rp_filter": 2,
    "net.ipv4.conf.default.rp_filter": 2,
}


class Port(NamedTuple):
    """A switch port: the other end of a host's NIC, and the bridge it belongs to."""

    link: str
    segment: str
    plugged: bool


class Network:
    """The network of one lab. Its methods run `ip` and return when the kernel has done it."""

    def __init__(self, topology: Topology, *, lab: str, env: Mapping[str, str]) -> None:
        self.topology = topology
        self._lab = lab
        self._env = env

    def namespace(self, host: str) -> str:
        """The namespace of a node, the client or the switch. The default lab's nodes have their plain names."""
        return f"{self._lab}-{host}" if self._lab != "lab" or host == SWITCH else host

    @property
    def names(self) -> tuple[str, ...]:
        """All namespaces of the lab, the switch first."""
        return tuple(self.namespace(name) for name in (SWITCH, *(host.name for host in self.topology.hosts)))

    def add(self, netns: str) -> None:
        """Make one namespace; fails when the name is taken."""
        namespaces.add(netns)

    def delete(self, netns: str) -> None:
        """Remove one namespace with all that is in it. Safe when it is gone."""
        if namespaces.exists(netns):
            namespaces.ip("netns", "del", netns, env=self._env)

    def build(self) -> None:
        """Fill the namespaces, which exist, with links, addresses and routes."""
        switch = self.namespace(SWITCH)
        self._sysctl(switch, {**addressing.settings(self.topology, forwards=True), **_SWITCH})
        lines = ["link set lo up"]
        for segment in self.topology.segments:
            # A MAC of its own: a bridge else takes a port's, and would answer to it.
            own, age = _switch_mac(self.topology.segments.index(segment)), self.topology.mac_age * 100
            lines += [
                f"link add {segment} address {own} type bridge forward_delay 0 mcast_snooping 0 ageing_time {age}",
                f"link set {segment} up",
            ]
        lines += addressing.router_lines(self.topology)
        namespaces.ip(netns=switch, batch=lines, env=self._env)
        for host in self.topology.hosts:
            self._build_host(host)
        ports = [port for host in self.topology.hosts for port in self.ports(host.name)]
        lines = [f"link set {port.link} master {port.segment}" for port in ports]
        lines += [f"link set {port.link} up" for port in ports if port.plugged]
        namespaces.ip(netns=switch, batch=lines, env=self._env)

    def ports(self, host: str) -> tuple[Port, ...]:
        """The switch ports of a host, in the order of its NICs."""
        return tuple(
            Port(link=self._port_name(host, number, nic), segment=nic.segment, plugged=nic.carrier)
            for number, nic in enumerate(self.topology.host(host).nics)
        )

    def detach(self, host: str) -> None:
        """Take the host's ports off their bridges. It keeps its carrier: it cannot know that nobody hears it."""
        self._on_ports(host, [f"link set {port.link} nomaster" for port in self.ports(host)])
        if joined := [port.link for port in self.ports(host) if self._port(port)["master"] is not None]:
            raise LabError(f"{host} is still on the switch by {', '.join(joined)}")

    def unplug(self, host: str) -> None:
        """Switch the host's ports off: its NICs lose their carrier."""
        self._on_ports(host, [f"link set {port.link} down" for port in self.ports(host)])

    def lay_wires(self, host: str) -> list[tuple[str, str]]:
        """Make a second cable for each of the host's ports, not joined to it yet; (port, cable's end) pairs."""
        pairs, lines = [], []
        for port, (inner, outer) in self._wires(host):
            lines += [f"link add {inner} type veth peer name {outer}", f"link set {inner} up", f"link set {outer} up"]
            pairs.append((port.link, inner))
        self._on_ports(host, lines)
        return pairs

    def join_wires(self, host: str) -> None:
        """Put those cables between the host's ports and their bridges: from now on somebody must carry the frames."""
        lines = []
        for port, (_, outer) in self._wires(host):
            lines += [f"link set {port.link} nomaster", f"link set {outer} master {port.segment}"]
        self._on_ports(host, lines)

    def macs(self, host: str) -> tuple[str, ...]:
        """The MACs of all of a host's NICs."""
        return tuple(self.mac(host, nic.name) for nic in self.topology.host(host).nics)

    @property
    def gateway_mac(self) -> str:
        """The MAC of the gateway, where the API server is too."""
        return _switch_mac(0)

    def attach(self, host: str) -> None:
        """Undo `detach`, `unplug` and `join_wires`. Safe to call twice."""
        answer = namespaces.ip("-json", "link", "show", netns=self.namespace(SWITCH), env=self._env)
        there = {link["ifname"] for link in json.loads(answer)}
        lines = [f"link del {inner}" for _, (inner, _) in self._wires(host) if inner in there]
        for port in self.ports(host):
            lines.append(f"link set {port.link} master {port.segment}")
            lines += [f"link set {port.link} up"] if port.plugged else []
        self._on_ports(host, lines)

    def mac(self, host: str, nic: str | None = None) -> str:
        """The MAC of a host's NIC, as the kernel says it."""
        name = self.topology.host(host).nic(nic).name
        answer = namespaces.ip("-json", "link", "show", name, netns=self.namespace(host), env=self._env)
        return str(json.loads(answer)[0]["address"])

    def _wires(self, host: str) -> list[tuple[Port, tuple[str, str]]]:
        """Each port with the two ends of its second cable: the one that frames are carried to, the bridge's."""
        index = [other.name for other in self.topology.hosts].index(host)
        return [(port, (f"wire{index}.{n}", f"wire{index}.{n}s")) for n, port in enumerate(self.ports(host))]

    def _port_name(self, host: str, number: int, nic: Nic) -> str:
        name = f"{host}.{nic.name}"
        if len(name) <= _LONGEST_LINK:
            return name
        return f"port{[h.name for h in self.topology.hosts].index(host)}.{number}"

    def _port(self, port: Port) -> dict[str, str | None]:
        answer = namespaces.ip("-json", "link", "show", port.link, netns=self.namespace(SWITCH), env=self._env)
        return {"master": json.loads(answer)[0].get("master")}

    def _on_ports(self, host: str, lines: list[str]) -> None:
        self.topology.host(host)
        namespaces.ip(netns=self.namespace(SWITCH), batch=lines, env=self._env)

    def _build_host(self, host: Host) -> None:
        netns = self.namespace(host.name)
        node = host in self.topology.nodes
        self._sysctl(netns, {**addressing.settings(self.topology, forwards=node), **(_NODE if node else {})})
        lines = ["link set lo up"]
        for nic, port in zip(host.nics, self.ports(host.name), strict=True):
            mac = f"address {nic.mac} " if nic.mac else ""
            lines.append(f"link add {nic.name} {mac}type veth peer name {port.link} netns {self.namespace(SWITCH)}")
            if nic.up:
                lines.append(f"link set {nic.name} up")
        lines += [f"link add {POD_LINK} type bridge", f"link set {POD_LINK} up"] if node else []
        lines += addressing.host_lines(self.topology, host, pod_link=POD_LINK)
        namespaces.ip(netns=netns, batch=lines, env=self._env)
        if node:
            self._service_link(netns)

    def _service_link(self, netns: str) -> None:
        """kube-proxy's kube-ipvs0: a dummy, down and NOARP. Where the kernel has no dummy, a bridge is as mute."""
        try:
            namespaces.ip("link", "add", SERVICE_LINK, "type", "dummy", netns=netns, env=self._env)
        except LabError:
            namespaces.ip("link", "add", SERVICE_LINK, "type", "bridge", netns=netns, env=self._env)
        namespaces.ip("link", "set", SERVICE_LINK, "arp", "off", netns=netns, env=self._env)

    def _sysctl(self, netns: str, values: Mapping[str, int]) -> None:
        """Write kernel settings; those that this kernel lacks (no IPv6, say) are passed over."""

        def write() -> None:
            for key, value in values.items():
                with contextlib.suppress(FileNotFoundError):
                    Path("/proc/sys", *key.split(".")).write_text(f"{value}", encoding="ascii")

        try:
            namespaces.inside(netns, write)
        except OSError as error:
            raise LabError(f"cannot set {', '.join(values)} in {netns}: {error}") from None


def _switch_mac(index: int) -> str:
    return f"52:54:00:ff:ff:{index:02x}"
