"""`porter replay --merge`: print who announced what, by one clock, and when two did, or nobody."""

from collections.abc import Iterable, Iterator

import click

from porter.cli.replaying.output import Spool, print_object, wrapped
from porter.replay.lanes import Lanes, Sighting, Window
from porter.replay.merging import Deed, Merged, NodeLog, deed_of
from porter.replay.story import About
from porter.replay.stretches import Stretch
from porter.replay.text import clock, counted, short


def print_merged(merged: Merged, about: About, *, as_json: bool) -> None:
    """Print the logs with their clocks, the windows, and the timeline."""
    with Spool() as deeds, Spool() as windows:
        for window in Lanes().windows(_told(merged.sightings(), deeds, about, as_json=as_json)):
            if about.node is not None and window.nodes and about.node not in window.nodes:
                continue
            if as_json:
                windows.add_item(window)
            else:
                windows.add_lines(_window_lines(window))
        if as_json:
            print_object([("logs", merged.logs), ("windows", windows), ("timeline", deeds)])
            return
        click.echo(f"{counted(len(merged.logs), 'log', 'logs')}, by the clock of {merged.logs[0].node}:")
        for line in (line for log in merged.logs for line in _log_lines(log)):
            click.echo(line)
        click.echo("\nTwo nodes announced one address, or none did:" if windows.count else "\nAlways one announced.")
        windows.print()
        click.echo("\nThe timeline:" if deeds.count else "\nThe timeline is empty: nobody announced anything.")
        deeds.print()


def _told(sightings: Iterable[Sighting], deeds: Spool, about: About, *, as_json: bool) -> Iterator[Sighting]:
    """Pass the sightings on, and keep what tells of a node's doings."""
    for sighting in sightings:
        deed = deed_of(sighting)
        if deed is not None and about.node in (None, deed.node):
            if as_json:
                deeds.add_item(deed)
            else:
                deeds.add_lines(_deed_lines(deed))
        yield sighting


def _log_lines(log: NodeLog) -> Iterator[str]:
    yield from wrapped(f"{log.node}: {log.log}, entries {log.first_seq} to {log.last_seq}", indent=2)
    corrected = {one.first_seq for one in log.stretches}
    for step in log.setbacks:
        told = f"at entry {step.seq} its clock was set back by {short(step.seconds)}"
        yield from wrapped(told if step.seq in corrected else f"{told}: times around that say little", indent=4)
    if not log.stretches:
        yield "    its clock is not known: no observation is in this log and in the first one"
    for one in log.stretches:
        since = f"from entry {one.first_seq} on " if len(log.stretches) > 1 else ""
        yield from wrapped(f"{since}{_clock(one)}", indent=4)


def _clock(one: Stretch) -> str:
    way = "ahead" if one.ahead > 0 else "behind"
    said = f"its clock is {short(abs(one.ahead))} {way}" if round(one.ahead, 3) else "its clock agrees"
    shared = counted(one.samples, "shared observation", "shared observations")
    return f"{said} (by {shared}, give or take {short(one.spread)})"


def _window_lines(window: Window) -> Iterator[str]:
    length = "to the end" if window.seconds is None else f"for {short(window.seconds)}"
    who = " and ".join(window.nodes) or "nobody"
    why = f": {window.reason}" if window.reason else ""
    yield from wrapped(f"{clock(window.at)}  {window.address}  {length}: {who}{why}", indent=2)


def _deed_lines(deed: Deed) -> Iterator[str]:
    yield from wrapped(f"{clock(deed.at)}  {deed.node}, entry {deed.seq}: {deed.text}", indent=2)
