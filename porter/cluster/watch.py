"""List and watch one kind, for ever: entries out whenever what the fold reads has changed, and only then.

It never acts on a part of a list, never takes silence for health, and never forgets what is known because the server
cannot be asked.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Generic, TypeVar

import msgspec

from porter.cluster.answers import line_of, page_of, version_of
from porter.cluster.backoff import Backoff, between
from porter.cluster.connection import Connection
from porter.cluster.errors import (
    ClusterError,
    GivenUpError,
    GoneError,
    NotFoundError,
    ThrottledError,
)
from porter.cluster.health import WatchHealth
from porter.cluster.mirror import Change, Mirror, Seen
from porter.cluster.resources import Kind
from porter.cluster.timeouts import end_now
from porter.cluster.timings import WatchTimings
from porter.events.entries import Observed, WatchClosed, WatchOpened

V = TypeVar("V")
W = TypeVar("W")

_LOG = logging.getLogger("porter.cluster")
_STALE = 3  # times the silence after which a watch is opened anew: then that has not helped
_MUTE = 1.8  # times it: a watch that ends then was not the first to tell nothing
_SHORTEST_ASKED = 0.5  # seconds, where the server asks to come back after none


class Watch(Generic[V, W]):
    """The list-watch loop of one kind. `emit` and `on_view` are called in its task and must not block."""

    def __init__(
        self,
        kind: Kind[V, W],
        *,
        connection: Connection,
        mirror: Mirror[V, W],
        emit: Callable[[Observed], None],
        clock: Callable[[], float],
        timings: WatchTimings | None = None,
        on_view: Callable[[str, W | None], None] | None = None,
        on_list: Callable[[], None] | None = None,
        on_trouble: Callable[[ClusterError], None] | None = None,
        on_well: Callable[[], None] | None = None,
    ) -> None:
        """`on_trouble` is called whenever an attempt fails, `on_well` when one succeeds after that."""
        self.kind = kind
        self.mirror = mirror
        self.synced = asyncio.Event()
        self._connection = connection
        self._emit = emit
        self._clock = clock
        self._timings = timings or WatchTimings()
        self._on_view = on_view or (lambda _key, _view: None)
        self._on_list = on_list or (lambda: None)
        self._on_trouble = on_trouble or (lambda _error: None)
        self._on_well = on_well or (lambda: None)
        self._backoff = Backoff(first=self._timings.first_wait, most=self._timings.longest_wait)
        self._version: str | None = None
        self._connected = False
        self._closed_at: float | None = None
        """When it was told that nobody follows it any more, until somebody does."""
        self._last_line: float | None = None
        self._watermark: float | None = None
        self._error: str | None = None
        self._lists = 0
        self._limit: asyncio.Timeout | None = None
        self._pause: asyncio.Timeout | None = None
        self._hurried = False

    @property
    def health(self) -> WatchHealth:
        """How the watch fares now."""
        return WatchHealth(
            resource=self.kind.resource,
            connected=self._connected,
            synced=self.synced.is_set(),
            watermark=self._watermark,
            error=self._error or self._stale(),
            objects=len(self.mirror.known),
            lists=self._lists,
        )

    async def run(self) -> None:
        """List and watch until cancelled."""
        while True:
            try:
                hung_up = False
                async with self._attempt():
                    if self._version is None:
                        await self._list()
                    else:
                        hung_up = await self._follow(self._version)
                if hung_up:
                    self._connected = False
                    await self._rest(self._backoff.next())
            except GoneError:
                self._version = None
                self._connected = False
                await self._rest(self._backoff.next())
            except ClusterError as error:
                await self._trouble(error)

    def observe(self, data: bytes) -> None:
        """Take in the answer to an own write as if it had been watched; never goes back in time."""
        found = self.identified(data)
        if found is not None and self.mirror.is_past(*found):
            return
        try:
            seen = self.kind.project(data)
        except msgspec.DecodeError:
            return  # the watch brings it
        before = self.mirror.views.get(seen.key)
        self._tell(seen.key, self.mirror.own(seen), before)

    def identified(self, data: bytes) -> tuple[str, str] | None:
        """Return the key and version of an object, where its kind has a quick way to them."""
        if self.kind.identify is None:
            return None
        try:
            return self.kind.identify(data)
        except msgspec.DecodeError:
            return None

    async def take_answer(self, data: bytes, *, path: str, lists: int) -> None:
        """Take in the answer to an own write of the object at a path, sent when so many lists had been taken in.

        One that comes after a newer list may be older than that, and no watch would bring what is newer: then the
        object is read again. Raises ClusterError.
        """
        if self.mirror.lists == lists:
            self.observe(data)
        else:
            await self.read_again(path)

    async def read_again(self, path: str) -> bool:
        """Take in an object as it is now; tell whether it is there. Raises ClusterError."""
        while True:
            lists = self.mirror.lists
            try:
                data = await self._connection.request("GET", path)
            except NotFoundError:
                return False
            if self.mirror.lists == lists:
                self.observe(data)
                return True

    def halfway(self, data: bytes, key: str, *, made_for: str, version: str) -> None:
        """Pass by the answer to an own write, after which another one follows at once.

        The answer to that one is given to `take_answer`; in any case `turn_back` comes next.
        """
        if self.mirror.is_listing:
            self.observe(data)
        else:
            self.mirror.halfway(key, made_for=made_for, version=version)

    def turn_back(self, data: bytes, key: str) -> None:
        """Take in what was passed by in `halfway`, unless something later is known: the other write has failed."""
        if not self.mirror.is_halfway(key):
            return
        seen = self._read(data)
        if seen is not None:
            before = self.mirror.views.get(seen.key)
            self._tell(seen.key, self.mirror.turn_back(seen), before)

    def doubt(self, silent_for: float) -> None:
        """Open the watch anew if nothing was heard for so many seconds: another one found the connection dead."""
        quiet = self._last_line is not None and self._clock() - self._last_line > silent_for
        if self._connected and quiet:
            end_now(self._limit)

    def retry(self, *, quiet_since: float | None = None) -> None:
        """Try now what waits or has not been answered yet; the server is there again, or may be.

        With `quiet_since`, a watch that has heard nothing since then is opened anew as well: it may be dead.
        """
        quiet = quiet_since is not None and (self._last_line is None or self._last_line < quiet_since)
        if self._pause is not None:
            end_now(self._pause)
        elif self._limit is not None and (quiet or self._error is not None):
            self._hurried = True
            end_now(self._limit)

    # -- the two halves of the loop

    async def _list(self) -> None:
        self.mirror.list_begins()
        seen: list[Seen[V, W]] = []
        token: str | None = None
        while True:
            query = {"limit": str(self._timings.page)} | ({"continue": token} if token else {})
            data = await self._connection.request("GET", self.kind.path, query=query, timeout=60.0)
            page = page_of(data, self.kind.resource)
            seen.extend(one for item in page.items or () if (one := self._read(bytes(item))) is not None)
            self._heard()
            token = page.metadata.continue_
            if not token:
                break
            await asyncio.sleep(0)
        found = self.mirror.take_list(seen)
        if found or not self.synced.is_set():
            self._emit(self.kind.relisted(found.total, found.changed, found.gone))
        versions = {one.key: one.version for one in seen}
        for key in found.doubtful:
            await self._settle(key, versions.get(key))
        for one in seen:
            self._on_view(one.key, self.mirror.views.get(one.key))
        for key in found.gone:
            self._on_view(key, self.mirror.views.get(key))
        self._version = page.metadata.resource_version
        self._lists += 1
        self._watermark = self._clock()
        self._well()
        self.synced.set()
        self._on_list()

    async def _follow(self, version: str) -> bool:
        """Watch until the server ends it or something goes wrong; `_version` moves on with every line.

        Returns whether the server hung up at once, without a word. No server has to send bookmarks: of a kind of which
        nothing is told, watch after watch, a list comes next, since only that shows that nothing has changed.
        """
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(max(1, round(between(*self._timings.server)))),
        }
        started = self._clock()
        heard, taken = 0, False
        lines = self._connection.stream_lines(self.kind.path, query, self._timings.silence)
        try:
            async with aclosing(lines):
                async for line in lines:
                    taken = True
                    self._heard()
                    self._well()
                    if line:
                        heard += 1
                        self._line(line)
                        self._watermark = self._clock()
                        self._backoff.reset()
        finally:
            if taken and self._age() > _MUTE * self._timings.silence:
                self._version = None
        return not heard and self._clock() - started < self._timings.first_wait

    def _line(self, data: bytes) -> None:
        line = line_of(data, self.kind.resource)
        if line.type == "BOOKMARK":
            self._version = version_of(line.object, self.kind.resource)
            return
        if line.type != "DELETED" and self._passed_by(line.object):
            return
        seen = self._read(bytes(line.object))
        if seen is None:
            return
        self._version = seen.version
        before = self.mirror.views.get(seen.key)
        change = self.mirror.drop(seen) if line.type == "DELETED" else self.mirror.take(seen)
        self._tell(seen.key, change, before)

    def _passed_by(self, data: msgspec.Raw) -> bool:
        """Take in a state that changes nothing, as the echo of an own write; False where more must be read of it."""
        found = self.identified(bytes(data)) if self.mirror.is_awaiting else None
        if found is None or not self.mirror.passes_by(*found):
            return False
        _, self._version = found
        return True

    # -- small parts

    def _tell(self, key: str, change: Change[V] | None, before: W | None) -> None:
        """Tell what is new: of the value, and of the view. What was taken in already, an own write's echo, is not."""
        if change is not None:
            self._emit(self.kind.gone(key) if change.value is None else self.kind.observed(change.value))
        view = self.mirror.views.get(key)
        if view is not before:
            self._on_view(key, view)

    async def _settle(self, key: str, listed: str | None) -> None:
        try:
            read = self._read(await self._connection.request("GET", self.kind.locate(key)))
        except NotFoundError:
            read = None
        before = self.mirror.views.get(key)
        self._tell(key, self.mirror.settle(key, read=read, listed=listed), before)

    def _read(self, data: bytes) -> Seen[V, W] | None:
        try:
            return self.kind.project(data)
        except msgspec.DecodeError as error:  # one object that nobody can read must not hold up all others
            _LOG.warning("an object of %s cannot be read and is passed over: %s", self.kind.resource, error)
            return None

    def _stale(self) -> str | None:
        """Say that nothing is told although all seems well; a real server sends a bookmark about every minute."""
        longest = _STALE * self._timings.silence
        if self._age() <= longest:
            return None
        return f"no event and no bookmark came for more than {longest:g} s, although the API server takes the watch"

    def _age(self) -> float:
        """How long ago anything was told; nothing before the first list."""
        return 0.0 if self._watermark is None else self._clock() - self._watermark

    def _heard(self) -> None:
        self._last_line = self._clock()

    def _well(self) -> None:
        was, self._error = self._error, None
        self._connected = True
        if self._closed_at is not None:
            seconds = round(self._clock() - self._closed_at, 3)
            self._closed_at = None
            self._emit(WatchOpened(resource=self.kind.resource, seconds=seconds))
        if was is not None:
            _LOG.debug("%s are followed again", self.kind.resource)
            self._on_well()

    async def _trouble(self, error: ClusterError) -> None:
        doubted = self._connected and isinstance(error, GivenUpError)
        self._connected = False
        sentence = f"{self.kind.missing} ({error})" if isinstance(error, NotFoundError) else str(error)
        if sentence != self._error:
            _LOG.debug("%s cannot be followed: %s", self.kind.resource, sentence)
        self._error = sentence
        if self.synced.is_set() and self._closed_at is None and not doubted:  # it is told if nobody follows it again
            self._closed_at = self._clock()
            self._emit(WatchClosed(resource=self.kind.resource, problem=sentence))
        self._on_trouble(error)
        if isinstance(error, ThrottledError):  # the server sets the pace
            asked = max(error.retry_after, _SHORTEST_ASKED)
            await self._rest(between(asked, 1.5 * asked))
        else:
            await self._rest(self._backoff.next())

    @asynccontextmanager
    async def _attempt(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(None) as self._limit:
                yield
        except TimeoutError:
            raise GivenUpError("the connection was given up: the API server could not be heard for a while") from None
        finally:
            self._limit = None

    async def _rest(self, wait: float) -> None:
        if self._hurried:
            self._hurried = False
            return
        try:
            async with asyncio.timeout(wait) as self._pause:
                await asyncio.Event().wait()
        except TimeoutError:
            pass
        finally:
            self._pause = None
