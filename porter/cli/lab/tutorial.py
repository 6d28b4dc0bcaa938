"""`porter lab tutorial`."""

import os

import click

from porter.cli.lab.options import interruptible
from porter.lab.tutorial.walk import run


@click.command()
@click.option("--name", help="The lab's name.  [default: one of its own]")
@click.option("--keep", is_flag=True, help="Leave the lab up at the end.")
@click.option("--case", type=click.Choice(["guide", "orion"]), default="guide", show_default=True)
def tutorial(name: str | None, *, keep: bool, case: str) -> None:
    """Walk the user guide step by step in a lab of its own, with a proof for each step."""
    interruptible()
    if not run(name or f"demo-{os.getpid()}", case=case, keep=keep, echo=click.echo):
        raise SystemExit(1)
