"""`porter lab logs`."""

from pathlib import Path

import click

from porter.cli.lab.options import name_option
from porter.lab import processes, rootless, state
from porter.lab.errors import LabError
from porter.lab.stage import Stage

_TAIL = 1 << 20


@click.command()
@name_option
@click.option("--of", "role", type=click.Choice(["agent", "stand-ins"]), default="agent", show_default=True)
@click.argument("node")
def logs(name: str, role: str, node: str) -> None:
    """Show what a node's agent printed; NODE may also be apiserver or controllers."""
    directory = state.directory(name)
    stage = Stage.of(directory)
    rootless.enter(directory, stage.known)
    if node in {"apiserver", "controllers"}:
        path = processes.log_file(directory, node)
    else:
        path = processes.log_file(directory, "agent" if role == "agent" else "node", stage.topology.node(node).name)
    click.echo(_tail(path), nl=False)


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        raise LabError(f"there is no {path}: that process was never started") from None
    except PermissionError as error:
        raise LabError(f"cannot read {path}: {error.strerror}; run this as who brought the lab up") from None
