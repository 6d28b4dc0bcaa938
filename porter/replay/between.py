"""Two moments of one log held against each other: what was observed and decided otherwise at the second."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Literal, Self

import msgspec

from porter.events.codec import is_observed
from porter.events.entries import Recorded
from porter.model.addresses import Family
from porter.model.assignment import Assignment, PoolState
from porter.model.names import EipName, ServiceKey
from porter.reconciler.fold import Reconciler
from porter.reconciler.terms import Slot
from porter.replay.moments import Moment, MomentError, too_early
from porter.replay.text import clock

What = Literal["new", "gone", "changed"]


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What a Service has in one family. An address is None where there is none, and so is the node."""

    address: str | None
    eip: str | None
    node: str | None
    reason: str

    @classmethod
    def of(cls, one: Assignment) -> Self:
        """Return what an assignment says."""
        return cls(address=one.address, eip=one.eip, node=", ".join(one.nodes) or None, reason=one.sentence)


class ServiceBetween(msgspec.Struct, frozen=True, kw_only=True):
    """A Service that has something else. None: it was not Porter's, or is not any more."""

    service: ServiceKey
    family: Family
    before: Held | None
    after: Held | None


class PoolBetween(msgspec.Struct, frozen=True, kw_only=True):
    """An Eip that is ready, or is not ready any more, or for another reason. None: it was not there, or is gone."""

    eip: EipName
    before: str | None
    after: str | None


class ObjectBetween(msgspec.Struct, frozen=True, kw_only=True):
    """An observed object that is new, gone, or another; `fields` names what has changed of it."""

    kind: str
    name: str
    what: What
    fields: tuple[str, ...] = ()


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """Where in the log: its entry and that one's time; entry 0 and no time before the first one."""

    seq: int
    at: datetime | None


class Between(msgspec.Struct, frozen=True, kw_only=True):
    """What lies between two moments."""

    from_: Point = msgspec.field(name="from")
    to: Point
    services: tuple[ServiceBetween, ...]
    pools: tuple[PoolBetween, ...]
    objects: tuple[ObjectBetween, ...]


class _State(msgspec.Struct, frozen=True, kw_only=True):
    """All that is compared, as it was at a moment. Shares its values with the fold, which never changes them."""

    point: Point
    assignments: Mapping[Slot, Assignment]
    pools: Mapping[EipName, PoolState]
    objects: Mapping[tuple[str, str], object]


def between(
    records: Iterable[Recorded],
    reconciler: Reconciler,
    first: Moment,
    second: Moment,
    *,
    after: int = 0,
) -> Between:
    """Fold the records up to the first moment and on to the second.

    The reconciler stands at entry `after`. Raises MomentError where the second moment is before the first one, or the
    first one before what the reconciler knows.
    """
    reading = _Reading(records, reconciler, after)
    before = reading.state_at(first)
    later = reading.state_at(second)
    return Between(
        from_=before.point,
        to=later.point,
        services=tuple(_services(before.assignments, later.assignments)),
        pools=tuple(_pools(before.pools, later.pools)),
        objects=tuple(_objects(before.objects, later.objects)),
    )


class _Reading:
    """Folds a log piece by piece."""

    def __init__(self, records: Iterable[Recorded], reconciler: Reconciler, after: int) -> None:
        self._records = iter(records)
        self._reconciler = reconciler
        self._after = after
        self._ahead: Recorded | None = None
        self._point = Point(seq=0, at=None)

    def state_at(self, moment: Moment) -> _State:
        """Go on to a moment; return what was so then."""
        for record in self._until(moment):
            self._point = Point(seq=record.seq, at=record.at)
            if record.seq > self._after and is_observed(record.entry):
                self._reconciler.fold(record.entry, record.seq)  # type: ignore[arg-type]  # is_observed is the check
        if self._ahead is not None and self._point.at is None and moment.seq != 0:
            raise MomentError(
                f"nothing was recorded up to that moment: the log begins with entry {self._ahead.seq}, "
                f"{clock(self._ahead.at)}",
            )
        if self._point.seq < self._after:
            raise too_early(self._after)
        if self._point.at is not None and not moment.covers(self._point.seq, self._point.at):
            raise MomentError("the second moment is before the first one: write them the other way round")
        world, decisions = self._reconciler.world, self._reconciler.decisions
        objects: dict[tuple[str, str], object] = {
            (kind, str(key)): thing
            for kind, known in (
                ("Eip", world.eips),
                ("Node", world.nodes),
                ("agent", world.agents),
                ("namespace", world.namespaces),
                ("Service", world.services),
                ("EndpointSlice", world.slices),
            )
            for key, thing in known.items()
        }
        objects |= {("silent agent", str(name)): True for name in world.silent}
        if world.leader is not None:
            objects["leader", str(world.leader)] = True
        return _State(point=self._point, assignments=decisions.assignments, pools=decisions.pools, objects=objects)

    def _until(self, moment: Moment) -> Iterator[Recorded]:
        while True:
            record = self._ahead if self._ahead is not None else next(self._records, None)
            self._ahead = None
            if record is None:
                return
            if not moment.covers(record.seq, record.at):
                self._ahead = record
                return
            yield record


def _services(before: Mapping[Slot, Assignment], after: Mapping[Slot, Assignment]) -> Iterator[ServiceBetween]:
    for slot in sorted(before.keys() | after.keys()):
        old, new = before.get(slot), after.get(slot)
        if old is not None and new is not None and old.same_outcome(new):
            continue
        yield ServiceBetween(
            service=slot[0],
            family=slot[1],
            before=Held.of(old) if old is not None else None,
            after=Held.of(new) if new is not None else None,
        )


def _pools(before: Mapping[EipName, PoolState], after: Mapping[EipName, PoolState]) -> Iterator[PoolBetween]:
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old != new:
            yield PoolBetween(
                eip=name,
                before=old.reason.sentence if old is not None else None,
                after=new.reason.sentence if new is not None else None,
            )


def _objects(
    before: Mapping[tuple[str, str], object],
    after: Mapping[tuple[str, str], object],
) -> Iterator[ObjectBetween]:
    for kind, name in sorted(before.keys() | after.keys()):
        old, new = before.get((kind, name)), after.get((kind, name))
        if old is None or new is None:
            yield ObjectBetween(kind=kind, name=name, what="new" if old is None else "gone")
        elif old != new:
            assert isinstance(old, msgspec.Struct)
            fields = (one for one in old.__struct_fields__ if getattr(old, one) != getattr(new, one))
            yield ObjectBetween(kind=kind, name=name, what="changed", fields=tuple(fields))
