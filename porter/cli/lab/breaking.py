"""`porter lab fail` and `porter lab recover`."""

import textwrap
import time
from datetime import datetime

import click

from porter.cli.lab.options import name_option
from porter.lab import faults
from porter.lab.lab import Lab

_NAMES = [*faults.KINDS, *faults.ALIASES]


def _kinds(*, of_server: bool) -> str:
    found = {name: kind for name, kind in faults.KINDS.items() if kind.of_server == of_server}
    lines = [f"  {name:<10}{kind.says}" for name, kind in found.items()]
    also = [f"{alias} ({kind})" for alias, kind in faults.ALIASES.items() if kind in found]
    return "\n".join([*lines, *textwrap.wrap(f"Other names: {', '.join(also)}.", width=76)])


@click.command(
    help=f"""Break a node, or the API server (NODE: {faults.SERVER}). Returns when the fault has taken effect.

\b
Of a node:
{_kinds(of_server=False)}

\b
Of the API server:
{_kinds(of_server=True)}
"""
)
@name_option
@click.option(
    "--kind", type=click.Choice([*faults.KINDS, *faults.ALIASES]), default="network", show_default=True, metavar="KIND"
)
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
    how = faults.How(loss=loss / 100, delay=delay / 1000, step=step, every=every, code=code)
    broken = Lab(name)
    at = broken.fail(node, kind, how)
    click.echo(f"{wall_clock(at)} {node} is broken: {broken.stage.known.faults[node]}")


@click.command()
@name_option
@click.argument("node")
def recover(name: str, node: str) -> None:
    """Mend a node, or apiserver, that was broken with fail."""
    at = Lab(name).recover(node)
    click.echo(f"{wall_clock(at)} {node} is mended")


def wall_clock(at: float) -> str:
    """A moment of the monotonic clock that is not long ago, by the wall clock."""
    moment = time.time() - (time.monotonic() - at)
    return datetime.fromtimestamp(moment).astimezone().isoformat(timespec="milliseconds")
