"""Watch streams: what was, then every change, as lines of JSON, until the time is up. It never holds up a writer."""

from __future__ import annotations

import asyncio
import operator
import random
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, NamedTuple

from porter.lab.apiserver.asking import PARTIAL, PLAIN, TABLE, ListOptions, revision
from porter.lab.apiserver.changes import Change, EventType
from porter.lab.apiserver.errors import Refusal, expired, too_large_version
from porter.lab.apiserver.feed import Feed
from porter.lab.apiserver.followers import Narrow
from porter.lab.apiserver.kinds import Kind
from porter.lab.apiserver.objects import Clock, Json, encode
from porter.lab.apiserver.store import Store
from porter.lab.apiserver.streaming import Sink
from porter.lab.apiserver.tables import partial, table
from porter.lab.apiserver.ways import Alone, Place

LONGEST = timedelta(minutes=30)  # a real server ends a watch by itself after 30 to 60 minutes
BOOKMARK_BEFORE_END = 2.0  # seconds: k8s.io/apiserver's watch cache sends one this long before the end
_BATCH = 64 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """What one watch sees of the changes of its kind: which of them, and in which form."""

    kind: Kind
    namespace: str
    options: ListOptions
    form: str
    now: Clock
    after: int
    """Changes up to this revision are not seen."""
    headers: bool = False
    """Whether Tables say what their columns are: in the first event of a watch only."""

    @property
    def key(self) -> Hashable:
        """The same for all that see the same bytes."""
        options = self.options
        return (self.kind.api_version, self.namespace, options.selection, self.form, options.include, self.after)

    @property
    def narrow(self) -> Narrow | None:
        """The one node, name or namespace that it is about, say."""
        if self.options.exact:
            return Narrow(*self.options.exact[0])
        return Narrow("metadata.namespace", self.namespace) if self.namespace else None

    def shown(self, changes: Sequence[Change]) -> bytes:
        """The lines of some changes; empty when none of them is seen."""
        return b"".join(self._lines(changes))

    def line(self, event: str, obj: Json) -> bytes:
        """One event as a line of the stream."""
        obj = self.kind.shown(obj)
        if self.form == TABLE:
            obj = table(self.kind, [obj], {}, self.now(), self.options.include, headers=self.headers)
        elif self.form == PARTIAL:
            obj = partial(obj)
        return encode({"type": event, "object": obj}) + b"\n"

    def _lines(self, changes: Sequence[Change]) -> Iterator[bytes]:
        for change in changes:
            if change.revision <= self.after or (self.namespace and change.namespace != self.namespace):
                continue
            event = self._event(change)
            if event is None:
                continue
            shared = self.form == PLAIN and self.kind.shown(change.object) is change.object
            yield change.line(event) if shared else self.line(event, change.seen_as(event))

    def _event(self, change: Change) -> EventType | None:
        selector = self.options.selector
        was = change.previous is not None and (selector is None or selector(change.previous))
        now = not change.deleted and (selector is None or selector(change.object))
        match was, now:
            case False, True:
                return "ADDED"
            case True, True:
                return "MODIFIED"
            case True, False:
                return "DELETED"
            case _:
                return None


class _Read(NamedTuple):
    """The lines of some changes, and the cursor of the change after them."""

    data: bytes
    cursor: int


def _nowhere() -> Place:
    """Where nothing that is sent is taken: it is written instead."""
    return Place(Alone(operator.not_))


