"""A feed: who follows it sees every change once and in order, whatever happens in between."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Hashable, Sequence
from typing import Any

import pytest

from porter.lab.apiserver.changes import Change
from porter.lab.apiserver.feed import Feed
from porter.lab.apiserver.followers import Following, Narrow
from porter.lab.apiserver.ways import Alone, Place


class StoppedLoop(asyncio.SelectorEventLoop):
    """A loop whose clock goes only when it is told to."""

    now = 1000.0

    def time(self) -> float:
        return self.now


class Numbers:
    """A view that shows revisions, one byte each, and counts how often it is asked."""

    def __init__(self, key: Hashable = "all", *, of: str = "") -> None:
        self.key, self.of, self.asked = key, of, 0
        self.narrow: Narrow | None = None

    def shown(self, changes: Sequence[Change]) -> bytes:
        self.asked += 1
        return bytes(change.revision for change in changes if not self.of or change.namespace == self.of)


class Watcher:
    """Follows a feed as a watch does: by pushes, and by reading when it was not ready for one."""

    def __init__(self, feed: Feed, view: Numbers) -> None:
        self.feed, self.view, self.ready = feed, view, True
        self.seen: list[int] = []
        self.pushes: list[bytes] = []
        self.cursor = feed.cursor_after(0)
        self.following: Following | None = None
        self.go_on()

    def push(self, data: bytes) -> bool:
        if self.ready:
            self.seen += data
            self.pushes.append(data)
        return self.ready

    def go_on(self) -> None:
        """Read what there is, and follow."""
        while changes := self.feed.read(self.cursor, 3):
            self.cursor += len(changes)
            self.seen += self.view.shown(changes)
        self.following = self.feed.follow(self.view, Place(Alone(self.push)))

    def leave(self) -> None:
        if self.following is not None:
            self.cursor, self.following = self.feed.leave(self.following), None


def change(revision: int, *, namespace: str = "a", obj: Any = None, previous: Any = None, gone: bool = False) -> Change:
    return Change(revision=revision, namespace=namespace, name="x", object=obj or {}, previous=previous, deleted=gone)


async def turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def run(work: Any) -> None:
    loop = StoppedLoop()
    try:
        loop.run_until_complete(work(loop))
    finally:
        loop.close()


def test_what_is_written_in_one_turn_is_pushed_in_one_and_encoded_once() -> None:
    async def work(_: StoppedLoop) -> None:
        feed, view = Feed(floor=0, window=100), Numbers()
        watchers = [Watcher(feed, view) for _ in range(5)]
        before = view.asked
        for revision in (1, 2, 3):
            feed.append(change(revision))
        await turns()

        assert [one.pushes for one in watchers] == [[b"\1\2\3"]] * 5
        assert view.asked == before + 1

    run(work)


def test_who_looks_in_another_way_is_sent_other_bytes_or_none() -> None:
    async def work(_: StoppedLoop) -> None:
        feed = Feed(floor=0, window=100)
        everything, of_a, of_b = (Watcher(feed, Numbers(key, of=key)) for key in ("", "a", "b"))
        feed.append(change(1, namespace="a"))
        await turns()

        assert (everything.pushes, of_a.pushes, of_b.pushes) == ([b"\1"], [b"\1"], [])

    run(work)


def test_what_is_written_while_a_feed_rests_goes_in_one() -> None:
    async def work(loop: StoppedLoop) -> None:
        feed = Feed(floor=0, window=100)
        watchers = [Watcher(feed, Numbers()) for _ in range(20)]
        feed.append(change(1))
        await turns()
        feed.append(change(2))
        await turns()
        feed.append(change(3))
        await turns()
        assert watchers[0].pushes == [b"\1"]

        loop.now += 0.02
        await turns()
        assert [one.pushes for one in watchers] == [[b"\1", b"\2\3"]] * 20

    run(work)


def test_an_only_watcher_waits_for_nothing() -> None:
    async def work(_: StoppedLoop) -> None:
        feed = Feed(floor=0, window=100)
        watcher = Watcher(feed, Numbers())
        for revision in (1, 2):
            feed.append(change(revision))
            await turns()

        assert watcher.pushes == [b"\1", b"\2"]

    run(work)


def test_who_is_not_ready_reads_on_later_and_holds_up_nobody() -> None:
    async def work(loop: StoppedLoop) -> None:
        feed = Feed(floor=0, window=100)
        slow, quick = Watcher(feed, Numbers()), Watcher(feed, Numbers())
        for revision in range(1, 5):
            slow.ready = revision < 2
            feed.append(change(revision))
            loop.now += 1
            await turns()
        assert quick.seen == [1, 2, 3, 4]
        assert slow.seen == [1]
        assert slow.following is not None
        assert slow.following.behind.done()

        slow.leave()
        slow.ready = True
        slow.go_on()
        assert slow.seen == [1, 2, 3, 4]

    run(work)


class Broken(Numbers):
    """A view that cannot show one revision."""

    def shown(self, changes: Sequence[Change]) -> bytes:
        if any(change.revision == 2 for change in changes):
            raise KeyError("type")
        return super().shown(changes)


@pytest.mark.parametrize("by", ["a push of its own", "another that begins to follow"])
def test_a_view_that_fails_is_behind_and_takes_nothing_from_anybody(by: str) -> None:
    async def work(loop: StoppedLoop) -> None:
        feed = Feed(floor=0, window=100)
        before, broken, after = (Watcher(feed, one) for one in (Numbers("first"), Broken("broken"), Numbers("last")))
        for revision in (1, 2, 3):
            feed.append(change(revision))
            if by == "another that begins to follow" and revision == 2:
                feed.follow(Numbers("new"), Place(Alone(bytes.isascii)))
            loop.now += 1
            await turns()

        assert (before.seen, broken.seen, after.seen) == ([1, 2, 3], [1], [1, 2, 3])
        assert broken.following is not None
        assert broken.following.behind.done()
        assert [one.revision for one in feed.read(feed.leave(broken.following)) or ()] == [2, 3]

    run(work)


def test_who_falls_out_of_the_window_is_told_so() -> None:
    async def work(_: StoppedLoop) -> None:
        feed = Feed(floor=0, window=5)
        watcher = Watcher(feed, Numbers())
        for revision in range(1, 12):  # more than the window holds, in one turn
            feed.append(change(revision))
        await turns()

        assert watcher.seen == []
        assert watcher.following is not None
        assert watcher.following.behind.done()
        assert feed.read(feed.leave(watcher.following)) is None

    run(work)


@pytest.mark.parametrize("seed", range(30))
def test_everybody_sees_every_change_once_and_in_order(seed: int) -> None:
    chance = random.Random(seed)

    async def work(loop: StoppedLoop) -> None:
        feed, views = Feed(floor=0, window=1000), [Numbers("one"), Numbers("two")]
        watchers = [Watcher(feed, chance.choice(views)) for _ in range(4)]
        for revision in range(1, 120):
            feed.append(change(revision))
            one = chance.choice(watchers)
            match chance.randrange(6):
                case 0:
                    one.leave()
                case 1 if one.following is None or one.following.behind.done():
                    one.leave()
                    one.go_on()
                case 2:
                    one.ready = not one.ready
                case 3:
                    watchers.append(Watcher(feed, chance.choice(views)))
                case _:
                    loop.now += chance.choice((0, 0.0001, 0.01))
                    await asyncio.sleep(0)
        for one in watchers:
            one.leave()
            one.ready = True
            one.go_on()

        assert [one.seen for one in watchers] == [list(range(1, 120))] * len(watchers)

    run(work)


def test_what_happened_a_while_ago_is_read_as_it_was() -> None:
    chance = random.Random(1)
    objects: dict[str, Any] = {}
    made: list[Change] = []
    feed = Feed(floor=0, window=400)  # so that packed ones leave it, and some before they are packed
    for revision in range(1, 2800):
        name = f"x-{chance.randrange(20)}"
        previous, gone = objects.get(name), chance.random() < 0.2
        if gone and previous is None:
            continue
        obj = {"metadata": {"name": name, "resourceVersion": str(revision)}, "spec": {"n": [revision]}}
        made.append(Change(revision=revision, namespace="a", name=name, object=obj, previous=previous, deleted=gone))
        objects[name] = obj
        if gone:
            del objects[name]
        feed.append(made[-1])
        if revision == 900:
            feed.forget(revision)

    assert feed.floor > 1500
    kept = [one for one in made if one.revision > feed.floor]
    assert len(kept) > 600  # more than are at hand, so that some are packed
    assert feed.since(feed.floor) == kept
