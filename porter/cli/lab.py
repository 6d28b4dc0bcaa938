"""The commands `porter lab …`: they parse, call and print. Labs are made and unmade in `porter.lab`."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from porter.cli.lab_probe import probe
from porter.lab import faults, furniture, namespaces, processes, standing, state, topology
from porter.lab.errors import LabError
from porter.lab.kube import Kube, read_access
from porter.lab.lab import GRACE, Lab
from porter.lab.stage import Stage

_F = TypeVar("_F", bound=Callable[..., Any])
_TAIL = 1 << 20


def _name_option(command: _F) -> _F:
    return click.option("--name", default="lab", show_default=True, help="Which lab, if there are several.")(command)


def _say(line: str) -> None:
    click.echo(f"  {line}", err=True)


def _interruptible() -> None:
    """End by SIGTERM and SIGHUP as by Ctrl-C: what was begun is taken down."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


@click.group()
def lab() -> None:
    """A cluster in a box on this machine: real agents, real frames, stand-ins for the rest.

    Needs Linux and root. Everything lives in network namespaces of its own; `down` leaves nothing behind.
    """


@lab.command()
@_name_option
@click.option("--nodes", type=int, default=None, help="How many nodes the guide's network has.  [default: 3]")
@click.option("--topology", "plan", metavar="NAME|FILE", help="Another network: orion, or a YAML file.")
@click.option("--no-agents", is_flag=True, help="Do not start porter run on the nodes.")
@click.option("--lease-duration", type=click.FloatRange(min=1, max=600), help="Passed on to porter run, in seconds.")
@click.option(
    "--grace",
    type=click.FloatRange(min=1.5),
    default=GRACE,
    show_default=True,
    help="Seconds of silence until a Node is NotReady.",
)
@click.option("--strict-arp/--no-strict-arp", default=True, help="As kube-proxy's ConfigMap has it.  [default: on]")
def up(
    name: str,
    *,
    nodes: int | None,
    plan: str | None,
    no_agents: bool,
    lease_duration: float | None,
    grace: float,
    strict_arp: bool,
) -> None:
    """Bring up a lab and print how to talk to it."""
    if nodes is not None and plan is not None:
        raise click.UsageError("--nodes and --topology exclude each other: a topology names its nodes")
    network = topology.load(plan) if plan is not None else topology.guide(3 if nodes is None else nodes)
    _interruptible()
    begin = time.monotonic()
    up_lab = Lab.up(
        name,
        network=network,
        agents=not no_agents,
        lease_duration=lease_duration or 0.0,
        grace=grace,
        strict_arp=strict_arp,
        say=_say,
    )
    option = "" if name == "lab" else f" --name {name}"
    _say(f"up after {time.monotonic() - begin:.1f} s")
    click.echo(f"export KUBECONFIG={up_lab.kubeconfig}")
    first = network.nodes[0].name
    _say("try:  kubectl get nodes -o wide")
    for words in (f"exec{option} client -- ip neigh", f"fail{option} {first}", f"status{option}", f"down{option}"):
        _say(f"      porter lab {words}")


@lab.command()
@_name_option
@click.option("--all", "everything", is_flag=True, help="Every lab of this machine.")
def down(name: str, *, everything: bool) -> None:
    """Take a lab down; after a crash too. Nothing is left behind."""
    namespaces.check_possible()
    for one in state.names() if everything else [name]:
        begin = time.monotonic()
        ended = standing.take_down(state.directory(one))
        _say(f"lab '{one}' is gone: {ended} processes ended, {time.monotonic() - begin:.1f} s")


@lab.command()
@click.option("--name", help="Only this lab.  [default: all labs]")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def status(name: str | None, form: str) -> None:
    """Show labs, their nodes, and what is broken."""
    found = [_status_of(one) for one in ([name] if name else state.names())]
    if form == "json":
        click.echo(json.dumps(found, indent=2))
        return
    if not found:
        click.echo("no labs; begin with: porter lab up")
    for one in found:
        click.echo(f"{one['name']}: {one['phase']}, API server {one['apiserver']}, controllers {one['controllers']}")
        click.echo(f"  {'NODE':<12}{'ADDRESS':<18}{'READY':<9}{'AGENT':<9}{'STAND-INS':<11}FAULT")
        for node in one["nodes"]:
            click.echo(
                f"  {node['name']:<12}{node['address']:<18}{node['ready']:<9}{node['agent']:<9}"
                f"{node['stand_ins']:<11}{node['fault'] or '-'}"
            )


def _status_of(name: str) -> dict[str, Any]:
    stage = Stage.of(state.directory(name))

    def runs(role: str, node: str | None = None) -> str:
        process = stage.process(role, node)
        return "none" if process is None else "runs" if processes.alive(process) else "ended"

    try:
        ready = furniture.readiness(Kube(read_access(stage.kubeconfig()), timeout=2.0))
    except (OSError, LabError):
        ready = {}
    nodes = [
        {
            "name": node.name,
            "address": str(node.address.ip),
            "ready": ready.get(node.name, "-"),
            "agent": runs("agent", node.name),
            "stand_ins": runs("node", node.name),
            "fault": _fault(stage, node.name),
        }
        for node in stage.topology.nodes
    ]
    phase = stage.known.phase
    if phase == "starting" and not processes.alive(stage.known.starter):
        phase_text = "its start was killed; porter lab down clears it"
    else:
        phase_text = phase
    server = _fault(stage, faults.SERVER)
    roles = {
        "apiserver": f"{runs('apiserver')}, broken: {server}" if server else runs("apiserver"),
        "controllers": runs("controllers"),
    }
    return {"name": name, "phase": phase_text, **roles, "kubeconfig": str(stage.kubeconfig()), "nodes": nodes}


