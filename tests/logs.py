"""A log as an agent writes it: what is observed and applied is given, what is decided is added. For readers of logs."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from porter.events.codec import is_observed
from porter.events.entries import Entry, Recorded
from porter.events.log import EventLog
from porter.reconciler.decide import Rules
from porter.reconciler.fold import Reconciler

BEGIN = datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC)


def recorded(entries: Iterable[Entry], rules: Rules) -> list[Recorded]:
    """Number the entries, a second apart, each followed by what is decided because of it."""
    reconciler = Reconciler(rules)
    found: list[Recorded] = []
    for entry in entries:
        cause = len(found) + 1
        found.append(_at(cause, entry))
        if is_observed(entry):
            decided = reconciler.fold(entry, cause)  # type: ignore[arg-type]  # is_observed is the check
            found.extend(_at(cause + place, decision) for place, decision in enumerate(decided, start=1))
    return found


def write_log(path: Path, records: Iterable[Recorded]) -> Path:
    """Write the records to a new log of node1's."""
    with EventLog.open(str(path), stream="node1", migrate=True) as log:
        log.append(list(records))
    return path


def _at(seq: int, entry: Entry) -> Recorded:
    return Recorded(seq, BEGIN + timedelta(seconds=seq), entry)
