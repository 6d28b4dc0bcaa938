"""A log's observations as they are supposed to have been: dropped, changed, or with others among them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from porter.events.entries import (
    AgentHeard,
    AgentObserved,
    AgentSilent,
    EipObserved,
    EndpointsObserved,
    NamespaceObserved,
    NodeObserved,
    Observed,
    Recorded,
    ServiceObserved,
)
from porter.model.names import EipName, NodeName, ServiceKey
from porter.reconciler.world import World
from porter.replay.edits import Add, Change, Drop, Edit, EditError, Lose, Supposition

_RIGHT_AFTER = datetime.min.replace(tzinfo=UTC)


class Supposed:
    """Exchanges each observation of a log for what is supposed in its place. Give it the entries in order."""

    def __init__(self, suppositions: Sequence[Supposition], world: World) -> None:
        """`world` is the one that the supposed entries are folded into; it is only read."""
        self._world = world
        self._drops = {one.seq: one for one in suppositions if isinstance(one, Drop)}
        self._changes = {one.seq: one for one in suppositions if isinstance(one, Change)}
        timed = [one for one in suppositions if isinstance(one, Add | Edit | Lose)]
        # In the order of time, whatever that of the lines: several may come between the same two entries.
        self._timed: list[Add | Edit | Lose] = sorted(timed, key=lambda one: one.when.at or _RIGHT_AFTER)
        self._lost: list[Lose] = []

    @property
    def unused(self) -> Iterator[Supposition]:
        """What names an entry that did not come, or a moment after the last one."""
        yield from self._drops.values()
        yield from self._changes.values()
        yield from self._timed

    def before(self, record: Recorded) -> Iterator[Observed]:
        """Yield what is supposed to be observed before an entry, whatever that is of."""
        for lost in [one for one in self._lost if one.until is not None]:
            if lost.until is not None and not lost.until.covers(record.seq, record.at):
                self._lost.remove(lost)
                yield AgentHeard(node=lost.node)
        for one in [one for one in self._timed if not one.when.covers(record.seq, record.at)]:
            self._timed.remove(one)
            yield from self._entries(one)

    def at_the_end(self, last: Recorded) -> Iterator[Observed]:
        """Yield what is supposed to be observed after the last entry."""
        for one in [one for one in self._timed if one.when.seq in {None, last.seq}]:
            self._timed.remove(one)
            yield from self._entries(one)

    def refuse(self, record: Recorded) -> None:
        """Raise EditError where an edit names an entry that is no observation: all else follows from those."""
        one = self._drops.get(record.seq) or self._changes.get(record.seq)
        if one is not None:
            raise EditError(f"{one.where}: entry {record.seq} is no observation, and only those can be otherwise")

    def instead(self, record: Recorded) -> Iterator[Observed]:
        """Yield what is supposed to be observed in the place of an observation."""
        entry: Observed = record.entry  # type: ignore[assignment]  # only observations are given
        change = self._changes.pop(record.seq, None)
        if self._drops.pop(record.seq, None) is not None:
            return
        if isinstance(entry, AgentHeard) and any(one.node == entry.node for one in self._lost):
            return
        yield entry if change is None else _changed(entry, change)

    def _entries(self, one: Add | Edit | Lose) -> Iterator[Observed]:
        match one:
            case Add(entry=entry):
                yield entry
            case Edit():
                yield self._edited(one)
            case Lose(node=node):
                if node not in self._world.nodes and node not in self._world.agents:
                    raise EditError(f"{one.where}: no node {node} is known at that moment")
                self._lost.append(one)
                yield AgentSilent(node=node, seconds=0.0)

    def _edited(self, edit: Edit) -> Observed:
        world, name = self._world, edit.name
        known: Mapping[str, msgspec.Struct | None] = {
            "eip": world.eips.get(EipName(name)),
            "node": world.nodes.get(NodeName(name)),
            "service": world.services.get(ServiceKey(name)),
            "endpoints": world.slices.get(name),
            "namespace": world.namespaces.get(name),
            "agent": world.agents.get(NodeName(name)),
        }
        thing: Any = known[edit.kind]
        if thing is None:
            raise EditError(f"{edit.where}: no {edit.kind} {name} is known at that moment")
        new: Any = _replaced(thing, edit.fields, edit.where)
        match edit.kind:
            case "eip":
                return EipObserved(eip=new)
            case "node":
                return NodeObserved(node=new)
            case "service":
                return ServiceObserved(service=new)
            case "endpoints":
                return EndpointsObserved(endpoints=new)
            case "namespace":
                return NamespaceObserved(namespace=new)
            case _:
                return AgentObserved(agent=new)


def _changed(entry: Observed, change: Change) -> Observed:
    """Exchange fields of an entry, or of the one object that it is about."""
    inner = [name for name in entry.__struct_fields__ if isinstance(getattr(entry, name), msgspec.Struct)]
    if len(inner) == 1 and not change.fields.keys() & set(entry.__struct_fields__):
        thing = _replaced(getattr(entry, inner[0]), change.fields, change.where)
        new: Observed = msgspec.structs.replace(entry, **{inner[0]: thing})
        return new
    found: Observed = _replaced(entry, change.fields, change.where)
    return found


def _replaced(thing: Any, fields: Mapping[str, Any], where: str) -> Any:
    unknown = sorted(fields.keys() - set(thing.__struct_fields__))
    if unknown:
        known = ", ".join(thing.__struct_fields__)
        raise EditError(f"{where}: {type(thing).__name__} has no field {unknown[0]!r}; it has {known}")
    try:
        return msgspec.convert({**msgspec.to_builtins(thing), **fields}, type(thing))
    except msgspec.ValidationError as error:
        raise EditError(f"{where}: that is no {type(thing).__name__}: {error}") from None
