"""How far the clocks of several logs of one cluster are apart, by the observations that their agents share.

Every agent sees the same change of the same object at about the same moment. An observation that two logs each have
exactly once is one change, so the difference of its two times is that of the clocks, give or take what the API server
and the network needed. The median of many is a good estimate; its spread says how good.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import msgspec

from porter.events.codec import encode
from porter.events.entries import (
    AgentObserved,
    AgentSilent,
    AgentStarted,
    AgentStopped,
    EipGone,
    EipObserved,
    EndpointsGone,
    EndpointsObserved,
    LeaderObserved,
    NamespaceGone,
    NamespaceObserved,
    NodeGone,
    NodeObserved,
    Recorded,
    ServiceGone,
    ServiceObserved,
)
from porter.model.names import NodeName
from porter.replay.stretches import STEP, Sample, estimate

_SHARED: Final = frozenset(
    {
        ServiceObserved,
        ServiceGone,
        EipObserved,
        EipGone,
        NodeObserved,
        NodeGone,
        EndpointsObserved,
        EndpointsGone,
        NamespaceObserved,
        NamespaceGone,
        AgentObserved,
        LeaderObserved,
    },
)
"""What all agents see in the same way. What an agent judges by its own clock is not among it, nor a list."""
_SETBACK: Final = timedelta(seconds=STEP)
_MOST: Final = 50_000  # observations of a log that are compared: memory is bounded, and no more are needed


Seen: TypeAlias = tuple[int, datetime] | None


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """How far a log's clock is ahead of the first log's, in seconds; below zero it is behind."""

    ahead: float
    samples: int
    """Shared observations that it rests on. None: nothing is known, and the clocks are taken to agree."""
    spread: float
    """Half of the samples lie within this many seconds of the estimate."""


class Setback(msgspec.Struct, frozen=True, kw_only=True):
    """A log's own clock was set back: entry `seq` is that many seconds earlier than the entry before it."""

    seq: int
    seconds: float


class Survey(msgspec.Struct, kw_only=True):
    """What one pass over a log finds: whose it is, how far it goes, what it shares, and who died when."""

    node: str | None = None
    first: Recorded | None = None
    last: Recorded | None = None
    seen: dict[int, Seen] = {}
    """By an observation's hash, in which entry and when it was made; None where more than once."""
    setbacks: list[Setback] = []
    deaths: set[int] = set()
    """The last entries before a start of the agent that no orderly stop precedes."""
    heard: list[tuple[NodeName, int, datetime]] = []
    """The nodes that fell silent, the entry that says so, and when their Lease was heard last, by this log's clock."""


def survey(records: Iterable[Recorded]) -> Survey:
    """Read a log through. Memory is bounded."""
    found = Survey(seen={}, deaths=set(), heard=[], setbacks=[])
    before: Recorded | None = None
    for record in records:
        entry = record.entry
        if before is not None and before.at - record.at >= _SETBACK:
            found.setbacks.append(Setback(seq=record.seq, seconds=(before.at - record.at).total_seconds()))
        if isinstance(entry, AgentStarted):
            found.node = found.node or entry.node
            if before is not None and not isinstance(before.entry, AgentStopped):
                found.deaths.add(before.seq)
        elif isinstance(entry, AgentSilent):
            if entry.renewed:
                found.heard.append((entry.node, record.seq, record.at - timedelta(seconds=entry.seconds)))
        elif type(entry) in _SHARED and len(found.seen) < _MOST:
            kind, _, body = encode(entry)
            key = hash((kind, body))
            found.seen[key] = None if key in found.seen else (record.seq, record.at)
        before = record
        if found.first is None:
            found.first = record
    found.last = before
    return found


def clock_of(samples: Sequence[Sample]) -> Clock:
    """Return how far a log's clock is ahead, over all of the log."""
    if not samples:
        return Clock(ahead=0.0, samples=0, spread=0.0)
    ahead, spread = estimate(samples)
    return Clock(ahead=ahead, samples=len(samples), spread=spread)


def samples_of(first: Mapping[int, Seen], other: Mapping[int, Seen]) -> list[Sample]:
    """Return what a log shares with the first one, in the order of its entries."""
    return sorted(_shared(first, other))


def _shared(first: Mapping[int, Seen], other: Mapping[int, Seen]) -> Iterator[Sample]:
    for key, seen in other.items():
        reference = first.get(key)
        if seen is not None and reference is not None:
            seq, at = seen
            yield Sample(seq, at, (at - reference[1]).total_seconds())
