"""A server whose connections another process holds: the same to its clients, and told once what is for many."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from porter.lab.apiserver import ApiServer
from porter.lab.apiserver.frames import (
    CAME,
    CLOSED,
    LOST,
    OPENED,
    READ,
    SENT,
    SENT_TO_MANY,
    UNREAD,
    Frame,
    Frames,
    framed,
    sent,
)
from porter.lab.apiserver.front import Front
from porter.lab.apiserver.holding import serve
from tests.lab.apiserver.conftest import Running
from tests.lab.apiserver.test_watch import CONFIG_MAPS, harms_nobody, version
from tests.loop import Loop

_number = st.integers(0, 2**32 - 1)
_frame = st.builds(Frame, st.integers(0, 255), _number, st.binary(max_size=40))


@given(frames=st.lists(_frame, max_size=6), cuts=st.lists(st.integers(0, 300), max_size=6))
def test_frames_are_the_same_in_whatever_pieces_they_come(frames: list[Frame], cuts: list[int]) -> None:
    stream = b"".join(framed(*frame) for frame in frames)
    ends = [*sorted(min(cut, len(stream)) for cut in cuts), len(stream)]

    reader = Frames()
    found = [frame for start, end in pairwise([0, *ends]) for frame in reader.of(stream[start:end])]

    assert found == frames


@given(numbers=st.lists(_number, min_size=1, max_size=20), size=st.sampled_from((1, 1000, 256 * 1024, 600_000)))
def test_bytes_for_many_are_told_once_and_much_in_several_frames(numbers: list[int], size: int) -> None:
    data = (bytes(range(256)) * (size // 256 + 1))[:size]

    found = list(Frames().of(b"".join(sent(numbers, data))))

    assert [addressed(frame)[0] for frame in found] == [numbers] * len(found)
    assert b"".join(addressed(frame)[1] for frame in found) == data
    assert len(found) == -(-size // (256 * 1024))


def addressed(frame: Frame) -> tuple[list[int], bytes]:
    """To whom bytes are sent, and the bytes."""
    if frame.what == SENT:
        return [frame.number], frame.data
    assert frame.what == SENT_TO_MANY
    return list(frame.parts()[0]), frame.parts()[1]


@contextmanager
def front(made_of: Callable[[socket.socket], Front] = Front) -> Iterator[Front]:
    """A front, whose other side runs in a thread."""
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=serve, args=(theirs,))
    thread.start()
    made = made_of(ours)
    yield made
    made.end()
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def fronted(start: Callable[[ApiServer], Running]) -> Iterator[Running]:
    with front() as made:
        running = start(ApiServer(tls=False, front=made))
        yield running
        running.stop()


class Process(threading.Thread):
    """What is at the front's other end, as a test plays it."""

    def __init__(self, control: socket.socket) -> None:
        super().__init__()
        self.control, self.told, self._frames = control, list[Frame](), Frames()

    def run(self) -> None:
        _, descriptors, _, _ = socket.recv_fds(self.control, 1000, 8)
        for one in descriptors:
            socket.close(one)
        self.control.sendall(framed(OPENED, 0))
        while data := self.control.recv(65536):
            self.told += self._frames.of(data)
        self.control.close()


