"""Entries as lines of text, 80 columns wide: number, local time, word, sentence. A day has a heading of its own."""

import textwrap
from collections.abc import Iterable, Iterator
from datetime import date

import click

from porter.events.codec import word_of
from porter.events.entries import Recorded
from porter.events.sentences import sentence

_WIDTH = 80
_COLOURS = {"observed": "cyan", "decided": "yellow", "applied": "green"}


def lines_of(entries: Iterable[Recorded]) -> Iterator[str]:
    """Yield the lines of the entries, in the local time zone."""
    day: date | None = None
    for recorded in entries:
        at = recorded.at.astimezone()
        if at.date() != day:
            day = at.date()
            yield click.style(f"{day.isoformat()} ({at.tzname()})", bold=True)
        yield _line(recorded, at.strftime("%H:%M:%S.%f")[:-3])


def _line(recorded: Recorded, time: str) -> str:
    word = word_of(recorded.entry)
    head = f"{recorded.seq:>6} {time} {word:<8} "
    text = textwrap.fill(
        sentence(recorded.entry),
        width=_WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_on_hyphens=False,
        break_long_words=False,
    )
    return text.replace(word, click.style(word, fg=_COLOURS[word]), 1)
