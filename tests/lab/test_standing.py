"""Whatever happens to a lab, nothing of it stays behind. Without agents: they are ended as everything else is."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from porter.lab import Lab, namespaces, processes, state
from porter.lab.errors import LabError, LabExistsError
from porter.lab.processes import porter
from tests.lab import labs
from tests.lab.labs import until

pytestmark = pytest.mark.root

NAME = f"s{os.getpid()}"


@pytest.fixture(autouse=True)
def home() -> Iterator[Path]:
    with labs.home() as path:
        yield path


class Machine(NamedTuple):
    """What a lab could leave behind, as far as it is a lab's."""

    namespaces: frozenset[str]
    links: frozenset[str]
    marked: frozenset[int]
    files: frozenset[Path]


def machine(home: Path) -> Machine:
    marked = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and f"{state.MARK}={home}".encode() in (entry / "environ").read_bytes():
                marked.add(int(entry.name))
        except OSError:
            continue
    links = {link.name for link in Path("/sys/class/net").iterdir()}
    there = os.listdir(namespaces.RUN) if namespaces.RUN.exists() else []  # noqa: PTH208
    names = {netns for netns in there if netns.startswith(NAME)}
    return Machine(frozenset(names), frozenset(links), frozenset(marked), frozenset(home.rglob("*")))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(porter("lab", *arguments), capture_output=True, text=True, check=False, timeout=60)


