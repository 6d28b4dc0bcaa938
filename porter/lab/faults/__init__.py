"""Faults on demand: each is done to a node or the API server, seen to have taken effect, and undone again.

What is broken is written down, so `status` tells it and `recover` undoes it from another shell.
"""

import time

from porter.lab.errors import LabError
from porter.lab.faults import agents, disk, nodes, server, wires
from porter.lab.faults.kinds import How, Kind
from porter.lab.stage import SERVER, Stage
from porter.lab.state import Fault

__all__ = ["ALIASES", "KINDS", "SERVER", "How", "fail", "recover"]

KINDS: dict[str, Kind] = {**wires.KINDS, **agents.KINDS, **nodes.KINDS, **disk.KINDS, **server.KINDS}
"""Every kind of fault by its name."""
ALIASES: dict[str, str] = {
    "partition": "network",
    "partition-api": "no-api",
    "partition-peers": "no-peers",
    "api": "stopped",
    "api-slow": "slow",
    "api-errors": "errors",
    "api-cuts": "cuts",
    "api-half-open": "silent",
}
"""Other names of kinds: what one is cut off from, or what is wrong with the API server."""


def fail(stage: Stage, target: str, kind: str = "network", how: How | None = None) -> float:
    """Break a node, or the API server; `kind` is of KINDS or ALIASES. Returns the monotonic time when it took effect.

    Raises LabError when it is broken already, or when that kind cannot be done to it.
    """
    named, kind = kind, ALIASES.get(kind, kind)
    if kind not in KINDS:
        raise LabError(f"no fault is called '{kind}'; there are: {', '.join(KINDS)}")
    chosen, severity = KINDS[kind], how or How()
    if chosen.of_server != (target == SERVER):
        names = [name for name, one in KINDS.items() if one.of_server == (target == SERVER)]
        raise LabError(f"'{named}' is no fault of {target}; of that there are: {', '.join(names)}")
    if target != SERVER:
        stage.topology.node(target)
    if known := stage.known.faults.get(target):
        raise LabError(f"{target} is broken already ({known}); porter lab recover {target} mends it")
    chosen.check(stage, target)
    stage.known.faults = {**stage.known.faults, target: Fault(kind=kind, detail=chosen.words(severity))}
    stage.save()
    chosen.fail(stage, target, severity)
    return time.monotonic()


def recover(stage: Stage, target: str) -> float:
    """Undo what was done. Returns the monotonic time. Raises LabError when nothing is broken."""
    if target != SERVER:
        stage.topology.node(target)
    fault = stage.known.faults.get(target)
    if fault is None:
        broken = ", ".join(sorted(stage.known.faults)) or "none"
        raise LabError(f"{target} is not broken; broken: {broken}")
    KINDS[fault.kind].recover(stage, target)
    at = time.monotonic()
    stage.known.faults = {name: other for name, other in stage.known.faults.items() if name != target}
    stage.save()
    return at
