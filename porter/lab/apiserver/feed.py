"""The recent changes of one kind: a bounded window that any number of watchers read, each with a cursor of its own.

An event is encoded once, whoever asks first, and the bytes are shared. A reader that falls behind the window is told
so; it never holds up a writer or another reader.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from porter.lab.apiserver.objects import Json, encode, metadata

EventType: TypeAlias = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One write: what the object was and what it is, at one revision. A deletion keeps the last state in `object`."""

    revision: int
    namespace: str
    name: str
    object: Json
    previous: Json | None
    deleted: bool
    encoded: dict[str, bytes] = field(default_factory=dict)

    def seen_as(self, event: EventType) -> Json:
        """The object that such an event carries: one that leaves a selector is shown as it last matched."""
        if event != "DELETED" or self.deleted or self.previous is None:
            return self.object
        return self.previous | {"metadata": metadata(self.previous) | {"resourceVersion": str(self.revision)}}

    def line(self, event: EventType) -> bytes:
        """The event as one line of a watch stream; encoded on the first call only."""
        if (done := self.encoded.get(event)) is None:
            done = self.encoded[event] = encode({"type": event, "object": self.seen_as(event)}) + b"\n"
        return done


class Feed:
    """The window of one kind's changes, oldest first."""

    def __init__(self, *, floor: int, window: int) -> None:
        self.floor = floor
        """Changes up to and including this revision are no longer here."""
        self._window = window
        self._changes: list[Change] = []
        self._dropped = 0  # how many changes have left the window: a cursor counts from the very first change
        self._news: asyncio.Future[None] | None = None
        self._scheduled = False

    def append(self, change: Change) -> None:
        """Add a change and wake the readers, once for all changes of the same turn of the loop."""
        self._changes.append(change)
        if len(self._changes) >= 2 * self._window:  # trimmed in halves, so that appending stays cheap
            self.floor = self._changes[self._window - 1].revision
            del self._changes[: self._window]
            self._dropped += self._window
        if self._news is not None and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._wake)

    def forget(self, revision: int) -> None:
        """Lose all history up to a revision, as a server does whose storage was compacted."""
        self.floor = revision
        self._dropped += len(self._changes)
        self._changes.clear()

    def cursor_after(self, revision: int) -> int:
        """The cursor of the first change later than a revision."""
        return self._dropped + bisect_right(self._changes, revision, key=lambda change: change.revision)

    def read(self, cursor: int, most: int = 512) -> list[Change] | None:
        """The changes from a cursor on, at most so many; None if the cursor has left the window."""
        if cursor < self._dropped:
            return None
        start = cursor - self._dropped
        return self._changes[start : start + most]

    def since(self, revision: int) -> list[Change]:
        """All changes later than a revision, which must not lie before the floor."""
        return self._changes[bisect_right(self._changes, revision, key=lambda change: change.revision) :]

    def news(self) -> asyncio.Future[None]:
        """A future that is done at the next change."""
        if self._news is None:
            self._news = asyncio.get_running_loop().create_future()
        return self._news

    def _wake(self) -> None:
        news, self._news, self._scheduled = self._news, None, False
        if news is not None and not news.done():
            news.set_result(None)
