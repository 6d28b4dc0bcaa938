"""What a replay reads from: the entries up to a moment, the rules of this installation, and progress for people."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from porter.events.entries import Recorded
from porter.events.sources import Source
from porter.plugins.registry import Registry
from porter.reconciler.decide import Rules
from porter.replay.moments import Moment

_LONG = 50_000  # entries from which on a replay shows its progress
_STEP = 4096


def installed_rules() -> Rules:
    """Return the rules that decisions rest on, with the protocols that are installed here."""
    return Rules(protocols=Registry.discover().rules)


def records_until(source: Source, moment: Moment | None) -> Iterator[Recorded]:
    """Yield the source's entries up to a moment, all of them without one."""
    for record in source.read(until=moment.seq if moment is not None else None):
        if moment is not None and not moment.covers(record.seq, record.at):
            return
        yield record


@contextmanager
def shown_progress(records: Iterator[Recorded], total: int) -> Iterator[Iterator[Recorded]]:
    """Show a progress bar on standard error while a long log is read, if somebody is there to see it."""
    if total < _LONG or not sys.stderr.isatty():
        yield records
        return
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("replay", total=total)

        def counted() -> Iterator[Recorded]:
            for count, record in enumerate(records, start=1):
                yield record
                if count % _STEP == 0:
                    progress.update(task, completed=count)

        yield counted()
