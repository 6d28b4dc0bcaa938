"""What would have been otherwise, had a log's observations been others: two folds side by side.

What follows from a decision is an observation again: the leader publishes it, and every agent sees that. So where the
supposed world decides otherwise than the recorded one, it is supposed to publish that at once, and what the log tells
of the recorded publication is exchanged for it.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from porter.events.codec import is_observed
from porter.events.entries import (
    AssignmentDecided,
    AssignmentEnded,
    Decided,
    Observed,
    Recorded,
    Relisted,
    ServiceObserved,
)
from porter.model.addresses import Family
from porter.model.assignment import Assignment
from porter.model.names import ServiceKey
from porter.model.objects import Service
from porter.reconciler.fold import Reconciler
from porter.reconciler.terms import Slot
from porter.replay.between import Held
from porter.replay.edits import EditError, Supposition
from porter.replay.supposing import Supposed

_ROUNDS = 8  # publications that follow from one another, at most; two are the most that was seen


class Parting(msgspec.Struct, frozen=True, kw_only=True):
    """A Service would have had something else from one entry on. `until` is None where it would to the end."""

    service: ServiceKey
    family: Family
    seq: int
    at: datetime
    until_seq: int | None
    until: datetime | None
    recorded: Held | None
    """What it has by this version's fold of the log as it is; None: nothing to do with Porter."""
    supposed: Held | None


class _Apart(msgspec.Struct, kw_only=True):
    """A parting that lasts."""

    record: Recorded
    recorded: Held | None
    supposed: Held | None


class WhatIf:
    """Folds a log twice, as it is and as it is supposed to have been. Iterate over `partings` once."""

    def __init__(
        self, real: Reconciler, other: Reconciler, suppositions: Sequence[Supposition], *, after: int = 0
    ) -> None:
        """Both reconcilers stand at entry `after`; up to there nothing is folded."""
        self._after = after
        self._real = real
        self._other = other
        self._supposed = Supposed(suppositions, other.world)
        self._apart: dict[Slot, _Apart] = {}
        self.last: Recorded | None = None

    def partings(self, records: Iterable[Recorded]) -> Iterator[Parting]:
        """Yield what would have been otherwise, each when it ends, and at the end of the log what lasts.

        Raises EditError for an edit that fits no entry of the log.
        """
        for record in records:
            if record.seq <= self._after:
                continue
            entry = record.entry
            touched: set[Slot] = set()
            for extra in self._supposed.before(record):
                touched |= self._suppose(extra, record.seq)
            if is_observed(entry):
                # Before the real one is folded: what it shows is held against what was decided until now.
                instead = [self._published(one) for one in self._supposed.instead(record)]
                touched |= _slots(self._real.fold(entry, record.seq))  # type: ignore[arg-type]  # is_observed
                for one in instead:
                    touched |= self._suppose(one, record.seq)
            else:
                self._supposed.refuse(record)
            yield from self._compare_all(touched, record)
            self.last = record
        if self.last is not None:
            for extra in self._supposed.at_the_end(self.last):
                yield from self._compare_all(self._suppose(extra, self.last.seq), self.last)
        for unused in self._supposed.unused:
            raise EditError(f"{unused.where}: the log has no such entry")
        for slot in sorted(self._apart):
            yield self._ended(slot, None)

    def _suppose(self, entry: Observed, seq: int) -> set[Slot]:
        return _slots(self._other.fold(entry, seq))

    # ------------------------------------------------------------------------------------------ publishing

    def _published(self, entry: Observed) -> Observed:
        """Exchange what the API shows of Services for what it would show, where these have something else."""
        match entry:
            case ServiceObserved(service=service):
                return ServiceObserved(service=self._shown(service))
            case Relisted(resource="services"):
                return msgspec.structs.replace(entry, services=tuple(self._shown(one) for one in entry.services))
            case _:
                return entry

    def _shown(self, service: Service) -> Service:
        known = self._other.world.services.get(service.key)
        if known is None or not self._differs(service.key):
            return service
        return _as_published(service, known, self._other.assignments_of(service.key))

    def _republish(self, touched: set[Slot], seq: int) -> set[Slot]:
        """Publish what is decided otherwise; return whatever that leads to."""
        found: set[Slot] = set()
        due = {slot[0] for slot in touched}
        for _ in range(_ROUNDS):
            led_to: set[Slot] = set()
            for key in sorted(due):
                known = self._other.world.services.get(key)
                if known is None or not self._differs(key):
                    continue
                shown = _as_published(known, known, self._other.assignments_of(key))
                if shown != known:
                    led_to |= self._suppose(ServiceObserved(service=shown), seq)
            if not led_to:
                break
            found |= led_to
            due = {slot[0] for slot in led_to}
        return found

    def _differs(self, key: ServiceKey) -> bool:
        real, other = self._real.assignments_of(key), self._other.assignments_of(key)
        return [_outcome(one) for one in real] != [_outcome(one) for one in other]

    # ------------------------------------------------------------------------------------------ comparing

    def _compare_all(self, touched: set[Slot], record: Recorded) -> Iterator[Parting]:
        for slot in sorted(touched):
            yield from self._compare(slot, record)
        for slot in sorted(self._republish(touched, record.seq)) if touched else ():
            yield from self._compare(slot, record)

    def _compare(self, slot: Slot, record: Recorded) -> Iterator[Parting]:
        real, other = _of(self._real, slot), _of(self._other, slot)
        known = self._apart.get(slot)
        if known is not None:
            if (_what(known.recorded), _what(known.supposed)) == (_what(real), _what(other)):
                return
            yield self._ended(slot, record)
        if _what(real) != _what(other):
            self._apart[slot] = _Apart(record=record, recorded=real, supposed=other)

    def _ended(self, slot: Slot, record: Recorded | None) -> Parting:
        apart = self._apart.pop(slot)
        return Parting(
            service=slot[0],
            family=slot[1],
            seq=apart.record.seq,
            at=apart.record.at,
            until_seq=record.seq if record is not None else None,
            until=record.at if record is not None else None,
            recorded=apart.recorded,
            supposed=apart.supposed,
        )


def _as_published(service: Service, before: Service, assignments: Sequence[Assignment]) -> Service:
    """Return the Service as the API shows it once its assignments are published; `before` is as it was shown."""
    having = [one for one in assignments if one.address is not None]
    first = having[0] if having else None
    node = before.written_node
    if first is None or len(first.nodes) > 1:
        node = None
    elif first.nodes:
        node = first.nodes[0]
    return msgspec.structs.replace(
        service,
        addresses=tuple(one.address for one in having if one.address is not None),
        written_eip=first.eip if first is not None else None,
        written_node=node,
    )


def _slots(decided: Iterable[Decided]) -> set[Slot]:
    found: set[Slot] = set()
    for one in decided:
        if isinstance(one, AssignmentDecided):
            found.add((one.assignment.service, one.assignment.family))
        elif isinstance(one, AssignmentEnded):
            found.add((one.service, one.family))
    return found


def _of(reconciler: Reconciler, slot: Slot) -> Held | None:
    found = next((one for one in reconciler.assignments_of(slot[0]) if one.family == slot[1]), None)
    return Held.of(found) if found is not None else None


def _what(held: Held | None) -> tuple[str | None, str | None] | None:
    return None if held is None else (held.address, held.node)


def _outcome(one: Assignment) -> tuple[str, str | None, tuple[str, ...]]:
    return (one.family, one.address, one.nodes)
