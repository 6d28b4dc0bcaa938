"""The fold: observed entries in, decisions out.

A `Reconciler` is what an agent keeps while it runs, and what `porter replay` builds from a log: fed the same observed
entries it is in the same state and has given the same decisions. Not safe to share between threads.
"""

from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Self, TypeAlias

import msgspec

from porter.events.codec import is_observed
from porter.events.entries import (
    AssignmentDecided,
    AssignmentEnded,
    Decided,
    EndpointsObserved,
    Entry,
    Observed,
    PoolDecided,
    Recorded,
    ServiceObserved,
)
from porter.model.assignment import Announcement, Assignment
from porter.model.names import NodeName, ServiceKey
from porter.model.objects import Endpoints, Service
from porter.model.reasons import Reason, Verdict
from porter.reconciler.announcing import announcements_for
from porter.reconciler.book import Book, Turn
from porter.reconciler.decide import Decisions, Rules
from porter.reconciler.ownership import why_not_ours
from porter.reconciler.snapshot import Snapshot
from porter.reconciler.touched import touched_by
from porter.reconciler.wishes import FAMILIES, families_of
from porter.reconciler.world import World

Move: TypeAlias = tuple[str, ServiceKey, Endpoints]
"""Endpoints that are elsewhere now, behind the keys of their EndpointSlice and of their Service."""


