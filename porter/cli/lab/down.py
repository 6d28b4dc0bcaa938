"""`porter lab down`."""

import time

import click

from porter.cli.lab.options import name_option, say
from porter.lab import namespaces, programs, standing, state


@click.command()
@name_option
@click.option(
    "--all", "everything", is_flag=True, help="Every lab of this machine, and what programs left that were killed."
)
def down(name: str, *, everything: bool) -> None:
    """Take a lab down; after a crash too. Nothing is left behind."""
    namespaces.check_possible()
    for one in state.names() if everything else [name]:
        begin = time.monotonic()
        ended = standing.take_down(state.directory(one), say)
        say(f"lab '{one}' is gone: {ended} processes ended, {time.monotonic() - begin:.1f} s")
    if everything:
        programs.clear(programs.place())
