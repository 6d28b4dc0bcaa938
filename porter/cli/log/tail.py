"""`porter log tail`: the newest entries, and those that come."""

import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import click

from porter.cli.log.choosing import Choice, choice_of, what_options
from porter.cli.log.printing import print_entries
from porter.cli.options import event_log_option, format_option, stream_option
from porter.events.entries import Recorded
from porter.events.sources import open_source

_POLL_SECONDS = 0.25
_BACK = 1000  # entries that are looked through first for the newest that fit; then ten times as many, and so on


@click.command()
@event_log_option()
@stream_option()
@click.option(
    "-n", "count", metavar="N", type=click.IntRange(0), default=10, show_default=True, help="So many entries."
)
@click.option("-f", "--follow", is_flag=True, help="Go on with new entries until Ctrl-C.")
@what_options
@format_option()
def tail(*, event_log: str, stream: str, count: int, follow: bool, output_format: str, **options: Any) -> None:
    """Print the newest entries, and with -f those that come.

    \b
      porter log tail -f                                  what the agent sees, decides and does
      porter log tail -f -n 0 --word decided              only decisions, and only new ones
    """  # noqa: D301 - the backslash is click's mark for text to leave as it is
    choice = choice_of(**options)
    print_entries(_newest(event_log, stream, choice, count=count, follow=follow), output_format)


def _newest(event_log: str, stream: str, choice: Choice, *, count: int, follow: bool) -> Iterator[Recorded]:
    """Yield the newest entries that fit, and with `follow` for ever those that come."""
    with open_source(event_log, stream=stream) as source:
        last, back, found = source.last_seq, max(count, _BACK), deque[Recorded]()
        while count:
            begin = max(0, last - back)
            found = deque(filter(choice.fits, source.read(begin, last)), maxlen=count)
            if len(found) == count or not begin:
                break
            back *= 10
        yield from found
    while follow:
        with open_source(event_log, stream=stream) as source:
            for recorded in source.read(last):
                last = recorded.seq
                if choice.fits(recorded):
                    yield recorded
        time.sleep(_POLL_SECONDS)