class Reconciler:
    """The state that follows from the entries folded so far, and the decisions that follow from the state."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.world = World()
        self._book = Book(self.world, rules)
        self._is_current = False
        """Whether the book follows from the world as it is; not while the world is incomplete."""

    @classmethod
    def restore(cls, rules: Rules, snapshot: Snapshot) -> Self:
        """Return a reconciler that goes on where the snapshot was taken, as if it had folded everything itself."""
        found = cls(rules)
        found.world = snapshot.world()
        found._book = Book(found.world, rules)
        found._book.seed(snapshot.assignments, snapshot.pools)
        if found.world.complete:
            found._book.rebuild()
            found._is_current = True
        return found

    def snapshot(self) -> Snapshot:
        """Return the whole state as a value, to be stored; it shares nothing with this reconciler."""
        decisions = self._book.decisions
        return Snapshot(
            state=msgspec.json.encode(self.world),
            assignments=tuple(assignment for _, assignment in sorted(decisions.assignments.items())),
            pools=tuple(pool for _, pool in sorted(decisions.pools.items())),
        )

    @property
    def decisions(self) -> Decisions:
        """Everything decided, as a copy."""
        return self._book.decisions

    def fold(self, entry: Observed, seq: int) -> list[Decided]:
        """Take in one observed entry, number `seq`, and return what is decided differently because of it.

        Until every kind was listed once since the agent started, nothing is decided: what was decided before stands.
        """
        if self._is_current and self._take_quietly(entry):
            return []
        touched = touched_by(entry, self.world) if self._is_current else None
        changed = self.world.apply(entry)
        if not self.world.complete:
            self._is_current = False
            return []
        if not changed:
            return []
        turn = self._book.update(touched) if touched is not None else self._book.rebuild()
        self._is_current = True
        return list(self._decided(turn, seq)) if turn.pools or turn.assignments else []

    def fold_all(self, recorded: Iterable[Recorded]) -> None:
        """Take in a log, from its beginning or from where this reconciler stands; only what is observed counts."""
        for record in recorded:
            entry: Entry = record.entry
            if is_observed(entry):
                self.fold(entry, record.seq)  # type: ignore[arg-type]  # is_observed is the check

    def announcements(self, node: NodeName) -> dict[str, tuple[Announcement, ...]]:
        """Return what a node must announce now, by protocol: what it owns and what the API says is published."""
        return announcements_for(node, self.world, self.owned_by(node), self.rules.fallback_protocol)

    def owned_by(self, node: NodeName) -> list[Assignment]:
        """Return the assignments that name a node, sorted by Service."""
        return self._book.of_node(node)

    def assignments_of(self, service: str) -> list[Assignment]:
        """Return a Service's assignments, the primary family first; none for a Service that is not Porter's."""
        key = ServiceKey(service)
        slots = ((key, family) for family in FAMILIES)
        found = [assignment for slot in slots if (assignment := self._book.get(slot)) is not None]
        if len(found) > 1 and (known := self.world.services.get(key)) is not None:
            primary = families_of(known)[0]
            found.sort(key=lambda assignment: assignment.family != primary)
        return found

    def _take_quietly(self, entry: Observed) -> bool:
        """Take in an entry if nothing is to be decided because of it, and that is soon seen: so it is with most."""
        kind = type(entry)
        if kind is EndpointsObserved:
            return self.take_endpoints(entry.endpoints)  # type: ignore[union-attr, arg-type]  # its type was compared
        if kind is ServiceObserved:
            return self._take_written(entry.service)  # type: ignore[union-attr, arg-type]
        return False

    def take_endpoints(self, endpoints: Endpoints) -> bool:
        """Take in endpoints that merely move. False: nothing was taken in, and `fold` has to be asked."""
        namespace = endpoints.namespace
        of: ServiceKey = f"{namespace}/{endpoints.service}"  # type: ignore[assignment]  # without a call
        return self.take_moves(((f"{namespace}/{endpoints.name}", of, endpoints),)) == 1

    def take_moves(self, moves: Iterable[Move]) -> int:
        """Take in endpoints that merely move, of Services that any node may serve or whose owner has one still.

        Most of a log is that, and no decision can rest on it. Return how many were taken in, from the first on; no
        move is asked for after one that was not: `fold` has to be.
        """
        if not self._is_current:
            return 0
        world = self.world
        slices, services = world.slices, world.services
        taken = 0
        for key, of, endpoints in moves:
            before = slices.get(key)
            if before is None or before.service != endpoints.service:
                break
            service = services.get(of)
            if not (
                service is None
                or (
                    service.policy == "Cluster"
                    and (before.ready or before.serving or before.unplaced)
                    and (endpoints.ready or endpoints.serving or endpoints.unplaced)
                )
                or before == endpoints
                or (world.has_one_slice(of) and self._book.stays_settled(of, endpoints))
            ):
                break
            slices[key] = endpoints
            taken += 1
        return taken

    def _take_written(self, service: Service) -> bool:
        """Take in that the API shows of the Service what was decided, and nothing else is new of it."""
        key = service.key
        before = self.world.services.get(key)
        if before is None or not self._book.confirm(key, before, service):
            return False
        self.world.services[key] = service
        return True

    def _decided(self, turn: Turn, cause: int) -> Iterator[Decided]:
        for _, (_, pool) in sorted(turn.pools.items()):
            if pool is not None:
                yield PoolDecided(cause=cause, pool=pool)
        for _, (old, new) in sorted(turn.assignments.items(), key=itemgetter(0)):
            if new is None:
                assert old is not None
                yield self._ended(old, cause)
            elif old is None or not new.same_outcome(old):
                yield AssignmentDecided(
                    cause=cause,
                    assignment=self._told(old, new),
                    previous_address=old.address if old is not None else None,
                    previous_nodes=old.nodes if old is not None else (),
                )

    def _told(self, old: Assignment | None, new: Assignment) -> Assignment:
        """Say why a node is new that is simply the one written on the Service: the leader has moved the address."""
        sticky = new.placement is not None and new.placement.reason is Reason.STICKY
        if not sticky or old is None or not old.nodes or old.nodes == new.nodes or old.address != new.address:
            return new
        moved = Verdict(reason=Reason.FOLLOWED, detail=f"{self.world.leader or 'the leader'} from {old.nodes[0]}")
        return msgspec.structs.replace(new, placement=moved)

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
