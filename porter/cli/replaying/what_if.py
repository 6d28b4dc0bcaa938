"""`porter replay --what-if`: print what would have been otherwise."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from porter.cli.replaying.between import held_text
from porter.cli.replaying.output import Spool, print_object, wrapped
from porter.errors import PorterError
from porter.events.entries import Recorded
from porter.replay.edits import Supposition, parse_edits
from porter.replay.story import About
from porter.replay.text import clock, counted, short
from porter.replay.what_if import Parting, WhatIf


def read_edits(path: Path) -> Sequence[Supposition]:
    """Read a file of edits. Raises PorterError that names the line at fault."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PorterError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise PorterError(f"{path} is no text: a file of edits has one JSON object a line") from None
    return parse_edits(text.splitlines(), name=str(path), now=datetime.now(UTC))


def print_what_if(
    what_if: WhatIf,
    suppositions: Sequence[Supposition],
    records: Iterable[Recorded],
    about: About,
    *,
    as_json: bool,
) -> None:
    """Print all partings of which one was asked for, then how many there are."""
    supposed = [one.text for one in suppositions]
    lasting = 0
    with Spool() as spool:
        for one in what_if.partings(records):
            if not _is_about(one, about):
                continue
            lasting += one.until is None
            if as_json:
                spool.add_item(one)
            else:
                spool.add_lines(_lines(one))
        last = what_if.last
        if as_json:
            seq, at = (last.seq, last.at) if last is not None else (0, None)
            print_object([("seq", seq), ("at", at), ("supposed", supposed), ("partings", spool)])
            return
        click.echo("Supposed:")
        for text in supposed:
            click.echo(f"  {text}")
        click.echo("")
        if not spool.count:
            click.echo("Nothing would have been otherwise.")
            return
        times = counted(spool.count, "time", "times")
        click.echo(f"Otherwise {times}, {lasting} of them to the end of the log:")
        spool.print()


def _lines(one: Parting) -> Iterator[str]:
    yield ""
    yield f"{one.seq:>5}  {clock(one.at)}  {one.service}{' (IPv6)' if one.family == 'IPv6' else ''}"
    until = "to the end of the log"
    if one.until is not None:
        until = f"until entry {one.until_seq}, {short((one.until - one.at).total_seconds())} later"
    yield from wrapped(until, indent=7)
    yield from wrapped(f"recorded: {held_text(one.recorded)}", indent=7)
    yield from wrapped(f"supposed: {held_text(one.supposed)}", indent=7)
    if one.supposed is not None:
        yield from wrapped(f"why: {one.supposed.reason}", indent=7)


def _is_about(one: Parting, about: About) -> bool:
    having = [held for held in (one.recorded, one.supposed) if held is not None]
    nodes = tuple(name for held in having for name in (held.node or "").split(", "))
    return about.fits(service=one.service, nodes=nodes, eips=tuple(held.eip for held in having))
