"""Fold a recorded log again, and hold what this version decides against what was decided and recorded then."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, TypeAlias, assert_never, get_args

import msgspec

from porter.events.codec import encode
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
from porter.reconciler.skimming import Skimmer

_OBSERVED: Final = frozenset(get_args(Observed))
_DECIDED: Final = frozenset(get_args(Decided))
COMPARED: Final = "assignment.decided"
"""The kind of nearly all decisions: compared by their text where that is all that is asked for."""

Subject: TypeAlias = tuple[str, str]
"""What a decision is about: a Service and a family, or an Eip's name behind an empty text."""


class Refolded(msgspec.Struct, frozen=True, kw_only=True):
    """One decision of this version. `seq` and `at` are those of the recorded one about the same, where there is one."""

    seq: int
    at: datetime
    cause: Recorded | None
    """The observation; None where that was taken out of the log. Its number is in the decision."""
    decision: Decided


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Where this version and the record part: a decision that only one of them has, or that differs."""

    cause: int
    at: datetime
    """When the entry was recorded that led to the decision, or where that is not known the decision."""
    recorded: Decided | None
    decided: Decided | None


class Refold:
    """One pass over a log. Iterate over `run` or `steps`; read the rest afterwards, or at any moment in between.

    Memory is bounded by the state, not by the log.
    """

    def __init__(
        self,
        rules: Rules,
        *,
        reconciler: Reconciler | None = None,
        after: int = 0,
        cause: Recorded | None = None,
    ) -> None:
        """`reconciler` is one that stands at entry `after`, where what led there was taken out or folded elsewhere.

        `cause` is the last observation up to there that led to a decision, where that is known.
        """
        self.reconciler = reconciler or Reconciler(rules)
        self._skimmer = Skimmer(self.reconciler, after=after)
        self.after = after
        """Up to this entry nothing is folded: what was decided is told as it was recorded."""
        self.last: Recorded | None = None
        """The entry that was read last."""
        self.started: AgentStarted | None = None
        self.cause = cause
        """The last observation that led to a decision."""
        self._pending: dict[Subject, Decided] = {}
        """What this version decides because of `cause`, and the record has not shown yet."""

    @property
    def seq(self) -> int:
        """The number of the entry that was read last, 0 before the first."""
        return self.last.seq if self.last is not None else 0

    @property
    def at(self) -> datetime | None:
        """When that entry was recorded."""
        return self.last.at if self.last is not None else None

    @property
    def is_settled(self) -> bool:
        """Whether the record has shown everything that this version decided."""
        return not self._pending

    def takes(self, seq: int, bodies: Sequence[str]) -> int:
        """Take in by their text entries that need not be given to `steps`; return how many, the next one has to be.

        None is while something decided waits for the record to show it: the next entry tells that it does not.
        """
        return 0 if self._pending else self._skimmer.takes(seq, bodies)

    def agrees(self, _seq: int, bodies: Sequence[str]) -> int:
        """Take recorded decisions of kind `COMPARED` that are this version's to the letter; return how many, in order.

        The next one has to be given to `steps`. For who asks for differences alone: nothing is told of those taken.
        """
        taken = 0
        for body in bodies:
            subject = next(iter(self._pending), None)
            if subject is None or encode(self._pending[subject])[::2] != (COMPARED, body.encode()):
                break
            del self._pending[subject]
            taken += 1
        return taken

    def run(self, records: Iterable[Recorded]) -> Iterator[Refolded]:
        """Fold the records in order and yield what this version decides."""
        for step in self.steps(records, is_cut=True):
            if isinstance(step, Refolded):
                yield step

    def steps(
        self,
        records: Iterable[Recorded],
        *,
        is_cut: bool = False,
        goes_on: bool = False,
    ) -> Iterator[Refolded | Difference]:
        """Fold the records in order; yield what this version decides, and before it where the record says otherwise.

        `is_cut`: the log goes on after them, so what is decided last and not recorded makes no difference. `goes_on`:
        those after them are given to another call, which may still tell that it was recorded.
        """
        after = self.after
        for record in records:
            self.last = record
            entry = record.entry
            kind = type(entry)
            if after and record.seq <= after:
                yield from self._recorded_only(record)
            elif kind in _OBSERVED:
                if self._pending:
                    yield from self._unrecorded()
                self._observe(record, entry)  # type: ignore[arg-type]  # one of Observed, as was looked up
            elif kind in _DECIDED:
                yield from self._compare(record, entry)  # type: ignore[arg-type]  # one of Decided
        for step in self._unrecorded() if self._pending and not goes_on else ():
            if not is_cut or isinstance(step, Refolded):
                yield step

    def _observe(self, record: Recorded, entry: Observed) -> None:
        if isinstance(entry, AgentStarted):
            self.started = entry
        decided = self.reconciler.fold(entry, record.seq)
        if decided:
            self.cause = record
            self._pending = {subject_of(decision): decision for decision in decided}

    def _recorded_only(self, record: Recorded) -> Iterator[Refolded]:
        entry = record.entry
        if isinstance(entry, AgentStarted):
            self.started = entry
        if type(entry) in _OBSERVED:
            self.cause = record
        elif isinstance(entry, AssignmentDecided | AssignmentEnded | PoolDecided):
            known = self.cause is not None and self.cause.seq == entry.cause
            yield Refolded(seq=record.seq, at=record.at, cause=self.cause if known else None, decision=entry)

    def _compare(self, record: Recorded, recorded: Decided) -> Iterator[Refolded | Difference]:
        decided = self._pending.pop(subject_of(recorded), None)
        if decided is None or not agree(recorded, decided):
            known = self.cause is not None and self.cause.seq == recorded.cause
            at = self.cause.at if known and self.cause is not None else record.at
            yield Difference(cause=recorded.cause, at=at, recorded=recorded, decided=decided)
        if decided is not None:
            assert self.cause is not None
            yield Refolded(seq=record.seq, at=record.at, cause=self.cause, decision=decided)

    def _unrecorded(self) -> Iterator[Refolded | Difference]:
        """Give out what this version decided and the record does not have."""
        cause, pending = self.cause, self._pending
        assert cause is not None
        self._pending = {}
        for decided in pending.values():
            yield Difference(cause=cause.seq, at=cause.at, recorded=None, decided=decided)
            yield Refolded(seq=cause.seq, at=cause.at, cause=cause, decision=decided)


def subject_of(decision: Decided) -> Subject:
    """Return what a decision is about: of each subject one entry leads to at most one decision."""
    match decision:
        case AssignmentDecided(assignment=assignment):
            return (assignment.service, assignment.family)
        case AssignmentEnded():
            return (decision.service, decision.family)
        case PoolDecided(pool=pool):
            return ("", pool.eip)
        case _:
            assert_never(decision)


def agree(recorded: Decided, decided: Decided) -> bool:
    """Tell whether two decisions have the same cause and the same outcome; they may differ in the words of why."""
    if recorded.cause != decided.cause:
        return False
    match recorded, decided:
        case AssignmentDecided(), AssignmentDecided():
            one, other = recorded.assignment, decided.assignment
            return subject_of(recorded) == subject_of(decided) and one.same_outcome(other)
        case AssignmentEnded(), AssignmentEnded():
            return subject_of(recorded) == subject_of(decided) and recorded.previous_address == decided.previous_address
        case PoolDecided(), PoolDecided():
            return recorded.pool == decided.pool
        case _:
            return False
