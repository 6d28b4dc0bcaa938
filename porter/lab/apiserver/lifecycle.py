"""What one write brings about elsewhere: kinds that a definition serves, what a Namespace or an owner takes along.

These are the parts of a controller manager without which deleting would lie. Nothing is scheduled or run here.
"""

from __future__ import annotations

from collections import deque

from porter.lab.apiserver.aggregation import CLUSTER_ROLES, aggregate
from porter.lab.apiserver.changes import Change
from porter.lab.apiserver.crd import DEFINITIONS, kinds_of
from porter.lab.apiserver.decoding import WriteOptions
from porter.lab.apiserver.deletes import HOLDS, NAMESPACES, Deletes
from porter.lab.apiserver.errors import Refusal
from porter.lab.apiserver.kinds import Kinds
from porter.lab.apiserver.objects import Json, at, metadata, name_of, namespace_of
from porter.lab.apiserver.options import FOREGROUND, ORPHAN, Deletion
from porter.lab.apiserver.store import Key, Resource, Store
from porter.lab.apiserver.writes import Writes


class Lifecycle:
    """Follows the store; acts when `settle` is called, after the write that caused it has been stored."""

    def __init__(self, store: Store, kinds: Kinds, writes: Writes, deletes: Deletes) -> None:
        self._store, self._kinds, self._writes, self._deletes = store, kinds, writes, deletes
        self._owned: dict[str, set[tuple[Resource, Key]]] = {}
        self._waiting: dict[str, tuple[Resource, Key]] = {}  # owners that go last, by uid
        self._pending: deque[tuple[Resource, Change]] = deque()

    def follow(self, resource: Resource, change: Change) -> None:
        """Note a change, and who owns whom."""
        self._pending.append((resource, change))
        place = (resource, Key(change.namespace, change.name))
        for owner in at(change.previous, "metadata.ownerReferences", []):
            self._owned.get(owner.get("uid"), set()).discard(place)
        if not change.deleted:
            for owner in at(change.object, "metadata.ownerReferences", []):
                self._owned.setdefault(owner.get("uid"), set()).add(place)

    def settle(self) -> None:
        """Do all that the noted changes ask for, and what follows from that."""
        while self._pending:
            resource, change = self._pending.popleft()
            if resource == CLUSTER_ROLES:
                aggregate(self._store, self._kinds, self._writes)
            if resource == DEFINITIONS:
                self._define(change)
            if resource == NAMESPACES and not change.deleted:
                self._empty(change.object)
            if change.deleted:
                self._released(change)
            elif "deletionTimestamp" in metadata(change.object):
                self._cascade(resource, Key(change.namespace, change.name))

    def _define(self, change: Change) -> None:
        defined = Resource(change.object["spec"]["group"], change.object["spec"]["names"]["plural"])
        if change.deleted:
            for obj in self._store.all(defined):
                self._store.remove(defined, Key(namespace_of(obj), name_of(obj)))
            self._store.feed(defined).end()
        self._kinds.drop(defined)
        if not change.deleted:
            for kind in kinds_of(change.object):
                self._kinds.add(kind)

    def _empty(self, namespace: Json) -> None:
        if "deletionTimestamp" not in metadata(namespace):
            return
        name = name_of(namespace)
        for resource in list(self._store.resources()):
            for obj in self._store.all(resource, name):
                self._delete(resource, Key(name, name_of(obj)))
        self._finish(name)

    def _finish(self, namespace: str) -> None:
        """Remove a Namespace that is being deleted once nothing is left in it."""
        key = Key("", namespace)
        found = self._store.get(NAMESPACES, key)
        if found is None or "deletionTimestamp" not in metadata(found):
            return
        if not any(self._store.all(resource, namespace) for resource in self._store.resources()):
            self._store.remove(NAMESPACES, key)

    def _released(self, change: Change) -> None:
        for resource, key in sorted(self._owned.pop(at(change.object, "metadata.uid"), ())):
            self._delete(resource, key)
        for owner in at(change.object, "metadata.ownerReferences", []):
            self._finish_foreground(owner.get("uid"))
        if change.namespace:
            self._finish(change.namespace)

    def _cascade(self, resource: Resource, key: Key) -> None:
        """Do with what an object owns what its deletion asked for: let go of it, or delete it first."""
        found = metadata(self._store.get(resource, key) or {})
        finalizers, uid = found.get("finalizers", []), found.get("uid", "")
        if HOLDS[ORPHAN] in finalizers:
            for owned in sorted(self._owned.get(uid, ())):
                self._deletes.disown(*owned, uid)
            self._deletes.release(resource, key, HOLDS[ORPHAN])
        elif HOLDS[FOREGROUND] in finalizers:
            self._waiting[uid] = (resource, key)
            for owned in sorted(self._owned.get(uid, ())):
                self._delete(*owned)
            self._finish_foreground(uid)

    def _finish_foreground(self, uid: str) -> None:
        """Let an owner go that waited for what it owns, once nothing is left that blocks it."""
        if uid not in self._waiting:
            return
        for place in self._owned.get(uid, ()):
            references = at(self._store.get(*place), "metadata.ownerReferences", [])
            if any(one.get("uid") == uid and one.get("blockOwnerDeletion") for one in references):
                return
        self._deletes.release(*self._waiting.pop(uid), HOLDS[FOREGROUND])

    def _delete(self, resource: Resource, key: Key) -> None:
        kind = self._kinds.stored(resource)
        if kind is None:
            return
        try:
            self._deletes.delete(kind, key, WriteOptions(), Deletion())
        except Refusal:
            return  # gone already: what was asked for is so
