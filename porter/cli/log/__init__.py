"""`porter log`: look into an event log, verify it, take it elsewhere, make it smaller. Never changes an entry."""

import click

from porter.cli.log.compact import compact
from porter.cli.log.export import export
from porter.cli.log.importing import import_
from porter.cli.log.show import show
from porter.cli.log.stat import stat
from porter.cli.log.tail import tail
from porter.cli.log.upgrade import upgrade
from porter.cli.log.verify import verify


@click.group()
def log() -> None:
    """Look into an event log, verify it, take it elsewhere, make it smaller.

    Where a command reads, --event-log may also name a file that was exported.

    \b
      porter log show --service default/web --from -1h    what an hour had for a Service
      porter log tail -f --word decided                   every decision as it is made
      porter log verify                                   is it as it was written?
      porter log export --redact log.jsonl.gz             to show to others: no name of yours is in it
    """  # noqa: D301 - the backslash is click's mark for text to leave as it is


for _command in (show, tail, stat, verify, export, import_, compact, upgrade):
    log.add_command(_command)
