"""The fold: observed entries in, decisions out.

A `Reconciler` is what an agent keeps while it runs, and what `porter replay` builds from a log: fed the same observed
entries it is in the same state and has given the same decisions. Not safe to share between threads.
"""

from collections.abc import Iterable, Iterator
from typing import get_args

from porter.events.codec import is_observed
from porter.events.entries import (
    AssignmentDecided,
    AssignmentEnded,
    Decided,
    Entry,
    Observed,
    PoolDecided,
    Recorded,
)
from porter.model.addresses import Family
from porter.model.assignment import Announcement, Assignment
from porter.model.names import NodeName, ServiceKey
from porter.model.reasons import Reason, Verdict
from porter.reconciler.announcing import announcements_for
from porter.reconciler.decide import Decisions, Rules, decide
from porter.reconciler.ownership import why_not_ours
from porter.reconciler.terms import Slot
from porter.reconciler.wishes import families_of
from porter.reconciler.world import World


class Reconciler:
    """The state that follows from the entries folded so far, and the decisions that follow from the state."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.world = World()
        self.decisions = Decisions()

    def fold(self, entry: Observed, seq: int) -> list[Decided]:
        """Take in one observed entry, number `seq`, and return what is decided differently because of it.

        Until every kind was listed once since the agent started, nothing is decided: what was decided before stands.
        """
        changed = self.world.apply(entry)
        if not changed or not self.world.complete:
            return []
        before, self.decisions = self.decisions, decide(self.world, self.rules)
        return list(self._differences(before, seq))

    def fold_all(self, recorded: Iterable[Recorded]) -> None:
        """Take in a log, from its beginning or from where this reconciler stands; only what is observed counts."""
        for record in recorded:
            entry: Entry = record.entry
            if is_observed(entry):
                self.fold(entry, record.seq)  # type: ignore[arg-type]  # is_observed is the check

    def announcements(self, node: NodeName) -> dict[str, tuple[Announcement, ...]]:
        """Return what a node must announce now, by protocol: what it owns and what the API says is published."""
        return announcements_for(node, self.world, self.decisions, self.rules)

    def assignments_of(self, service: str) -> list[Assignment]:
        """Return a Service's assignments, the primary family first; none for a Service that is not Porter's."""
        known = self.world.services.get(ServiceKey(service))
        primary = families_of(known)[0] if known is not None else None
        families: list[Family] = sorted(get_args(Family), key=lambda family: (family != primary, family))
        slots: list[Slot] = [(ServiceKey(service), family) for family in families]
        return [self.decisions.assignments[slot] for slot in slots if slot in self.decisions.assignments]

    def _differences(self, before: Decisions, cause: int) -> Iterator[Decided]:
        for name, pool in sorted(self.decisions.pools.items()):
            if before.pools.get(name) != pool:
                yield PoolDecided(cause=cause, pool=pool)
        slots: set[Slot] = set(before.assignments) | set(self.decisions.assignments)
        for slot in sorted(slots):
            old, new = before.assignments.get(slot), self.decisions.assignments.get(slot)
            if new is None:
                assert old is not None
                yield self._ended(old, cause)
            elif old is None or not new.same_outcome(old):
                yield AssignmentDecided(
                    cause=cause,
                    assignment=new,
                    previous_address=old.address if old is not None else None,
                    previous_nodes=old.nodes if old is not None else (),
                )

    def _ended(self, old: Assignment, cause: int) -> AssignmentEnded:
        service = self.world.services.get(old.service)
        if service is None:
            reason = Verdict(reason=Reason.NOT_OURS, detail="it is gone")
        else:
            found = why_not_ours(service, self.world.options.load_balancer_class)
            reason = found or Verdict(reason=Reason.NOT_OURS, detail=f"it no longer uses {old.family}")
        return AssignmentEnded(
            cause=cause,
            service=old.service,
            family=old.family,
            reason=reason,
            previous_address=old.address,
            previous_nodes=old.nodes,
        )