class Watch:
    """One client's watch of one kind."""

    def __init__(
        self, store: Store, kind: Kind, *, namespace: str, options: ListOptions, form: str, now: Clock
    ) -> None:
        self._store, self._kind, self._namespace = store, kind, namespace
        self._options, self._form, self._now = options, form, now
        self._has_headers = form != TABLE  # sent already, or never wanted
        self._asked = revision(options.revision)  # refused here, before the stream has begun

    async def run(self, sink: Sink, *, bookmark_every: float, stopping: asyncio.Event) -> None:
        """Write the stream; returns when its time is up, the server stops or the client has fallen too far behind."""
        feed = self._store.feed(self._kind.resource)
        start = self._asked
        if (refusal := self._refusal(feed.floor)) is not None:
            await sink.write(self._error(refusal))
            return
        ends = feed.ends
        if self._options.initial or (not start and self._options.initial is None):
            start = self._store.revision
            await self._initial(sink, start)
        elif not start:
            start = self._store.revision
        view = self._view(after=start if start > self._store.revision else 0)
        cursor = feed.cursor_after(start)
        loop = asyncio.get_running_loop()
        end = loop.time() + (self._options.timeout or LONGEST * (1 + random.random())).total_seconds()
        bookmark = self._next_bookmark(loop.time(), end, bookmark_every)
        stopped: asyncio.Future[Any] = asyncio.ensure_future(stopping.wait())
        try:
            while (left := end - loop.time()) > 0 and not stopping.is_set():
                read = self._read(feed, view, cursor)
                if read is None:
                    await sink.write(self._error(expired("too old resource version: the watch fell behind")))
                    return
                if cursor != read.cursor:
                    cursor = read.cursor
                    if read.data:
                        await sink.write(read.data)
                    continue
                if feed.ends != ends:
                    return
                if loop.time() >= bookmark:
                    bookmark = self._next_bookmark(loop.time(), end, bookmark_every)
                    await sink.write(self._bookmark(self._store.revision, {}))
                    continue  # what was written meanwhile comes first
                following = feed.follow(view, sink.place() if self._has_headers else _nowhere())
                try:
                    wait = min(left, max(0.0, bookmark - loop.time()))
                    await asyncio.wait({following.behind, stopped}, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    cursor = feed.leave(following)
        finally:
            stopped.cancel()

    def _refusal(self, floor: int) -> Refusal | None:
        """Why no watch can begin where it was asked to, which is told in the stream."""
        if self._options.initial:
            newest = self._store.revision
            return too_large_version(self._asked, newest) if self._asked > newest else None
        too_old = self._asked and self._asked < floor
        return expired(f"too old resource version: {self._asked} ({floor})") if too_old else None

    def _read(self, feed: Feed, view: View, cursor: int) -> _Read | None:
        """What comes next, change by change until it is a batch: a client may be slow, and objects large."""
        parts, size = list[bytes](), 0
        while size < _BATCH:
            changes = feed.read(cursor, 1)
            if changes is None:
                return None
            if not changes:
                break
            parts.append(self._in_turn(view).shown(changes))
            self._has_headers |= bool(parts[-1])
            cursor, size = cursor + 1, size + len(parts[-1])
        return _Read(b"".join(parts), cursor)

    def _in_turn(self, view: View) -> View:
        return view if self._has_headers else replace(view, headers=True)

    def _view(self, *, after: int = 0) -> View:
        return View(
            kind=self._kind,
            namespace=self._namespace,
            options=self._options,
            form=self._form,
            now=self._now,
            after=after,
        )

    def _next_bookmark(self, now: float, end: float, every: float) -> float:
        if not self._options.bookmarks:
            return float("inf")
        last = end - BOOKMARK_BEFORE_END
        following = now + every
        if following < last:
            return following
        return last if last > now + BOOKMARK_BEFORE_END else float("inf")

    async def _initial(self, sink: Sink, at: int) -> None:
        view = self._view()
        parts, size = list[bytes](), 0
        for obj in self._store.all(self._kind.resource, self._namespace):
            if self._options.selector is not None and not self._options.selector(obj):
                continue
            parts.append(self._in_turn(view).line("ADDED", obj))
            self._has_headers = True
            size += len(parts[-1])
            if size > _BATCH:
                await sink.write(b"".join(parts))
                parts, size = [], 0
        if self._options.initial and self._options.bookmarks:
            parts.append(self._bookmark(at, {"k8s.io/initial-events-end": "true"}))
        if parts:
            await sink.write(b"".join(parts))

    def _bookmark(self, at: int, annotations: dict[str, str]) -> bytes:
        about: Json = {"resourceVersion": str(at)}
        if annotations:
            about["annotations"] = annotations
        obj = {"kind": self._kind.name, "apiVersion": self._kind.api_version, "metadata": about}
        return encode({"type": "BOOKMARK", "object": obj}) + b"\n"

    def _error(self, refusal: Refusal) -> bytes:
        return encode({"type": "ERROR", "object": refusal.status()}) + b"\n"