def _fault(stage: Stage, target: str) -> str | None:
    fault = stage.known.faults.get(target)
    return None if fault is None else str(fault)


@lab.command()
@_name_option
@click.option("--print", "content", is_flag=True, help="Print the content, not the path.")
def kubeconfig(name: str, *, content: bool) -> None:
    """Print the path of a lab's kubeconfig, or its content."""
    path = Lab(name).kubeconfig
    click.echo(path.read_text(encoding="utf-8") if content else path, nl=not content)


@lab.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@_name_option
@click.argument("node")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(name: str, node: str, command: tuple[str, ...]) -> None:
    """Run a command on a node or the client: porter lab exec client -- ip neigh."""
    namespaces.check_possible()
    words = command[1:] if command[0] == "--" else command
    if not words:
        raise click.UsageError("a command is missing: porter lab exec NODE -- CMD")
    argv = Lab(name).command(node, words)
    sys.stdout.flush()
    os.execvp(argv[0], argv)  # noqa: S606 - no shell in between; signals and exit code are the command's own


def _kinds(*, of_server: bool) -> str:
    found = {name: kind for name, kind in faults.KINDS.items() if kind.of_server == of_server}
    return "\n".join(f"  {name:<10}{kind.says}" for name, kind in found.items())


@lab.command(
    help=f"""Break a node, or the API server (NODE: {faults.SERVER}). Returns when the fault has taken effect.

\b
Of a node:
{_kinds(of_server=False)}

\b
Of the API server:
{_kinds(of_server=True)}
"""
)
@_name_option
@click.option("--kind", type=click.Choice(list(faults.KINDS)), default="network", show_default=True, metavar="KIND")
@click.option("--loss", type=click.FloatRange(0, 100), default=30, show_default=True, help="Percent of the frames.")
@click.option(
    "--delay", type=click.FloatRange(0, 60_000), default=200, show_default=True, help="Milliseconds, one way."
)
@click.option("--step", type=float, default=3600, show_default=True, help="Seconds that a clock is ahead.")
@click.option("--every", type=click.FloatRange(0.1), default=1, show_default=True, help="Seconds between two cuts.")
@click.option("--code", type=click.IntRange(400, 599), default=500, show_default=True, help="HTTP status.")
@click.argument("node")
def fail(name: str, kind: str, node: str, *, loss: float, delay: float, step: float, every: float, code: int) -> None:
    """Break a node or the API server."""
    namespaces.check_possible()
    how = faults.How(loss=loss / 100, delay=delay / 1000, step=step, every=every, code=code)
    Lab(name).fail(node, kind, how)
    click.echo(f"{_clock()} {node} is broken: {Lab(name).stage.known.faults[node]}")


@lab.command()
@_name_option
@click.argument("node")
def recover(name: str, node: str) -> None:
    """Mend a node, or apiserver, that was broken with fail."""
    namespaces.check_possible()
    Lab(name).recover(node)
    click.echo(f"{_clock()} {node} is mended")


@lab.command()
@_name_option
@click.option("--of", "role", type=click.Choice(["agent", "stand-ins"]), default="agent", show_default=True)
@click.argument("node")
def logs(name: str, role: str, node: str) -> None:
    """Show what a node's agent printed; NODE may also be apiserver or controllers."""
    directory = state.directory(name)
    stage = Stage.of(directory)
    if node in {"apiserver", "controllers"}:
        path = processes.log_file(directory, node)
    else:
        path = processes.log_file(directory, "agent" if role == "agent" else "node", stage.topology.node(node).name)
    click.echo(_tail(path), nl=False)


@lab.command()
@click.option("--name", help="The lab's name.  [default: one of its own]")
@click.option("--keep", is_flag=True, help="Leave the lab up at the end.")
@click.option("--case", type=click.Choice(["guide", "orion"]), default="guide", show_default=True)
def tutorial(name: str | None, *, keep: bool, case: str) -> None:
    """Walk the user guide step by step in a lab of its own, with a proof for each step."""
    from porter.lab.tutorial.walk import run  # noqa: PLC0415 - only this command needs it

    _interruptible()
    if not run(name or f"demo-{os.getpid()}", case=case, keep=keep, echo=click.echo):
        raise SystemExit(1)


lab.add_command(probe)


def _clock() -> str:
    return datetime.now().astimezone().isoformat(timespec="milliseconds")


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        raise LabError(f"there is no {path}: that process was never started") from None
    except PermissionError as error:
        raise LabError(f"cannot read {path}: {error.strerror}; run it as root") from None
