"""What this node announces, kept up to date batch by batch: only what a batch concerns is looked at.

It comes to what `Reconciler.announcements` comes to, which looks at everything that the node owns; a property holds the
two equal. So a burst of changes costs each of them the same, however many addresses the node has already.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping

from porter.agent.pipeline import Batch
from porter.events.entries import (
    AgentGone,
    AgentObserved,
    AgentStarted,
    EipGone,
    EipObserved,
    NodeGone,
    NodeObserved,
    Observed,
    Relisted,
    ServiceGone,
    ServiceObserved,
)
from porter.model.assignment import Announcement, Assignment
from porter.model.names import NodeName, ServiceKey
from porter.reconciler.announcing import Place, announcement_at, is_published, place_of
from porter.reconciler.fold import Reconciler

_ON_ALL = AgentStarted | EipObserved | EipGone | Relisted
"""Entries that may change every announcement of this node; those of the node itself and its agent do as well."""


class OwnAnnouncements:
    """Follows the batches of one node: nothing until the first, which names the agent's start.

    Not safe to share between threads.
    """

    def __init__(self, node: NodeName, reconciler: Reconciler) -> None:
        self._node = node
        self._reconciler = reconciler
        self._published: dict[Place, dict[ServiceKey, Assignment]] = {}
        """What the node owns and the API shows."""
        self._places: dict[ServiceKey, tuple[Place, ...]] = {}
        self._found: dict[Place, Announcement] = {}
        self._order: dict[str, tuple[list[str], list[Announcement]]] = {}
        """By protocol the addresses of all that is found, sorted, and beside them what is found."""
        self.wanted: Mapping[str, tuple[Announcement, ...]] = {}
        """By protocol, sorted by address."""

    @property
    def services(self) -> dict[str, tuple[ServiceKey, ...]]:
        """The addresses that are announced, each with the Services that have it."""
        return {one.address: one.services for group in self.wanted.values() for one in group}

    def after(self, batch: Batch) -> bool:
        """Take in what a batch has changed, and tell whether anything else is to be announced."""
        if any(self._concerns_all(entry) for entry in batch.observed):
            return self._renew()
        services = {key for entry in batch.observed for key in _service_in(entry)}
        return self._take(self._put(services | batch.services_decided()))

    def _renew(self) -> bool:
        owned = {assignment.service for assignment in self._reconciler.owned_by(self._node)}
        self._put(owned | self._places.keys())
        return self._take(self._published.keys() | self._found.keys())

    def _put(self, services: Iterable[ServiceKey]) -> set[Place]:
        """Put down anew what these Services have here; return the places that this may concern."""
        touched: set[Place] = set()
        for key in services:
            for place in self._places.pop(key, ()):
                touched.add(place)
                del self._published[place][key]
            places = []
            for assignment in self._reconciler.assignments_of(key):
                if self._node in assignment.nodes and is_published(self._reconciler.world, assignment):
                    place = place_of(assignment, self._reconciler.rules.fallback_protocol)
                    self._published.setdefault(place, {})[key] = assignment
                    places.append(place)
            if places:
                self._places[key] = tuple(places)
                touched.update(places)
        return touched

    def _take(self, places: Iterable[Place]) -> bool:
        changed = False
        for place in places:
            before, after = self._found.get(place), self._announcement(place)
            if before == after:
                continue
            changed = True
            self._enter(place, after, known=before is not None)
        if changed:
            self.wanted = {name: tuple(found) for name, (_, found) in sorted(self._order.items()) if found}
        return changed

    def _enter(self, place: Place, found: Announcement | None, *, known: bool) -> None:
        protocol, address = place
        addresses, announcements = self._order.setdefault(protocol, ([], []))
        at = bisect_left(addresses, address)
        if found is None:
            del self._found[place], addresses[at], announcements[at]
            return
        self._found[place] = found
        if known:
            announcements[at] = found
        else:
            addresses.insert(at, address)
            announcements.insert(at, found)

    def _announcement(self, place: Place) -> Announcement | None:
        held = self._published.get(place)
        if not held:
            self._published.pop(place, None)
            return None
        assignments = [assignment for _, assignment in sorted(held.items())]
        return announcement_at(place, self._node, self._reconciler.world, assignments)

    def _concerns_all(self, entry: Observed) -> bool:
        match entry:
            case NodeObserved(node=node):
                return node.name == self._node
            case AgentObserved(agent=agent):
                return agent.node == self._node
            case NodeGone(node=name) | AgentGone(node=name):
                return name == self._node
            case _:
                return isinstance(entry, _ON_ALL)


def _service_in(entry: Observed) -> tuple[ServiceKey, ...]:
    match entry:
        case ServiceObserved(service=service):
            return (service.key,)
        case ServiceGone(service=key):
            return (key,)
        case _:
            return ()
