"""`porter log compact`: take out of a log what its retention does not ask for."""

from datetime import UTC, datetime

import click

from porter.cli.log.printing import size_of
from porter.cli.options import event_log_option, stream_option
from porter.cli.progress import shown_steps
from porter.cli.retention import retention_options
from porter.events.log import EventLog
from porter.events.retention import Retention
from porter.replay.compacting import compact_log
from porter.replay.reading import installed_rules


@click.command()
@event_log_option()
@stream_option()
@retention_options()
def compact(*, event_log: str, stream: str, retention: Retention) -> None:
    """Take out of the log at once what its retention does not ask for, and give the disk back.

    The noise of observations goes first, the story of decisions is kept longer; the chain of checksums goes on over
    what is gone, so the log still verifies. What the newest state rests on always stays. The agent does the same by
    itself, a small step at a time, and may run meanwhile: this is for a log that shall become small now.

    There is no way back: 'porter log export' keeps a copy.

    \b
      porter log compact --keep-age 1d --keep-size 64M
    """  # noqa: D301 - the backslash is click's mark for text to leave as it is
    with EventLog.open(event_log, stream=stream) as log, shown_steps("compacting") as progress:
        done = compact_log(log, installed_rules(), retention, datetime.now(UTC), progress)
        where = log.describe()
    gone = done.entries_before - done.entries
    if not gone:
        click.echo(f"{where}: nothing to take out of {done.entries} entries ({size_of(done.size)})")
        return
    click.echo(
        f"{where}: {gone} of {done.entries_before} entries taken out; {done.entries} are left, "
        f"{size_of(done.size)} instead of {size_of(done.size_before)}"
    )
