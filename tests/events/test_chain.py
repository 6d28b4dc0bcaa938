"""A log that is not as it was written is noticed: what was altered, cut off, taken out or moved is named."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from porter.events.chain import GENESIS, chained, checksum
from porter.events.errors import DamagedLogError, LogError
from porter.events.export import write_file
from porter.events.exported import ExportedLog
from porter.events.verify import verify
from tests.events.conftest import Place
from tests.events.examples import some

ENTRIES = 30


def test_a_checksum_is_what_the_page_on_the_log_says() -> None:
    one, two = chained(some(1, 2))

    said = f"{two.seq} {two.at} {two.kind} {two.version} {two.body}".encode()
    assert two.checksum == hashlib.blake2b(one.checksum + said, digest_size=16).digest() == checksum(one.checksum, two)
    assert one.checksum == checksum(GENESIS, one)
    assert one.checksum.hex() == "484dccf4f3792e62d105ed8e455673a3"  # for ever: logs that are stored must stay whole


def test_a_log_as_it_was_written_holds(place: Place) -> None:
    with place.writer() as log:
        log.append(some(1, 10))
        log.append(some(11, ENTRIES))

        found = verify(log)

        assert found.holds
        assert (found.entries, found.first, found.last) == (ENTRIES, 1, ENTRIES)
        assert found.sentences() == ["30 entries, 1 to 30: the chain holds"]
        assert list(log.rows()) == list(chained(some(1, ENTRIES)))


def test_an_empty_log_holds(place: Place) -> None:
    with place.writer() as log:
        assert verify(log).sentences() == ["no entries: the chain holds"]


def test_the_chain_goes_on_when_a_log_is_opened_again(lasting_place: Place) -> None:
    for first in (1, 11, 21):
        with lasting_place.writer() as log:
            log.append(some(first, first + 9))

    with lasting_place.reader() as log:
        assert list(log.rows()) == list(chained(some(1, ENTRIES)))


@pytest.mark.parametrize(
    ("statement", "seq", "says", "broken"),
    [
        ("UPDATE entry SET body = replace(body, 'node1', 'node9') WHERE seq = 12", 12, "is not as it was written", 1),
        ("UPDATE entry SET at = at + 1 WHERE seq = 12", 12, "is not as it was written", 1),
        ("UPDATE entry SET kind = 'endpoints.gone' WHERE seq = 12", 12, "is not as it was written", 1),
        ("UPDATE entry SET version = 2 WHERE seq = 12", 12, "is not as it was written", 1),
        ("DELETE FROM entry WHERE seq = 12", 12, "entry 12 is missing", 1),
        ("DELETE FROM entry WHERE seq BETWEEN 12 AND 15", 12, "entries 12 to 15 are missing", 1),
        ("DELETE FROM entry WHERE seq < 5", 1, "entries 1 to 4 are missing", 1),
        ("DELETE FROM entry WHERE seq > 25", 26, "entries 26 to 30 are missing: the end was cut off", 1),
        ("DELETE FROM entry", 1, "entries 1 to 30 are missing: the end was cut off", 1),
        (
            """UPDATE entry SET seq = 99 WHERE seq = 12; UPDATE entry SET seq = 12 WHERE seq = 13;
            UPDATE entry SET seq = 13 WHERE seq = 99""",
            12,
            "entry 12 (endpoints.observed) is not as it was written, or does not follow entry 11",
            3,
        ),
        (
            "UPDATE stream SET last_seq = 20, checksum = (SELECT checksum FROM entry WHERE seq = 20)",
            31,
            "entries 21 to 30 are there, and this log never wrote as far",
            1,
        ),
        (
            "UPDATE stream SET checksum = (SELECT checksum FROM entry WHERE seq = 20)",
            31,
            "entry 30 is not the last one that was written",
            1,
        ),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_what_was_done_to_a_log_is_named(
    lasting_place: Place, statement: str, seq: int, says: str, broken: int
) -> None:
    with lasting_place.writer() as log:
        log.append(some(1, ENTRIES))
    lasting_place.execute(statement)

    with lasting_place.reader("node1") as log:
        found = verify(log)

    assert not found.holds
    assert found.breaks[0].seq == seq
    assert says in found.breaks[0].what
    assert found.broken == broken


def test_what_follows_a_break_is_told(lasting_place: Place) -> None:
    with lasting_place.writer() as log:
        log.append(some(1, ENTRIES))
    lasting_place.execute("DELETE FROM entry WHERE seq = 4")
    with lasting_place.reader() as log:
        assert verify(log).sentences() == [
            "29 entries, 1 to 30: the chain breaks",
            "entry 4 is missing",
            "all that follows holds",
        ]
    lasting_place.execute("UPDATE entry SET version = 2 WHERE seq = 9")

    with lasting_place.reader() as log:
        assert verify(log).sentences() == [
            "29 entries, 1 to 30: the chain breaks",
            "entry 4 is missing",
            "then: entry 9 (endpoints.observed) is not as it was written, or does not follow entry 8",
        ]


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("DELETE FROM entry WHERE seq = 12", "entry 12 is missing from "),
        ("DELETE FROM entry WHERE seq < 5", "entries 1 to 4 are missing from "),
        ("DELETE FROM entry WHERE seq > 25", "entries 26 to 30 are missing from "),
    ],
)
def test_a_log_with_a_hole_is_not_read_past_it(lasting_place: Place, statement: str, sentence: str) -> None:
    with lasting_place.writer() as log:
        log.append(some(1, ENTRIES))
    lasting_place.execute(statement)

    with lasting_place.reader() as log, pytest.raises(DamagedLogError, match=sentence):
        list(log.read())


def exported(place: Place, path: Path, after: int = 0, until: int | None = None) -> ExportedLog:
    with place.writer() as log:
        if not log.last_seq:
            log.append(some(1, ENTRIES))
        write_file(log.rows(after, until), path)
    return ExportedLog(path)


@pytest.mark.parametrize(("after", "until"), [(0, None), (0, 20), (7, None), (7, 20)])
def test_an_exported_file_holds_also_a_part(place: Place, tmp_path: Path, after: int, until: int | None) -> None:
    file = exported(place, tmp_path / "log.jsonl.gz", after, until)

    found = verify(file)

    assert found.holds, found.sentences()
    assert (found.first, found.last) == (after + 1, until or ENTRIES)
    assert found.unsealed == 0
    assert found.taken_out == after
    assert list(file.read()) == some(after + 1, until or ENTRIES)


def lines_changed(path: Path, change: Callable[[list[str]], list[str]]) -> ExportedLog:
    path.write_text("".join(change(path.read_text().splitlines(keepends=True))))
    return ExportedLog(path)


@pytest.mark.parametrize(
    ("change", "seq", "says"),
    [
        (
            lambda lines: [line.replace('"node1"', '"node9"') for line in lines],
            1,
            "entry 1 (endpoints.observed) is not",
        ),
        (lambda lines: [*lines[:11], *lines[12:]], 12, "entry 12 is missing"),
        (lambda lines: lines[3:], 1, "entries 1 to 3 are missing"),
        (lambda lines: [*lines[:4], lines[5], lines[4], *lines[6:]], 5, "entry 5 is missing"),
        (lambda lines: [*lines[:5], *lines[4:]], 5, "entry 5 comes after entry 5"),
        (lambda lines: lines[:-1], 30, "the file ends after entry 29, which was not the last one: it was cut"),
    ],
    ids=["altered", "one out", "head cut", "swapped", "doubled", "tail cut"],
)
def test_what_was_done_to_a_file_is_named(
    tmp_path: Path, change: Callable[[list[str]], list[str]], seq: int, says: str
) -> None:
    exported(Place(url="sqlite://"), tmp_path / "log.jsonl")

    found = verify(lines_changed(tmp_path / "log.jsonl", change))

    assert found.breaks[0].seq == seq
    assert says in found.breaks[0].what


def test_a_file_that_was_cut_between_two_lines_is_not_read_to_its_end(tmp_path: Path) -> None:
    exported(Place(url="sqlite://"), tmp_path / "log.jsonl")
    file = lines_changed(tmp_path / "log.jsonl", lambda lines: lines[:-1])

    with pytest.raises(LogError, match="line 29: the file ends here, and entry 29 was not the last one: it was cut"):
        list(file.read())
    assert len(list(file.read(until=20))) == 20


def test_a_file_without_checksums_says_so(tmp_path: Path) -> None:
    write_file(some(1, 9), tmp_path / "old.jsonl")
    file = ExportedLog(tmp_path / "old.jsonl")

    assert verify(file).sentences() == [
        "9 entries, 1 to 9: they carry no checksums, only that none is missing is known"
    ]
    assert list(file.read()) == some(1, 9)
    assert [row.checksum for row in file.rows()] == [b""] * 9


def test_a_body_that_a_newer_porter_wrote_keeps_its_checksum_in_a_file(lasting_place: Place, tmp_path: Path) -> None:
    body = '{"node":"node1","not_known_here":7}'
    row = next(chained(some(1, 1)))
    kept = type(row)(1, row.at, "node.gone", 1, body, b"")
    sealed = type(row)(1, row.at, "node.gone", 1, body, checksum(GENESIS, kept))
    with lasting_place.writer() as log:
        log.append_rows([sealed])
        write_file(log.rows(), tmp_path / "log.jsonl")

    file = ExportedLog(tmp_path / "log.jsonl")

    assert verify(file).holds
    assert json.loads((tmp_path / "log.jsonl").read_text())["entry"] == json.loads(body)
    assert list(file.rows()) == [sealed]
