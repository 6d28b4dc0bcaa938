import multiprocessing
import multiprocessing.connection
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from porter.lab import given, processes, state, topology
from porter.lab.apiserver.__main__ import _parser
from porter.lab.errors import LabError, LabExistsError, NoSuchLabError
from porter.lab.kube import Access
from porter.lab.stage import Stage
from porter.lab.state import Namespace, Process, State


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PORTER_LAB_DIR", str(tmp_path / "labs"))
    return tmp_path / "labs"


def fresh(name: str = "one") -> State:
    return State(
        name=name,
        phase="starting",
        boot=state.boot(),
        starter=processes.this("up"),
        topology=topology.plain(topology.guide(2)),
        agents=True,
        lease_duration=3.0,
    )


def test_what_is_saved_is_loaded() -> None:
    path = state.create("one")
    known = fresh()
    known.namespaces = [Namespace(name="one-node1", inode=7)]
    state.save(path, known)

    assert state.load(path) == known
    assert state.names() == ["one"]


@pytest.mark.parametrize("token", ["plain", "-begins-with-a-dash"])
def test_the_api_server_is_started_again_with_the_port_and_the_token_that_it_had(tmp_path: Path, token: str) -> None:
    stage = Stage(tmp_path, fresh())
    access = Access(server="https://127.0.0.1:4711", authority="", token=token)
    stage.kubeconfig().write_text(given.kubeconfigs(access, name="one", gateway="")[0], encoding="utf-8")

    asked = _parser().parse_args(stage.server_words())

    assert (asked.token, asked.listen[0][0].port) == (token, 4711)


def test_a_lab_is_made_once_and_removed_without_a_trace(home: Path) -> None:
    path = state.create("one")
    with pytest.raises(LabExistsError, match="porter lab down --name one"):
        state.create("one")

    state.remove(path)
    state.remove(path)

    assert not home.exists()


@pytest.mark.parametrize(
    ("user", "variables", "place"),
    [
        (0, {"XDG_STATE_HOME": "/state"}, "/var/lib/porter-lab"),
        (1000, {}, "/home/you/.local/state/porter-lab"),
        (1000, {"XDG_STATE_HOME": "/state"}, "/state/porter-lab"),
        (1000, {"XDG_STATE_HOME": "/state", "PORTER_LAB_DIR": "/mine"}, "/mine"),
    ],
)
def test_labs_are_kept_where_the_user_may_write(
    monkeypatch: pytest.MonkeyPatch, user: int, variables: dict[str, str], place: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    for name in ("PORTER_LAB_DIR", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"HOME": "/home/you"} | variables).items():
        monkeypatch.setenv(name, value)

    assert state.root() == Path(place)


def test_the_last_lab_takes_the_directory_above_with_it_and_no_other_does(home: Path) -> None:
    one, two = state.create("one"), state.create("two")

    state.remove(one)
    assert home.exists()
    state.remove(two)
    assert not home.exists()


@pytest.mark.parametrize("name", ["", "../up", "A", "a b", "-a", "a" * 40])
def test_a_name_that_could_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="cannot be a lab's name"):
        state.directory(name)


def test_asking_for_an_unknown_lab_names_the_others() -> None:
    with pytest.raises(NoSuchLabError, match="porter lab up"):
        state.load(state.directory("two"))
    state.create("one")
    with pytest.raises(NoSuchLabError, match="there are: one"):
        state.load(state.directory("two"))


def test_a_broken_state_file_is_one_sentence() -> None:
    path = state.create("one")
    (path / "state.json").write_text("{", encoding="utf-8")

    with pytest.raises(LabError, match="cannot be understood"):
        state.load(path)


def _hold(path: Path, pipe: multiprocessing.connection.Connection) -> None:
    with state.locked(path):
        pipe.send("held")
        pipe.recv()


def test_two_commands_do_not_change_one_lab_at_a_time() -> None:
    path = state.create("one")
    ours, theirs = multiprocessing.Pipe()
    other = multiprocessing.get_context("spawn").Process(target=_hold, args=(path, theirs))
    other.start()
    assert ours.recv() == "held"

    with pytest.raises(LabError, match="lab 'one' is busy"), state.locked(path, wait=0.1):
        pass
    ours.send("let go")
    other.join()
    ours.close()
    theirs.close()

    with state.locked(path, wait=0.1):
        pass


def test_a_process_is_known_by_its_start_and_not_by_its_number_alone() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    began = processes.started_at(child.pid)
    assert began is not None
    same = Process(role="node", node=None, pid=child.pid, started=began)
    other = Process(role="node", node=None, pid=child.pid, started=began - 1)

    assert processes.alive(same)
    assert not processes.alive(other)
    assert not processes.end(other)
    assert processes.alive(same)
    assert processes.end(same)
    child.communicate()
    assert not processes.alive(same)


def test_a_process_runs_as_long_as_one_of_its_threads_does() -> None:
    """What is killed ends thread by thread, and its sockets are open until the last one has."""
    script = "import ctypes, threading; threading.Thread(target=input).start(); ctypes.CDLL(None).pthread_exit(None)"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as child:
        began = processes.started_at(child.pid)
        stat = Path(f"/proc/{child.pid}/stat")
        limit = time.monotonic() + 10
        while ") Z " not in stat.read_text():  # its first thread has ended
            assert time.monotonic() < limit
            time.sleep(0.01)
        assert (processes.started_at(child.pid), child.poll()) == (began, None)

        child.kill()
        while processes.started_at(child.pid) is not None:
            assert time.monotonic() < limit
            time.sleep(0.01)
        assert child.wait() == -signal.SIGKILL


def test_a_process_that_was_never_written_down_is_found_by_its_mark() -> None:
    path = state.create("one")
    neighbour = state.create("one-more")
    ours = processes.start(path, "node", [sys.executable, "-c", "import time; time.sleep(60)"])
    theirs = processes.start(neighbour, "node", [sys.executable, "-c", "import time; time.sleep(60)"])

    assert processes.end_all(path, fresh()) == 1

    assert not processes.alive(ours)
    assert processes.alive(theirs)
    assert processes.end_all(neighbour, fresh("one-more")) == 1


def test_the_last_words_of_a_process_are_kept() -> None:
    path = state.create("one")
    process = processes.start(path, "node", [sys.executable, "-c", "print('first'); print('no such thing')"])
    while processes.alive(process):
        pass

    assert processes.last_words(path, "node") == "no such thing"
    assert processes.last_words(path, "agent") == "nothing"
    processes.collect(process.pid)
