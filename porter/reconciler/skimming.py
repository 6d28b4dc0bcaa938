"""Endpoint entries taken in by their text: most of a log is endpoints that merely move, and no decision rests on them.

Such a text says whose endpoints they are, which it begins with, and then the nodes where they are. Both come again and
again, so each is decoded once. Nothing is guessed: a beginning and a node are known only from a text that is just as
`encode` writes it, so that what is put together of known ones is the text of what they say.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from porter.events.codec import KINDS, UndecodableEntryError, decode, encode
from porter.events.entries import EndpointsObserved
from porter.model.names import NodeName, ServiceKey, service_key
from porter.model.objects import Endpoints
from porter.reconciler.fold import Move, Reconciler

SKIMMED: Final = "endpoints.observed"
"""The kind of entry that is taken in so, in its current version."""
_VERSION: Final = KINDS[SKIMMED][1]
_BETWEEN, _AND, _END = '"ready":["', '","', '"]}}'
_MOST: Final = 1 << 16
"""Beginnings that are remembered, nodes, and ends: beyond that all are forgotten, and learnt again."""


class _Whose(NamedTuple):
    key: str
    service_key: ServiceKey
    namespace: str
    name: str
    service: str


class Skimmer:
    """Gives a reconciler what it can take in by its text. Not safe to share between threads."""

    def __init__(self, reconciler: Reconciler, *, after: int = 0) -> None:
        """The reconciler stands at entry `after`: nothing before is taken in."""
        self._reconciler = reconciler
        self._after = after
        self._whose: dict[str, _Whose] = {}
        self._nodes: dict[str, NodeName] = {}
        """By their names as a text has them."""
        self._places: dict[str, tuple[NodeName, ...]] = {}
        """The nodes of texts of known ones, by the end of such a text: put together once for all that end so."""

    def takes(self, seq: int, bodies: Sequence[str]) -> int:
        """Take in entries of kind `SKIMMED` and its current version, the first of which is number `seq`.

        Return how many were, from the first on: the one after these is to be folded before the rest is given again.
        """
        if seq <= self._after:
            self._learn(bodies[0])
            return 0
        return self._reconciler.take_moves(self._moves(bodies))

    def _moves(self, bodies: Sequence[str]) -> Iterator[Move]:
        """Read texts of known beginnings and nodes, and learn from the first that has others."""
        whose_of, nodes_of, placed = self._whose.get, self._places.get, self._placed
        for body in bodies:
            first, _, places = body.rpartition(_BETWEEN)
            whose = whose_of(first)
            nodes = nodes_of(places) or placed(places)
            if whose is None or nodes is None:
                self._learn(body)
                return
            key, of, namespace, name, service = whose
            yield key, of, Endpoints(namespace=namespace, name=name, service=service, ready=nodes)

    def _placed(self, places: str) -> tuple[NodeName, ...] | None:
        """Return the nodes that a text ends with, and remember them; None where one is not known."""
        if not places.endswith(_END):
            return None
        try:
            nodes = tuple([self._nodes[name] for name in places[: -len(_END)].split(_AND)])
        except KeyError:
            return None
        if len(self._places) >= _MOST:
            self._places.clear()
        self._places[places] = nodes
        return nodes

    def _learn(self, body: str) -> None:
        first, _, places = body.rpartition(_BETWEEN)
        try:
            entry = decode(SKIMMED, _VERSION, body)
        except UndecodableEntryError:
            return  # who folds it says so
        assert isinstance(entry, EndpointsObserved)
        found = entry.endpoints
        if not found.ready or found.serving or found.unplaced or encode(entry)[2] != body.encode():
            return
        for known in (self._whose, self._nodes):
            if len(known) >= _MOST:
                known.clear()
        of = service_key(found.namespace, found.service)
        self._whose[first] = _Whose(found.key, of, found.namespace, found.name, found.service)
        self._nodes.update(zip(places[: -len(_END)].split(_AND), found.ready, strict=True))
