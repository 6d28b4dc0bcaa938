"""`porter check` on a node: which one it is, what its kernel does, raw sockets, and the log's disk."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from porter.check.disk import check_disk
from porter.check.findings import Finding
from porter.check.machine import check_arp_settings
from porter.cli import main
from porter.reconciler.world import World
from tests.check.cluster import Cluster, surveyed
from tests.plugins.netns import Wire, inside, wire

IPVS = 'mode: "ipvs"\nipvs:\n  strictARP: {}\n'


def told(report: Any, check: str) -> list[tuple[str, str]]:
    return [(one["level"], one["what"]) for one in report["findings"] if one["check"] == check]


def test_a_name_that_is_no_nodes_is_a_fault(well: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(well.argv("--node", "node9", "--format", "json")) == 1

    report = json.loads(capsys.readouterr().out)
    assert ("fault", "there is no Node node9; there is node1, node2") in told(report, "nodes")


def test_another_machine_under_a_nodes_name_is_told(well: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    main(well.argv("--node", "node1", "--format", "json"))

    report = json.loads(capsys.readouterr().out)
    assert ("warning", "this machine carries no address of Node node1 (203.0.113.2)") in told(report, "nodes")


def test_without_a_raw_socket_the_agent_could_not_answer() -> None:
    code = "import os\nfrom porter.check.machine import check_raw_sockets as look\n"
    code += "os.setuid(65534 if os.geteuid() == 0 else os.geteuid())\n"
    code += "print(*[(one.level, one.what) for one in look()])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)

    assert done.stdout == "('fault', 'no raw socket can be opened here: Operation not permitted')\n"


@pytest.fixture
def node() -> Iterator[Wire]:
    with wire() as made:
        made.on_node("addr", "add", "203.0.113.2/24", "dev", "eth0")
        yield made


def in_ipvs_mode(node: Wire, ignore: int, announce: int) -> None:
    """A NIC of kube-proxy's name; a real one is a dummy, which not every kernel has."""
    node.on_node("link", "add", "kube-ipvs0", "type", "bridge")
    for name, value in (("arp_ignore", ignore), ("arp_announce", announce)):
        command = ["ip", "netns", "exec", node.node, "sysctl", "-qw", f"net.ipv4.conf.all.{name}={value}"]
        subprocess.run(command, check=True, timeout=20)


@pytest.mark.root
@pytest.mark.parametrize(
    ("ignore", "announce", "level", "command"),
    [
        (1, 2, "ok", None),
        (2, 2, "ok", None),
        (0, 2, "fault", "sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2"),
        (1, 0, "warning", "sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2"),
    ],
)
def test_the_kernel_of_a_node_in_ipvs_mode_must_ignore_what_is_not_its_own(
    node: Wire, *, ignore: int, announce: int, level: str, command: str | None
) -> None:
    in_ipvs_mode(node, ignore, announce)

    found = arp_settings(node)

    assert found.level == level
    assert found.what == f"net.ipv4.conf.all.arp_ignore is {ignore}, arp_announce is {announce}"
    assert found.commands == ((command,) if command else ())


def arp_settings(node: Wire, config: str = "mode: ''") -> Finding:
    survey = surveyed(World(), proxy={"data": {"config.conf": config}})
    [found] = inside(node.node, lambda: list(check_arp_settings(survey)))
    return found


@pytest.mark.root
def test_strict_arp_that_is_configured_and_not_in_force_asks_for_a_restart(node: Wire) -> None:
    in_ipvs_mode(node, 0, 0)

    found = arp_settings(node, IPVS.format("true"))

    assert found.level == "fault"
    assert found.why.endswith("strictARP is set, and kube-proxy has not been restarted since")
    assert found.commands == ("kubectl rollout restart daemonset kube-proxy -n kube-system",)


@pytest.mark.root
def test_without_ipvs_the_kernel_has_no_service_to_answer_for(node: Wire) -> None:
    found = arp_settings(node)

    assert (found.level, found.what) == ("ok", "no NIC kube-ipvs0 is here: the kernel answers ARP for no Service")


# ---------------------------------------------------------------------------------------------- the log's disk


def disk(place: str | Path) -> list[tuple[str, str]]:
    return [(one.level, one.what) for one in check_disk(str(place))]


def test_a_disk_that_can_be_written_is_well_and_nothing_is_left_on_it(tmp_path: Path) -> None:
    before = tmp_path.stat()

    [found] = disk(tmp_path / "porter.db")

    assert found[0] == "ok"
    assert found[1].endswith(f"MB are free at {tmp_path}, and writes reach the disk")
    assert list(tmp_path.iterdir()) == []
    assert tmp_path.stat().st_mtime_ns == before.st_mtime_ns


def test_a_directory_that_is_still_to_be_made_is_judged_by_the_one_above(tmp_path: Path) -> None:
    assert [level for level, _ in disk(tmp_path / "a" / "b" / "porter.db")] == ["ok"]


@pytest.mark.parametrize(
    ("url", "level", "what"),
    [
        ("", "fault", "the log's URL is empty"),
        ("sqlite://", "warning", "the log is kept in memory only"),
        ("postgresql://porter:secret@db/porter", "unknown", "the log is in the database postgresql://porter:***@db"),
    ],
)
def test_a_log_that_is_no_file(url: str, level: str, what: str) -> None:
    [found] = disk(url)

    assert found[0] == level
    assert found[1].startswith(what)
    assert "secret" not in found[1]


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a small file system in memory with some options."""

    def mount(options: str) -> Path:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(tmp_path)], check=True, timeout=20)
        return tmp_path

    yield mount
    subprocess.run(["umount", str(tmp_path)], check=False, capture_output=True, timeout=20)


@pytest.mark.root
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("size=8m", [("warning", "is in memory (tmpfs)"), ("fault", "only 8 MB are free at")]),
        (
            "size=200m",
            [("warning", "is in memory (tmpfs)"), ("warning", "only 200 MB are free at"), ("ok", "200 MB are")],
        ),
        ("size=2g", [("warning", "is in memory (tmpfs)"), ("ok", "2,048 MB are free")]),
        (
            "ro,size=2g",
            [("warning", "is in memory"), ("fault", "is read-only"), ("fault", "cannot be written: Read-only")],
        ),
    ],
)
def test_a_disk_that_does_not_do(mounted: Callable[[str], Path], options: str, expected: list[tuple[str, str]]) -> None:
    found = disk(mounted(options) / "porter.db")

    assert [level for level, _ in found] == [level for level, _ in expected]
    for (_, what), (_, part) in zip(found, expected, strict=True):
        assert part in what


def test_every_fault_says_why(tmp_path: Path) -> None:
    findings: list[Finding] = list(check_disk(str(tmp_path / "file" / "porter.db")))
    (tmp_path / "file").write_text("")

    findings += check_disk(str(tmp_path / "file" / "porter.db"))

    assert [one.level for one in findings] == ["ok", "fault"]
    assert findings[-1].why