class Noting(asyncio.Protocol):
    """A protocol that notes what happens to it."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.seen.append(data.decode())

    def pause_writing(self) -> None:
        self.seen.append("pause")

    def resume_writing(self) -> None:
        self.seen.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        assert exc is None
        self.seen.append("lost")


def played(work: Callable[[Front, list[Noting]], None]) -> list[Frame]:
    """Do something in the loop of a front that has no process; what the process would have been told."""

    async def run() -> list[Frame]:
        ours, theirs = socket.socketpair()
        process, protocols = Process(theirs), list[Noting]()
        process.start()

        def made() -> Noting:
            protocols.append(Noting())
            return protocols[-1]

        one = Front(ours)
        await one.listen([], None, made)
        work(one, protocols)
        await one.close()
        process.join(5)
        one.end()
        return process.told

    return asyncio.run(run())


def test_what_is_pushed_to_several_is_told_once_and_in_its_place() -> None:
    def work(one: Front, protocols: list[Noting]) -> None:
        one.data_received(framed(OPENED, 1) + framed(OPENED, 2) + framed(OPENED, 3))
        first, _, third = (protocol.transport for protocol in protocols)
        first.write(b"to one")
        assert list(one.push([1, 2], b"to many")) == []
        first.write(b"to one again")
        assert list(one.push([3], b"to a third")) == []
        third.close()
        third.write(b"too late")

    told = played(work)

    assert [addressed(frame) for frame in told[:4]] == [
        ([1], b"to one"),
        ([1, 2], b"to many"),
        ([1], b"to one again"),
        ([3], b"to a third"),
    ]
    assert told[4:] == [Frame(CLOSED, 3, b"")]


def test_who_cannot_take_a_push_is_told_of_and_gets_nothing_and_all_others_get_it() -> None:
    def work(one: Front, protocols: list[Noting]) -> None:
        one.data_received(b"".join(framed(OPENED, number) for number in range(1, 7)))
        one.data_received(framed(UNREAD, 1) + framed(UNREAD, 2) + framed(READ, 2) + framed(LOST, 3))
        protocols[3].transport.close()
        protocols[4].transport.abort()
        assert sorted(one.push([1, 2, 3, 4, 5, 6], b"news")) == [1, 3, 4, 5]
        one.pause_writing()
        assert sorted(one.push([2, 6], b"more")) == [2, 6]
        one.resume_writing()
        assert sorted(one.push([1, 2], b"again")) == [1]
        one.data_received(framed(READ, 1) + framed(READ, 4))
        assert sorted(one.push([1, 4], b"at last")) == [4]

    told = [addressed(frame) for frame in played(work) if frame.what in {SENT, SENT_TO_MANY}]

    assert told == [([2, 6], b"news"), ([2], b"again"), ([1], b"at last")]


def test_what_happens_to_a_connection_happens_to_its_protocol() -> None:
    noted: list[Noting] = []

    def work(one: Front, protocols: list[Noting]) -> None:
        one.data_received(framed(OPENED, 1) + framed(OPENED, 2) + framed(CAME, 1, b"a"))
        one.data_received(framed(UNREAD, 1) + framed(READ, 1) + framed(LOST, 1) + framed(CAME, 1, b"never"))
        protocols[1].transport.close()
        one.data_received(framed(CAME, 2, b"after it was closed"))
        noted.extend(protocols)

    played(work)

    assert [one.seen for one in noted] == [["a", "pause", "resume", "lost"], ["lost"]]  # the second with the process


def test_nobody_writes_while_the_process_takes_nothing_or_the_client_does_not_read() -> None:
    noted: list[Noting] = []

    def work(one: Front, protocols: list[Noting]) -> None:
        one.data_received(framed(OPENED, 1))
        one.pause_writing()
        one.data_received(framed(UNREAD, 1) + framed(OPENED, 2))
        one.resume_writing()
        one.data_received(framed(READ, 1))
        noted.extend(protocols)

    played(work)

    assert [one.seen for one in noted] == [["pause", "resume", "lost"], ["pause", "resume", "lost"]]


def test_many_watches_of_the_same_are_pushed_to_in_one_call(start: Callable[[ApiServer], Running]) -> None:
    pushed: list[int] = []

    class Noted(Front):
        def push(self, numbers: Collection[int], data: bytes) -> Collection[int]:
            pushed.append(len(numbers))
            return super().push(numbers, data)

    with front(Noted) as made:
        running = start(ApiServer(tls=False, front=made))
        since = version(running.client)
        asked = f"{CONFIG_MAPS}?watch=1&resourceVersion={since}"
        with ExitStack() as open_:
            watches = [open_.enter_context(running.client.request("GET", asked)) for _ in range(5)]
            for name in ("a", "b"):  # the first may come before all of them follow
                running.client.post(CONFIG_MAPS, {"metadata": {"name": name}})
                found = [json.loads(one.readline())["object"]["metadata"]["name"] for one in watches]
                assert found == [name] * 5
        running.stop()
    assert pushed[-1] == 5


def test_much_goes_in_and_out(fronted: Running) -> None:
    client = fronted.client
    data = {f"k-{number}": "x" * 300_000 for number in range(3)}
    client.post(CONFIG_MAPS, {"metadata": {"name": "a"}, "data": data})

    assert client.get(f"{CONFIG_MAPS}/a")["data"] == data
    refused = client.ask("POST", CONFIG_MAPS, {"metadata": {"name": "b"}, "data": {"k": "x" * 4_000_000}})
    assert refused.status == 413


def test_stopping_ends_what_is_open_at_once(fronted: Running) -> None:
    since = version(fronted.client)
    with (
        fronted.client.request("GET", f"{CONFIG_MAPS}?watch=1&resourceVersion={since}") as watch,
        fronted.client.connection() as idle,
    ):
        fronted.client.post(CONFIG_MAPS, {"metadata": {"name": "a"}})
        assert json.loads(watch.readline())["object"]["metadata"]["name"] == "a"
        fronted.stop()

        assert watch.read() == b""
        idle.settimeout(5)
        assert idle.recv(1) == b""


def test_a_watcher_that_does_not_read_harms_nobody_here_either(start: Callable[[ApiServer], Running]) -> None:
    with front() as made:
        running = start(ApiServer(tls=False, history=10, front=made))
        harms_nobody(running.client)
        running.stop()


def test_a_protocol_that_fails_costs_its_own_connection_alone(loop: Loop) -> None:
    class Failing(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport: Any = transport

        def data_received(self, data: bytes) -> None:
            if data == b"bad":
                raise ValueError("bad")
            self.transport.write(data)

    faults: list[Any] = []
    loop.loop.set_exception_handler(lambda _, context: faults.append(context["exception"]))
    listening = socket.create_server(("127.0.0.1", 0))
    where = listening.getsockname()
    with front() as made:
        loop.run(made.listen([listening], None, Failing))
        with socket.create_connection(where, timeout=5) as good, socket.create_connection(where, timeout=5) as bad:
            bad.sendall(b"bad")
            assert bad.recv(10) == b""
            good.sendall(b"good")
            assert good.recv(10) == b"good"
        loop.run(made.close())
    loop.loop.set_exception_handler(None)

    assert [str(fault) for fault in faults] == ["bad"]


def test_a_front_that_never_listened_ends() -> None:
    with front() as made:
        asyncio.run(made.close())
