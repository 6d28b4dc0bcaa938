"""Faults of a node's agent, `porter run`: killed, stopped where it stands, or with a clock that steps."""

import signal
import time

from porter.lab import clocks, processes
from porter.lab.faults.kinds import How, Kind, kill, until
from porter.lab.furniture import answer_of_agent
from porter.lab.stage import AGENT_PORT, Stage
from porter.lab.state import Process

_ROLE = "agent"
_STARTS = 60.0  # seconds, as `up` gives it
_WHOLE_SECONDS = 2.0  # a clock is told to the second, and of the second before


def _agent(stage: Stage, node: str) -> Process:
    return stage.must_run(_ROLE, node)


def _kill(stage: Stage, node: str, _how: How) -> None:
    kill(_agent(stage, node), f"{node}'s agent")


def _start(stage: Stage, node: str) -> None:
    stage.start_agent(stage.topology.node(node))


def _stop(stage: Stage, node: str, _how: How) -> None:
    processes.end(_agent(stage, node), how=signal.SIGSTOP)


def _go_on(stage: Stage, node: str) -> None:
    """Let it go on, or start another when somebody has ended it."""
    agent = stage.running(_ROLE, node)
    if agent is None:
        _start(stage, node)
    else:
        processes.end(agent, how=signal.SIGCONT)


def _may_step(stage: Stage, node: str) -> None:
    _agent(stage, node)
    clocks.library()


def _step(stage: Stage, node: str, how: How) -> None:
    """Step the clock under the agent. One whose clock cannot step is started anew first, as one whose can."""
    if not clocks.follows(_agent(stage, node), stage.clock(node)):
        _kill(stage, node, how)
        stage.start_agent(stage.topology.node(node), steppable=True)
        _until_off_by(stage, node, 0.0)
    clocks.set_off(stage.clock(node), how.step)
    _until_off_by(stage, node, how.step)


def _step_back(stage: Stage, node: str) -> None:
    """Let the clock be right again, or start another agent when somebody has ended it."""
    clocks.set_off(stage.clock(node), 0.0)
    if stage.running(_ROLE, node) is None:
        _start(stage, node)
    else:
        _until_off_by(stage, node, 0.0)


def _until_off_by(stage: Stage, node: str, seconds: float) -> None:
    """Wait for it, as long as a start may take: on a machine with much to do an agent answers late."""

    def seen() -> bool:
        _agent(stage, node)
        try:
            told = clocks.told(answer_of_agent(stage.network.namespace(node), AGENT_PORT))
        except OSError:
            return False
        return told is not None and abs(told.timestamp() - time.time() - seconds) < _WHOLE_SECONDS

    until(f"a clock of {node}'s agent that is {seconds:+g} s off", seen, within=_STARTS)


KINDS = {
    "agent": Kind(_kill, _start, "SIGKILL of its agent", check=_agent),
    "hang": Kind(_stop, _go_on, "SIGSTOP of its agent: it is there and does nothing", check=_agent),
    "clock": Kind(
        _step,
        _step_back,
        "its agent's wall clock steps (--step), back when it is mended",
        lambda how: f"{how.step:+g} s",
        check=_may_step,
    ),
}
