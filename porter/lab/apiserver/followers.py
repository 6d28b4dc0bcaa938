"""Who follows a feed, found by what they can see: of hundreds that watch one object each, only its own are asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from porter.lab.apiserver.changes import Change
from porter.lab.apiserver.objects import field_of
from porter.lab.apiserver.ways import Place, Way


class Narrow(NamedTuple):
    """A field that an object has, as it was or as it is, whose change is seen."""

    path: str
    value: str


class View(Protocol):
    """How a watcher looks at changes."""

    @property
    def key(self) -> Hashable:
        """The same for all that see the same bytes."""

    @property
    def narrow(self) -> Narrow | None:
        """What all that is seen has in common, if there is such a thing. It is the same where `key` is."""

    def shown(self, changes: Sequence[Change]) -> bytes:
        """What is sent of some changes; empty when none of them is seen."""


@dataclass(kw_only=True, slots=True, eq=False)
class Following:
    """A watcher that is pushed to. `behind` is done when it can no longer be."""

    view: View
    place: Place
    behind: asyncio.Future[None]
    cursor: int | None = None  # of the first change that was not pushed, once it is behind


class Alike:
    """Those who see the same bytes."""

    def __init__(self) -> None:
        self._by_way: dict[Way, dict[int, Following]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_way.values()))

    def __iter__(self) -> Iterator[Following]:
        return (one for ones in self._by_way.values() for one in ones.values())

    @property
    def view(self) -> View:
        """How they look at changes."""
        return next(iter(self)).view

    def add(self, one: Following) -> None:
        """Have one more."""
        ones = self._by_way.setdefault(one.place.way, {})
        assert one.place.number not in ones, "a connection has one watch at a time"
        ones[one.place.number] = one

    def remove(self, one: Following) -> None:
        """Have one less."""
        way, number = one.place
        del self._by_way[way][number]
        if not self._by_way[way]:
            del self._by_way[way]

    def push(self, data: bytes) -> list[Following]:
        """Send bytes to all at once; those who cannot take them now, and got nothing."""
        return [ones[number] for way, ones in self._by_way.items() for number in way.push(ones.keys(), data)]


_NOBODY: Mapping[Hashable, Alike] = {}


class Followers:
    """All who follow one feed, those together that see the same bytes."""

    def __init__(self) -> None:
        self._views: dict[Narrow | None, dict[Hashable, Alike]] = {}
        self._paths = Counter[str]()  # how many look at each field

    def __bool__(self) -> bool:
        return bool(self._views)

    def __iter__(self) -> Iterator[Following]:
        return (one for alike in self.all() for one in alike)

    def add(self, following: Following) -> None:
        """Have one more."""
        view, narrow = following.view, following.view.narrow
        self._views.setdefault(narrow, {}).setdefault(view.key, Alike()).add(following)
        if narrow is not None:
            self._paths[narrow.path] += 1

    def remove(self, following: Following) -> None:
        """Have one less."""
        view, narrow = following.view, following.view.narrow
        self._views[narrow][view.key].remove(following)
        if not self._views[narrow][view.key]:
            del self._views[narrow][view.key]
        if not self._views[narrow]:
            del self._views[narrow]
        if narrow is not None:
            self._paths -= Counter({narrow.path: 1})  # a path that nobody looks at is gone with it

    def all(self) -> list[Alike]:
        """All, those together that see the same bytes."""
        return [alike for views in self._views.values() for alike in views.values()]

    def of(self, changes: Sequence[Change]) -> list[Alike]:
        """Those who may see something of these changes."""
        found = list(self._views.get(None, _NOBODY).values())
        for path in self._paths:
            for value in {value for change in changes for value in _values(change, path)}:
                found += self._views.get(Narrow(path, value), _NOBODY).values()
        return found


def _values(change: Change, path: str) -> Iterator[str]:
    yield field_of(change.object, path)
    if change.previous is not None:
        yield field_of(change.previous, path)
