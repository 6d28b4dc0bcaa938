"""Faults of a whole node: its power, or the kubelet alone."""

import functools
import signal

from porter.lab import furniture, pins, processes
from porter.lab.faults.kinds import PATIENCE, How, Kind, until
from porter.lab.kube import Kube, read_access
from porter.lab.stage import Stage
from porter.lab.state import Process

_JUDGED = 60.0  # seconds: the longest grace that one would give a lab's nodes


def _power_off(stage: Stage, node: str, _how: How) -> None:
    """Nothing runs and nothing is heard, at once: first the wire, then every process of the node."""
    stage.network.detach(node)
    netns = [known for known in stage.known.namespaces if known.name == stage.network.namespace(node)]
    with pins.by_name(netns) as inodes:
        processes.end_in(inodes, patience=PATIENCE)
    for process in stage.known.processes:
        if process.node == node:
            processes.collect(process.pid)


def _power_on(stage: Stage, node: str) -> None:
    stage.network.attach(node)
    stage.start_node(stage.topology.node(node))
    if stage.known.agents:
        stage.start_agent(stage.topology.node(node))


def _stand_ins(stage: Stage, node: str) -> Process:
    return stage.must_run("node", node)


def _ready(stage: Stage, node: str) -> bool:
    return node in furniture.ready_nodes(Kube(read_access(stage.kubeconfig())))


def _silence_kubelet(stage: Stage, node: str, _how: How) -> None:
    processes.end(_stand_ins(stage, node), how=signal.SIGUSR1)
    until(f"{node} NotReady", lambda: not _ready(stage, node), within=_JUDGED)


def _wake_kubelet(stage: Stage, node: str) -> None:
    """Let it speak, or start another when somebody has ended it."""
    process = stage.running("node", node)
    if process is None:
        stage.start_node(stage.topology.node(node))
    else:
        processes.end(process, how=signal.SIGUSR2)
    until(f"{node} Ready", functools.partial(_ready, stage, node), within=_JUDGED)


KINDS = {
    "power": Kind(_power_off, _power_on, "all of the node at once; its log stays"),
    "kubelet": Kind(
        _silence_kubelet, _wake_kubelet, "only its kubelet is silent: NotReady, and all goes on", check=_stand_ins
    ),
}
