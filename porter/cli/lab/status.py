"""`porter lab status`."""

import json
from typing import Any

import click

from porter.lab import furniture, processes, state
from porter.lab.errors import LabError
from porter.lab.kube import Kube, read_access
from porter.lab.stage import SERVER, Stage


@click.command()
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
    server = _fault(stage, SERVER)
    own = stage.known.server or runs(SERVER)
    roles = {
        "apiserver": f"{own}, broken: {server}" if server else own,
        "controllers": runs("controllers"),
    }
    return {"name": name, "phase": phase_text, **roles, "kubeconfig": str(stage.kubeconfig()), "nodes": nodes}


def _fault(stage: Stage, target: str) -> str | None:
    fault = stage.known.faults.get(target)
    return None if fault is None else str(fault)
