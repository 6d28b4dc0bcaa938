"""Tell the story of a log while it is replayed: changes as they come, and at the end what stands.

Memory is bounded by the state, not by the log.
"""

from collections.abc import Iterable, Iterator

from porter.events.codec import kind_of
from porter.events.entries import AssignmentDecided, AssignmentEnded, PoolDecided, Recorded
from porter.events.sentences import sentence
from porter.model.names import ServiceKey
from porter.replay.deeds import TELLING, Deeds
from porter.replay.refold import Difference, Refold, Refolded
from porter.replay.story import About, Cause, Change, Disagreement, Shown, Standing, Story


class Teller:
    """Tells one log's story. Not safe to share between threads."""

    def __init__(self, refold: Refold, about: About | None = None, *, is_cut: bool = False) -> None:
        """`is_cut`: the log goes on after what is told, so that its last decisions may be missing from it."""
        self._refold = refold
        self._about = about or About()
        self._is_cut = is_cut
        self._standing: dict[tuple[ServiceKey, str], Standing] = {}
        self._deeds = Deeds()
        self._cause: Cause | None = None
        self._begins = refold.after > 0
        """Whether the state that the log begins with was not taken in yet."""

    def tell(self, records: Iterable[Recorded]) -> Iterator[Change | Disagreement]:
        """Replay the records; yield what was asked for, changes in the order of their decisions.

        The last ones wait for their deeds: call `flush` when there are no further records.
        """
        for step in self._refold.steps(self._followed(records), is_cut=self._is_cut):
            if isinstance(step, Difference):
                yield disagreement_of(step)
            else:
                self._take(step)
            yield from self._deeds.given()
        if self._begins and not self._is_cut and self._refold.last is not None:
            self._begin_at_snapshot(self._refold.last)
        yield from self._deeds.given()

    def flush(self) -> Iterator[Change]:
        """Give out the changes that still wait for a deed."""
        yield from self._deeds.given(0)

    def standing(self) -> Iterator[Standing]:
        """Yield what stands now, of what was asked for, by Service and address."""
        for item in sorted(self._standing.values(), key=lambda item: (item.service, item.address or "")):
            if self._about.fits(service=item.service, nodes=item.nodes, eips=(item.eip,)):
                yield item

    def _take(self, step: Refolded) -> None:
        match step.decision:
            case AssignmentDecided(assignment=assignment) as decided:
                key = (assignment.service, assignment.family)
                before = self._standing.get(key)
                nodes, eip = (*decided.previous_nodes, *assignment.nodes), assignment.eip
                self._standing[key] = _standing(step, decided)
            case AssignmentEnded() as ended:
                key = (ended.service, ended.family)
                before = self._standing.pop(key, None)
                nodes, eip = ended.previous_nodes, None
            case PoolDecided():
                return
        old_eip = before.eip if before is not None else None
        self._deeds.superseded(key)
        if self._about.fits(service=key[0], nodes=nodes, eips=(eip, old_eip)):
            shown = self._refold.reconciler.world.services.get(key[0])
            self._deeds.add(_change(step, self._cause_of(step), old_eip), shown)

    def _cause_of(self, step: Refolded) -> Cause:
        """Describe a cause once: a list of all Services leads to as many decisions."""
        if step.cause is None:
            return Cause(seq=step.decision.cause, at=step.at, kind="", text="an entry that is not in the log any more")
        if self._cause is None or self._cause.seq != step.cause.seq:
            self._cause = cause_of(step.cause)
        return self._cause

    def _begin_at_snapshot(self, record: Recorded) -> None:
        """Let stand what was decided before the log begins, and that no decision in it tells of."""
        self._begins = False
        for slot, one in sorted(self._refold.reconciler.decisions.assignments.items()):
            if slot not in self._standing:
                decided = AssignmentDecided(cause=record.seq, assignment=one)
                step = Refolded(seq=record.seq, at=record.at, cause=None, decision=decided)
                self._standing[slot] = _standing(step, decided)

    def _followed(self, records: Iterable[Recorded]) -> Iterator[Recorded]:
        """Pass the records on, and see whether one of them is the deed that a change waits for."""
        see = self._deeds.see
        for record in records:
            if self._begins and record.seq >= self._refold.after:
                self._begin_at_snapshot(record)
            if type(record.entry) in TELLING:
                see(record)
            yield record


def tell(records: Iterable[Recorded], refold: Refold, about: About | None = None, *, is_cut: bool = False) -> Story:
    """Replay the records and tell the whole story at once. It is as long as the log has changes."""
    teller = Teller(refold, about, is_cut=is_cut)
    timeline: list[Change] = []
    differences: list[Disagreement] = []
    for told in teller.tell(records):
        if isinstance(told, Change):
            timeline.append(told)
        else:
            differences.append(told)
    timeline.extend(teller.flush())
    return Story(
        seq=refold.seq,
        at=refold.at,
        assignments=tuple(teller.standing()),
        timeline=tuple(timeline),
        differences=tuple(differences),
    )


def disagreement_of(difference: Difference) -> Disagreement:
    """Put a difference in words."""
    recorded, decided = difference.recorded, difference.decided
    return Disagreement(
        cause=difference.cause,
        at=difference.at,
        recorded=sentence(recorded) if recorded is not None else None,
        decided=sentence(decided) if decided is not None else None,
    )


def cause_of(record: Recorded) -> Cause:
    """Describe the entry that led to a change."""
    return Cause(seq=record.seq, at=record.at, kind=kind_of(record.entry), text=sentence(record.entry))


def joined(nodes: Iterable[str]) -> str | None:
    """Name the nodes of an address in one text; None for nobody."""
    return ", ".join(nodes) or None


def _change(step: Refolded, cause: Cause, old_eip: str | None) -> Change:
    decision = step.decision
    assert not isinstance(decision, PoolDecided)
    if isinstance(decision, AssignmentEnded):
        what: Shown = "ended"
        service, family, address, eip, to = decision.service, decision.family, None, old_eip, None
        reason = decision.reason.sentence
    else:
        one = decision.assignment
        what = "waiting"
        if one.address is not None:
            what = "assigned" if decision.previous_address != one.address else "moved"
        service, family, address, eip, to = one.service, one.family, one.address, one.eip or old_eip, joined(one.nodes)
        reason = _why(decision)
    return Change(
        seq=step.seq,
        at=step.at,
        service=service,
        family=family,
        what=what,
        address=address,
        previous_address=decision.previous_address,
        eip=eip,
        from_=joined(decision.previous_nodes),
        to=to,
        cause=cause,
        reason=reason,
        decided_after=(step.at - cause.at).total_seconds(),
    )


def _why(decided: AssignmentDecided) -> str:
    """Say why the address where it is new, and why the node."""
    assignment = decided.assignment
    if assignment.placement is None:
        return assignment.reason.sentence
    if decided.previous_address == assignment.address:
        return assignment.placement.sentence
    return f"{assignment.reason.sentence}; {assignment.placement.sentence}"


def _standing(step: Refolded, decided: AssignmentDecided) -> Standing:
    assignment = decided.assignment
    return Standing(
        service=assignment.service,
        address=assignment.address,
        eip=assignment.eip,
        protocol=assignment.protocol,
        node=joined(assignment.nodes),
        nodes=assignment.nodes,
        reason=_why(decided),
        since=step.seq,
        since_at=step.at,
    )
