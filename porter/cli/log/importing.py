"""`porter log import`: read an exported file into an empty log."""

from itertools import islice
from pathlib import Path

import click

from porter.cli.options import event_log_option, stream_option
from porter.cli.progress import shown_progress
from porter.events.chain import chained
from porter.events.entries import AgentStarted
from porter.events.errors import LogError
from porter.events.log import EventLog
from porter.events.sources import Source, open_source
from porter.events.verify import verify

_BATCH = 1000  # entries that are held in memory


@click.command("import")
@event_log_option()
@stream_option()
@click.argument("file", type=click.Path(path_type=Path))
def import_(*, event_log: str, stream: str, file: Path) -> None:
    """Read an exported FILE into the log, which must have no entry yet.

    The file is read through before the first entry is written, so that a fault in it leaves nothing behind; nor does
    an import that is ended half-way.
    """
    with open_source(str(file)) as source:
        node, total, last = _checked(source)
        stream = stream or node
        if not stream:
            raise LogError(f"{file} does not say whose log it is; name the node with --stream")
        with EventLog.open(event_log, stream=stream, migrate=True) as target:
            if target.last_seq:
                raise LogError(f"{target.describe()}, has {target.last_seq} entries; import into an empty log only")
            _copy(source, target, last)
            click.echo(f"{total} entries read into {target.describe()}")


def _copy(source: Source, target: EventLog, last: int) -> None:
    """Copy all rows with their checksums, and the snapshots; a file that has no checksums gets them here.

    In one transaction: an import that is killed leaves an empty log, in which it may begin again.
    """
    first = next(source.rows(), None)
    has_checksums = first is not None and bool(first.checksum)
    rows = source.rows() if has_checksums else chained(source.read())
    with shown_progress("importing", rows, lambda: last) as shown:
        target.append_batches(iter(lambda: list(islice(shown, _BATCH)), []), source.snapshots())


def _checked(source: Source) -> tuple[str, int, int]:
    """Return the node that the log is of, or "", how many entries, and the last one's number.

    Reads all of it, to find its faults.
    """
    node = ""
    first, last, count = 0, 0, 0
    for recorded in source.read():
        first, last, count = first or recorded.seq, recorded.seq, count + 1
        if not node and isinstance(recorded.entry, AgentStarted):
            node = recorded.entry.node
    if not count:
        raise LogError(f"{source.describe()} has no entries")
    if first != 1 and next(source.snapshots(), None) is None:
        raise LogError(f"{source.describe()} begins with entry {first}; only a whole log can be imported")
    found = verify(source)
    if not found.holds:
        raise LogError(f"{source.describe()} is not as it was written: {found.breaks[0].what}")
    return node, count, last
