"""`porter log export`: write entries to a file, on request without their names."""

import sys
from pathlib import Path
from typing import Any

import click

from porter.cli.log.choosing import choice_of, when_options
from porter.cli.options import event_log_option, stream_option
from porter.cli.progress import shown_progress
from porter.events import export as exports
from porter.events.sources import open_source


@click.command()
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
        items, snapshots = source.rows(after, until), source.snapshots(until)
        if redact:
            from porter.replay.redacting import RedactedLog  # noqa: PLC0415 - only --redact shall cost it

            with shown_progress("reading names", source.read(), lambda: source.last_seq) as records:
                redacted = RedactedLog(source, records)
            items, snapshots = redacted.rows(after, until), redacted.snapshots(after, until)
        with shown_progress("exporting", items, lambda: min(source.last_seq, until or source.last_seq), after) as rows:
            if file == "-":
                exports.write(rows, sys.stdout.buffer, snapshots)
                return
            count = exports.write_file(rows, Path(file), snapshots)
    click.echo(f"{count} entries written to {file}")
