"""Fold a recorded log again, and hold what this version decides against what was decided and recorded then."""

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from porter.events.codec import is_observed
from porter.events.entries import (
    AgentStarted,
    AssignmentDecided,
    AssignmentEnded,
    Decided,
    Observed,
    PoolDecided,
    Recorded,
)
from porter.reconciler.decide import Rules
from porter.reconciler.fold import Reconciler


class Refolded(msgspec.Struct, frozen=True, kw_only=True):
    """One decision of this version. `seq` and `at` are those of the recorded decision where there is an equal one."""

    seq: int
    at: datetime
    cause: Recorded
    decision: Decided


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Where this version and the record part: a decision that only one of them has, or that differs."""

    cause: int
    recorded: Decided | None
    decided: Decided | None


class Refold:
    """One pass over a log. Iterate over `run`; read the rest afterwards, or at any moment in between."""

    def __init__(self, rules: Rules) -> None:
        self.reconciler = Reconciler(rules)
        self.differences: list[Difference] = []
        self.seq = 0
        self.at: datetime | None = None
        self.started: AgentStarted | None = None
        self._cause: Recorded | None = None
        self._decided: deque[Decided] = deque()

    def run(self, records: Iterable[Recorded]) -> Iterator[Refolded]:
        """Fold the records in order and yield what this version decides. Memory stays bounded by the state."""
        for record in records:
            self.seq, self.at = record.seq, record.at
            entry = record.entry
            if is_observed(entry):
                yield from self._settle()
                self._observe(record, entry)  # type: ignore[arg-type]  # is_observed is the check
            elif isinstance(entry, AssignmentDecided | AssignmentEnded | PoolDecided):
                yield from self._compare(record, entry)
        yield from self._settle()

    def _observe(self, record: Recorded, entry: Observed) -> None:
        if isinstance(entry, AgentStarted):
            self.started = entry
        self._cause = record
        self._decided.extend(self.reconciler.fold(entry, record.seq))

    def _compare(self, record: Recorded, recorded: Decided) -> Iterator[Refolded]:
        decided = self._decided.popleft() if self._decided else None
        if decided is None or not agree(recorded, decided):
            self.differences.append(Difference(cause=recorded.cause, recorded=recorded, decided=decided))
        if decided is not None:
            assert self._cause is not None
            yield Refolded(seq=record.seq, at=record.at, cause=self._cause, decision=decided)

    def _settle(self) -> Iterator[Refolded]:
        """Give out what this version decided and the record does not have."""
        while self._decided:
            decided = self._decided.popleft()
            assert self._cause is not None
            self.differences.append(Difference(cause=decided.cause, recorded=None, decided=decided))
            yield Refolded(seq=self._cause.seq, at=self._cause.at, cause=self._cause, decision=decided)


def agree(recorded: Decided, decided: Decided) -> bool:
    """Tell whether two decisions have the same cause and the same outcome; they may differ in the words of why."""
    match recorded, decided:
        case AssignmentDecided(), AssignmentDecided():
            one, other = recorded.assignment, decided.assignment
            same = (one.service, one.family) == (other.service, other.family) and one.same_outcome(other)
            return same and recorded.cause == decided.cause
        case AssignmentEnded(), AssignmentEnded():
            ends = (recorded.service, recorded.family, recorded.previous_address)
            return ends == (decided.service, decided.family, decided.previous_address)
        case PoolDecided(), PoolDecided():
            return recorded.pool == decided.pool and recorded.cause == decided.cause
        case _:
            return False
