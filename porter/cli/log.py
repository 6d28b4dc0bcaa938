"""`porter log`: look into an event log, take it elsewhere, bring its schema up to date. Never changes an entry."""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import click

from porter.cli.lines import lines_of
from porter.cli.options import Decorator, event_log_option, format_option, stream_option
from porter.events import export as exports
from porter.events.codec import KINDS, kind_of, word_of
from porter.events.entries import AgentStarted, Recorded
from porter.events.errors import LogError
from porter.events.log import EventLog
from porter.events.migrate import upgrade as upgrade_schema
from porter.events.sources import Source, open_source
from porter.events.subjects import concerns_node, concerns_service

_BATCH = 1000  # entries of one transaction of an import
_POLL_SECONDS = 0.25

_after: Decorator = click.option(
    "--after", metavar="SEQ", type=click.IntRange(0), default=0, help="Begin after this entry."
)
_until: Decorator = click.option("--until", metavar="SEQ", type=click.IntRange(1), help="End with this entry.")


@click.group()
def log() -> None:
    """Show, follow, export, import and upgrade an event log.

    Where a command reads, --event-log may also name a file that was exported.
    """


@log.command()
@event_log_option()
@stream_option()
@_after
@_until
@click.option("--kind", "kinds", metavar="KIND", multiple=True, help="Only this kind, as service.observed. Repeatable.")
@click.option("--word", type=click.Choice(["observed", "decided", "applied"]), help="Only entries of this word.")
@click.option("--service", metavar="NS/NAME", help="Only entries about this Service.")
@click.option("--node", metavar="NAME", help="Only entries about this node.")
@click.option("--limit", metavar="N", type=click.IntRange(1), help="At most this many entries.")
@format_option()
def show(
    *,
    event_log: str,
    stream: str,
    after: int,
    until: int | None,
    kinds: tuple[str, ...],
    word: str | None,
    service: str | None,
    node: str | None,
    limit: int | None,
    output_format: str,
) -> None:
    """Print entries, the oldest first."""
    for kind in kinds:
        if kind not in KINDS:
            raise click.BadParameter(f"{kind!r} is not a kind of entry. Kinds: {', '.join(KINDS)}", param_hint="--kind")
    if service is not None and service.count("/") != 1:
        raise click.BadParameter(f"{service!r} is not NAMESPACE/NAME", param_hint="--service")
    with open_source(event_log, stream=stream) as source:
        found = (
            recorded
            for recorded in source.read(after, until)
            if (not kinds or kind_of(recorded.entry) in kinds)
            and (word is None or word_of(recorded.entry) == word)
            and (service is None or concerns_service(recorded.entry, service))
            and (node is None or concerns_node(recorded.entry, node))
        )
        _print(islice(found, limit), output_format)


@log.command()
@event_log_option()
@stream_option()
@click.option(
    "-n", "count", metavar="N", type=click.IntRange(0), default=10, show_default=True, help="So many entries."
)
@click.option("-f", "--follow", is_flag=True, help="Go on with new entries until Ctrl-C.")
@format_option()
def tail(*, event_log: str, stream: str, count: int, follow: bool, output_format: str) -> None:
    """Print the newest entries, and with -f those that come."""
    _print(_newest(event_log, stream, count=count, follow=follow), output_format)


@log.command()
@event_log_option()
@stream_option()
@_after
@_until
@click.argument("file", metavar="FILE|-")
def export(*, event_log: str, stream: str, after: int, until: int | None, file: str) -> None:
    """Write entries as JSON lines to FILE (compressed when it ends in .gz), or to standard output for '-'."""
    with open_source(event_log, stream=stream) as source:
        if file == "-":
            exports.write(source.rows(after, until), sys.stdout.buffer, source.snapshots(until))
            return
        count = exports.write_file(source.rows(after, until), Path(file), source.snapshots(until))
    click.echo(f"{count} entries written to {file}")


@log.command("import")
@event_log_option()
@stream_option()
@click.argument("file", type=click.Path(path_type=Path))
def import_(*, event_log: str, stream: str, file: Path) -> None:
    """Read an exported FILE into the log, which must have no entry yet.

    The file is read through before the first entry is written, so that a fault in it leaves nothing behind.
    """
    with open_source(str(file)) as source:
        node = _node_of(source)
        stream = stream or node
        if not stream:
            raise LogError(f"{file} does not say whose log it is; name the node with --stream")
        with EventLog.open(event_log, stream=stream, migrate=True) as target:
            if target.last_seq:
                raise LogError(f"{target.describe()}, has {target.last_seq} entries; import into an empty log only")
            entries = source.read()
            while batch := list(islice(entries, _BATCH)):
                target.append(batch)
            click.echo(f"{target.last_seq} entries read into {target.describe()}")


@log.command()
@event_log_option()
def upgrade(*, event_log: str) -> None:
    """Bring the log's tables to the schema of this Porter. Safe to repeat; the agent does it when it starts."""
    before, now = upgrade_schema(event_log)
    if before == now:
        click.echo(f"schema {now}: nothing to do")
    else:
        click.echo(f"upgraded from schema {before or 'none'} to {now}")


@log.command()
@event_log_option()
@stream_option()
def stat(*, event_log: str, stream: str) -> None:
    """Count the entries of each kind."""
    counts: Counter[str] = Counter()
    first: Recorded | None = None
    last: Recorded | None = None
    with open_source(event_log, stream=stream) as source:
        for recorded in source.read():
            counts[kind_of(recorded.entry)] += 1
            first, last = first or recorded, recorded
        click.echo(source.describe())
    if first is None or last is None:
        click.echo("no entries")
        return
    click.echo(f"{counts.total()} entries, {first.seq} to {last.seq}")
    click.echo(f"from {first.at.astimezone():%Y-%m-%d %H:%M:%S} to {last.at.astimezone():%Y-%m-%d %H:%M:%S}")
    for kind, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        click.echo(f"{count:>9} {kind}")


def _newest(event_log: str, stream: str, *, count: int, follow: bool) -> Iterator[Recorded]:
    """Yield the newest entries, and with `follow` for ever those that come."""
    after: int | None = None
    while True:
        with open_source(event_log, stream=stream) as source:
            after = max(0, source.last_seq - count) if after is None else after
            for recorded in source.read(after):
                after = recorded.seq
                yield recorded
        if not follow:
            return
        time.sleep(_POLL_SECONDS)


def _print(entries: Iterable[Recorded], output_format: str) -> None:
    if output_format == "json":
        for recorded in entries:
            click.echo(exports.to_line(recorded), nl=False)
    else:
        for line in lines_of(entries):
            click.echo(line)


def _node_of(source: Source) -> str:
    """Return the node that the log is of, or "". Reads the whole source, so that its faults are found."""
    node = ""
    first: int | None = None
    for recorded in source.read():
        first = first or recorded.seq
        if not node and isinstance(recorded.entry, AgentStarted):
            node = recorded.entry.node
    if first is None:
        raise LogError(f"{source.describe()} has no entries")
    if first != 1:
        raise LogError(f"{source.describe()} begins with entry {first}; only a whole log can be imported")
    return node
