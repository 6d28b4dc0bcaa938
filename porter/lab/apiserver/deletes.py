"""The delete path: what holds an object, what its deletion is to do with what it owns. Nothing else removes on request.

Who owns whom is followed in lifecycle.py, which calls `release` and `disown` when it is so far.
"""

from __future__ import annotations

from porter.lab.apiserver.decoding import WriteOptions
from porter.lab.apiserver.errors import conflict, forbidden, not_found
from porter.lab.apiserver.kinds import Kind
from porter.lab.apiserver.objects import Clock, Json, copied, metadata, section, timestamp
from porter.lab.apiserver.options import BACKGROUND, FOREGROUND, ORPHAN
from porter.lab.apiserver.store import Key, Resource, Store

NAMESPACES = Resource("", "namespaces")
HOLDS = {FOREGROUND: "foregroundDeletion", ORPHAN: "orphan"}  # the finalizer that each policy sets
_KEPT = ("default", "kube-public", "kube-system")
_CHANGED = {
    "uid": ("UID", "The object might have been deleted and then recreated"),
    "resourceVersion": ("ResourceVersion", "The object might have been modified"),
}


class Deletes:
    """Deletes from one store. Not thread-safe: called from the server's loop only, and never waits."""

    def __init__(self, store: Store, now: Clock) -> None:
        self._store, self._now = store, now

    def delete(
        self,
        kind: Kind,
        key: Key,
        options: WriteOptions,
        *,
        preconditions: Json | None = None,
        policy: str = BACKGROUND,
    ) -> tuple[Json, bool]:
        """Remove an object, or mark it deleted while finalizers hold it; the object, and whether it is gone."""
        old = self._store.get(kind.resource, key)
        if old is None:
            raise not_found(kind.group, kind.plural, key.name)
        is_namespace = kind.resource == NAMESPACES
        if is_namespace and key.name in _KEPT:
            raise forbidden("", "namespaces", key.name, "this namespace may not be deleted")
        _must_be(kind, key, old, preconditions or {})
        finalizers = list(metadata(old).get("finalizers") or [])
        hold = HOLDS.get(policy)
        if hold is not None and hold not in finalizers and not is_namespace:
            finalizers.append(hold)
        gone = not finalizers and not is_namespace
        if options.dry_run:
            return kind.shown(old), gone
        if gone:
            return kind.shown(self._store.remove(kind.resource, key)), True
        if "deletionTimestamp" in metadata(old):
            return kind.shown(old), False
        obj = kind.kept(copied(kind.shown(old)))
        found = metadata(obj)
        found["deletionTimestamp"] = timestamp(self._now())
        if is_namespace:
            obj["status"] = {"phase": "Terminating"}
        else:
            found["deletionGracePeriodSeconds"] = 0
            found["finalizers"] = finalizers
        if found.get("generation"):
            found["generation"] += 1
        return kind.shown(self._store.put(kind.resource, obj)), False

    def release(self, resource: Resource, key: Key, finalizer: str) -> None:
        """Take a finalizer away; an object that is being deleted goes with its last one."""
        old = self._store.get(resource, key)
        if old is None or finalizer not in metadata(old).get("finalizers", []):
            return
        obj = copied(old)
        left = [one for one in metadata(obj)["finalizers"] if one != finalizer]
        _set(metadata(obj), "finalizers", left)
        if not left and "deletionTimestamp" in metadata(obj):
            self._store.remove(resource, key, obj)
        else:
            self._store.put(resource, obj)

    def disown(self, resource: Resource, key: Key, owner: str) -> None:
        """Take an owner, named by its uid, from an object."""
        old = self._store.get(resource, key)
        if old is None:
            return
        obj = copied(old)
        left = [one for one in metadata(obj).get("ownerReferences", []) if one.get("uid") != owner]
        _set(section(obj, "metadata"), "ownerReferences", left)
        self._store.put(resource, obj)


def _must_be(kind: Kind, key: Key, old: Json, preconditions: Json) -> None:
    for field, (name, meaning) in _CHANGED.items():
        asked, found = preconditions.get(field), metadata(old)[field]
        if asked and asked != found:
            why = f"the {name} in the precondition ({asked}) does not match the {name} in record ({found}). {meaning}"
            raise conflict(kind.group, kind.name, key.name, why)


def _set(found: Json, key: str, value: list[Json]) -> None:
    if value:
        found[key] = value
    else:
        found.pop(key, None)
