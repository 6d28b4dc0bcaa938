"""Answers as they are printed: JSON with a head that all have, or the lines that a renderer makes."""

import sys
from collections.abc import Callable, Iterable, Iterator
from textwrap import wrap
from typing import Any

import click
import msgspec

from porter.cli.explaining.reading import Asked
from porter.replay.text import WIDTH, clock


def tell(
    asked: Asked,
    answer: msgspec.Struct,
    lines: Callable[[Any, "Asked"], Iterable[str]],
    *,
    output_format: str,
) -> None:
    """Print an answer in the format that is asked for. In JSON seq, at and supposed stand beside its own keys."""
    if output_format == "json":
        head = {"seq": asked.when.seq, "at": asked.when.at, "supposed": asked.supposed}
        shown = head | msgspec.to_builtins(answer)
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode() + "\n")
        return
    for line in lines(answer, asked):
        click.echo(line)


def opening(verdicts: Iterable[str], name: str, asked: Asked) -> Iterator[str]:
    """Return the first lines: what matters in a sentence, what is supposed, and of what and when it is true."""
    for supposed in asked.supposed:
        yield from paragraph(f"Supposed: {supposed}.")
    for verdict in verdicts:
        yield from paragraph(f"{verdict}.")
    yield ""
    yield f"{name}, as of entry {asked.when.seq}, {clock(asked.when.at)}"


def paragraph(text: str, *, indent: int = 0, hanging: int = 2) -> Iterator[str]:
    """Wrap a text to the width of a page."""
    yield from wrap(
        text,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hanging),
        break_on_hyphens=False,
    )


def heading(text: str) -> Iterator[str]:
    """Return a heading with the blank line before it."""
    yield ""
    yield f"  {text}"


def row(mark: str, text: str, *, width: int) -> Iterator[str]:
    """Return a line of a list: a mark in a column of its own, and a text that wraps beside it."""
    yield from paragraph(f"{mark:<{width}}  {text}", indent=4, hanging=width + 2)


def more(total: int, shown: int) -> Iterator[str]:
    """Count what a list leaves out."""
    if total > shown:
        yield f"    and {number(total - shown)} more; --format json lists all"


def number(count: int) -> str:
    """Write a number for people: with separators, and only about where it is beyond imagining."""
    return f"{count:,}" if count < 10**12 else f"about {count:.3g}"
