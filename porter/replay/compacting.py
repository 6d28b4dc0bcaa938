"""Compact a log by hand: take out at once what its retention does not ask for, and give the disk back.

    with EventLog.open(url, stream=stream) as log:
        done = compact_log(log, installed_rules(), retention, datetime.now(UTC), progress=say)

The agent of the log may run meanwhile; it does the same by itself, a small step at a time.
"""

from collections.abc import Callable
from datetime import datetime
from itertools import count

import msgspec

from porter.events.codec import is_observed
from porter.events.log import EventLog
from porter.events.retention import Retention
from porter.reconciler.decide import Rules
from porter.reconciler.resuming import packed, resume

_EVERY = 10_000  # entries between snapshots that are made here


class Compacted(msgspec.Struct, frozen=True, kw_only=True):
    """What a log had before and has now."""

    entries_before: int
    entries: int
    size_before: int
    """About the bytes that its entries take."""
    size: int


def compact_log(
    log: EventLog,
    rules: Rules,
    retention: Retention,
    now: datetime,
    progress: Callable[[str, int, int], None] = lambda _what, _done, _all: None,
) -> Compacted:
    """Compact until there is nothing more to take out. Raises LogError; what was done until then stays done.

    Entries can only go where a snapshot knows what came of them: so the entries after the newest one are folded first.
    `progress` is told what is done now, how far, and how far it goes at most.
    """
    before = log.head
    _fold_on(log, rules, progress)
    for steps in count(1):
        if not log.compact(retention, now):
            break
        progress("compacting", steps, steps)
    log.shrink()
    after = log.head
    return Compacted(entries_before=before.entries, entries=after.entries, size_before=before.size, size=after.size)


def _fold_on(log: EventLog, rules: Rules, progress: Callable[[str, int, int], None]) -> None:
    """Store snapshots of the entries that none knows of yet."""
    reconciler, stored = resume(rules, log.snapshots())
    last = log.last_seq
    for record in log.proven(stored):
        if is_observed(record.entry):
            reconciler.fold(record.entry, record.seq)  # type: ignore[arg-type]  # is_observed is the check
        if record.seq - stored >= _EVERY or record.seq == last:
            log.store_snapshot(packed(reconciler.snapshot(), seq=record.seq, at=record.at))
            stored = record.seq
            progress("folding", record.seq, last)
        if record.seq == last:
            return
