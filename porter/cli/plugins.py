"""`porter plugins`: which protocols there are, from where, in which version, and what is wrong with the others."""

import json
from typing import Literal

import click

from porter.plugins.registry import Registry


@click.command
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Text for people, JSON for programs.",
)
def plugins(form: Literal["text", "json"]) -> int:
    """List the protocols that plugins provide.

    A protocol is what an Eip names in spec.protocol. Exits with 1 when an installed plugin cannot be used.
    """
    registry = Registry.discover()
    if form == "json":
        click.echo(json.dumps(_content(registry), indent=2))
    else:
        _print(registry)
    return 1 if registry.problems else 0


def _content(registry: Registry) -> dict[str, object]:
    return {
        "plugins": [
            {
                "name": info.name,
                "version": info.version,
                "distribution": info.distribution,
                "stub": registry.protocols[info.name].stub,
            }
            for info in registry.infos
        ],
        "problems": [
            {"distribution": problem.distribution, "problem": problem.sentence} for problem in registry.problems
        ],
    }


def _print(registry: Registry) -> None:
    rows = [("PROTOCOL", "VERSION", "FROM", "STATE")]
    rows += [
        (info.name, info.version, info.distribution, "only a stub" if info.stub else "ready") for info in registry.infos
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for problem in registry.problems:
        click.echo(f"{problem.distribution}: {problem.sentence}", err=True)
