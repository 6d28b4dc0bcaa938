"""A lab between two commands: its directory, its state and its network together, and the processes in their roles."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from porter.lab import clocks, given, processes, state
from porter.lab.errors import LabError
from porter.lab.families import place
from porter.lab.forking import One
from porter.lab.kube import read_access
from porter.lab.network import SWITCH, Network
from porter.lab.state import Process, State
from porter.lab.topology import Host, Topology, parse

SERVER: Final = "apiserver"
"""The role of the API server."""
GATE: Final = "gate"
"""The role of what leads out of the lab to an API server that is not its own."""
AGENT_PORT = 7472
_NODE = "porter.lab.node"
_NONE_RUNS = {"agent": "no agent runs", "node": "no stand-ins run", SERVER: "no API server runs"}  # by role
_PATIENCE = 60.0  # seconds for each thing to come up; a loaded machine is slow, a broken one is noticed by its death


class Stage:
    """A lab's directory, state and network together, as the functions here and the faults need them."""

    def __init__(self, directory: Path, known: State) -> None:
        self.directory = directory
        self.known = known
        self.topology: Topology = parse(known.topology)
        self.network = Network(self.topology, lab=known.name, env=processes.environment(directory))

    @classmethod
    def of(cls, directory: Path) -> "Stage":
        """What is on the disk."""
        return cls(directory, state.load(directory))

    def save(self) -> None:
        """Write the state down."""
        state.save(self.directory, self.known)

    def process(self, role: str, node: str | None = None) -> Process | None:
        """The newest process in a role, alive or not."""
        found = [process for process in self.known.processes if (process.role, process.node) == (role, node)]
        return found[-1] if found else None

    def running(self, role: str, node: str | None = None) -> Process | None:
        """The process in a role, if it runs."""
        process = self.process(role, node)
        return process if process is not None and processes.alive(process) else None

    def must_run(self, role: str, node: str | None = None) -> Process:
        """The process in a role. Raises LabError when it does not run."""
        process = self.running(role, node)
        if process is None:
            where = f" on {node}" if node else ""
            raise LabError(f"{_NONE_RUNS[role]}{where}; porter lab status shows what does")
        return process

    def start(
        self,
        role: str,
        command: list[str],
        *,
        node: str | None = None,
        netns: str | None = None,
    ) -> Process:
        """Start a process and write it down, in place of the one that had its role."""
        started = processes.start(self.directory, role, command, node=node, netns=netns)
        others = [process for process in self.known.processes if (process.role, process.node) != (role, node)]
        self.known.processes = [*others, started]
        self.save()
        return started

    def kubeconfig(self) -> Path:
        """For the host's shell."""
        return self.directory / "kubeconfig"

    def node_kubeconfig(self) -> Path:
        """For everything that lives in the lab's network, but Porter."""
        return self.directory / f"kubeconfig-{self.topology.server}"

    def agent_kubeconfig(self) -> Path:
        """For the agents: the rights that `porter manifests` grants."""
        return self.directory / "kubeconfig-porter"

    def audit_log(self) -> Path:
        """Every request that the API server was asked, a line of JSON each."""
        return self.directory / "audit.log"

    def event_log(self, node: str) -> Path:
        """The agent's log of events."""
        return self.directory / node / "porter.db"

    def start_node(self, node: Host) -> None:
        """Start the stand-ins of a node."""
        command = processes.python(_NODE, *self._node_words(node))
        self.start("node", command, node=node.name, netns=self.network.namespace(node.name))

    def start_stand_ins(self, grace: float | None) -> None:
        """Start the stand-ins of all nodes, which wait for an API server, from one interpreter.

        The controllers too, unless `grace` is None: a Node whose kubelet is silent so long (seconds) is not ready.
        """
        wanted = [
            self._one("node", node.name, f"{_NODE}.__main__", self._node_words(node)) for node in self.topology.nodes
        ]
        if grace is not None:
            words = ["--kubeconfig", str(self.node_kubeconfig()), "--grace", f"{grace:g}"]
            wanted.insert(0, self._one("controllers", None, "porter.lab.controllers.__main__", words))
        self.known.processes = [*self.known.processes, *processes.start_together(self.directory, wanted)]
        self.save()

    def start_server(self) -> None:
        """Start the API server; again with the objects, the port and the token that it had."""
        self.start(SERVER, processes.python("porter.lab.apiserver", *self.server_words()))

    def server_words(self) -> list[str]:
        """The arguments of the API server."""
        port, token = 0, ""
        if self.kubeconfig().exists():
            access = read_access(self.kubeconfig())
            port, token = urlsplit(access.server).port or 0, access.token
        inside = place(self.topology.server, self.topology.api_port)
        words = ["--listen", f"127.0.0.1:{port}", "--listen", f"{inside}@{self.network.namespace(SWITCH)}"]
        words += ["--advertise", inside, "--service-cidr", self.topology.service_ranges]
        words += ["--dir", str(self.directory), "--kubeconfig-name", f"porter-{self.known.name}"]
        words += ["--audit-log", str(self.audit_log()), "--objects", str(self.directory / "objects.jsonl")]
        return words + ([f"--token={token}"] if token else [])  # one word: a token may begin with a dash

    def start_gate(self) -> None:
        """Start the way out of the lab to an API server that is not its own, where the lab's own would be."""
        server = urlsplit(self.known.server)
        command = processes.python("porter.lab.gate", "--netns", self.network.namespace(SWITCH))
        command += ["--listen", str(self.topology.server), str(self.topology.api_port)]
        self.start(GATE, [*command, "--to", server.hostname or "", str(server.port or 443)])

    def clock(self, node: str) -> Path:
        """The file that says how far off the clock of a node's agent is."""
        return self.directory / f"clock-{node}"

    def start_agent(self, node: Host, *, steppable: bool = False) -> None:
        """Start Porter on a node: the ordinary command. `steppable`: with a clock that can step, in any lab."""
        options = ["--kubeconfig", str(self.agent_kubeconfig()), "--node-name", node.name]
        options += ["--event-log", f"sqlite:///{self.event_log(node.name)}", "--http", f"127.0.0.1:{AGENT_PORT}"]
        options += ["--lease-duration", f"{self.known.lease_duration:g}"] if self.known.lease_duration else []
        command = processes.porter("run", *options)
        if steppable or self.known.clocks:
            clocks.set_off(self.clock(node.name), 0.0)
            command = clocks.steppable(command, self.clock(node.name))
        self.start("agent", command, node=node.name, netns=self.network.namespace(node.name))

    def wait(self, what: str, ready: Callable[[], Any], *, on: list[tuple[str, str | None]]) -> None:
        """Wait until something is ready. Raises LabError at once when a process that it depends on has ended."""
        limit = time.monotonic() + _PATIENCE
        while not ready():
            for role, node in on:
                if self.running(role, node) is None:
                    words = processes.last_words(self.directory, role, node)
                    raise LabError(f"the {role} {f'of {node} ' if node else ''}ended; its last words: {words}")
            if time.monotonic() > limit:
                role, node = on[0]
                words = processes.last_words(self.directory, role, node)
                raise LabError(f"{what} did not come within {_PATIENCE:g} s; the {role}'s last words: {words}")
            time.sleep(0.02)

    def _one(self, role: str, node: str | None, module: str, words: list[str]) -> One:
        log = str(processes.log_file(self.directory, role, node))
        netns = self.network.namespace(node or SWITCH)
        return One(role=role, node=node, module=module, arguments=words, netns=netns, log=log)

    def _node_words(self, node: Host) -> list[str]:
        words = ["--name", node.name, "--kubeconfig", str(self.node_kubeconfig())]
        words += [word for address in node.addresses for word in ("--address", str(address))]
        words += [word for network in self.topology.pods_of(node.name) for word in ("--pods", str(network))]
        words += ["--control-plane"] if node is self.topology.nodes[0] else []
        return words + (["--label", f"{given.LABEL}={self.known.name}"] if self.known.server else [])
