"""Ask one log for its story: open it, read it once, print, and return the command's exit code."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial

import msgspec

from porter.cli.progress import shown_count, shown_progress
from porter.cli.replaying.page import print_page
from porter.cli.replaying.telling import Follower, print_json, print_story, print_verdict
from porter.events.entries import Recorded
from porter.events.sources import open_source
from porter.reconciler.world import World
from porter.replay.moments import Moment, parse_moment
from porter.replay.reading import begun, last_until, records_following, records_until
from porter.replay.refold import Refold
from porter.replay.story import About
from porter.replay.telling import Teller

CheckKnown = Callable[[World], None]
"""Raises PorterError for a name that the world does not know."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which log, up to when, about what, and how to print it."""

    log: str
    stream: str
    until: str | None
    about: About
    as_json: bool
    as_page: bool
    now: datetime

    @property
    def title(self) -> str:
        """Name the log, without a password."""
        from porter.events.urls import parse_url  # noqa: PLC0415 - SQLAlchemy, which takes half of a start

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


def verify(asked: Asked, check: CheckKnown, jobs: int | None) -> int:
    """Hold this version against the record."""
    if asked.as_json:
        with _read(asked) as (teller, refold, records):
            return 1 if print_json(teller, refold, records, check=partial(check, refold.reconciler.world)) else 0
    from porter.replay.verifying import Verification  # noqa: PLC0415 - processes, which a story has none of

    with (
        open_source(asked.log, stream=asked.stream) as source,
        shown_count("verifying", lambda: last_until(source, asked.moment)) as progress,
        Verification(source, asked.moment, jobs=jobs, progress=progress) as verification,
    ):
        return 1 if print_verdict(verification) else 0


def follow(asked: Asked) -> int:
    """Tell the story as far as it goes, and go on with it until interrupted."""
    with open_source(asked.log, stream=asked.stream) as source:
        follower = Follower(as_json=asked.as_json)
        found = records_following(partial(open_source, asked.log, stream=asked.stream), follower.idle)
        refold, records = begun(source, found)
        follower.follow(Teller(refold, asked.about), records)
    return 0


@contextmanager
def _read(asked: Asked) -> Iterator[tuple[Teller, Refold, Iterator[Recorded]]]:
    moment = asked.moment
    with (
        open_source(asked.log, stream=asked.stream) as source,
        shown_progress("replaying", records_until(source, moment), lambda: last_until(source, moment)) as read,
    ):
        refold, records = begun(source, read, moment, skims=True)
        yield Teller(refold, asked.about, is_cut=moment is not None), refold, records
