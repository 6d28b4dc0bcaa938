"""Snapshots in a log: kept in bounded number, sealed to the entry that they follow, and carried by an export."""

from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from porter.events.errors import LogError
from porter.events.export import write_file
from porter.events.exported import ExportedLog
from porter.events.log import SNAPSHOTS
from porter.events.snapshots import StoredSnapshot
from porter.events.sqlite_source import SqliteSource
from porter.events.verify import verify
from tests.events.conftest import Place
from tests.events.examples import some


def snapshot(seq: int, state: bytes = b"state") -> StoredSnapshot:
    return StoredSnapshot(seq=seq, at=1000 + seq, format=1, state=state)


def test_snapshots_are_read_back_the_newest_first(place: Place) -> None:
    with place.writer() as log:
        log.append(some(1, 9))
        for seq in (3, 9, 6):
            log.store_snapshot(snapshot(seq, b"\x00\xff%d" % seq))

        found = list(log.snapshots())

        assert [msgspec.structs.replace(one, checksum=b"") for one in found] == [
            snapshot(seq, b"\x00\xff%d" % seq) for seq in (9, 6, 3)
        ]
        assert [one.seq for one in log.snapshots(until=8)] == [6, 3]
        assert verify(log).holds


def test_a_snapshot_takes_the_place_of_one_of_the_same_entry(place: Place) -> None:
    with place.writer() as log:
        log.append(some(1, 3))
        log.store_snapshot(snapshot(3, b"old"))
        log.store_snapshot(snapshot(3, b"new"))

        assert [one.state for one in log.snapshots()] == [b"new"]


def test_the_number_of_snapshots_is_bounded_and_the_first_and_the_newest_stay(place: Place) -> None:
    with place.writer() as log:
        log.append(some(1, 400))
        for seq in range(4, 401, 4):
            log.store_snapshot(snapshot(seq))

        kept = [one.seq for one in log.snapshots()][::-1]

    assert len(kept) == SNAPSHOTS
    assert (kept[0], kept[-1]) == (4, 400)
    apart = [after - before for before, after in pairwise(kept)]
    assert max(apart) <= 64, "what is kept lies spread over the whole log"


def test_a_snapshot_of_an_entry_that_is_not_there_is_refused(place: Place) -> None:
    with place.writer() as log:
        log.append(some(1, 3))

        with pytest.raises(LogError, match=r"entry 4 of .* is not there, so no state follows it"):
            log.store_snapshot(snapshot(4))
        assert list(log.snapshots()) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE snapshot SET state = state || state WHERE seq = 6",
        "UPDATE snapshot SET format = 2 WHERE seq = 6",
        "UPDATE snapshot SET seq = 7 WHERE seq = 6",
    ],
)
def test_a_snapshot_that_was_altered_is_passed_over_and_named(lasting_place: Place, statement: str) -> None:
    with lasting_place.writer() as log:
        log.append(some(1, 9))
        for seq in (3, 6):
            log.store_snapshot(snapshot(seq))
    lasting_place.execute(statement)

    with lasting_place.reader() as log:
        assert [one.seq for one in log.snapshots()] == [3]
        [found] = verify(log).breaks
    assert found.seq in {6, 7}
    assert found.what == f"the snapshot at entry {found.seq} is not as it was written"


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("SELECT 1", True),
        ("UPDATE snapshot SET state = state || state WHERE seq = 6", False),
        ("UPDATE snapshot SET state = 'text' WHERE seq = 6", False),
        ("UPDATE snapshot SET format = 'x' WHERE seq = 6", False),
        ("UPDATE snapshot SET seq = 'x' WHERE seq = 6", False),
        ("DELETE FROM snapshot WHERE seq = 6", False),
        ("UPDATE entry SET checksum = x'00' WHERE seq = 6", False),
        ("UPDATE entry SET checksum = 'text' WHERE seq = 6", False),
        ("DELETE FROM entry WHERE seq = 6", False),
        (
            "INSERT INTO gap SELECT stream, 1, 6, checksum FROM entry WHERE seq = 6; DELETE FROM entry WHERE seq = 6",
            True,
        ),
    ],
)
def test_one_snapshot_is_read_from_a_file_as_among_all(tmp_path: Path, statement: str, found: bool) -> None:  # noqa: FBT001
    place = Place(url=f"sqlite:///{tmp_path}/porter.db")
    with place.writer() as log:
        log.append(some(1, 9))
        for seq in (3, 6, 9):
            log.store_snapshot(snapshot(seq))
    place.execute(statement)

    with SqliteSource.open(tmp_path / "porter.db") as source, place.reader() as log:
        among = next((one for one in log.snapshots() if one.seq == 6), None)
        assert source.snapshot_after(6) == among
        assert (among is not None) is found
        assert source.snapshot_after(5) is None


def test_an_export_carries_the_snapshots(place: Place, tmp_path: Path) -> None:
    with place.writer() as log:
        log.append(some(1, 9))
        for seq in (3, 9):
            log.store_snapshot(snapshot(seq))
        write_file(log.rows(), tmp_path / "log.jsonl", log.snapshots())
        stored = list(log.snapshots())
    file = ExportedLog(tmp_path / "log.jsonl")

    assert list(file.snapshots()) == stored
    assert list(file.snapshots(until=8)) == stored[1:]
    assert list(file.read()) == some(1, 9)
    assert verify(file).holds
    assert file.last_seq == 9
    (tmp_path / "log.jsonl").write_text((tmp_path / "log.jsonl").read_text().replace('"format":1', '"format":3', 1))
    assert [one.seq for one in file.snapshots()] == [9]
    assert not verify(file).holds


@pytest.mark.parametrize("spoil", ['"state":"!', '"checksum":"zz'])
def test_a_snapshot_line_that_cannot_be_read_is_named(tmp_path: Path, spoil: str) -> None:
    with Place(url="sqlite://").writer() as log:
        log.append(some(1, 3))
        log.store_snapshot(snapshot(2))
        write_file(log.rows(), tmp_path / "log.jsonl", log.snapshots())
    lines = (tmp_path / "log.jsonl").read_text().splitlines(keepends=True)
    key = spoil[: spoil.index(":") + 2]
    lines[2] = lines[2].replace(key, spoil)
    (tmp_path / "log.jsonl").write_text("".join(lines))

    with pytest.raises(LogError, match=r"line 3: not a line of an exported log"):
        list(ExportedLog(tmp_path / "log.jsonl").snapshots())


def test_a_snapshot_that_follows_no_entry_is_passed_over(tmp_path: Path) -> None:
    place = Place(url=f"sqlite:///{tmp_path}/porter.db")
    with place.writer() as log:
        log.append(some(1, 400))
        for seq in range(4, 4 * SNAPSHOTS + 1, 4):
            log.store_snapshot(snapshot(seq))
        place.execute("UPDATE snapshot SET seq = 'x' WHERE seq = 8")

        for seq in (100, 200):
            log.store_snapshot(snapshot(seq))

        assert next(log.snapshots(until=150)).seq == 100
