"""A disk that is full, and a log that is damaged, keep no node from announcing; both are told, and entries resume."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from porter.events.entries import AgentStarted, AssignmentDecided, LogResumed, LogSetAside
from porter.events.log import EventLog
from porter.events.verify import verify
from tests.agent.api import Api
from tests.agent.command import Command, commanding
from tests.agent.test_life import answers
from tests.plugins.netns import Wire

pytestmark = pytest.mark.root
SECOND = bytes([192, 168, 0, 92])


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Leave not one byte free on the disk that holds a directory."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65_536, 4096, 1):
            with suppress(OSError):
                while file.write(b"x" * size):
                    pass
        with pytest.raises(OSError) as caught:
            file.write(b"x" * 4096)
        assert caught.value.errno == errno.ENOSPC
    try:
        yield
    finally:
        ballast.unlink()


@pytest.fixture
def agent_on_a_small_disk(api: Api, net: Wire, tmp_path: Path) -> Iterator[Command]:
    kubeconfig = api.kubeconfig(tmp_path / "kubeconfig", net.node)
    with commanding(tmp_path, kubeconfig, netns=net.node, disk="3m") as made:
        yield made


def test_a_full_disk_stops_no_announcement_and_entries_resume(
    api: Api, agent_on_a_small_disk: Command, net: Wire
) -> None:
    agent, client = agent_on_a_small_disk, net.capture()
    api.eip()
    api.service("web")
    agent.start_ready()
    agent.wait("an answer on the wire", lambda: answers(client))
    agent.wait("all written", lambda: agent.metrics()["porter_entries_waiting"] == 0)

    with full(agent.mounted):
        api.service("second")
        agent.wait("an answer for a new address", lambda: answers(client, SECOND))
        agent.wait("entries that wait", lambda: agent.metrics()["porter_entries_waiting"] > 0)
        assert answers(client), "what was announced is announced still"
        code, text = agent.page("/readyz")
        assert code == 503
        assert text.startswith("event log: the disk that holds ")
        assert " is full; the entry was not recorded" in text

    agent.wait("ready again", lambda: agent.page("/readyz") == (200, "ok\n"))
    agent.wait("all written", lambda: agent.metrics()["porter_entries_waiting"] == 0)
    [resumed] = agent.of(LogResumed)
    assert "is full" in resumed.problem
    assert [one.assignment.address for one in agent.of(AssignmentDecided) if one.assignment.service == "default/second"]
    with EventLog.open(str(agent.readable_log()), read_only=True) as log:
        assert verify(log).holds
    assert agent.terminate() == 0


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20_000])


def altered(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(b"192.168.0.91", b"192.168.0.99"))


@pytest.mark.parametrize("damage", [cut, altered])
def test_an_agent_with_a_damaged_log_begins_a_new_one_and_announces(
    api: Api, agent: Command, net: Wire, damage: Callable[[Path], None]
) -> None:
    client = net.capture()
    api.eip()
    api.service("web")
    agent.start_ready()
    agent.wait("an answer on the wire", lambda: answers(client))
    agent.kill()
    with EventLog.open(str(agent.log), stream="node1", migrate=True):
        pass  # all is in the file itself now
    damage(agent.log)

    agent.start_ready()

    agent.wait("an answer on the wire", lambda: answers(client))
    first, aside, *_ = agent.entries()
    assert isinstance(first, AgentStarted)
    assert isinstance(aside, LogSetAside)
    assert agent.status()["log"]["set_aside"] == aside.to
    assert Path(aside.to).exists()
    assert f"It is now {aside.to}, and a new one begins" in agent.said
