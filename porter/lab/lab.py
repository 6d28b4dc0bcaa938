"""A lab as tests and commands hold it: who is where, ask the client, break a node, read its log.

with Lab.up(name="mine", nodes=3) as lab:
    lab.kube("apply", "-f", "-", text=yaml)
    lab.fail("node1")
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from types import TracebackType
from typing import Self

from porter.lab import faults, probe, probing, rootless, standing, state, topology
from porter.lab.errors import LabError
from porter.lab.families import Address, Family
from porter.lab.kube import Kube, read_access
from porter.lab.stage import Stage
from porter.lab.topology import Topology

GRACE = 4.0  # seconds of silence until a Node is NotReady; a real control plane waits 40


def _quiet(_line: str) -> None:
    """Say nothing."""


class Lab:
    """One lab that is up. As a context manager it takes the lab down at the end of the block."""

    def __init__(self, name: str) -> None:
        """Take hold of a lab that is up. Raises NoSuchLabError, or LabError when its `up` has not finished.

        Without root this process enters the lab's own user namespace, and stays there: see `porter.lab.rootless`.
        """
        self.name = name
        self.directory = state.directory(name)
        known = state.load(self.directory)
        if known.phase != "up":
            raise LabError(
                f"lab '{name}' is not up: its start has not finished; porter lab down --name {name} clears it"
            )
        rootless.enter(self.directory, known)

    @classmethod
    def up(
        cls,
        name: str = "lab",
        *,
        nodes: int = 3,
        families: tuple[Family, ...] = ("IPv4",),
        network: Topology | None = None,
        agents: bool = True,
        lease_duration: float = 0.0,
        clocks: bool = False,
        grace: float = GRACE,
        strict_arp: bool = True,
        kubeconfig: Path | None = None,
        say: Callable[[str], None] = _quiet,
    ) -> "Lab":
        """Bring up a lab and return when its nodes and its agents are ready. `lease_duration` 0: the default.

        `nodes` and `families` are of the guide's network; another is taken as it is. With `clocks` those of the
        agents can step (`porter.lab.clocks`). `kubeconfig` names an API server that is there already: see
        `porter.lab.given`.
        """
        plan = network if network is not None else topology.guide(nodes, families=families)
        standing.bring_up(
            *(name, plan),
            agents=agents,
            lease_duration=lease_duration,
            clocks=clocks,
            grace=grace,
            strict_arp=strict_arp,
            kubeconfig=kubeconfig,
            say=say,
        )
        return cls(name)

    def down(self) -> None:
        """Take the lab down and leave nothing."""
        standing.take_down(self.directory, _quiet)

    def __enter__(self) -> Self:
        """The lab itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take it down."""
        self.down()

    @property
    def stage(self) -> Stage:
        """What is on the disk now; other commands may have changed it."""
        return Stage.of(self.directory)

    @cached_property
    def topology(self) -> Topology:
        """The lab's nodes, NICs and addresses."""
        return self.stage.topology

    @property
    def kubeconfig(self) -> Path:
        """For kubectl and every other client on this machine."""
        return self.directory / "kubeconfig"

    @cached_property
    def api(self) -> Kube:
        """A small client of the API server, as administrator."""
        return Kube(read_access(self.kubeconfig))

    def kube(
        self, *arguments: str, text: str | None = None, editor: str = "", check: bool = True, wait: float = 30.0
    ) -> str:
        """Run kubectl against this lab, `text` on its input. Returns its output; raises LabError when it failed."""
        if shutil.which("kubectl") is None:
            raise LabError("kubectl is not installed on this machine")
        # Its cache of kinds is kept with the lab, not in the user's home; kubectl 1.20 knows no variable for that.
        command = ["kubectl", f"--cache-dir={self.directory / 'kubectl'}", *arguments]
        env = {**os.environ, "KUBECONFIG": str(self.kubeconfig)} | ({"KUBE_EDITOR": editor} if editor else {})
        try:
            done = subprocess.run(
                command, input=text, capture_output=True, text=True, timeout=wait, check=False, env=env
            )
        except subprocess.TimeoutExpired:
            raise LabError(f"kubectl {' '.join(arguments)} did not end within {wait:g} s") from None
        if check and done.returncode:
            raise LabError(f"kubectl {' '.join(arguments)} failed: {' '.join(done.stderr.split())}")
        return done.stdout if check else done.stdout + done.stderr

    def namespace(self, host: str) -> str:
        """The network namespace of a node or of `client`."""
        return self.stage.network.namespace(self.topology.host(host).name)

    def command(self, host: str, argv: Sequence[str]) -> list[str]:
        """The command line that runs a command on a node or the client."""
        return ["ip", "netns", "exec", self.namespace(host), *argv]

    def exec(self, host: str, argv: Sequence[str], *, wait: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Run a command on a node or the client and return its output and exit code."""
        return subprocess.run(self.command(host, argv), capture_output=True, text=True, timeout=wait, check=False)

    def fail(self, node: str, kind: str = "network", how: faults.How | None = None) -> float:
        """Break a node, or `apiserver` (see `faults.KINDS`). Returns the monotonic time when it took effect."""
        with state.locked(self.directory):
            return faults.fail(self.stage, node, kind, how)

    def recover(self, node: str) -> float:
        """Undo what was done to a node. Returns the monotonic time."""
        with state.locked(self.directory):
            return faults.recover(self.stage, node)

    def event_log(self, node: str) -> str:
        """The URL of the log that a node's agent writes."""
        return f"sqlite:///{self.stage.event_log(self.topology.node(node).name)}"

    def mac(self, host: str, nic: str | None = None) -> str:
        """The MAC of a NIC; without a name, of the one with the host's first address."""
        return self.stage.network.mac(host, nic)

    def arp(self, address: str | IPv4Address, *, wait: float = 0.5) -> list[probe.Answer]:
        """Ask from the client, by one broadcast ARP request, who has an address; every answer until `wait` is over.

        Raises LabError in a lab of IPv6 alone.
        """
        client = self.topology.client
        where = (self.namespace(client.name), client.nic().name)
        return probe.arp(*where, client.must_have_ipv4(), IPv4Address(address), wait=wait)

    def ndp(self, address: str | IPv6Address, *, wait: float = 0.5) -> list[probe.Answer]:
        """The same for IPv6: ask by one neighbour solicitation. Raises LabError in a lab without IPv6."""
        client = self.topology.client
        where = (self.namespace(client.name), client.nic().name)
        return probe.ndp(*where, client.must_have_ipv6(), IPv6Address(address), wait=wait)

    def traffic(
        self,
        address: str | Address,
        protocol: str = "icmp",
        *,
        port: int = 80,
        interval: float = 0.1,
        patience: float = 1.0,
        duration: float | None = None,
        tell: Callable[[probing.Attempt], None] | None = None,
    ) -> probing.Prober:
        """Traffic from the client at a steady rate (seconds), for a `with` block or to start and stop by hand.

        Raises LabError for a protocol that nobody speaks, and for a family that the lab has not.
        """
        client, target = self.topology.client, ip_address(address)
        _ = client.must_have_ipv6() if isinstance(target, IPv6Address) else client.must_have_ipv4()
        plan = probing.Plan(
            netns=self.namespace(client.name),
            nic=client.nic().name,
            address=target,
            protocol=protocol,
            port=port,
            interval=interval,
            patience=patience,
            duration=duration,
        )
        hosts = {mac: host.name for host in self.topology.hosts for mac in self.stage.network.macs(host.name)}
        return probing.Prober(plan, hosts | {self.stage.network.gateway_mac: "gateway"}, tell)

    def ping(self, address: str | Address, *, wait: float = 1.0) -> float | None:
        """One ICMP echo from the client. Seconds until the reply, None when there was none."""
        return probe.ping(self.namespace(self.topology.client.name), ip_address(address), wait=wait)

    def http_get(self, address: str | Address, port: int = 80, *, host: str | None = None, wait: float = 2.0) -> str:
        """One GET on a new connection, from the client or another host. Raises OSError when it fails."""
        netns = self.namespace(host or self.topology.client.name)
        return probe.http_get(netns, ip_address(address), port, wait=wait)

    def neighbour(self, address: str | Address) -> str | None:
        """The MAC that the client's kernel has learned for an address, None when it knows none."""
        client = self.topology.client
        done = self.exec(client.name, ["ip", "neigh", "show", str(address), "dev", client.nic().name])
        words = done.stdout.split()
        return words[words.index("lladdr") + 1] if "lladdr" in words else None

    def capture(
        self, host: str, nic: str | None = None, *, protocol: int = probe.ETH_P_ALL
    ) -> AbstractContextManager[probe.Capture]:
        """Record the frames of a NIC while the block runs."""
        return probe.capture(self.namespace(host), self.topology.host(host).nic(nic).name, protocol=protocol)
