"""The ways to ask a log: each opens it, reads it once, prints, and returns the command's exit code."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

import click
import msgspec

from porter.cli.replaying.between import between_lines, print_between
from porter.cli.replaying.merging import print_merged
from porter.cli.replaying.page import print_page
from porter.cli.replaying.telling import Follower, print_json, print_story, print_verdict
from porter.cli.replaying.what_if import print_what_if, read_edits
from porter.events.entries import Recorded
from porter.events.sources import Source, open_source
from porter.events.urls import parse_url
from porter.reconciler.decide import Rules
from porter.reconciler.world import World
from porter.replay.between import between
from porter.replay.lots import with_recorded_lots
from porter.replay.merging import Merged
from porter.replay.moments import Moment, MomentError, parse_moment
from porter.replay.reading import beginning, installed_rules, records_following, records_until, shown_progress
from porter.replay.refold import Refold
from porter.replay.story import About
from porter.replay.telling import Teller
from porter.replay.what_if import WhatIf

CheckKnown = Callable[[World], None]
"""Raises PorterError for a name that the world does not know."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which log, up to when, about what, and how to print it."""

    log: str
    stream: str
    until: str | None
    about: About
    as_json: bool
    now: datetime

    @property
    def title(self) -> str:
        """Name the log, without a password."""
        where = str(parse_url(self.log))
        return f"{where}, stream {self.stream}" if self.stream else where

    @property
    def moment(self) -> Moment | None:
        """Up to when."""
        return parse_moment(self.until, self.now) if self.until is not None else None


def story(asked: Asked, check: CheckKnown) -> int:
    """Tell the story."""
    with _read(asked) as (teller, refold, records):
        known = partial(check, refold.reconciler.world)
        if asked.as_json:
            print_json(teller, refold, records, check=known)
        else:
            print_story(teller, refold, records, check=known)
    return 0


def page(asked: Asked) -> int:
    """Print the story as a page of HTML."""
    with _read(asked) as (_, refold, records):
        print_page(asked.title, refold, records, asked.about, is_cut=asked.moment is not None)
    return 0


def verify(asked: Asked, check: CheckKnown) -> int:
    """Hold this version against the record."""
    with _read(asked) as (teller, refold, records):
        if asked.as_json:
            differences = print_json(teller, refold, records, check=partial(check, refold.reconciler.world))
        else:
            differences = print_verdict(teller, refold, records)
    return 1 if differences else 0


def follow(asked: Asked) -> int:
    """Tell the story as far as it goes, and go on with it until interrupted."""
    with open_source(asked.log, stream=asked.stream) as source:
        follower = Follower(as_json=asked.as_json)
        records, rules = with_recorded_lots(
            records_following(source, follower.idle), installed_rules(), source.snapshots()
        )
        follower.follow(Teller(_refold(source, rules), asked.about), records)
    return 0


def diff(asked: Asked, span: str) -> int:
    """Tell what lies between two moments."""
    first_text, dots, second_text = span.partition("..")
    if not dots:
        raise MomentError(f"{span!r} names no two moments: write A..B, as in 100..200, or -15m.. up to now")
    first = parse_moment(first_text, asked.now) if first_text.strip() else Moment(seq=0)
    second = parse_moment(second_text, asked.now) if second_text.strip() else Moment()
    with (
        open_source(asked.log, stream=asked.stream) as source,
        shown_progress(source.read(), source.last_seq) as read,
    ):
        records, rules = with_recorded_lots(read, installed_rules(), source.snapshots())
        reconciler, after = beginning(source, rules)
        found = between(records, reconciler, first, second, after=after)
    if asked.as_json:
        print_between(found)
    else:
        for line in between_lines(found):
            click.echo(line)
    return 0


def what_if(asked: Asked, path: Path) -> int:
    """Tell what would have been otherwise."""
    suppositions = read_edits(path)
    with (
        open_source(asked.log, stream=asked.stream) as source,
        shown_progress(records_until(source, asked.moment), source.last_seq) as read,
    ):
        records, rules = with_recorded_lots(read, installed_rules(), source.snapshots())
        (real, after), (other, _) = beginning(source, rules), beginning(source, rules)
        asking = WhatIf(real, other, suppositions, after=after)
        print_what_if(asking, suppositions, records, asked.about, as_json=asked.as_json)
    return 0


def merge(asked: Asked, logs: Sequence[str]) -> int:
    """Put several logs on one timeline."""
    with ExitStack() as stack:
        sources = [stack.enter_context(open_source(log, stream=asked.stream)) for log in logs]
        merged = Merged([(log, source.read) for log, source in zip(logs, sources, strict=True)])
        print_merged(merged, asked.about, as_json=asked.as_json)
    return 0


@contextmanager
def _read(asked: Asked) -> Iterator[tuple[Teller, Refold, Iterator[Recorded]]]:
    moment = asked.moment
    with (
        open_source(asked.log, stream=asked.stream) as source,
        shown_progress(records_until(source, moment), source.last_seq) as read,
    ):
        records, rules = with_recorded_lots(read, installed_rules(), source.snapshots())
        refold = _refold(source, rules)
        yield Teller(refold, asked.about, is_cut=moment is not None), refold, records


def _refold(source: Source, rules: Rules) -> Refold:
    reconciler, after = beginning(source, rules)
    return Refold(rules, reconciler=reconciler, after=after)
