"""The contract of the log, the same in every place where a log can be."""

import dataclasses
import threading
from datetime import datetime

import pytest

from porter.events.entries import AgentStopped, Recorded
from porter.events.errors import LogError
from porter.events.log import EventLog
from porter.events.reading import PAGE
from porter.model.names import NodeName
from tests.events.conftest import Place
from tests.events.examples import BEGIN, some
from tests.events.golden import FULL


def test_a_new_log_is_empty(place: Place) -> None:
    with place.writer() as log:
        assert log.last_seq == 0
        assert list(log.read()) == []


def test_what_was_appended_is_read_back_in_order(place: Place) -> None:
    with place.writer() as log:
        log.append(some(1, 3))
        log.append(some(4, 4))

        assert list(log.read()) == some(1, 4)
        assert log.last_seq == 4


def test_every_kind_of_entry_is_read_back_as_it_was(place: Place) -> None:
    recorded = [Recorded(seq, BEGIN, entry) for seq, entry in enumerate(FULL.values(), start=1)]
    with place.writer() as log:
        log.append(recorded)

        assert list(log.read()) == recorded


def test_a_time_is_kept_to_the_microsecond(place: Place) -> None:
    moments = [datetime.fromisoformat(f"{day}T23:59:59.999999Z") for day in ("1999-12-31", "2026-11-21", "2199-01-01")]
    with place.writer() as log:
        log.append([Recorded(n, at, AgentStopped(node=NodeName("node1"))) for n, at in enumerate(moments, start=1)])

        assert [recorded.at for recorded in log.read()] == moments


def test_appending_nothing_changes_nothing(place: Place) -> None:
    with place.writer() as log:
        log.append([])

        assert log.last_seq == 0


@pytest.mark.parametrize(
    "batch",
    [some(5, 5), some(1, 1), some(3, 3), [*some(4, 4), *some(6, 6)], [*some(4, 4), *some(4, 4)]],
    ids=["gap", "again", "last again", "gap inside", "twice inside"],
)
def test_a_batch_that_does_not_continue_the_log_is_our_bug_and_adds_nothing(
    place: Place,
    batch: list[Recorded],
) -> None:
    with place.writer() as log:
        log.append(some(1, 3))

        with pytest.raises(ValueError, match="does not continue the log, whose next is"):
            log.append(batch)

        assert list(log.read()) == some(1, 3)
        log.append(some(4, 4))


def test_a_part_is_read_by_its_numbers(place: Place) -> None:
    with place.writer() as log:
        log.append(some(1, 9))

        assert list(log.read(after=4)) == some(5, 9)
        assert list(log.read(until=4)) == some(1, 4)
        assert list(log.read(after=4, until=6)) == some(5, 6)
        assert list(log.read(after=9)) == []
        assert list(log.read(after=6, until=4)) == []


@pytest.mark.parametrize("count", [PAGE - 1, PAGE, PAGE + 1, 2 * PAGE])
def test_a_log_of_many_pages_is_read_whole(place: Place, count: int) -> None:
    with place.writer() as log:
        log.append(some(1, count))

        assert [recorded.seq for recorded in log.read()] == list(range(1, count + 1))


def test_a_reader_in_another_thread_never_sees_half_a_batch(place: Place) -> None:
    batches, size = 60, 10
    with place.writer() as log:
        seen: list[int] = []
        done = threading.Event()

        def watch() -> None:
            while not done.is_set():
                seen.append(len(list(log.read())))

        watcher = threading.Thread(target=watch)
        watcher.start()
        for number in range(batches):
            log.append(some(number * size + 1, (number + 1) * size))
        done.set()
        watcher.join()

        assert seen
        assert all(count % size == 0 for count in seen)
        assert seen == sorted(seen)


def test_a_log_goes_on_where_it_ended(lasting_place: Place) -> None:
    with lasting_place.writer() as log:
        log.append(some(1, 3))

    with lasting_place.writer() as log:
        assert log.last_seq == 3
        log.append(some(4, 5))

    with lasting_place.reader() as log:
        assert list(log.read()) == some(1, 5)


