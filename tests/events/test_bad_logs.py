"""What cannot be opened is refused in one sentence that says what it is, and is left as it was."""

import os
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from porter.events.errors import DamagedLogError, LogError
from porter.events.log import EventLog
from porter.events.migrate import upgrade
from porter.events.schema import SCHEMA_VERSION
from porter.events.sources import open_source
from tests.events.conftest import Place
from tests.events.examples import some
from tests.events.postgresql import Server

ENTRIES = 3000


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "porter.db"
    with EventLog.open(str(path), stream="node1", migrate=True) as log:
        log.append(some(1, ENTRIES))
    return path


def change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 64)


def foreign(path: Path) -> None:
    path.unlink()
    change(path, "CREATE TABLE recipes (name TEXT)")


def half_foreign(path: Path) -> None:
    change(path, "DELETE FROM porter_schema")


def older(path: Path) -> None:
    change(path, "UPDATE porter_schema SET version_num = '0'")


def newer(path: Path) -> None:
    change(path, "UPDATE porter_schema SET version_num = '99'")


def strange(path: Path) -> None:
    change(path, "UPDATE porter_schema SET version_num = 'beef'")


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 20_000)


def entry_missing(path: Path) -> None:
    change(path, "DELETE FROM entry WHERE seq = 1700")


def body_altered(path: Path) -> None:
    change(path, "UPDATE entry SET body = '{\"endpoints\": 7}' WHERE seq = 12")


def time_altered(path: Path) -> None:
    change(path, "UPDATE entry SET at = 'noon' WHERE seq = 12")


def time_beyond(path: Path) -> None:
    change(path, "UPDATE entry SET at = 1000000000000000000 WHERE seq = 12")


def kind_unknown(path: Path) -> None:
    change(path, "UPDATE entry SET kind = 'recipe.observed' WHERE seq = 12")


def version_newer(path: Path) -> None:
    change(path, "UPDATE entry SET version = 9 WHERE seq = 12")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (empty, "is empty: there is no log in it"),
        (garbage, "is not an SQLite database"),
        (foreign, "holds another program's tables; give Porter a database of its own"),
        (half_foreign, "holds another program's tables"),
        (older, "has schema 0 and this Porter reads 2: run `porter log upgrade` on it"),
        (newer, "was written by a newer Porter (schema 99, this one knows 2)"),
        (strange, "says that its schema is 'beef'"),
        (truncated, "is damaged: "),
        (overwritten, "is damaged: "),
        (entry_missing, "entry 1700 is missing from "),
        (body_altered, "entry 12 of "),
        (time_altered, "entry 12 of "),
        (time_beyond, "entry 12 of "),
        (kind_unknown, "'recipe.observed' are unknown to this version of Porter"),
        (version_newer, "endpoints.observed version 9 is newer than this Porter"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_spoilt_log_is_refused_in_a_sentence_and_not_changed(
    good: Path,
    spoil: Callable[[Path], None],
    sentence: str,
) -> None:
    spoil(good)
    before, beside = good.read_bytes(), sorted(good.parent.iterdir())

    with pytest.raises(LogError) as caught, EventLog.open(str(good), read_only=True) as log:
        list(log.read())

    assert sentence in str(caught.value)
    assert str(good) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert good.read_bytes() == before
    assert sorted(good.parent.iterdir()) == beside


@pytest.mark.parametrize("spoil", [garbage, foreign, newer, strange])
def test_a_writer_refuses_what_is_not_its_own_and_does_not_change_it(
    good: Path,
    spoil: Callable[[Path], None],
) -> None:
    spoil(good)
    content = _dump(good)

    with pytest.raises(LogError):
        EventLog.open(str(good), stream="node1", migrate=True)
    with pytest.raises(LogError):
        upgrade(str(good))

    assert _dump(good) == content


def _dump(path: Path) -> object:
    try:
        connection = sqlite3.connect(path)
        dump = list(connection.iterdump())
        connection.close()
    except sqlite3.DatabaseError:
        connection.close()
        return path.read_bytes()
    return dump


def test_a_good_log_is_not_changed_by_reading(good: Path) -> None:
    before = good.read_bytes()

    with EventLog.open(str(good), read_only=True) as log:
        assert len(list(log.read())) == ENTRIES

    assert good.read_bytes() == before
    assert list(good.parent.iterdir()) == [good]


def test_a_log_in_a_directory_that_cannot_be_written_is_read(good: Path) -> None:
    good.parent.chmod(0o500)
    good.chmod(0o400)
    try:
        with EventLog.open(str(good), read_only=True) as log:
            assert log.last_seq == ENTRIES
    finally:
        good.parent.chmod(0o700)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("{}/none.db", "there is no log at {}/none.db"),
        ("sqlite:///{}/none.db", "there is no log at {}/none.db"),
        ("{}", "{} is a directory; name a file in it"),
        ("", "the log's URL is empty"),
        ("sqlite://host/path", "is no URL of an SQLite file"),
        ("sqlite:///{}/a.db?mode=ro", "is no URL of an SQLite file"),
        ("postgres://h/d", "Porter cannot use postgres://h/d: write sqlite:////path or postgresql+psycopg://"),
        ("http://h/d", "Porter cannot use http://h/d"),
        ("postgresql+psycopg://h:port/d", "what follows postgresql+psycopg:// is not a database URL"),
        ("oracle+cx_oracle://h/d", "needs the Python module 'cx_Oracle': use postgresql+psycopg:// instead"),
    ],
)
def test_a_place_without_a_log_is_named(tmp_path: Path, url: str, sentence: str) -> None:
    with pytest.raises(LogError) as caught:
        EventLog.open(url.format(tmp_path), read_only=True)

    assert sentence.format(tmp_path) in str(caught.value)


