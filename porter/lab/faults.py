"""Faults on demand: each is done to a node, seen to have taken effect, and undone again.

What is broken is written down, so `status` tells it and `recover` undoes it from another shell.
"""

import signal
import time
from collections.abc import Callable

from porter.lab import processes
from porter.lab.errors import LabError
from porter.lab.standing import Stage
from porter.lab.state import Process

_PATIENCE = 5.0


def fail(stage: Stage, node: str, kind: str = "network") -> float:
    """Break a node. Returns the monotonic time when it took effect. Raises LabError when it is broken already."""
    host = stage.topology.node(node)
    if kind not in KINDS:
        raise LabError(f"no fault is called '{kind}'; there are: {', '.join(KINDS)}")
    if known := stage.known.faults.get(node):
        raise LabError(f"{node} is broken already ({known}); porter lab recover {node} mends it")
    if kind in {"agent", "hang"}:
        _agent(stage, node)  # before it is written down as broken
    stage.known.faults = {**stage.known.faults, node: kind}
    stage.save()
    KINDS[kind][0](stage, host.name)
    return time.monotonic()


def recover(stage: Stage, node: str) -> float:
    """Undo what was done to a node. Returns the monotonic time. Raises LabError when nothing is broken."""
    host = stage.topology.node(node)
    kind = stage.known.faults.get(node)
    if kind is None:
        broken = ", ".join(sorted(stage.known.faults)) or "none"
        raise LabError(f"{node} is not broken; broken nodes: {broken}")
    KINDS[kind][1](stage, host.name)
    at = time.monotonic()
    stage.known.faults = {name: fault for name, fault in stage.known.faults.items() if name != node}
    stage.save()
    return at


def _cut(stage: Stage, node: str) -> None:
    stage.network.detach(node)


def _unplug(stage: Stage, node: str) -> None:
    stage.network.unplug(node)


def _join(stage: Stage, node: str) -> None:
    stage.network.attach(node)


def _agent(stage: Stage, node: str) -> Process:
    agent = stage.process("agent", node)
    if agent is None or not processes.alive(agent):
        raise LabError(f"no agent runs on {node}")
    return agent


def _kill_agent(stage: Stage, node: str) -> None:
    agent = _agent(stage, node)
    processes.end(agent, how=signal.SIGKILL)
    limit = time.monotonic() + _PATIENCE
    while processes.alive(agent):
        if time.monotonic() > limit:
            raise LabError(f"the agent of {node} (process {agent.pid}) does not end")
        time.sleep(0.001)
    processes.collect(agent.pid)


def _stop_agent(stage: Stage, node: str) -> None:
    _signal_agent(stage, node, signal.SIGSTOP)


def _continue_agent(stage: Stage, node: str) -> None:
    _signal_agent(stage, node, signal.SIGCONT)


def _signal_agent(stage: Stage, node: str, number: signal.Signals) -> None:
    processes.end(_agent(stage, node), how=number)


def _power_off(stage: Stage, node: str) -> None:
    """Nothing runs and nothing is heard, at once: first the wire, then every process of the node."""
    stage.network.detach(node)
    netns = [known for known in stage.known.namespaces if known.name == stage.network.namespace(node)]
    processes.end_in(netns, patience=_PATIENCE)
    for process in stage.known.processes:
        if process.node == node:
            processes.collect(process.pid)


def _power_on(stage: Stage, node: str) -> None:
    stage.network.attach(node)
    stage.start_node(stage.topology.node(node))
    if stage.known.agents:
        stage.start_agent(stage.topology.node(node))


def _start_agent(stage: Stage, node: str) -> None:
    stage.start_agent(stage.topology.node(node))


_Act = Callable[[Stage, str], None]
KINDS: dict[str, tuple[_Act, _Act]] = {
    "network": (_cut, _join),  # the cable ends nowhere, the node cannot tell
    "link": (_unplug, _join),  # the node's NICs lose their carrier
    "agent": (_kill_agent, _start_agent),  # SIGKILL of `porter run`
    "hang": (_stop_agent, _continue_agent),  # SIGSTOP of `porter run`: it is there and does nothing
    "power": (_power_off, _power_on),  # all of the node at once; its log stays
}
