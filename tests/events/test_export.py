"""A log as a file: written and read back the same, and refused by line where it is not one."""

import gzip
import io
import json
from pathlib import Path

import pytest

from porter.events.entries import Recorded
from porter.events.errors import LogError
from porter.events.export import write, write_file
from porter.events.exported import ExportedLog
from porter.events.log import EventLog
from porter.events.sources import open_source
from tests.events.examples import BEGIN, some
from tests.events.golden import FULL

ALL = [Recorded(seq, BEGIN, entry) for seq, entry in enumerate(FULL.values(), start=1)]


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz"])
def test_a_file_is_read_back_as_it_was_written(tmp_path: Path, name: str) -> None:
    path = tmp_path / name

    assert write_file(ALL, path) == len(ALL)

    with open_source(str(path)) as source:
        assert list(source.read()) == ALL
        assert list(source.read()) == ALL
        assert list(source.read(after=3, until=5)) == ALL[3:5]
        assert source.last_seq == len(ALL)
        assert source.describe() == str(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_and_its_database_are_the_same_source(tmp_path: Path) -> None:
    with EventLog.open(str(tmp_path / "porter.db"), stream="node1", migrate=True) as log:
        log.append(ALL)
        write_file(log.read(), tmp_path / "log.jsonl")

    with open_source(str(tmp_path / "porter.db")) as database, open_source(str(tmp_path / "log.jsonl")) as file:
        assert list(database.read()) == list(file.read())
        assert database.last_seq == file.last_seq


def test_a_line_is_one_json_object_with_a_time_that_people_read() -> None:
    out = io.BytesIO()

    write(some(1, 1), out)

    assert json.loads(out.getvalue()) == {
        "seq": 1,
        "at": "2026-11-21T10:00:00.124456Z",
        "kind": "endpoints.observed",
        "version": 1,
        "word": "observed",
        "entry": {"endpoints": {"namespace": "default", "name": "wéb-1-x", "service": "wéb-1", "ready": ["node1"]}},
    }


def test_a_file_that_exists_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("mine")

    with pytest.raises(LogError, match="exists already"):
        write_file(ALL, path)

    assert path.read_text() == "mine"


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"nowhere/log.jsonl cannot be written: No such file or directory"):
        write_file(ALL, tmp_path / "nowhere" / "log.jsonl")


def lines() -> list[bytes]:
    out = io.BytesIO()
    write(some(1, 9), out)
    return out.getvalue().splitlines(keepends=True)


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (b"hello\n", "not a line of an exported log: "),
        (b"{}\n", "not a line of an exported log: "),
        (b"\xff\n", "not a line of an exported log: "),
        (b'{"seq":7,"at":"yesterday","kind":"eip.gone","version":1,"entry":{}}\n', "not a line of an exported log: "),
        (
            b'{"seq":7,"at":"2026-11-21T10:00:00","kind":"eip.gone","version":1,"entry":{"eip":"a"}}\n',
            "names no time zone",
        ),
        (
            b'{"seq":7,"at":"2026-11-21T10:00:00Z","kind":"x.gone","version":1,"entry":{}}\n',
            "entries of kind 'x.gone' are",
        ),
        (b'{"seq":7,"at":"2026-11-21T10:00:00Z","kind":"eip.gone","version":2,"entry":{}}\n', "version 2 is newer"),
        (b'{"seq":7,"at":"2026-11-21T10:00:00Z","kind":"eip.gone","version":1,"entry":{}}\n', "cannot be read: "),
        (lines()[7], "entry 8 follows entry 6"),
        (lines()[5], "entry 6 follows entry 6"),
    ],
)
def test_a_bad_line_is_named_by_its_number(tmp_path: Path, bad: bytes, sentence: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join([*lines()[:6], bad, *lines()[7:]]))

    with pytest.raises(LogError) as caught:
        list(ExportedLog(path).read())

    assert str(caught.value).startswith(f"{path}, line 7: ")
    assert sentence in str(caught.value)


def test_a_compressed_file_that_was_cut_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl.gz"
    packed = gzip.compress(b"".join(lines()))
    path.write_bytes(packed[: len(packed) // 2])

    with pytest.raises(LogError, match=r"line \d+: the compressed file ends too early"):
        list(ExportedLog(path).read())


def test_a_compressed_file_that_is_damaged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl.gz"
    packed = bytearray(gzip.compress(b"".join(lines())))
    packed[len(packed) // 2] ^= 0xFF
    path.write_bytes(packed)

    with pytest.raises(LogError, match=r"line \d+: "):
        list(ExportedLog(path).read())


def test_a_part_of_a_log_may_begin_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    write_file(some(5, 9), path)

    assert list(ExportedLog(path).read()) == some(5, 9)
