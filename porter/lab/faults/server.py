"""Faults of the API server: stopped, or in trouble on demand (`porter.lab.apiserver.trouble`)."""

from typing import Any

from porter.lab import processes
from porter.lab.errors import LabError
from porter.lab.faults.kinds import How, Kind, kill, until
from porter.lab.kube import Kube, read_access
from porter.lab.stage import SERVER, Stage

_PATH = "/lab/trouble"


def _must_run(stage: Stage, _target: str) -> None:
    if stage.known.server:
        raise LabError(
            f"the API server {stage.known.server} is not the lab's own, so it is not broken; "
            "the fault no-api cuts a node off from it"
        )
    stage.must_run(SERVER)


def _stop(stage: Stage, _target: str, _how: How) -> None:
    server = stage.must_run(SERVER)
    holding = processes.children(server)  # its connections and the sockets that it listens on; they end with it
    kill(server, "the API server")
    until("the end of its connections", lambda: not any(map(processes.alive, holding)), pause=0.001)


def _start(stage: Stage, _target: str) -> None:
    stage.start_server()
    stage.wait("an API server that answers", Kube(read_access(stage.kubeconfig())).ready, on=[(SERVER, None)])


def _put(stage: Stage, **trouble: Any) -> None:
    Kube(read_access(stage.kubeconfig())).request("PUT", _PATH, trouble)


def _slow(stage: Stage, _target: str, how: How) -> None:
    _put(stage, delay=how.delay)


def _err(stage: Stage, _target: str, how: How) -> None:
    _put(stage, code=how.code)


def _cut_watches(stage: Stage, _target: str, how: How) -> None:
    _put(stage, cut_every=how.every)


def _silence(stage: Stage, _target: str, _how: How) -> None:
    _put(stage, silent=True)


def _calm(stage: Stage, target: str) -> None:
    """End its trouble, or start another when somebody has ended it."""
    if stage.running(SERVER) is None:
        _start(stage, target)
    else:
        _put(stage)


KINDS = {
    "stopped": Kind(
        _stop, _start, "SIGKILL; started again it has its objects, and no history", check=_must_run, of_server=True
    ),
    "slow": Kind(
        _slow,
        _calm,
        "it waits before each answer (--delay)",
        lambda how: f"{how.delay * 1000:g} ms",
        check=_must_run,
        of_server=True,
    ),
    "errors": Kind(
        _err,
        _calm,
        "it answers everything with an error (--code)",
        lambda how: f"{how.code}",
        check=_must_run,
        of_server=True,
    ),
    "cuts": Kind(
        _cut_watches,
        _calm,
        "it cuts every watch in mid-line, again and again (--every)",
        lambda how: f"every {how.every:g} s",
        check=_must_run,
        of_server=True,
    ),
    "silent": Kind(
        _silence, _calm, "half-open: connections stand and nothing comes back", check=_must_run, of_server=True
    ),
}
