"""What compaction takes out, what stays, and that a log is whole after every step of it."""

import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from porter.events.codec import word_of
from porter.events.compaction import STEP
from porter.events.entries import AgentStarted, Entry, NodeGone, Recorded, Relisted
from porter.events.errors import CompactedLogError, DamagedLogError
from porter.events.export import write_file
from porter.events.exported import ExportedLog
from porter.events.log import EventLog
from porter.events.retention import FOR_EVER, Retention
from porter.events.snapshots import StoredSnapshot
from porter.events.verify import verify
from porter.model.names import NodeName
from tests.events.conftest import Place
from tests.events.golden import FULL

BEGIN = datetime(2026, 11, 21, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DECIDED, APPLIED = FULL["assignment.decided", 1], FULL["address.announced", 1]


def seen(number: int) -> Entry:
    return NodeGone(node=NodeName(f"node{number}"))


def a_minute_apart(entries: Iterable[Entry]) -> list[Recorded]:
    return [Recorded(seq, BEGIN + seq * MINUTE, entry) for seq, entry in enumerate(entries, start=1)]


def life(count: int) -> list[Recorded]:
    """Mostly observations; of every ten, the fifth leads to two decisions and a deed."""
    return a_minute_apart(
        DECIDED if seq % 10 in {6, 7} else APPLIED if seq % 10 == 8 else seen(seq) for seq in range(1, count + 1)
    )


def story_of(records: list[Recorded]) -> list[Recorded]:
    """What `life` has of the story: decisions, deeds, and the causes of decisions."""
    return [record for record in records if record.seq % 10 in {5, 6, 7, 8}]


def written(place: Place, records: list[Recorded], snapshots: Iterable[int]) -> EventLog:
    log = place.writer()
    log.append(records)
    for seq in snapshots:
        log.store_snapshot(StoredSnapshot(seq=seq, at=_micros(records[seq - 1].at), format=1, state=b"%d" % seq))
    return log


def _micros(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def after(minutes: float) -> datetime:
    return BEGIN + timedelta(minutes=minutes)


def compact(log: EventLog, retention: Retention, now: datetime) -> int:
    """Compact to the end, holding what is there to its chain after every step; return how many steps there were."""
    steps = 0
    while log.compact(retention, now):
        steps += 1
        found = verify(log)
        assert found.holds, found.sentences()
        head = log.head
        rows = list(log.rows())
        assert (head.entries, head.size) == (len(rows), sum(row.size for row in rows))
        story = [row for row in rows if row.seq <= head.compacted_through]
        assert (head.story_entries, head.story_size) == (len(story), sum(row.size for row in story))
        assert log.whole_after <= head.compacted_through < min(one.seq for one in log.snapshots())
    return steps


def test_observations_that_a_snapshot_knows_go_by_their_age_and_the_story_stays(place: Place) -> None:
    records = life(100)
    with written(place, records, [30, 60, 90]) as log:
        assert compact(log, Retention(age=timedelta(minutes=30)), now=after(100))

        assert list(log.read()) == [*story_of(records[:59]), *records[59:]]
        assert [one.seq for one in log.snapshots()] == [90, 60]
        assert log.whole_after == 59
        assert compact(log, Retention(age=timedelta(minutes=30)), now=after(100)) == 0
        log.append([Recorded(101, BEGIN, seen(101))])
        assert verify(log).sentences()[0].startswith("66 entries, 5 to 101, 35 others were compacted away")


def test_nothing_goes_that_no_snapshot_knows(place: Place) -> None:
    with written(place, life(100), []) as log:
        assert compact(log, Retention(age=MINUTE, entries=1, size=1), now=after(10_000)) == 0
        assert log.head.entries == 100


def test_nothing_goes_that_is_to_be_kept_for_ever(place: Place) -> None:
    with written(place, life(100), [50, 100]) as log:
        assert compact(log, FOR_EVER, now=after(10**7)) == 0


def test_the_newest_snapshot_its_entry_and_what_follows_always_stay(place: Place) -> None:
    records = life(100)
    with written(place, records, [30, 60]) as log:
        assert compact(log, Retention(age=MINUTE, story_age=MINUTE), now=after(10_000))

        assert list(log.read()) == records[59:]
        assert list(log.read(after=60, whole_after=60)) == records[60:]
        assert [one.seq for one in log.snapshots()] == [60]


def test_a_fold_is_told_that_entries_were_taken_out(place: Place) -> None:
    with written(place, life(100), [60]) as log:
        compact(log, Retention(age=MINUTE), now=after(10_000))

        with pytest.raises(CompactedLogError, match=r"entries 1 to 4 were taken out of .* by compaction, or let go"):
            list(log.read(whole_after=0))
        with pytest.raises(CompactedLogError, match=r"entries 59 to 59 were taken out of .* by compaction, or let go"):
            list(log.read(after=55, whole_after=55))


def test_entries_go_when_there_are_too_many(place: Place) -> None:
    records = life(100)
    with written(place, records, [20, 40, 60, 80]) as log:
        compact(log, Retention(entries=70), now=after(100))

        assert list(log.read()) == [*story_of(records[:59]), *records[59:]]


def test_the_story_may_be_half_of_what_is_kept_and_its_oldest_goes_first(place: Place) -> None:
    records = life(1000)
    with written(place, records, range(100, 1001, 100)) as log:
        compact(log, Retention(entries=300), now=after(1000))

        kept = list(log.read())
        newest = log.whole_after
        story = [record for record in kept if record.seq <= newest]
        assert len(kept) <= 300
        assert story == story_of(records[story[0].seq - 1 : newest])
        assert [record for record in kept if record.seq > newest] == records[newest:]


def test_the_story_goes_by_its_own_age(place: Place) -> None:
    records = life(100)
    with written(place, records, [60, 90]) as log:
        compact(log, Retention(age=timedelta(minutes=30), story_age=timedelta(minutes=80)), now=after(100))

        assert list(log.read()) == [*story_of(records[19:59]), *records[59:]]
        assert verify(log).holds


def test_starts_stay_and_lists_go(place: Place) -> None:
    started = AgentStarted(node=NodeName("node1"), porter="1", schema="2")
    lists = Relisted(resource="nodes", total=0)
    records = a_minute_apart([started, lists, DECIDED, seen(4), seen(5)])
    with written(place, records, [5]) as log:
        compact(log, Retention(age=MINUTE), now=after(10_000))

        assert [record.seq for record in log.read()] == [1, 3, 5]


def test_one_step_is_small_and_a_log_may_be_left_after_any(place: Place) -> None:
    count = 4 * STEP
    records = a_minute_apart(seen(seq) for seq in range(1, count + 1))
    with written(place, records, [count // 2, count]) as log:
        assert log.compact(Retention(age=MINUTE), after(10_000))
        assert log.head.entries == count - STEP
        assert log.whole_after == STEP

        assert compact(log, Retention(age=timedelta(minutes=count // 4)), now=after(count)) == 2 - 1
        assert log.whole_after == count // 2 - 1
        assert compact(log, Retention(age=MINUTE), now=after(10_000)) > 1
        assert [record.seq for record in log.read()] == [count]


def test_other_streams_are_left_alone(lasting_place: Place) -> None:
    with lasting_place.writer("node2") as other, written(lasting_place, life(50), [40]) as log:
        other.append(life(50))

        compact(log, Retention(age=MINUTE, story_age=MINUTE), now=after(10_000))

        assert list(other.read()) == life(50)
        assert verify(other).holds


def test_an_agent_appends_while_another_process_compacts(lasting_place: Place) -> None:
    with written(lasting_place, life(100), [50]) as agent, lasting_place.writer() as command:
        for seq in range(101, 151):
            agent.append([Recorded(seq, BEGIN, seen(seq))])
            command.compact(Retention(age=MINUTE), after(10_000))

        found = verify(agent)
        assert found.holds
        assert agent.head.entries == found.entries == len(story_of(life(49))) + 1 + 100


@pytest.mark.parametrize(
    ("statement", "seq"),
    [
        ("DELETE FROM gap WHERE first_seq = 1", 1),
        ("DELETE FROM entry WHERE seq = 25", 19),
        ("DELETE FROM entry WHERE seq = 77", 77),
        ("UPDATE gap SET last_seq = last_seq + 1 WHERE first_seq = 9", 9),
        ("UPDATE gap SET checksum = (SELECT checksum FROM entry WHERE seq = 77) WHERE first_seq = 9", 15),
        ("DELETE FROM gap", 1),
    ],
)
def test_what_compaction_did_not_take_out_is_missed(lasting_place: Place, statement: str, seq: int) -> None:
    with written(lasting_place, life(100), [60]) as log:
        compact(log, Retention(age=MINUTE), now=after(10_000))
    lasting_place.execute(statement)

    with lasting_place.reader() as log:
        found = verify(log)
        assert not found.holds
        assert found.breaks[0].seq == seq
        if "checksum" not in statement:
            with pytest.raises(DamagedLogError, match="missing from"):
                list(log.read())


def test_a_compacted_log_is_exported_with_what_it_takes_to_verify_it_and_go_on(place: Place, tmp_path: Path) -> None:
    with written(place, life(100), [60, 90]) as log:
        compact(log, Retention(age=timedelta(minutes=30)), now=after(100))
        write_file(log.rows(), tmp_path / "log.jsonl.gz", log.snapshots())
        file = ExportedLog(tmp_path / "log.jsonl.gz")

        assert list(file.read()) == list(log.read())
        assert file.whole_after == log.whole_after == 59
        assert list(file.snapshots()) == list(log.snapshots())
        assert verify(file) == verify(log)
    with pytest.raises(CompactedLogError, match="entries before entry 5 were taken out"):
        list(file.read(whole_after=0))
    assert len(list(file.read(after=60, whole_after=60))) == 40


def test_an_exported_log_is_appended_elsewhere_as_it_was(place: Place, tmp_path: Path) -> None:
    with written(place, life(100), [60, 90]) as log:
        compact(log, Retention(age=timedelta(minutes=30)), now=after(100))
        rows = list(log.rows())
        with Place(url=f"sqlite:///{tmp_path}/copy.db").writer("node7") as copy:
            copy.append_rows(rows[:30])
            copy.append_rows(rows[30:])
            for one in log.snapshots():
                copy.store_snapshot(one)

            assert list(copy.rows()) == rows
            assert verify(copy) == verify(log)
            assert list(copy.snapshots()) == list(log.snapshots())
            assert copy.whole_after == log.whole_after


@pytest.mark.parametrize("at", [0, 9])
def test_rows_that_do_not_continue_a_log_are_our_bug(place: Place, at: int) -> None:
    with written(place, life(20), []) as log, Place(url="sqlite://").writer() as other:
        rows = list(log.rows())
        other.append_rows(rows[:at])

        with pytest.raises(ValueError, match="does not continue the log"):
            other.append_rows(rows[at + 2 :])


def test_the_words_of_the_life_are_as_the_tests_think() -> None:
    assert [word_of(record.entry) for record in life(9)][4:] == [
        "observed",
        "decided",
        "decided",
        "applied",
        "observed",
    ]


def size_on_disk(path: Path) -> int:
    return sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*"))


def pages(path: Path, which: str) -> int:
    connection = sqlite3.connect(path)
    found: int = connection.execute(f"PRAGMA {which}").fetchone()[0]
    connection.close()
    return found


def test_the_disk_gets_back_what_a_file_no_longer_needs(tmp_path: Path) -> None:
    count, path = 24_000, tmp_path / "porter.db"
    with written(Place(url=f"sqlite:///{path}"), life(count), [count]) as log:
        full = path.stat().st_size
        while log.compact(Retention(age=MINUTE, story_age=MINUTE), after(10 * count)):
            pass
        free = pages(path, "freelist_count")
        assert log.give_back(64)
        assert pages(path, "freelist_count") == free - 64
        while log.give_back(64):
            pass

        assert full > 4 << 20
        assert pages(path, "freelist_count") < 1024
        assert pages(path, "page_count") < full // 4096
        log.shrink()
        assert size_on_disk(path) < 1 << 20
        assert verify(log).holds


def test_a_file_of_an_older_version_is_used_again_and_written_anew_by_hand(tmp_path: Path) -> None:
    count, path = 24_000, tmp_path / "porter.db"
    place = Place(url=f"sqlite:///{path}")
    place.execute((Path(__file__).parent.parent / "data" / "log-schema-1.sql").read_text())
    with place.writer("node3") as log:
        log.append(life(count))
        log.store_snapshot(StoredSnapshot(seq=count, at=0, format=1, state=b""))
        while log.compact(Retention(age=MINUTE, story_age=MINUTE), after(10 * count)):
            pass

        assert not log.give_back(64)
        log.shrink()
        assert size_on_disk(path) < 1 << 20
        log.append([Recorded(seq, BEGIN, DECIDED) for seq in range(count + 1, 2 * count)])
        log.store_snapshot(StoredSnapshot(seq=2 * count - 1, at=0, format=1, state=b""))
        while log.compact(Retention(age=MINUTE, story_age=MINUTE), after(10 * count)):
            pass
        assert log.give_back(64), "from now on it gives back"


def test_a_log_stays_within_the_size_it_may_have(tmp_path: Path) -> None:
    path, retention, batch = tmp_path / "porter.db", Retention(size=2 << 20), 1_000
    with Place(url=f"sqlite:///{path}").writer() as log:
        for first in range(1, 30_000, batch):
            log.append(
                [Recorded(seq, BEGIN, DECIDED if seq % 20 == 0 else seen(seq)) for seq in range(first, first + batch)]
            )
            log.store_snapshot(StoredSnapshot(seq=log.last_seq, at=0, format=1, state=b"x" * 1000))
            while log.compact(retention, after(0)):
                pass
            assert not log.exceeds(retention)
        biggest = path.stat().st_size

        assert biggest < retention.size + (1 << 20)
        assert log.head.entries < 20_000
        assert verify(log).holds


def test_a_log_is_not_cut_for_the_size_of_another_one_in_the_same_file(tmp_path: Path) -> None:
    path, retention = tmp_path / "porter.db", Retention(size=1 << 20, age=timedelta.max, story_age=timedelta.max)
    records = life(1_000)
    with EventLog.open(str(path), stream="node2", migrate=True) as other:
        other.append(life(20_000))
        assert other.exceeds(retention)
    with EventLog.open(str(path), stream="node1", migrate=True) as log:
        log.append(records)
        for seq in (500, 990):
            log.store_snapshot(StoredSnapshot(seq=seq, at=0, format=1, state=b"x"))

        assert not log.exceeds(retention)
        assert compact(log, retention, after(0)) == 0
        assert log.head.entries == len(records)
