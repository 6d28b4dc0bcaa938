"""`porter log stat`: how much is in a log, of what, since when, and how fast it grows."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import click
import msgspec

from porter.cli.log.printing import size_of
from porter.cli.options import event_log_option, format_option, stream_option
from porter.cli.progress import shown_progress
from porter.events.chain import Row, time_of
from porter.events.sources import open_source, streams_in
from porter.events.urls import parse_url
from porter.replay.text import clock, lasting

_HOUR = 3600


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """What one agent's log holds. Sizes are bytes, about as they are on disk."""

    log: str
    entries: int
    first: int
    last: int
    oldest: datetime | None
    newest: datetime | None
    missing: int
    """Entries that were taken out by compaction, or left out of an export."""
    bytes: int
    disk_bytes: int | None
    """Of the file and what SQLite keeps beside it; None for a database server."""
    bytes_per_entry: float
    entries_per_hour: float
    bytes_per_day: float
    """At the rate of the whole log."""
    snapshots: int
    kinds: dict[str, int]
    """By kind the entries of it, the most frequent first."""


@click.command()
@event_log_option()
@stream_option()
@format_option()
def stat(*, event_log: str, stream: str, output_format: str) -> None:
    """Say how many entries there are, of which kinds, from when to when, and how fast the log grows.

    Where several agents share one database, each log in it is counted; --stream chooses one. With --format json a list
    with one object for each log is printed.
    """
    names = [stream] if stream else streams_in(event_log)
    found = [_statistics(event_log, name) for name in names or [""]]
    if output_format == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    for place, one in enumerate(found):
        if place:
            click.echo("")
        for line in _lines(one):
            click.echo(line)


def _lines(found: Statistics) -> Iterator[str]:
    yield found.log
    if found.oldest is None or found.newest is None:
        yield "no entries"
        return
    missing = f", {found.missing} others were taken out" if found.missing else ""
    yield f"{found.entries} entries, {found.first} to {found.last}{missing}"
    yield f"from {clock(found.oldest)} to {clock(found.newest)} ({lasting(found.newest - found.oldest)})"
    disk = f"; {size_of(found.disk_bytes)} on disk" if found.disk_bytes is not None else ""
    snapshots = f"{found.snapshots} snapshot{'' if found.snapshots == 1 else 's'}"
    yield f"{size_of(found.bytes)}, {found.bytes_per_entry:.0f} bytes an entry, {snapshots}{disk}"
    if found.entries_per_hour:
        yield f"{found.entries_per_hour:.0f} entries an hour, {size_of(found.bytes_per_day)} a day"
    yield ""
    for kind, count in found.kinds.items():
        yield f"{count:>9} {count / found.entries:>4.0%} {kind}"


def _statistics(event_log: str, stream: str) -> Statistics:
    counts: Counter[str] = Counter()
    oldest: Row | None = None
    newest: Row | None = None
    size = 0
    with open_source(event_log, stream=stream) as source:
        with shown_progress("counting", source.rows(), lambda: source.last_seq) as rows:
            for row in rows:
                counts[row.kind] += 1
                size += row.size
                oldest, newest = oldest or row, row
        snapshots = sum(1 for _ in source.snapshots())
        where = source.describe()
    entries = counts.total()
    last = 0 if newest is None else newest.seq
    begin, end = (None if one is None else time_of(one) for one in (oldest, newest))
    seconds = 0.0 if begin is None or end is None else max(0.0, (end - begin).total_seconds())
    hourly = entries * _HOUR / seconds if seconds else 0.0
    each = size / entries if entries else 0.0
    return Statistics(
        log=where,
        entries=entries,
        first=0 if oldest is None else oldest.seq,
        last=last,
        oldest=begin,
        newest=end,
        missing=last - entries,
        bytes=size,
        disk_bytes=_on_disk(event_log),
        bytes_per_entry=round(each, 1),
        entries_per_hour=round(hourly, 1),
        bytes_per_day=round(hourly * 24 * each),
        snapshots=snapshots,
        kinds=dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
    )


def _on_disk(event_log: str) -> int | None:
    path = parse_url(event_log).path
    if path is None:
        return None
    files = (path, path.with_name(f"{path.name}-wal"))
    return sum(one.stat().st_size for one in files if one.exists())
