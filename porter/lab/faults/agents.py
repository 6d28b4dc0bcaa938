"""Faults of a node's agent, `porter run`: killed, or stopped where it stands."""

import signal
from pathlib import Path

from porter.lab import processes
from porter.lab.errors import LabError
from porter.lab.faults.kinds import How, Kind, kill
from porter.lab.stage import Stage
from porter.lab.state import Process

_ROLE = "agent"


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


def _library() -> Path:
    """The library libfaketime. Raises LabError when it is not installed."""
    for path in sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")):
        return path
    raise LabError("a wrong clock needs libfaketime, which is not installed; on Debian: apt-get install faketime")


def _may_step(stage: Stage, node: str) -> None:
    _agent(stage, node)
    _library()


def _step(stage: Stage, node: str, how: How) -> None:
    """Start the agent anew with a wall clock that is wrong; the monotonic one goes on as it was."""
    library = _library()
    _kill(stage, node, how)
    wrong = {"LD_PRELOAD": str(library), "FAKETIME": f"{how.step:+g}s", "DONT_FAKE_MONOTONIC": "1"}
    stage.start_agent(stage.topology.node(node), env=wrong)


def _set_right(stage: Stage, node: str) -> None:
    agent = stage.running(_ROLE, node)
    if agent is not None:
        kill(agent, f"{node}'s agent")
    _start(stage, node)


KINDS = {
    "agent": Kind(_kill, _start, "SIGKILL of its agent", check=_agent),
    "hang": Kind(_stop, _go_on, "SIGSTOP of its agent: it is there and does nothing", check=_agent),
    "clock": Kind(
        _step,
        _set_right,
        "its agent is started anew with a clock that is wrong (--step)",
        lambda how: f"{how.step:+g} s",
        check=_may_step,
    ),
}
