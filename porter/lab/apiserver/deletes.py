"""The delete path: what holds an object, what its deletion is to do with what it owns. Nothing else removes on request.

Who owns whom is followed in lifecycle.py, which calls `release` and `disown` when it is so far. As
k8s.io/apiserver/pkg/registry/rest.BeforeDelete and registry.Store.Delete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from porter.lab.apiserver.behaviour import NOTHING, Behaviour
from porter.lab.apiserver.decoding import WriteOptions
from porter.lab.apiserver.errors import conflict, forbidden, not_found
from porter.lab.apiserver.kinds import Kind
from porter.lab.apiserver.objects import Clock, Json, copied, metadata, section, timestamp
from porter.lab.apiserver.options import FOREGROUND, ORPHAN, Deletion
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

    def __init__(self, store: Store, behaviours: Mapping[str, Behaviour], now: Clock) -> None:
        self._store, self._behaviours, self._now = store, behaviours, now

    def delete(self, kind: Kind, key: Key, options: WriteOptions, asked: Deletion) -> tuple[Json, bool]:
        """Remove an object, or mark it deleted; the object, and whether it is gone.

        It stays while finalizers hold it, and as long as it was given to end: until whoever runs it deletes it anew.
        """
        old = self._store.get(kind.resource, key)
        if old is None:
            raise not_found(kind.group, kind.plural, key.name)
        is_namespace = kind.resource == NAMESPACES
        if is_namespace and key.name in _KEPT:
            raise forbidden("", "namespaces", key.name, "this namespace may not be deleted")
        _must_be(kind, key, old, asked.preconditions)
        marked, left = "deletionTimestamp" in metadata(old), _left(old)
        if left and (asked.grace is None or asked.grace >= left):  # it may only be given less than it has
            return kind.shown(old), False
        if marked:
            grace = asked.grace if left else None
        else:
            grace = self._behaviours.get(kind.name, NOTHING).grace(old, asked.grace) if not kind.custom else None
        finalizers = list(metadata(old).get("finalizers") or [])
        hold = HOLDS.get(asked.policy)
        if hold is not None and hold not in finalizers and not is_namespace:
            finalizers.append(hold)
        held = bool(finalizers) or is_namespace
        if grace is None and not held:
            return kind.shown(old if options.dry_run else self._store.remove(kind.resource, key)), True
        if grace is None and marked:
            return kind.shown(old), False
        obj = self._leaving(kind, old, grace or 0, finalizers)
        gone = not held and not grace
        if options.dry_run:
            return kind.shown(obj), gone
        stored = self._store.put(kind.resource, obj)
        return kind.shown(self._store.remove(kind.resource, key) if gone else stored), gone

    def _leaving(self, kind: Kind, old: Json, grace: int, finalizers: list[str]) -> Json:
        """The object as it is while it ends; `grace` counts from when it was first told to."""
        obj = kind.kept(copied(kind.shown(old)))
        found, begun = metadata(obj), self._now()
        if "deletionTimestamp" in found:
            begun = datetime.fromisoformat(found["deletionTimestamp"]) - timedelta(seconds=_left(old))
        elif found.get("generation"):
            found["generation"] += 1
        found["deletionTimestamp"] = timestamp(begun + timedelta(seconds=grace))
        if kind.resource == NAMESPACES:
            obj["status"] = {"phase": "Terminating"}
        else:
            found["deletionGracePeriodSeconds"] = grace
            _set(found, "finalizers", finalizers)
        return obj

    def release(self, resource: Resource, key: Key, finalizer: str) -> None:
        """Take a finalizer away; an object that is being deleted goes with its last one."""
        old = self._store.get(resource, key)
        if old is None or finalizer not in metadata(old).get("finalizers", []):
            return
        obj = copied(old)
        left = [one for one in metadata(obj)["finalizers"] if one != finalizer]
        _set(metadata(obj), "finalizers", left)
        if is_over(obj):
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


def is_over(obj: Json) -> bool:
    """Whether an object that was deleted has nothing left that holds it: it goes with the next write."""
    return "deletionTimestamp" in metadata(obj) and not metadata(obj).get("finalizers") and not _left(obj)


def _left(obj: Json) -> int:
    """How many seconds an object was given to end, 0 for one that need not."""
    return int(metadata(obj).get("deletionGracePeriodSeconds") or 0)


def _must_be(kind: Kind, key: Key, old: Json, preconditions: Json) -> None:
    for field, (name, meaning) in _CHANGED.items():
        asked, found = preconditions.get(field), metadata(old)[field]
        if asked and asked != found:
            why = f"the {name} in the precondition ({asked}) does not match the {name} in record ({found}). {meaning}"
            raise conflict(kind.group, kind.name, key.name, why)


def _set(found: Json, key: str, value: Sequence[Json | str]) -> None:
    if value:
        found[key] = value
    else:
        found.pop(key, None)
