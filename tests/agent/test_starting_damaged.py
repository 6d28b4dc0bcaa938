"""Whatever a failing disk made of single values: an agent says so, sets the log aside, and begins a new one."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from porter.agent.starting import begin
from porter.events.log import EventLog
from porter.events.sources import open_source, streams_in
from porter.events.verify import verify
from porter.replay.reading import installed_rules
from tests.events.examples import some

FLIPPED = {
    "text that is no UTF-8": "UPDATE entry SET body = CAST(x'7bff7d' AS TEXT) WHERE seq = 10",
    "a kind that is no UTF-8": "UPDATE entry SET kind = CAST(x'7bff7d' AS TEXT) WHERE seq = 10",
    "bytes in the place of text": "UPDATE entry SET body = x'7b2261223a22ff227d' WHERE seq = 10",
    "a number for a body": "UPDATE entry SET body = 7 WHERE seq = 10",
    "a number for a checksum": "UPDATE entry SET checksum = 999999999999999 WHERE seq = 10",
    "another last checksum": "UPDATE stream SET checksum = x'00112233445566778899aabbccddeeff'",
    "an end that is too early": "UPDATE stream SET last_seq = 25",
    "no row of the stream": "DELETE FROM stream",
    "text for the number of the last entry": "UPDATE stream SET last_seq = 'x'",
    "bytes for a number of entries": "UPDATE stream SET entries = x'ff'",
}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "porter.db"
    with EventLog.open(str(path), stream="node1", migrate=True) as log:
        log.append(some(1, 30))
    return path


def change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize("statement", FLIPPED.values(), ids=FLIPPED)
def test_an_agent_sets_it_aside_and_writes_to_a_new_one(log: Path, statement: str) -> None:
    change(log, statement)

    begun = begin(str(log), node="node1", rules=installed_rules(), now=datetime(2026, 11, 21, tzinfo=UTC))

    with begun.log:
        assert begun.set_aside is not None
        begun.log.append(some(1, 3))
        assert begun.log.last_seq == 3
    assert Path(begun.set_aside.to).is_file()


def test_bytes_that_say_what_the_text_said_are_taken_for_it(log: Path) -> None:
    change(log, "UPDATE entry SET body = CAST(body AS BLOB) WHERE seq = 10")

    begun = begin(str(log), node="node1", rules=installed_rules(), now=datetime(2026, 11, 21, tzinfo=UTC))

    begun.log.close()
    assert begun.set_aside is None
    assert begun.log.last_seq == 30


def test_entries_of_a_stream_whose_row_is_lost_are_not_taken_for_an_empty_log(log: Path) -> None:
    change(log, "DELETE FROM stream")

    assert streams_in(str(log)) == ["node1"]
    with open_source(str(log)) as source:
        found = verify(source)
        assert len(list(source.read())) == 30

    assert not found.holds
    assert "entries 1 to 30 are there, and this log never wrote as far" in found.sentences()
