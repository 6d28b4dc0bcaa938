"""What is known of one kind of objects, and what an observation changes in it.

Pure. It solves one problem that a watch alone does not have: the answer to Porter's own write is taken in at once,
while the watch still brings older states of the same object. resourceVersions are opaque, so it cannot ask which of two
is newer; instead it remembers which version the watch must pass before it is believed again for that object.

Where two own writes follow each other at once, the second one's answer shows both: of the first only its version is
remembered, so that its echo is passed by (`halfway`).
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

V = TypeVar("V")
W = TypeVar("W")
K = TypeVar("K", bound=str)

_REMEMBERED = 8192  # versions that the watch has passed: some seconds of it, where thousands are written


@dataclass(frozen=True, kw_only=True)
class Seen(Generic[V, W]):
    """One object as the API server showed it once. `value` is None when it is of no interest to the fold."""

    key: str
    uid: str
    version: str
    value: V | None
    view: W | None


@dataclass(frozen=True, kw_only=True)
class Change(Generic[V]):
    """A value is different from what was known; None: it is gone, or of no interest any more."""

    key: str
    value: V | None


@dataclass(frozen=True, kw_only=True)
class Differences(Generic[V]):
    """What a complete list changes."""

    total: int
    changed: tuple[V, ...]
    gone: tuple[str, ...]
    doubtful: tuple[str, ...]
    """Keys that Porter wrote while the list was read: list and answer have no order, so read them again."""

    def __bool__(self) -> bool:
        return bool(self.changed or self.gone)


@dataclass(frozen=True, kw_only=True)
class _Halfway:
    """The first of two own writes: which version it was made for, which it made, and whether the watch brought it."""

    made_for: str
    version: str
    passed: bool = False


class Mirror(Generic[V, W]):
    """The known objects of one kind: their values for the fold and their views for the publisher."""

    def __init__(self, known: Mapping[K, V]) -> None:
        self.known: dict[str, V] = {str(key): value for key, value in known.items()}
        self.views: dict[str, W] = {}
        self._versions: dict[str, str] = {}
        self._replaced: dict[str, str] = {}
        self._awaited: dict[str, Seen[V, W]] = {}
        self._halfway: dict[str, _Halfway] = {}
        self.lists = 0
        """How many were taken in. An answer to what was asked before the last one may be older than that one."""
        self._passed: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._written: dict[str, Seen[V, W]] | None = None

    # -- the watch

    def take(self, seen: Seen[V, W]) -> Change[V] | None:
        """Take in a state from the watch. A repeated one, and one from before an own write, changes nothing."""
        if self.passes_by(seen.key, seen.version):
            return None
        self._pass((seen.key, seen.version))
        return self._apply(seen)

    @property
    def is_awaiting(self) -> bool:
        """Whether the watch has yet to bring some own write."""
        return bool(self._awaited or self._halfway)

    def passes_by(self, key: str, version: str) -> bool:
        """Take in a state from the watch if it changes nothing whatever it shows; tell whether that is so.

        Then it is a repeated one, an own write, or one from before an own write.
        """
        token = (key, version)
        if token in self._passed:
            return True
        awaited, halfway = self._awaited.get(key), self._halfway.get(key)
        is_first = halfway is not None and halfway.version == version
        if awaited is None and not is_first:
            return False
        self._pass(token)
        if awaited is not None and awaited.version == version:
            del self._awaited[key]
        if halfway is not None and is_first:
            self._halfway[key] = replace(halfway, passed=True)
        return True

    def drop(self, seen: Seen[V, W]) -> Change[V] | None:
        """Take in a deletion from the watch, unless it is that of a namesake before an own write."""
        if self._repeated(seen):
            return None
        awaited = self._awaited.get(seen.key)
        if awaited is not None and awaited.uid != seen.uid:
            return None
        return self._forget(seen.key)

    # -- own writes

    def own(self, seen: Seen[V, W]) -> Change[V] | None:
        """Take in the answer to an own write, unless the watch has brought it, or something later, already."""
        return None if self.is_past(seen.key, seen.version) else self._take_own(seen)

    def is_past(self, key: str, version: str) -> bool:
        """Tell whether the watch, or an answer, has brought this state of an object already, or something later."""
        return (key, version) in self._passed or version in {self._versions.get(key), self._replaced.get(key)}

    def halfway(self, key: str, *, made_for: str, version: str) -> None:
        """Expect another own write at once, after one that was made for a version and has made another one.

        Whatever is taken in next ends this. Where the second write fails, `turn_back` takes in what the first one made.
        """
        if self._versions.get(key) == made_for != version and (key, version) not in self._passed:
            self._halfway[key] = _Halfway(made_for=made_for, version=version)

    def is_halfway(self, key: str) -> bool:
        """Whether nothing was taken in since the first of two writes."""
        return key in self._halfway

    def turn_back(self, seen: Seen[V, W]) -> Change[V] | None:
        """Take in the answer to the first of two writes after all, unless something later is known."""
        halfway = self._halfway.get(seen.key)
        if halfway is None or halfway.version != seen.version:
            return None
        return self._apply(seen) if halfway.passed else self._take_own(seen)

    # -- lists

    @property
    def is_listing(self) -> bool:
        """Whether a list is being read, which may or may not hold what is written meanwhile."""
        return self._written is not None

    def list_begins(self) -> None:
        """Remember own writes from here on: the list may or may not hold them."""
        self._written = {}

    def take_list(self, items: Iterable[Seen[V, W]]) -> Differences[V]:
        """Take in a complete list, whole."""
        self.lists += 1
        listed = {item.key: item for item in items}
        written, self._written = self._written or {}, None
        doubtful = {key for key, own in written.items() if key not in listed or listed[key].version != own.version}
        self._awaited = {key: own for key, own in self._awaited.items() if key in doubtful}
        changed: list[V] = []
        gone: list[str] = []
        for key, item in sorted(listed.items()):
            if key in doubtful:
                continue
            change = self._apply(item)
            if change is not None and change.value is not None:
                changed.append(change.value)
            elif change is not None:
                gone.append(key)
        missing = (self.known.keys() | self.views.keys() | self._versions.keys()) - listed.keys() - doubtful
        gone.extend(key for key in missing if self._forget(key) is not None)
        return Differences(
            total=len(listed),
            changed=tuple(changed),
            gone=tuple(sorted(gone)),
            doubtful=tuple(sorted(doubtful)),
        )

    def settle(self, key: str, *, read: Seen[V, W] | None, listed: str | None) -> Change[V] | None:
        """Take in a doubtful object that was read once more, after the list; `listed` is its version in the list.

        What was read is at least as new as the list and the write. When it differs from the list, the watch, which
        starts at the list, will bring it: until then the watch is not believed for it.
        """
        self._awaited.pop(key, None)
        if read is None:
            return self._forget(key) if listed is None else None  # else the watch brings the deletion
        if read.version != listed:
            self._awaited[key] = read
        return self._apply(read)

    # -- inside

    def _repeated(self, seen: Seen[V, W]) -> bool:
        token = (seen.key, seen.version)
        if token in self._passed:
            return True
        self._pass(token)
        return False

    def _pass(self, token: tuple[str, str]) -> None:
        self._passed[token] = None
        if len(self._passed) > _REMEMBERED:
            self._passed.popitem(last=False)

    def _take_own(self, seen: Seen[V, W]) -> Change[V] | None:
        self._awaited[seen.key] = seen
        if self._written is not None:
            self._written[seen.key] = seen
        return self._apply(seen)

    def _apply(self, seen: Seen[V, W]) -> Change[V] | None:
        key = seen.key
        self._halfway.pop(key, None)
        if (before := self._versions.get(key)) is not None and before != seen.version:
            self._replaced[key] = before
        self._versions[key] = seen.version
        if seen.view is None:
            self.views.pop(key, None)
        else:
            self.views[key] = seen.view
        known = self.known.get(key)
        if known == seen.value:
            return None
        if seen.value is None:
            del self.known[key]
        else:
            self.known[key] = seen.value
        return Change(key=key, value=seen.value)

    def _forget(self, key: str) -> Change[V] | None:
        for table in (self.views, self._versions, self._replaced, self._awaited, self._halfway):
            table.pop(key, None)
        return None if self.known.pop(key, None) is None else Change(key=key, value=None)