def test_a_reader_sees_what_is_written_while_it_is_open(lasting_place: Place) -> None:
    with lasting_place.writer() as writer:
        writer.append(some(1, 2))
        with lasting_place.reader() as reader:
            assert list(reader.read()) == some(1, 2)

            writer.append(some(3, 4))

            assert list(reader.read(after=2)) == some(3, 4)
            assert reader.last_seq == 4


def test_a_reader_that_began_before_the_writer_sees_it_too(lasting_place: Place) -> None:
    with lasting_place.writer() as writer:
        writer.append(some(1, 2))
    with lasting_place.reader() as reader:
        assert list(reader.read()) == some(1, 2)

        with lasting_place.writer() as writer:
            writer.append(some(3, 4))
            assert list(reader.read()) == some(1, 4)

        assert list(reader.read()) == some(1, 4)


def test_entries_that_come_while_reading_are_read_up_to_until(lasting_place: Place) -> None:
    with lasting_place.writer() as writer, lasting_place.reader("node1") as reader:
        writer.append(some(1, PAGE))
        entries = reader.read(until=PAGE + 1)
        next(entries)

        writer.append(some(PAGE + 1, PAGE + 2))

        assert [recorded.seq for recorded in entries] == list(range(2, PAGE + 2))


def test_a_reader_cannot_append(lasting_place: Place) -> None:
    lasting_place.writer().close()
    with lasting_place.reader("node1") as log, pytest.raises(ValueError, match="without a stream to append to"):
        log.append(some(1, 1))


def test_a_writer_names_its_stream(place: Place) -> None:
    with place.writer("") as log, pytest.raises(ValueError, match="without a stream to append to"):
        log.append(some(1, 1))


def test_several_agents_share_a_database_each_with_its_own_numbers(lasting_place: Place) -> None:
    with lasting_place.writer("node1") as one, lasting_place.writer("node2") as two:
        one.append(some(1, 3))
        two.append(some(1, 1))
        one.append(some(4, 4))

        assert list(one.read()) == some(1, 4)
        assert list(two.read()) == some(1, 1)

    with lasting_place.reader("node2") as log:
        assert list(log.read()) == some(1, 1)
    with pytest.raises(LogError, match="holds the logs of node1, node2; choose one with --stream"):
        lasting_place.reader()


def test_the_only_stream_needs_no_name(lasting_place: Place) -> None:
    with lasting_place.writer("node1") as log:
        log.append(some(1, 1))

    with lasting_place.reader() as log:
        assert log.stream == "node1"
        assert "stream node1" in log.describe()


def test_a_second_writer_of_the_same_stream_is_named_and_adds_nothing(lasting_place: Place) -> None:
    with lasting_place.writer() as first, lasting_place.writer() as second:
        assert second.last_seq == 0
        first.append(some(1, 2))

        with pytest.raises(LogError, match="another agent writes to the same stream of "):
            second.append(some(1, 1))

        assert list(first.read()) == some(1, 2)
        assert second.last_seq == 2


def test_opening_twice_at_once_migrates_once(lasting_place: Place) -> None:
    logs: list[EventLog] = []
    threads = [threading.Thread(target=lambda: logs.append(lasting_place.writer())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [log.last_seq for log in logs] == [0, 0, 0, 0]
    for log in logs:
        log.close()


def test_a_log_may_be_closed_twice(place: Place) -> None:
    log = place.writer()
    log.close()
    log.close()


def test_a_password_is_never_shown() -> None:
    hidden = dataclasses.replace(Place(url="postgresql+psycopg://porter:secret@127.0.0.1:1/porter"))
    with pytest.raises(LogError) as caught:
        hidden.reader()

    assert "secret" not in str(caught.value)
    assert "cannot be reached" in str(caught.value)
