"""That a commit on SQLite waits for the disk, which no kill can show; and what a kill leaves of one transaction."""

import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

from porter.events.chain import chained
from porter.events.engines import make_engine, writing
from porter.events.log import EventLog
from porter.events.urls import parse_url
from porter.events.verify import verify
from tests.events.conftest import Place
from tests.events.examples import some

ROOT = Path(__file__).parents[2]
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


def test_a_file_that_another_one_is_about_to_put_into_wal_mode_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "porter.db"
    engine = make_engine(parse_url(str(path)), read_only=False, create=True)
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("PRAGMA user_version=1")  # for an empty file SQLite waits
        other.execute("BEGIN IMMEDIATE")  # the lock on which it gives up at once, whatever the time limit
        release = threading.Timer(0.3, other.rollback)
        release.start()
        try:
            with engine.connect() as connection:
                assert not other.in_transaction
                assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        finally:
            release.join()
    engine.dispose()


FILLING = """
import os, signal, sys
from porter.events.chain import chained
from porter.events.log import EventLog
from tests.events.examples import some

def batches():
    rows = list(chained(some(1, 3000)))
    yield rows[:1000]
    yield rows[1000:2000]
    os.kill(os.getpid(), signal.SIGKILL)

EventLog.open(sys.argv[1], stream="node1", migrate=True).append_batches(batches())
"""


def test_of_batches_that_belong_together_a_kill_leaves_none(lasting_place: Place) -> None:
    killed = subprocess.run([sys.executable, "-c", FILLING, lasting_place.url], check=False, cwd=ROOT)
    assert killed.returncode == -signal.SIGKILL

    with lasting_place.writer() as log:
        assert (log.last_seq, list(log.read())) == (0, [])
        log.append_batches(iter([list(chained(some(1, 3000)))]))
        assert log.last_seq == 3000
        assert verify(log).holds
