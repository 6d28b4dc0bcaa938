"""Several logs of one cluster on one timeline."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeAlias

import msgspec

from porter.errors import PorterError
from porter.events.entries import (
    AddressClaimed,
    AgentStarted,
    AgentStopped,
    Announced,
    AnnouncementFailed,
    Recorded,
    Withdrawn,
)
from porter.events.sentences import sentence
from porter.replay.clocks import Clock, Setback, Survey, clock_of, samples_of, survey
from porter.replay.lanes import Sighting
from porter.replay.stretches import Sample, Stretch, corrector, stretches

_Log: TypeAlias = tuple[str, Callable[[], Iterable[Recorded]]]
_TOLD = Announced | Withdrawn | AnnouncementFailed | AddressClaimed | AgentStarted | AgentStopped


class NodeLog(msgspec.Struct, frozen=True, kw_only=True):
    """One of the logs: whose it is, how far it goes, and its clock. Times are by its own clock."""

    log: str
    node: str
    first_seq: int
    first_at: datetime
    last_seq: int
    last_at: datetime
    clock: Clock
    setbacks: tuple[Setback, ...] = ()
    """Where its own clock was set back."""
    stretches: tuple[Stretch, ...] = ()
    """Between which entries its clock was set, as far as that is known: each is corrected by an offset of its own."""


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """What a node did about an address, or what became of its agent; `at` is by the first log's clock."""

    at: datetime
    node: str
    seq: int
    address: str | None
    text: str


class Merged:
    """Several logs together. Each is read twice: for its clock, and in the order of time.

    One whose clock was set forward is read once more in between, to find out where.
    """

    def __init__(self, logs: Sequence[_Log]) -> None:
        """`logs` are names and what reads them. Raises PorterError for one without an agent, or two of one node."""
        surveys = [survey(read()) for _, read in logs]
        shared = [samples_of(surveys[0].seen, one.seen) for one in surveys]
        self._reads = [read for _, read in logs]
        self._deaths = [one.deaths for one in surveys]
        self._heard: dict[str, list[datetime]] = {}
        self.logs = [_node_log(log, one, some) for log, one, some in zip(logs, surveys, shared, strict=True)]
        for one, log in zip(surveys, self.logs, strict=True):
            ahead_at = corrector(log.stretches)
            for node, seq, at in one.heard:
                self._heard.setdefault(node, []).append(at - ahead_at(seq))
        by_node: dict[str, str] = {}
        for log in self.logs:
            other = by_node.setdefault(log.node, log.log)
            if other != log.log or [one.log for one in self.logs].count(log.log) > 1:
                raise PorterError(f"{other} and {log.log} are both logs of {log.node}: give one log a node")

    def sightings(self) -> Iterator[Sighting]:
        """Yield all entries of all logs in the order of time, by the first log's clock."""
        streams = [self._stream(place) for place in range(len(self.logs))]
        return heapq.merge(*streams, key=lambda sighting: sighting.at)

    def _stream(self, place: int) -> Iterator[Sighting]:
        """Yield a log's entries, and the death of its agent wherever it was killed.

        A killed agent writes no last word. It lived at its last entry, and whenever others heard its Lease after that.
        """
        log, deaths = self.logs[place], self._deaths[place]
        dead: Recorded | None = None
        ahead_at = corrector(log.stretches)
        before = log.first_at - ahead_at(log.first_seq)
        for record in self._reads[place]():
            at = max(before, record.at - ahead_at(record.seq))  # none is earlier than one before it, whatever the clock
            if dead is not None:
                lived = [heard for heard in self._heard.get(log.node, ()) if before < heard < at]
                yield Sighting(at=max([before, *lived]), node=log.node, record=dead, is_death=True)
            yield Sighting(at=at, node=log.node, record=record, is_last=record.seq == log.last_seq)
            if record.seq == log.last_seq:
                return
            dead = record if record.seq in deaths else None
            before = at


def deed_of(sighting: Sighting) -> Deed | None:
    """Return what an entry of a node's own doings says; None for any other entry."""
    entry = sighting.record.entry
    if sighting.is_death or not isinstance(entry, _TOLD):
        return None
    address = None if isinstance(entry, AgentStarted | AgentStopped) else entry.address
    return Deed(at=sighting.at, node=sighting.node, seq=sighting.record.seq, address=address, text=sentence(entry))


def _node_log(log: _Log, found: Survey, shared: Sequence[Sample]) -> NodeLog:
    name, read = log
    if found.first is None or found.last is None:
        raise PorterError(f"{name} is empty: there is nothing to merge in it")
    if found.node is None:
        raise PorterError(f"{name} does not say whose log it is: it has no start of an agent")
    return NodeLog(
        log=name,
        node=found.node,
        first_seq=found.first.seq,
        first_at=found.first.at,
        last_seq=found.last.seq,
        last_at=found.last.at,
        clock=clock_of(shared),
        setbacks=tuple(found.setbacks),
        stretches=tuple(stretches(shared, [one.seq for one in found.setbacks], read, found.first.seq)),
    )
