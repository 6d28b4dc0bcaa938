"""The story of a log: who had which address, since when, caused by which entry, and for which reason."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal

import msgspec

from porter.events.codec import kind_of
from porter.events.entries import AssignmentDecided, AssignmentEnded, PoolDecided, Recorded
from porter.events.sentences import sentence
from porter.model.names import ServiceKey
from porter.replay.refold import Difference, Refold, Refolded

Shown = Literal["assigned", "moved", "waiting", "ended"]


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """The observed entry that led to a change."""

    seq: int
    at: datetime
    kind: str
    text: str


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a Service's address or of its node. `from` and `to` are nodes; None for nobody."""

    seq: int
    at: datetime
    service: ServiceKey
    what: Shown
    address: str | None
    previous_address: str | None
    eip: str | None
    from_: str | None = msgspec.field(name="from")
    to: str | None
    cause: Cause
    reason: str


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What one Service has at the end of the replay. `since` is the entry of its last change."""

    service: ServiceKey
    address: str | None
    eip: str | None
    protocol: str | None
    node: str | None
    nodes: tuple[str, ...]
    reason: str
    since: int
    since_at: datetime


class Disagreement(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that the record and this version do not share, each in words; None where one of them has none."""

    cause: int
    recorded: str | None
    decided: str | None


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """A replay up to entry `seq`, recorded at `at` (None for an empty log)."""

    seq: int
    at: datetime | None
    assignments: tuple[Standing, ...]
    timeline: tuple[Change, ...]
    differences: tuple[Disagreement, ...]
    """Where the decisions of this version differ from the recorded ones."""


def tell(
    records: Iterable[Recorded],
    refold: Refold,
    *,
    service: str | None = None,
    node: str | None = None,
    eip: str | None = None,
) -> Story:
    """Replay the records and tell what happened, about one Service, one node or one pool if asked."""
    timeline: list[Change] = []
    standing: dict[tuple[ServiceKey, str], Standing] = {}
    for refolded in refold.run(records):
        match refolded.decision:
            case AssignmentDecided(assignment=assignment):
                key = (assignment.service, assignment.family)
                change = _decided(refolded, refolded.decision)
                standing[key] = _standing(refolded.decision, change)
            case AssignmentEnded() as ended:
                change = _ended(refolded, ended)
                standing.pop((ended.service, ended.family), None)
            case PoolDecided():
                continue
        if _is_about(change, service=service, node=node, eip=eip):
            timeline.append(change)
    return Story(
        seq=refold.seq,
        at=refold.at,
        assignments=tuple(_standing_about(standing.values(), service=service, node=node, eip=eip)),
        timeline=tuple(timeline),
        differences=tuple(_disagreement(difference) for difference in refold.differences),
    )


def _disagreement(difference: Difference) -> Disagreement:
    recorded, decided = difference.recorded, difference.decided
    return Disagreement(
        cause=difference.cause,
        recorded=sentence(recorded) if recorded is not None else None,
        decided=sentence(decided) if decided is not None else None,
    )


def _decided(refolded: Refolded, decided: AssignmentDecided) -> Change:
    assignment = decided.assignment
    what: Shown = "waiting"
    if assignment.address is not None:
        what = "assigned" if decided.previous_address != assignment.address else "moved"
    return Change(
        seq=refolded.seq,
        at=refolded.at,
        service=assignment.service,
        what=what,
        address=assignment.address,
        previous_address=decided.previous_address,
        eip=assignment.eip,
        from_=joined(decided.previous_nodes),
        to=joined(assignment.nodes),
        cause=cause_of(refolded.cause),
        reason=_why(decided),
    )


def _why(decided: AssignmentDecided) -> str:
    """Say why the address where it is new, and why the node."""
    assignment = decided.assignment
    if assignment.placement is None:
        return assignment.reason.sentence
    if decided.previous_address == assignment.address:
        return assignment.placement.sentence
    return f"{assignment.reason.sentence}; {assignment.placement.sentence}"


def _ended(refolded: Refolded, ended: AssignmentEnded) -> Change:
    return Change(
        seq=refolded.seq,
        at=refolded.at,
        service=ended.service,
        what="ended",
        address=None,
        previous_address=ended.previous_address,
        eip=None,
        from_=joined(ended.previous_nodes),
        to=None,
        cause=cause_of(refolded.cause),
        reason=ended.reason.sentence,
    )


def _standing(decided: AssignmentDecided, change: Change) -> Standing:
    assignment = decided.assignment
    return Standing(
        service=assignment.service,
        address=assignment.address,
        eip=assignment.eip,
        protocol=assignment.protocol,
        node=joined(assignment.nodes),
        nodes=assignment.nodes,
        reason=change.reason,
        since=change.seq,
        since_at=change.at,
    )


def cause_of(record: Recorded) -> Cause:
    """Describe the entry that led to a change."""
    return Cause(seq=record.seq, at=record.at, kind=kind_of(record.entry), text=sentence(record.entry))


def joined(nodes: Iterable[str]) -> str | None:
    """Name the nodes of an address in one text; None for nobody."""
    return ", ".join(nodes) or None


def _is_about(change: Change, *, service: str | None, node: str | None, eip: str | None) -> bool:
    nodes = f"{change.from_ or ''}, {change.to or ''}".split(", ")
    return service in (None, change.service) and (node is None or node in nodes) and eip in (None, change.eip)


def _standing_about(
    standing: Iterable[Standing],
    *,
    service: str | None,
    node: str | None,
    eip: str | None,
) -> Iterator[Standing]:
    for item in sorted(standing, key=lambda item: (item.service, item.address or "")):
        if service in (None, item.service) and (node is None or node in item.nodes) and eip in (None, item.eip):
            yield item
