"""Entries and sizes on standard output: for people in lines of 80 columns, for programs as the lines of an export."""

from collections.abc import Iterable

import click

from porter.cli.lines import lines_of
from porter.events.entries import Recorded
from porter.events.export import to_line


def print_entries(entries: Iterable[Recorded], output_format: str) -> None:
    """Print each entry as soon as it comes."""
    if output_format == "json":
        for recorded in entries:
            click.echo(to_line(recorded), nl=False)
    else:
        for line in lines_of(entries):
            click.echo(line)


def size_of(count: float) -> str:
    """Say a number of bytes in the unit that suits it."""
    for unit, bytes_ in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= bytes_:
            return f"{count / bytes_:.1f} {unit}"
    return f"{count:.0f} bytes"
