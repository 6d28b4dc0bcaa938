"""`porter lab exec`."""

import os
import sys

import click

from porter.cli.lab.options import name_option
from porter.lab.lab import Lab


@click.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@name_option
@click.argument("node")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(name: str, node: str, command: tuple[str, ...]) -> None:
    """Run a command on a node or the client: porter lab exec client -- ip neigh."""
    words = command[1:] if command[0] == "--" else command
    if not words:
        raise click.UsageError("a command is missing: porter lab exec NODE -- CMD")
    argv = Lab(name).command(node, words)
    sys.stdout.flush()
    os.execvp(argv[0], argv)  # noqa: S606 - no shell in between; signals and exit code are the command's own
