"""What a replay reads from: the entries up to a moment, and the state to begin with."""

import time
from collections.abc import Callable, Iterator

from porter.errors import PorterError
from porter.events.entries import Recorded
from porter.events.sources import Source
from porter.plugins.registry import Registry
from porter.reconciler.decide import Rules
from porter.reconciler.fold import Reconciler
from porter.reconciler.resuming import resume
from porter.replay.lots import with_recorded_lots
from porter.replay.moments import Moment, MomentError
from porter.replay.refold import Refold
from porter.replay.text import clock

_PAUSE = 0.5  # seconds between looks at a log that is followed


def installed_rules() -> Rules:
    """Return the rules that decisions rest on, with the protocols that are installed here."""
    return Rules(protocols=Registry.discover().rules)


def beginning(source: Source, rules: Rules) -> tuple[Reconciler, int]:
    """Return a reconciler to fold with, and the entry after which it goes on: 0, unless the log was compacted.

    Then it is the oldest snapshot behind which all entries are there. Raises PorterError where there is none.
    """
    gap = source.whole_after
    if not gap:
        return Reconciler(rules), 0
    usable = [stored for stored in source.snapshots() if stored.seq >= gap]
    reconciler, seq = resume(rules, reversed(usable))
    if not seq:
        raise PorterError(
            f"entries up to {gap} were taken out of {source.describe()} by compaction, or let go while it took "
            "none, and it has no snapshot after them that this Porter can read: replay it with the one that wrote it",
        )
    return reconciler, seq


def begun(source: Source, records: Iterator[Recorded]) -> tuple[Refold, Iterator[Recorded]]:
    """Return a fold that stands where the log begins, by the rules that are installed here, and what to give it.

    `records` are those of the source, from its first entry. Raises PorterError as `beginning` does.
    """
    found, rules = with_recorded_lots(records, installed_rules(), source.snapshots())
    reconciler, after = beginning(source, rules)
    return Refold(rules, reconciler=reconciler, after=after), found


def records_until(source: Source, moment: Moment | None) -> Iterator[Recorded]:
    """Yield the source's entries up to a moment, all of them without one. Raises MomentError for one before them."""
    is_first = True
    for record in source.read(until=moment.seq if moment is not None else None):
        if moment is not None and not moment.covers(record.seq, record.at):
            if is_first:
                raise _before(record)
            return
        is_first = False
        yield record
    if is_first and moment is not None:
        for record in source.read():
            raise _before(record)


def _before(record: Recorded) -> MomentError:
    return MomentError(
        f"nothing was recorded up to that moment: the log begins with entry {record.seq}, {clock(record.at)}",
    )


def records_following(opened: Callable[[], Source], idle: Callable[[], None]) -> Iterator[Recorded]:
    """Yield a log's entries, and those that are added to it, until interrupted. Calls `idle` while none come.

    The log is opened anew for each look: who writes to it may end, and another begin.
    """
    last = 0
    while True:
        before = last
        with opened() as source:
            for record in source.read(last):
                last = record.seq
                yield record
        if last == before:
            idle()
            time.sleep(_PAUSE)