def begin(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        porter("lab", "up", "--no-agents", "--name", NAME, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )


def test_up_and_down_leave_nothing(home: Path) -> None:
    before = machine(home)

    up = run("up", "--no-agents", "--name", NAME)
    during = machine(home)
    down = run("down", "--name", NAME)

    assert up.returncode == 0, up.stderr
    assert up.stdout == f"export KUBECONFIG={home}/{NAME}/kubeconfig\n"
    assert max(map(len, up.stderr.splitlines())) <= 80
    assert during.namespaces == {f"{NAME}-{host}" for host in ("switch", "node1", "node2", "node3", "client")}
    assert len(during.marked) == 6  # the API server and what holds its connections, the controllers, three nodes
    assert during.links == before.links
    assert down.returncode == 0, down.stderr
    assert machine(home) == before
    assert not home.exists()


def test_two_labs_with_the_same_addresses_stand_side_by_side(home: Path) -> None:
    with Lab.up(f"{NAME}-a", nodes=1, agents=False) as one:
        with Lab.up(f"{NAME}-b", nodes=1, agents=False) as two:
            assert one.topology == two.topology
            assert one.mac("node1") != two.mac("node1")
            assert [answer.mac for answer in one.arp("192.168.0.2")] == [one.mac("node1")]
            assert [answer.mac for answer in two.arp("192.168.0.2")] == [two.mac("node1")]

        assert one.ping("192.168.0.2") is not None
        assert one.api.ready()
    assert not machine(home).namespaces


def test_a_lab_that_stands_is_not_started_again() -> None:
    with Lab.up(NAME, nodes=1, agents=False) as lab:
        with pytest.raises(LabExistsError, match=f"lab '{NAME}' exists already"):
            Lab.up(NAME, nodes=1, agents=False)

        assert lab.api.ready()


def test_a_namespace_of_somebody_else_is_left_alone(home: Path) -> None:
    foreign = f"{NAME}-node1"
    namespaces.ip("netns", "add", foreign, env=os.environ)
    try:
        with pytest.raises(LabError, match=f"namespace '{foreign}' exists already"):
            Lab.up(NAME, nodes=1, agents=False)

        assert namespaces.exists(foreign)
        assert machine(home).namespaces == {foreign}
    finally:
        namespaces.ip("netns", "del", foreign, env=os.environ)


@pytest.mark.parametrize("written", ["state.json", "node3", "apiserver.log", "controllers.log", "kubeconfig"])
def test_after_an_up_that_was_killed_when_it_had_written_a_file_down_clears_everything(
    home: Path, written: str
) -> None:
    before = machine(home)
    up = begin()
    until(f"{written} of a lab", (home / NAME / written).exists, within=30.0)
    up.kill()
    up.communicate()

    down = run("down", "--name", NAME)

    assert down.returncode == 0, down.stderr
    assert machine(home)._replace(files=before.files) == before
    assert not state.names()


def test_after_a_killed_up_the_next_up_clears_and_starts() -> None:
    up = begin()
    until_in_state("starting the API server", up)
    up.kill()
    up.communicate()
    assert state.load(state.directory(NAME)).phase == "starting"

    with Lab.up(NAME, nodes=1, agents=False) as lab:
        assert lab.api.ready()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_up_takes_down_what_it_began(home: Path, number: signal.Signals) -> None:
    before = machine(home)
    up = begin()
    until_in_state("starting the API server", up)
    assert machine(home).namespaces, "it was interrupted before it began"

    os.killpg(up.pid, number)
    _, said = up.communicate(timeout=20)

    assert up.returncode == 130
    assert "Traceback" not in said
    assert machine(home) == before


def test_down_manages_when_pieces_were_killed_and_removed_by_hand(home: Path) -> None:
    lab = Lab.up(NAME, nodes=2, agents=False)
    for process in lab.stage.known.processes[:3]:
        assert processes.end(process)
    namespaces.ip("netns", "del", f"{NAME}-node2", env=os.environ)

    lab.down()

    assert not machine(home).namespaces
    assert not machine(home).marked


def test_a_lab_whose_nodes_die_at_once_says_why_and_leaves_nothing(home: Path) -> None:
    topology = home.parent / "bad.yaml"
    topology.write_text(
        "gateway: 10.0.0.1/24\nnodes: [{name: a, nics: [{name: eth0, address: 10.0.0.2/24, mac: 'ff:ff:ff:ff:ff:ff'}]}]\n"
        "client: {name: client, nics: [{name: eth0, address: 10.0.0.9/24}]}\n",
        encoding="utf-8",
    )

    up = run("up", "--no-agents", "--name", NAME, "--topology", str(topology))

    assert up.returncode == 1
    assert "failed: " in up.stderr.splitlines()[-1]
    assert not machine(home).namespaces
    assert not home.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["down", "--name", "none"], 1, "there is no lab 'none'"),
        (["exec", "--name", "none", "node1", "--", "true"], 1, "there is no lab 'none'"),
        (["up", "--name", "No"], 1, "'No' cannot be a lab's name"),
        (["up", "--name", "x", "--nodes", "0"], 1, "ask for 1 to 89"),
        (["up", "--name", "x", "--nodes", "2", "--topology", "orion"], 2, "exclude each other"),
        (["up", "--name", "x", "--dual-stack", "--topology", "orion"], 2, "a topology says 'ipv6' itself"),
        (["up", "--name", "x", "--ipv6-only", "--topology", "orion"], 2, "a topology says 'ipv6' itself"),
        (["up", "--name", "x", "--ipv6-only", "--dual-stack"], 2, "exclude each other"),
        (["up", "--name", "x", "--topology", "nowhere.yaml"], 1, "no topology 'nowhere.yaml'"),
        (["kubeconfig", "--name", "none"], 1, "there is no lab 'none'"),
        (["logs", "--name", "none", "node1"], 1, "there is no lab 'none'"),
    ],
)
def test_a_wrong_command_is_answered_in_one_sentence(arguments: list[str], code: int, complaint: str) -> None:
    done = run(*arguments)

    assert done.returncode == code
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def until_in_state(text: str, up: subprocess.Popen[str]) -> None:
    """Read what `up` says until it has said this."""
    assert up.stderr is not None
    for line in up.stderr:
        if text in line:
            return
    raise AssertionError(f"up ended and never said {text!r}")
