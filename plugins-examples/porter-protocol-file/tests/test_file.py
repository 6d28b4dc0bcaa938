"""How to test a protocol: call it as Porter does, with a host that writes down what is reported."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from porter_protocol_file import FileProtocol

from porter.events.entries import Announced, Withdrawn
from porter.model.assignment import Announcement
from porter.model.names import EipName, NodeName, ServiceKey
from porter.model.objects import Eip, Nic
from porter.model.protocol import PlacementRequest
from porter.plugins.registry import Registry
from porter.plugins.reports import Reported
from porter.plugins.runner import Runner

WEB = ServiceKey("default/web")


class Host:
    node = NodeName("node1")
    nics: Sequence[Nic] = ()
    gratuitous_interval = 0.0

    def __init__(self) -> None:
        self.peers: Mapping[str, NodeName] = {}
        self.forbidden: Mapping[str, str] = {}
        self.reports: list[str] = []

    def announced(self, announcement: Announcement, *, mac: str) -> None:
        self.reports.append(f"+{announcement.address}{mac}")

    def withdrawn(self, address: str, *, nic: str) -> None:
        self.reports.append(f"-{address}{nic}")

    def claimed(self, address: str, *, nic: str, mac: str, defended: bool) -> None:
        self.reports.append(f"?{address}{nic} {mac} {defended}")

    def failed(self, address: str, error: str) -> None:
        self.reports.append(f"!{address} {error}")


def announcements(*addresses: str) -> list[Announcement]:
    return [Announcement(address=each, nic="", services=(WEB,), eip=EipName("routed")) for each in addresses]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "addresses"


def test_porter_finds_it() -> None:
    registry = Registry.discover()

    assert [info.distribution for info in registry.infos if info.name == "file"] == ["porter-protocol-file"]
    assert not registry.problems


def test_an_address_is_placed_on_every_eligible_node(path: Path) -> None:
    nodes = (NodeName("node1"), NodeName("node2"))

    assert FileProtocol(path).place(PlacementRequest(address="203.0.113.1", eligible=nodes, current=nodes[1])) == nodes


def test_an_eip_with_an_interface_is_refused(path: Path) -> None:
    eip = Eip(name=EipName("routed"), uid="1", created="", address="203.0.113.0/28", protocol="file", interface="eth0")

    assert FileProtocol(path).validate(eip) == ["protocol file uses no NIC; take spec.interface 'eth0' away"]


def test_the_file_holds_exactly_the_wanted_addresses(path: Path) -> None:
    host, protocol = Host(), FileProtocol(path)
    protocol.start(host)

    protocol.apply(announcements("203.0.113.2", "203.0.113.1"))
    assert path.read_text() == "203.0.113.1\n203.0.113.2\n"
    protocol.apply(announcements("203.0.113.2"))
    assert path.read_text() == "203.0.113.2\n"
    protocol.stop()
    assert path.read_text() == ""

    assert [path] == list(path.parent.iterdir())
    assert host.reports == ["+203.0.113.2", "+203.0.113.1", "-203.0.113.1", "+203.0.113.2", "-203.0.113.2"]


def test_an_unchanged_set_does_not_touch_the_file(path: Path) -> None:
    protocol = FileProtocol(path)
    protocol.start(Host())
    protocol.apply(announcements("203.0.113.1"))
    before = path.stat().st_ino

    protocol.apply(announcements("203.0.113.1"))

    assert path.stat().st_ino == before


def test_it_runs_in_porters_own_runner(path: Path) -> None:
    reports: list[Reported] = []
    runner = Runner(
        Registry.of(FileProtocol(path)),
        node=NodeName("node1"),
        nics=tuple,
        report=reports.append,
    )
    runner.start()
    runner.apply({"file": announcements("203.0.113.1")})
    deadline = time.monotonic() + 5
    while not reports and time.monotonic() < deadline:
        time.sleep(0.01)

    runner.stop(5)

    assert reports == [
        Announced(address="203.0.113.1", protocol="file", nic="", services=(WEB,)),
        Withdrawn(address="203.0.113.1", protocol="file", nic=""),
    ]
    assert path.read_text() == ""
