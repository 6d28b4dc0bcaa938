"""The recent changes of one kind: a bounded window that any number of watchers read, each with a cursor of its own.

A watcher that has read everything follows: what is written in one turn of the loop is then pushed to it at once, and
encoded once for all that look at the kind in the same way. One that cannot take it reads on from its cursor, at its own
pace; one that falls behind the window is told so. Nobody holds up a writer or another reader.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Sequence

from porter.lab.apiserver.changes import Change, Packed
from porter.lab.apiserver.followers import Followers, Following, View
from porter.lab.apiserver.objects import Json, encode
from porter.lab.apiserver.ways import Place

_AT_HAND = 512  # changes of each kind that are kept as they are
_REST_EACH, _LONGEST_REST = 80e-6, 0.01
"""Seconds of rest after a push, for each watcher but one that was pushed to. To send to one costs a quarter of that,
however much is sent: what is written during the rest goes in one. So many watchers cost little, who watches alone waits
for nothing, and neither does anybody for the first write after a rest.
"""


class Feed:
    """The window of one kind's changes, oldest first."""

    def __init__(self, *, floor: int, window: int) -> None:
        self.floor = floor
        """Changes up to and including this revision are no longer here."""
        self.ends = 0
        """How often all watches were to end."""
        self._window = window
        self._changes: list[Change | Packed] = []
        self._last_packed: dict[tuple[str, str], tuple[Json, bytes]] = {}  # an object's next change has it as previous
        self._dropped = 0  # how many changes have left the window: a cursor counts from the very first change
        self._pushed = 0  # the cursor of the first change that was not yet pushed to those who follow
        self._followers = Followers()
        self._scheduled = False
        self._rests_until = 0.0  # by the loop's clock

    def append(self, change: Change) -> None:
        """Add a change, and push it to who follows: soon, and together with others of the same turn of the loop."""
        self._changes.append(change)
        if len(self._changes) > _AT_HAND and isinstance(aged := self._changes[-1 - _AT_HAND], Change):
            self._changes[-1 - _AT_HAND] = self._packed(aged)
        if len(self._changes) >= 2 * self._window:  # trimmed in halves, so that appending stays cheap
            self.floor = self._changes[self._window - 1].revision
            del self._changes[: self._window]
            self._dropped += self._window
        if self._followers and not self._scheduled:
            self._scheduled = True
            loop = asyncio.get_running_loop()
            if self._rests_until > loop.time():
                loop.call_at(self._rests_until, self._push)
            else:
                loop.call_soon(self._push)

    @property
    def newest(self) -> Change | None:
        """The last change that is here."""
        return None if not self._changes or isinstance(last := self._changes[-1], Packed) else last

    def forget(self, revision: int) -> None:
        """Lose all history up to a revision, as a server does whose storage was compacted."""
        self.floor = revision
        self._dropped += len(self._changes)
        self._changes.clear()
        self._last_packed.clear()

    def end(self) -> None:
        """End every watch once it has sent what there is: the kind is served no more."""
        self.ends += 1
        for one in self._followers:
            if not one.behind.done():
                one.behind.set_result(None)

    def cursor_after(self, revision: int) -> int:
        """The cursor of the first change later than a revision."""
        return self._dropped + self._first_after(revision)

    def read(self, cursor: int, most: int = 512) -> list[Change] | None:
        """The changes from a cursor on, at most so many; None if the cursor has left the window."""
        if cursor < self._dropped:
            return None
        start = cursor - self._dropped
        return _unpacked(self._changes[start : start + most])

    def since(self, revision: int) -> list[Change]:
        """All changes later than a revision, which must not lie before the floor."""
        return _unpacked(self._changes[self._first_after(revision) :])

    def _first_after(self, revision: int) -> int:
        return bisect_right(self._changes, revision, key=lambda change: change.revision)

    def follow(self, view: View, place: Place) -> Following:
        """Have every later change pushed. For a watcher that has read all there is, in this very turn of the loop."""
        self._push()
        found = Following(view=view, place=place, behind=asyncio.get_running_loop().create_future())
        self._followers.add(found)
        return found

    def leave(self, following: Following) -> int:
        """Push to it no more; the cursor from which to read on."""
        if following.cursor is None:
            following.cursor = self._pushed
            self._followers.remove(following)
        return following.cursor

    def _packed(self, change: Change) -> Packed:
        place = (change.namespace, change.name)
        known, before = self._last_packed.pop(place, (None, b""))
        packed = Packed(
            revision=change.revision,
            namespace=change.namespace,
            name=change.name,
            deleted=change.deleted,
            object=change.raw,
            previous=before if known is not None and known is change.previous else encode(change.previous),
        )
        if not change.deleted:
            self._last_packed[place] = (change.object, packed.object)
        return packed

    def _push(self) -> None:
        """Push what has come since the last time; who cannot take it is behind."""
        self._scheduled = False
        cursor, self._pushed = self._pushed, self._dropped + len(self._changes)
        if not self._followers or cursor == self._pushed:
            return
        changes = self.read(cursor, self._pushed - cursor)
        pushed, left = 0, list[Following]()
        for alike in self._followers.all() if changes is None else self._followers.of(changes):
            try:
                data = None if changes is None else alike.view.shown(changes)
            except Exception:  # noqa: BLE001  # who looks in this way meets it when it reads on, and nobody else does
                data = None
            if data == b"":
                continue
            left += alike if data is None else alike.push(data)
            pushed += len(alike)
        for one in left:
            self._followers.remove(one)
            one.cursor = cursor
            if not one.behind.done():
                one.behind.set_result(None)
        self._rests_until = asyncio.get_running_loop().time() + min((pushed - 1) * _REST_EACH, _LONGEST_REST)


def _unpacked(changes: Sequence[Change | Packed]) -> list[Change]:
    return [one if isinstance(one, Change) else one.unpacked() for one in changes]
