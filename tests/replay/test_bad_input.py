"""What `porter replay` cannot read is refused in one sentence; and whatever it reads, it leaves as it was."""

import gzip
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from porter.cli import main
from porter.events.export import write_file
from porter.events.log import EventLog
from porter.events.sources import open_source
from tests.replay.recording import a_life_of_a_service, log_at, recorded

WRITER = """
import sys
from pathlib import Path
from porter.events.log import EventLog
from tests.replay.recording import a_life_of_a_service, recorded

records = recorded(a_life_of_a_service())
with EventLog.open(sys.argv[1], stream="node1", migrate=True) as log:
    log.append(records[:10])
    log.append(records[10:])
    print(len(records), flush=True)
    sys.stdin.read()
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def spoil(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def foreign(path: Path) -> None:
    path.unlink()
    spoil(path, "CREATE TABLE recipes (name TEXT)")


def newer(path: Path) -> None:
    spoil(path, "UPDATE porter_schema SET version_num = '99'")


def entry_taken_out(path: Path) -> None:
    spoil(path, "DELETE FROM entry WHERE seq = 12")


def end_cut_off(path: Path) -> None:
    spoil(path, "DELETE FROM entry WHERE seq > 20")


def body_altered(path: Path) -> None:
    spoil(path, "UPDATE entry SET body = '{\"service\": 7}' WHERE seq = 14")


def export_cut(path: Path) -> None:
    path.write_bytes(path.with_suffix(".jsonl").read_bytes()[:-40])


def packed_export_cut(path: Path) -> None:
    path.write_bytes(gzip.compress(path.with_suffix(".jsonl").read_bytes())[:-40])


def text(path: Path) -> None:
    path.write_text("dear log,\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("spoiled", "said"),
    [
        (truncated, "is damaged: "),
        (empty, "is empty: there is no log in it"),
        (foreign, "holds another program's tables"),
        (newer, "was written by a newer Porter (schema 99, this one knows "),
        (entry_taken_out, "entry 12 is missing from "),
        (end_cut_off, "entries 21 to 24 are missing from "),
        (body_altered, "entry 14 of "),
        (export_cut, "line 24: "),
        (packed_export_cut, "the compressed file ends too early"),
        (text, "is neither an SQLite log nor a file from 'porter log export'"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.parametrize("mode", [[], ["--verify"], ["--diff", "1.."], ["--merge"]], ids=" ".join)
def test_what_is_no_log_is_refused_in_a_sentence_and_left_as_it_was(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    spoiled: Callable[[Path], None],
    said: str,
    mode: list[str],
) -> None:
    path = log_at(tmp_path / "porter.db", recorded(a_life_of_a_service()))
    write_file(recorded(a_life_of_a_service()), path.with_suffix(".jsonl"))
    spoiled(path)
    before = contents(tmp_path)

    assert main(["replay", str(path), *mode]) == 1

    complaint = capsys.readouterr().err
    assert complaint.startswith("porter: ")
    assert said in complaint
    assert str(path) in complaint
    assert complaint.count("\n") == 1
    assert contents(tmp_path) == before


@pytest.mark.parametrize("mode", [["--until", "2020-01-01"], ["--at", "0"], ["--diff", "2020-01-01.."]])
def test_a_moment_before_the_first_entry_is_said_to_be_one(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    mode: list[str],
) -> None:
    path = log_at(tmp_path / "porter.db", recorded(a_life_of_a_service()))

    assert main(["replay", str(path), *mode]) == 1

    assert "nothing was recorded up to that moment: the log begins with entry 1, " in capsys.readouterr().err


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[tuple[Path, "subprocess.Popen[str]"]]:
    """Let another process write a log and keep it open."""
    path = tmp_path / "log" / "porter.db"
    path.parent.mkdir()
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == len(recorded(a_life_of_a_service()))
        yield path, process
        process.kill()


def test_a_log_in_use_is_read_to_its_newest_entry(writer: tuple[Path, "subprocess.Popen[str]"]) -> None:
    path, _ = writer
    before = contents(path.parent)
    assert before[f"{path.name}-wal"]

    with open_source(str(path)) as source:
        assert list(source.read()) == recorded(a_life_of_a_service())

    after = contents(path.parent)
    assert after.keys() == before.keys()
    assert all(after[name] == before[name] for name in after if not name.endswith("-shm"))  # the users' locks


@pytest.mark.parametrize("shared", [True, False], ids=["with its -shm file", "without its -shm file"])
def test_what_a_killed_agent_left_is_read_whole_and_left_as_it_was(
    writer: tuple[Path, "subprocess.Popen[str]"],
    capsys: pytest.CaptureFixture[str],
    shared: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    path, process = writer
    process.send_signal(signal.SIGKILL)
    process.wait()
    if not shared:
        path.with_name(f"{path.name}-shm").unlink()
    before = contents(path.parent)
    assert before[f"{path.name}-wal"]

    assert main(["replay", str(path), "--verify"]) == 0

    whole = len(recorded(a_life_of_a_service()))
    assert capsys.readouterr().out == f"{whole} entries replayed: this version decides the same.\n"
    assert contents(path.parent) == before


def test_a_log_in_a_directory_that_cannot_be_written_is_read() -> None:
    """By a user that may read it and no more: as root no directory is that."""
    with tempfile.TemporaryDirectory(prefix="porter-test-", dir="/tmp") as folder:
        path = log_at(Path(folder) / "porter.db", recorded(a_life_of_a_service()))
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        before = contents(Path(folder))

        child = os.fork()
        if child == 0:  # only what was imported before the fork is needed here
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            with open_source(str(path)) as source:
                count = sum(1 for _ in source.read())
            os._exit(0 if count == len(recorded(a_life_of_a_service())) else 3)
        _, status = os.waitpid(child, 0)

        assert os.waitstatus_to_exitcode(status) == 0
        assert contents(Path(folder)) == before
        Path(folder).chmod(0o755)


def test_the_fast_reader_reads_what_the_log_reads(tmp_path: Path) -> None:
    path = log_at(tmp_path / "porter.db", recorded(a_life_of_a_service()))

    with open_source(f"sqlite:///{path}") as source, EventLog.open(str(path), read_only=True) as log:
        assert type(source).__name__ == "SqliteSource"
        assert source.describe() == log.describe()
        assert (source.last_seq, source.whole_after) == (log.last_seq, log.whole_after)
        for after, until in ((0, None), (3, None), (3, 9), (9, 9), (24, None), (30, None), (0, 99)):
            assert list(source.read(after, until)) == list(log.read(after, until)), (after, until)
        assert list(source.rows(20)) == list(log.rows(20))
