"""`porter log show`: print entries."""

from itertools import islice
from typing import Any

import click

from porter.cli.log.choosing import choice_of, what_options, when_options
from porter.cli.log.printing import print_entries
from porter.cli.options import event_log_option, format_option, stream_option
from porter.events.sources import open_source


@click.command()
@event_log_option()
@stream_option()
@what_options
@when_options
@click.option("--limit", metavar="N", type=click.IntRange(1), help="At most this many entries.")
@format_option()
def show(*, event_log: str, stream: str, limit: int | None, output_format: str, **options: Any) -> None:
    """Print entries, the oldest first.

    All filters must fit. A moment is an entry's number, a time in your own zone as 2026-11-21T10:00, or how long ago,
    as -15m. With --format json each entry is a line, as in an export.

    \b
      porter log show --address 192.168.0.91 --word decided
      porter log show --kind plugin.failed --kind address.failed --from -1d
      porter log show --from 2026-11-21T10:00 --until 2026-11-21T10:05 --node node2
    """  # noqa: D301 - the backslash is click's mark for text to leave as it is
    choice = choice_of(**options)
    with open_source(event_log, stream=stream) as source:
        print_entries(islice(choice.of(source), limit), output_format)
