"""`porter log upgrade`: bring a log's tables to this version."""

import click

from porter.cli.options import event_log_option
from porter.events.migrate import upgrade as upgrade_schema


@click.command()
@event_log_option()
def upgrade(*, event_log: str) -> None:
    """Bring the log's tables to the schema of this Porter. Safe to repeat; the agent does it when it starts.

    There is no way back: 'porter log export' keeps a copy that every version reads.
    """
    before, now = upgrade_schema(event_log)
    if before == now:
        click.echo(f"schema {now}: nothing to do")
    else:
        click.echo(f"upgraded from schema {before or 'none'} to {now}")
