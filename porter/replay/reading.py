"""What a replay reads from: the entries up to a moment, and the state to begin with."""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import takewhile

from porter.errors import PorterError
from porter.events.chain import time_of
from porter.events.entries import Recorded
from porter.events.errors import CompactedLogError
from porter.events.sources import Source
from porter.plugins.registry import Registry
from porter.reconciler.decide import Rules
from porter.reconciler.fold import Reconciler
from porter.reconciler.resuming import resume
from porter.reconciler.skimming import SKIMMED
from porter.replay.lots import with_recorded_lots
from porter.replay.moments import Moment, MomentError
from porter.replay.refold import COMPARED, Refold
from porter.replay.text import clock

_PAUSE = 0.5  # seconds between looks at a log that is followed


def installed_rules() -> Rules:
    """Return the rules that decisions rest on, with the protocols that are installed here."""
    return Rules(protocols=Registry.discover().rules)


def beginning(source: Source, rules: Rules, until: Moment | None = None) -> tuple[Reconciler, int]:
    """Return a reconciler to fold with, and the entry after which it goes on: 0, unless entries are not there.

    Then it is the oldest snapshot behind which all entries are there, up to a moment where one is given. Raises
    PorterError where there is none.
    """
    gap = _whole_after(source, until)
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


def _whole_after(source: Source, until: Moment | None) -> int:
    """Return the last entry that is not there and that an entry up to the moment follows; 0 where none is missing."""
    last = source.whole_after
    if not last or until is None or _is_reached(source, last, until):
        return last
    ends = source.gap_ends()
    reached = bisect_left(ends, x=True, key=lambda end: not _is_reached(source, end, until))
    return ends[reached - 1] if reached else 0


def _is_reached(source: Source, end: int, moment: Moment) -> bool:
    """Tell whether a moment covers the first entry after the gap that ends with entry `end`."""
    if moment.seq is not None:
        return end < moment.seq
    first = next(source.read(end), None)
    return first is not None and moment.covers(first.seq, first.at)


def begun(
    source: Source,
    records: Iterator[Recorded],
    until: Moment | None = None,
    *,
    skims: bool = False,
    tells: bool = True,
) -> tuple[Refold, Iterator[Recorded]]:
    """Return a fold that stands where the log begins, by the rules that are installed here, and what to give it.

    `records` are those of the source, from its first entry; none beyond `until` must be folded. `skims`: every one that
    the source yields is folded at once, so it may leave out what the fold takes in by its text, which halves the work.
    Not `tells`: only differences are asked for, so decisions that were recorded as this version takes them are left out
    too. Raises PorterError as `beginning` does.
    """
    installed = installed_rules()
    found, rules = with_recorded_lots(records, installed, source.snapshots())
    reconciler, after = beginning(source, rules, until)
    # Not where entries are read ahead of the fold: recorded lots, and those beyond a moment by the clock.
    skims &= rules is installed and (until is None or until.seq is not None)
    refold = Refold(rules, reconciler=reconciler, after=after)
    if skims:
        _skim(source, refold, tells=tells)
    return refold, found


def _skim(source: Source, refold: Refold, *, tells: bool) -> None:
    """Have a source leave out what a fold takes by its text of what is read from now on, if it can."""
    source.leave_out(SKIMMED, refold.takes)
    if not tells:
        source.leave_out(COMPARED, refold.agrees)


def read_on(source: Source, refold: Refold, after: int, until: int | None) -> Iterator[Recorded]:
    """Yield the entries with `after < seq <= until`, to be folded at once by a fold that stands at entry `after`.

    For who asks for differences alone: it may leave out what the fold takes in by its text, and what agrees with it.
    """
    records = _whole(source, after, until, whole_after=after)
    first = next(records, None)
    if first is not None:
        _skim(source, refold, tells=False)
        yield first
        yield from records


def records_to_fold(source: Source, until: int | None = None) -> Iterator[Recorded]:
    """Yield the source's entries, up to entry `until` where one is given.

    Raises CompactedLogError where compaction takes out more of them meanwhile: a fold would tell what never was.
    """
    # Nothing is taken out of a file, which would be read through to ask.
    yield from _whole(source, 0, until, None if source.is_file else source.whole_after)


def _whole(source: Source, after: int, until: int | None = None, whole_after: int | None = None) -> Iterator[Recorded]:
    try:
        yield from source.read(after, until, whole_after=whole_after)
    except CompactedLogError as error:
        raise CompactedLogError(f"{error}; it was compacted while it was read: try again") from None


def records_until(source: Source, moment: Moment | None) -> Iterator[Recorded]:
    """Yield the source's entries up to a moment, all of them without one. Raises MomentError for one before them."""
    is_first = True
    for record in records_to_fold(source, moment.seq if moment is not None else None):
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


def last_until(source: Source, moment: Moment | None) -> int:
    """Return the number of the last entry that is read up to a moment; only about it where a clock was set back."""
    if moment is not None and source.is_file and moment.at is not None:
        covered = takewhile(lambda row: moment.covers(row.seq, time_of(row)), source.rows())
        return max((row.seq for row in covered), default=0)
    last = source.last_seq
    if moment is None or moment.at is None:
        return last if moment is None or moment.seq is None else min(last, moment.seq)
    return bisect_left(range(last), x=True, key=lambda seq: not _is_reached(source, seq, moment))


def records_following(opened: Callable[[], Source], idle: Callable[[], None]) -> Iterator[Recorded]:
    """Yield a log's entries, and those that are added to it, until interrupted. Calls `idle` while none come.

    The log is opened anew for each look: who writes to it may end, and another begin.
    """
    last = 0
    while True:
        before = last
        with opened() as source:
            for record in _whole(source, last, whole_after=last or source.whole_after):
                last = record.seq
                yield record
        if last == before:
            idle()
            time.sleep(_PAUSE)
