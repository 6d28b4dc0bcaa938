"""What a kill cannot show: that a commit on SQLite waits for the disk, and that readers never wait for a writer."""

from pathlib import Path

from porter.events.engines import make_engine, writing
from porter.events.log import EventLog
from porter.events.urls import parse_url

FULL = 2  # PRAGMA synchronous: FULL


def test_the_connection_that_writes_waits_for_the_disk_and_keeps_a_write_ahead_log(tmp_path: Path) -> None:
    path = tmp_path / "porter.db"
    EventLog.open(str(path), stream="node1", migrate=True).close()
    engine = make_engine(parse_url(str(path)), read_only=False, create=False)

    with writing(engine) as connection:
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar()
        journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    engine.dispose()

    assert (synchronous, journal) == (FULL, "wal")
