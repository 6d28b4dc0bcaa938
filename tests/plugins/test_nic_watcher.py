"""News of the kernel's NICs, told soon and together, and not lost when the kernel loses them."""

import threading
import time
from collections.abc import Iterator

import pytest

from porter.plugins.nic_watcher import NicWatcher
from porter.plugins.nics import read_nics
from tests.plugins.netns import Wire, batch, inside, lost_news, settle, wire

pytestmark = pytest.mark.root


@pytest.fixture
def node() -> Iterator[Wire]:
    with wire() as made:
        made.on_node("addr", "add", "192.168.0.2/24", "dev", "eth0")
        yield made


class Changes:
    def __init__(self, node: Wire) -> None:
        self.count = 0
        self.watcher = NicWatcher(self._changed)
        inside(node.node, self.watcher.start)

    def _changed(self) -> None:
        self.count += 1


@pytest.fixture
def changes(node: Wire) -> Iterator[Changes]:
    # the watcher's socket belongs to the namespace of the thread that makes it
    made = inside(node.node, lambda: Changes(node))
    yield made
    made.watcher.stop()


@pytest.mark.parametrize(
    "command",
    [
        "link set eth0 down",
        "addr add 192.168.0.7/24 dev eth0",
        "route add default via 192.168.0.1",
        "rule add to 10.9.0.0/16 lookup 100",
        "link del eth0",
    ],
)
def test_a_change_is_told_soon(node: Wire, changes: Changes, command: str) -> None:
    node.on_node(*command.split())

    settle(lambda: changes.count > 0, 1)


def test_changes_that_come_together_are_told_together(node: Wire, changes: Changes) -> None:
    lines = "".join(f"addr add 10.0.{each}.1/24 dev eth0\n" for each in range(200))
    batch(node.node, lines)
    settle(lambda: changes.count > 0)
    time.sleep(0.3)

    assert changes.count <= 4
    assert len(inside(node.node, read_nics)[0].networks) == 201


def test_a_change_that_could_not_be_handled_is_told_again(node: Wire, caplog: pytest.LogCaptureFixture) -> None:
    told: list[bool] = []

    def failing_once() -> None:
        told.append(True)
        if len(told) == 1:
            raise OSError("the log is gone")

    watcher = inside(node.node, lambda: NicWatcher(failing_once))
    inside(node.node, watcher.start)
    try:
        node.on_node("link", "set", "eth0", "down")
        settle(lambda: len(told) == 2)
    finally:
        watcher.stop()

    assert "the log is gone" in caplog.text


def test_an_unchanged_node_is_no_call(changes: Changes) -> None:
    time.sleep(0.5)

    assert changes.count == 0


def test_after_stop_nothing_is_told_and_no_thread_is_left(node: Wire, changes: Changes) -> None:
    changes.watcher.stop()
    changes.watcher.stop()
    node.on_node("link", "set", "eth0", "down")
    time.sleep(0.2)

    assert changes.count == 0
    assert not [thread for thread in threading.enumerate() if thread.name == "nic watcher"]


def test_news_that_the_kernel_lost_is_read_anew(node: Wire) -> None:
    seen: list[int] = []
    busy, go_on = threading.Event(), threading.Event()

    def read() -> None:
        busy.set()
        go_on.wait(20)
        seen.append(len(read_nics()[0].networks))

    watcher = inside(node.node, lambda: NicWatcher(read))
    inside(node.node, watcher.start)
    try:
        node.on_node("addr", "add", "192.168.0.3/24", "dev", "eth0")
        assert busy.wait(5)
        lines = "".join(f"addr add 10.{each // 250}.{each % 250}.1/24 dev eth0\n" for each in range(500))
        batch(node.node, lines)
        assert lost_news(node.node) > 0

        go_on.set()
        settle(lambda: seen[-1:] == [502])
    finally:
        go_on.set()
        watcher.stop()


def test_it_looks_again_when_it_is_told_to(changes: Changes) -> None:
    changes.watcher.look_again()

    settle(lambda: changes.count == 1)
    changes.watcher.stop()
    changes.watcher.look_again()
    assert changes.count == 1
