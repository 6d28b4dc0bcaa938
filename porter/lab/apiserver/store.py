"""All objects of the server, in memory, under one growing revision. It stores what it is given: it never validates."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from porter.lab.apiserver.changes import Change
from porter.lab.apiserver.feed import Feed
from porter.lab.apiserver.objects import Json, encode, metadata, name_of, namespace_of


class Resource(NamedTuple):
    """What objects are stored under: all versions of a kind share one."""

    group: str
    plural: str


class Key(NamedTuple):
    """An object among those of its resource; the namespace is empty for a cluster-wide one."""

    namespace: str
    name: str


FIRST_REVISION = 100  # a real server has made some before anybody asks, so a client's version 1 is always too old
WINDOW = 10_000  # changes kept for resuming watches, of each kind


class Store:
    """Objects by resource and key. What is stored is never changed in place; a write puts a new object."""

    def __init__(self, *, window: int = WINDOW) -> None:
        self.revision = FIRST_REVISION
        self.listeners: list[Callable[[Resource, Change], None]] = []
        self._window = window
        self._floor = FIRST_REVISION
        self._objects: dict[Resource, dict[Key, Json]] = {}
        self._sorted: dict[Resource, Sequence[Key]] = {}  # until a key comes or goes
        self._feeds: dict[Resource, Feed] = {}

    def get(self, resource: Resource, key: Key) -> Json | None:
        """The object, or None."""
        return self._objects.get(resource, {}).get(key)

    def all(self, resource: Resource, namespace: str = "", after: tuple[str, str] | None = None) -> list[Json]:
        """The objects of a resource, of one namespace or of all, by key; `after`: only those behind this one."""
        found = self._objects.get(resource, {})
        keys = self._sorted.get(resource)
        if keys is None:
            keys = self._sorted[resource] = sorted(found)
        return [found[key] for key in _some(keys, namespace, after)]

    def count(self, resource: Resource) -> int:
        """How many objects of a resource there are."""
        return len(self._objects.get(resource, {}))

    def resources(self) -> Iterator[Resource]:
        """Every resource that has an object, in order."""
        return iter(sorted(resource for resource, found in self._objects.items() if found))

    def at_revision(
        self, resource: Resource, namespace: str, revision: int, after: tuple[str, str] | None = None
    ) -> list[Json]:
        """The same as they were at a revision within the window: later changes are taken back."""
        changes = self.feed(resource).since(revision)
        if not changes:
            return self.all(resource, namespace, after)
        objects = dict(self._objects.get(resource, {}))
        for change in reversed(changes):
            key = Key(change.namespace, change.name)
            if change.previous is None:
                objects.pop(key, None)
            else:
                objects[key] = change.previous
        return [objects[key] for key in _some(sorted(objects), namespace, after)]

    def put(self, resource: Resource, obj: Json) -> Json:
        """Store an object under the next revision and return it as stored; `obj` is taken over."""
        key = Key(namespace_of(obj), name_of(obj))
        self.revision += 1
        metadata(obj)["resourceVersion"] = str(self.revision)
        objects = self._objects.setdefault(resource, {})
        previous = objects.get(key)
        if previous is None:
            self._sorted.pop(resource, None)
        objects[key] = obj
        self._publish(resource, key, obj=obj, previous=previous, deleted=False)
        return obj

    def remove(self, resource: Resource, key: Key, last: Json | None = None) -> Json:
        """Remove an object and return its last state under the revision of its removal."""
        previous = self._objects[resource].pop(key)
        self._sorted.pop(resource, None)
        self.revision += 1
        shown = previous if last is None else last
        gone = shown | {"metadata": metadata(shown) | {"resourceVersion": str(self.revision)}}
        self._publish(resource, key, obj=gone, previous=previous, deleted=True)
        return gone

    def feed(self, resource: Resource) -> Feed:
        """The recent changes of a resource."""
        if resource not in self._feeds:
            self._feeds[resource] = Feed(floor=self._floor, window=self._window)
        return self._feeds[resource]

    def encoded(self, resource: Resource, obj: Json) -> bytes:
        """An object as JSON; one that was just written is encoded once, for its writer and for its watchers."""
        newest = self.feed(resource).newest
        return newest.raw if newest is not None and newest.object is obj else encode(obj)

    def restore(self, revision: int, found: Mapping[Resource, Mapping[Key, Json]]) -> None:
        """Fill an empty store with objects as they were stored at a revision, without their history."""
        self.revision = self._floor = revision
        for resource, objects in found.items():
            self._objects[resource] = dict(objects)
            self._sorted.pop(resource, None)
            for key, obj in objects.items():
                change = Change(
                    revision=revision, namespace=key.namespace, name=key.name, object=obj, previous=None, deleted=False
                )
                for listener in self.listeners:
                    listener(resource, change)

    def forget_history(self) -> None:
        """Lose the history of every resource: watches from before must list again."""
        self.revision += 1
        for feed in self._feeds.values():
            feed.forget(self.revision)

    def _publish(self, resource: Resource, key: Key, *, obj: Json, previous: Json | None, deleted: bool) -> None:
        change = Change(
            revision=self.revision,
            namespace=key.namespace,
            name=key.name,
            object=obj,
            previous=previous,
            deleted=deleted,
        )
        self.feed(resource).append(change)
        for listener in self.listeners:
            listener(resource, change)


def _some(keys: Sequence[Key], namespace: str, after: tuple[str, str] | None) -> Sequence[Key]:
    """Of sorted keys those of one namespace, or of all, behind another key."""
    first, end = 0, len(keys)
    if namespace:
        first, end = bisect_left(keys, Key(namespace, "")), bisect_left(keys, Key(namespace + "\0", ""))
    if after is not None:
        first = max(first, bisect_right(keys, after))
    return keys[first:end]
