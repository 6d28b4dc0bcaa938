"""Endpoint entries taken in by their text: most of a log is endpoints that merely move, and no decision rests on them.

Such a text falls in two halves: whose endpoints they are, and where they are. Both come again and again, so each is
decoded once. Nothing is guessed: a half is known only from a text that is just as `encode` writes it, so that two known
halves are together the text of what they say.
"""

from typing import Final, NamedTuple

from porter.events.codec import KINDS, UndecodableEntryError, decode, encode
from porter.events.entries import EndpointsObserved
from porter.model.names import NodeName, ServiceKey, service_key
from porter.model.objects import Endpoints
from porter.reconciler.fold import Reconciler

SKIMMED: Final = "endpoints.observed"
"""The kind of entry that is taken in so, in its current version."""
_VERSION: Final = KINDS[SKIMMED][1]
_BETWEEN: Final = '"ready":'
_MOST: Final = 1 << 16
"""Halves that are remembered: beyond that all are forgotten, and learnt again. Some 20 MB at most."""


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
        self._where: dict[str, tuple[NodeName, ...]] = {}

    def takes(self, seq: int, body: str) -> bool:
        """Take in an entry of kind `SKIMMED` and its current version. False: nothing was; it is to be folded."""
        first, _, second = body.rpartition(_BETWEEN)
        whose, where = self._whose.get(first), self._where.get(second)
        if whose is None or where is None:
            self._learn(body, first, second)
            return False
        if seq <= self._after:
            return False
        key, of, namespace, name, service = whose
        endpoints = Endpoints(namespace=namespace, name=name, service=service, ready=where)
        return self._reconciler.take_endpoints_of(key, of, endpoints)

    def _learn(self, body: str, first: str, second: str) -> None:
        try:
            entry = decode(SKIMMED, _VERSION, body)
        except UndecodableEntryError:
            return  # who folds it says so
        assert isinstance(entry, EndpointsObserved)
        found = entry.endpoints
        if not found.ready or found.serving or found.unplaced or encode(entry)[2] != body.encode():
            return
        for half in (self._whose, self._where):
            if len(half) >= _MOST:
                half.clear()
        of = service_key(found.namespace, found.service)
        self._whose[first] = _Whose(found.key, of, found.namespace, found.name, found.service)
        self._where[second] = found.ready