def test_a_directory_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"the directory .*/nowhere does not exist; create it"):
        EventLog.open(f"{tmp_path}/nowhere/porter.db", stream="node1", migrate=True)


def test_a_directory_that_cannot_be_written_is_named() -> None:
    with pytest.raises(LogError, match=r"cannot be (written|opened)"):
        EventLog.open("/proc/porter.db", stream="node1", migrate=True)


def test_a_server_that_is_not_there_is_named() -> None:
    with socket.socket() as taken:  # bound and not listening: nobody else can answer there
        taken.bind(("127.0.0.1", 0))
        url = f"postgresql+psycopg://porter@127.0.0.1:{taken.getsockname()[1]}/porter"

        with pytest.raises(LogError, match=r"^postgresql\+psycopg://porter@127.* cannot be reached: "):
            EventLog.open(url, stream="node1", migrate=True)


def test_a_database_of_somebody_else_on_a_server_is_refused(postgresql: Server) -> None:
    url = postgresql.new_database()
    postgresql.execute(url, "CREATE TABLE recipes (name TEXT)")

    for migrate in (False, True):
        with pytest.raises(LogError, match="holds another program's tables"):
            EventLog.open(url, stream="node1", migrate=migrate)


def test_a_database_that_does_not_exist_on_a_server_is_named(postgresql: Server) -> None:
    with pytest.raises(LogError, match='database "nosuch" does not exist'):
        EventLog.open(postgresql.new_database().rpartition("/")[0] + "/nosuch", stream="node1", migrate=True)


def test_commits_are_durable_whatever_the_server_is_set_to(postgresql: Server) -> None:
    url = postgresql.new_database()
    postgresql.execute(url, "ALTER ROLE porter SET synchronous_commit = off")
    try:
        with EventLog.open(url, stream="node1", migrate=True) as log, log._engine.connect() as connection:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    finally:
        postgresql.execute(url, "ALTER ROLE porter RESET synchronous_commit")


def test_an_upgrade_says_from_and_to_and_may_be_repeated(lasting_place: Place) -> None:
    lasting_place.writer().close()

    assert upgrade(lasting_place.url) == (SCHEMA_VERSION, SCHEMA_VERSION)


def test_neither_a_log_nor_an_export_is_named(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff")

    with pytest.raises(LogError, match="is neither an SQLite log nor a file from 'porter log export'"):
        open_source(str(tmp_path / "photo.jpg"))


def test_a_gap_that_ends_with_no_number_is_damage_to_whoever_asks_for_gaps(tmp_path: Path) -> None:
    path = tmp_path / "porter.db"
    with EventLog.open(str(path), stream="node1", migrate=True) as log:
        log.append(some(1, 3))
        log.append(some(7, 9), let_go=True)
    change(path, "UPDATE gap SET last_seq = 'x'")

    with EventLog.open(str(path), read_only=True) as log:
        for asked in (lambda: log.whole_after, log.gap_ends):
            with pytest.raises(DamagedLogError, match="its table gap holds what is of no kind that is stored there"):
                asked()


def test_a_kind_that_is_no_text_is_read_as_text(good: Path) -> None:
    change(good, "UPDATE entry SET kind = x'ff41' WHERE seq = 2")

    with EventLog.open(str(good), read_only=True) as log:
        assert [row.kind for row in log.rows(1, 2)] == ["\ufffdA"]
