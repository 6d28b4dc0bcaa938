"""`porter log export`: write entries to a file, on request without their names."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from porter.cli.log.choosing import choice_of, when_options
from porter.cli.log.progress import shown_progress
from porter.cli.options import event_log_option, stream_option
from porter.events import export as exports
from porter.events.chain import Row
from porter.events.sources import Source, open_source


@click.command(short_help="Write entries as JSON lines to a file.")
@event_log_option()
@stream_option()
@when_options
@click.option("--redact", is_flag=True, help="Replace every name, address and MAC, the same one everywhere.")
@click.argument("file", metavar="FILE|-")
def export(*, event_log: str, stream: str, redact: bool, file: str, **options: Any) -> None:
    """Write entries as JSON lines to FILE (compressed when it ends in .gz or .xz), or to standard output for '-'.

    With --redact the file can be shown to others: names of Services, namespaces, nodes, Eips and NICs, labels, UIDs,
    MACs and addresses are replaced, also inside of reasons and errors. Networks, ranges and order are kept, so a replay
    of the file tells the same story. Times, ports, the names of protocols and the versions stay.

    \b
      porter log export node1.jsonl.gz
      porter log export --redact --from -1d for-the-issue.jsonl.xz
    """  # noqa: D301 - the backslash is click's mark for text to leave as it is
    choice = choice_of(**options)
    with open_source(event_log, stream=stream) as source:
        after, until = choice.bounds(source)
        total = source.last_seq
        items: Iterable[Row] = source.rows(after, until)
        snapshots = source.snapshots(until)
        if redact:
            items, snapshots = _redacted(source, after, until), iter(())
        with shown_progress("exporting", items, total - after) as rows:
            if file == "-":
                exports.write(rows, sys.stdout.buffer, snapshots)
                return
            count = exports.write_file(rows, Path(file), snapshots)
    click.echo(f"{count} entries written to {file}")


def _redacted(source: Source, after: int, until: int | None) -> Iterator[Row]:
    """Yield a part of a log with other names. The names are those of the whole log: two parts of it fit together."""
    from porter.events.redaction.redactor import Redactor, sealed  # noqa: PLC0415 - only --redact shall cost it

    with shown_progress("reading names", source.read(), source.last_seq) as records:
        redactor = Redactor.over(records)
    yield from sealed(map(redactor.redact, source.read(after, until)))
