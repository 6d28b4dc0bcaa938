"""`porter log`: look into an event log, verify it, take it elsewhere, make it smaller. Never changes an entry."""

from collections.abc import Mapping

import click

from porter.cli.lazy import Subcommand, lazy

COMMANDS: Mapping[str, Subcommand] = {
    "show": Subcommand(module="porter.cli.log.show", summary="Print entries, the oldest first."),
    "tail": Subcommand(module="porter.cli.log.tail", summary="Print the newest entries, and with -f those that come."),
    "stat": Subcommand(module="porter.cli.log.stat", summary="Say how many entries of which kind, how fast it grows."),
    "verify": Subcommand(module="porter.cli.log.verify", summary="Say whether the log is as it was written."),
    "export": Subcommand(module="porter.cli.log.export", summary="Write entries as JSON lines to a file."),
    "import": Subcommand(
        module="porter.cli.log.importing", name="import_", summary="Read an exported file into an empty log."
    ),
    "compact": Subcommand(module="porter.cli.log.compact", summary="Take out at once what need not be kept."),
    "upgrade": Subcommand(
        module="porter.cli.log.upgrade", summary="Bring the log's tables to the schema of this Porter."
    ),
}
"""Every subcommand, in the order of the help page."""


@click.group(cls=lazy(COMMANDS))
def log() -> None:
    """Look into an event log, verify it, take it elsewhere, make it smaller.

    Where a command reads, --event-log may also name a file that was exported.

    \b
      porter log show --service default/web --from -1h    what an hour had for a Service
      porter log tail -f --word decided                   every decision as it is made
      porter log verify                                   is it as it was written?
      porter log export --redact log.jsonl.gz             to show to others: no name of yours is in it
    """  # noqa: D301 - the backslash is click's mark for text to leave as it is
