"""What `porter run` refuses: one sentence on standard error, an exit code, and nothing changed."""

import multiprocessing
import socket
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

import pytest

from tests.agent.command import run
from tests.agent.forked import command
from tests.cluster.faults import kubeconfig

NOBODY = 65_534
NOWHERE = "http://127.0.0.1:9"
Given = Callable[[Path], list[str]]


@dataclass(frozen=True, kw_only=True)
class Case:
    """Arguments beyond good ones; of the same option the last counts."""

    says: str
    code: int = 1
    given: Given = lambda _place: []


def not_yaml(place: Path) -> list[str]:
    (place / "config").write_text("clusters: [}")
    return ["--kubeconfig", str(place / "config")]


def not_text(place: Path) -> list[str]:
    (place / "config").write_bytes(b"\xff\xfe\x00clusters")
    return ["--kubeconfig", str(place / "config")]


def bad_certificate(place: Path) -> list[str]:
    content = kubeconfig(place / "config", NOWHERE.replace("http", "https")).read_text()
    (place / "config").write_text(content.replace('"server"', '"certificate-authority-data": "bm9uZQ==", "server"'))
    return ["--kubeconfig", str(place / "config")]


def not_a_database(place: Path) -> list[str]:
    (place / "other.db").write_bytes(bytes(range(256)) * 64)
    return ["--event-log", str(place / "other.db")]


def altered(statement: str) -> Given:
    def make(place: Path) -> list[str]:
        connection = sqlite3.connect(place / "other.db")
        connection.executescript(statement)
        connection.close()
        return ["--event-log", str(place / "other.db")]

    return make


def directory_missing(place: Path) -> list[str]:
    return ["--event-log", str(place / "missing" / "porter.db")]


def in_proc(_place: Path) -> list[str]:
    return ["--event-log", "/proc/porter.db"]


NEWER = "CREATE TABLE porter_schema (version_num TEXT NOT NULL); INSERT INTO porter_schema VALUES ('99');"
CASES: Mapping[str, Case] = {
    "an option that there is not": Case(given=lambda _: ["--no-such"], code=2, says="No such option '--no-such'"),
    "a duration that is no number": Case(
        given=lambda _: ["--lease-duration", "nan"], code=2, says="'nan' is not a number"
    ),
    "a duration below a second": Case(
        given=lambda _: ["--lease-duration", "0.2"], code=2, says="0.2 is not in the range"
    ),
    "an interval that floods": Case(given=lambda _: ["--gratuitous-interval", "0.1"], says="is below one second"),
    "an empty node": Case(given=lambda _: ["--node-name", " "], says="--node-name is empty"),
    "a node that can be none": Case(given=lambda _: ["--node-name", "a/../b"], says="'a/../b' cannot be a name"),
    "a namespace that can be none": Case(given=lambda _: ["--namespace", ""], says="--namespace '' cannot be a name"),
    "no kubeconfig there": Case(given=lambda place: ["--kubeconfig", f"{place}/none"], says="there is no kubeconfig"),
    "a kubeconfig that is a directory": Case(given=lambda place: ["--kubeconfig", str(place)], says="cannot be read"),
    "a kubeconfig that is no YAML": Case(given=not_yaml, says="is not YAML"),
    "a kubeconfig that is no text": Case(given=not_text, says="cannot be read"),
    "a kubeconfig with a broken certificate": Case(given=bad_certificate, says="certificate"),
    "a context that there is not": Case(given=lambda _: ["--context", "no"], says="no context 'no' in kubeconfig"),
    "a log in no directory": Case(given=directory_missing, says="missing does not exist; create it"),
    "a log where none can be": Case(given=in_proc, says="/proc"),
    "a log that is no database": Case(given=not_a_database, says="is not an SQLite database"),
    "a log of a newer schema": Case(given=altered(NEWER), says="99"),
    "another program's database": Case(given=altered("CREATE TABLE recipes (name TEXT)"), says="other.db"),
    "an age that is none": Case(
        given=lambda _: ["--keep-age", "soon"], code=2, says="'soon' is no age: write a number"
    ),
    "a log too small to hold a state": Case(
        given=lambda _: ["--keep-size", "1M"], code=2, says="'1M' is no size of at least 16M"
    ),
    "too few entries": Case(given=lambda _: ["--keep-entries", "10"], code=2, says="10 is not in the range"),
    "an address that is none": Case(given=lambda _: ["--http", "7472"], says="--http '7472' is not HOST:PORT"),
    "an IPv6 address without brackets": Case(given=lambda _: ["--http", "::1:7472"], says="is not HOST:PORT"),
    "an address of another machine": Case(
        given=lambda _: ["--http", "192.0.2.1:7472"], says="cannot serve HTTP on 192.0.2.1"
    ),
}


@dataclass(frozen=True, kw_only=True)
class Tried:
    done: CompletedProcess[str]
    before: Mapping[Path, bytes]
    after: Mapping[Path, bytes]


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Tried]:
    """Every case, each in a process of its own that is forked from one with the imports done."""
    return {name: attempt(case, tmp_path_factory.mktemp("case"), forks()) for name, case in CASES.items()}


def forks() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["porter.agent.agent", "tests.agent.forked"])
    return context


def attempt(case: Case, place: Path, forks: ForkServerContext, user: int = 0) -> Tried:
    good = ["--kubeconfig", str(kubeconfig(place / "good", NOWHERE)), "--node-name", "node1", "--http", "none"]
    arguments = [*good, "--event-log", str(place / "porter.db"), *case.given(place)]
    before = contents(place)
    out, err = place / "stdout", place / "stderr"
    process = forks.Process(target=command, args=(arguments, out, err, user))
    process.start()
    process.join(15)
    if process.is_alive():  # it runs, although it should not
        process.kill()
        process.join()
    texts = [file.read_text() for file in (out, err)]
    out.unlink()
    err.unlink()
    assert process.exitcode is not None
    return Tried(done=CompletedProcess(arguments, process.exitcode, *texts), before=before, after=contents(place))


def contents(place: Path) -> Mapping[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_in_one_sentence_and_changes_nothing(tried: Mapping[str, Tried], name: str) -> None:
    case, one = CASES[name], tried[name]

    assert (one.done.returncode, one.done.stdout) == (case.code, "")
    first, *rest = one.done.stderr.splitlines()
    assert first.startswith("porter: ")
    assert case.says in first
    assert rest == (["Try 'porter run --help'."] if case.code == 2 else [])
    assert one.after == one.before


def test_an_address_that_is_taken_is_refused_before_a_log_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        good = ["--kubeconfig", str(kubeconfig(tmp_path / "good", NOWHERE)), "--node-name", "node1"]
        done = run(*good, "--event-log", str(tmp_path / "porter.db"), "--http", where)

    assert done.returncode == 1
    assert done.stderr == (
        f"porter: cannot serve HTTP on {where} (--http): Address already in use; choose another, or 'none'\n"
    )
    assert not (tmp_path / "porter.db").exists()


@pytest.mark.parametrize("file", ["porter.db", "kubeconfig"])
def test_a_file_that_may_not_be_read_is_named(tmp_path_factory: pytest.TempPathFactory, file: str) -> None:
    with TemporaryDirectory() as directory:
        place = Path(directory)
        kubeconfig(place / "kubeconfig", NOWHERE)
        (place / file).touch()
        (place / file).chmod(0)
        place.chmod(0o777)
        case = Case(
            says="cannot be read",
            given=lambda _: ["--kubeconfig", f"{place}/kubeconfig", "--event-log", f"{place}/porter.db"],
        )
        done = attempt(case, tmp_path_factory.mktemp("case"), forks(), user=NOBODY).done

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"{place}/{file} cannot be read" in line


def test_a_context_without_a_kubeconfig_is_refused(tmp_path: Path) -> None:
    done = run("--context", "mine", "--node-name", "node1", "--event-log", str(tmp_path / "porter.db"))

    assert done.returncode == 1
    assert (
        done.stderr == "porter: --context names a context of a kubeconfig, and none is given: add --kubeconfig FILE\n"
    )
