"""Database connections that keep the log's promises: durable commits, readers that change nothing.

What is particular to SQLite or PostgreSQL is here and nowhere else.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy
from sqlalchemy import event, pool

from porter.events.errors import LogError
from porter.events.refusals import explained
from porter.events.urls import LogUrl

BUSY_SECONDS = 15.0
"""How long a writer waits for another's transaction on the same SQLite file."""
_JOURNAL = 8 << 20  # bytes of the -wal file that stay when all of it is in the database
_FREE_PAGES = 1024  # of an SQLite file: so few are not worth giving back
_WRITES = "porter_writes"
_MIGRATION_LOCK = 0x706F72746572  # any constant: "porter"


def make_engine(where: LogUrl, *, read_only: bool, create: bool) -> sqlalchemy.Engine:
    """Prepare connections to the log; the first one is made when it is used.

    An SQLite file is created only when `create` is true. Raises LogError when it cannot be there.
    """
    if where.path is not None:
        _check_file(where.path, read_only=read_only, create=create)
        return _reading_engine(where.path) if read_only else _writing_engine(where.path, create=create)
    if where.in_memory:
        engine = sqlalchemy.create_engine(
            "sqlite://",
            poolclass=pool.StaticPool,
            connect_args={"check_same_thread": False, "isolation_level": None},
        )
        event.listen(engine, "begin", _begin)
        return engine
    with explained(where):
        engine = sqlalchemy.create_engine(where.url, pool_size=2, connect_args=_patience(where))
    if where.url.get_backend_name() == "postgresql":
        event.listen(engine, "connect", _insist_on_durable_commits)
    return engine


def _patience(where: LogUrl) -> dict[str, int]:
    """Let a server that is gone be noticed in seconds; what the URL itself asks for comes first."""
    if where.url.get_driver_name() != "psycopg":
        return {}
    known = {"connect_timeout": 10, "tcp_user_timeout": 10_000, "keepalives_idle": 10, "keepalives_interval": 5}
    return {name: value for name, value in known.items() if name not in where.url.query}


@contextmanager
def writing(engine: sqlalchemy.Engine) -> Iterator[sqlalchemy.Connection]:
    """Give a connection in one transaction that writes; it is committed at the end, or rolled back whole."""
    with engine.execution_options(**{_WRITES: True}).begin() as connection:
        yield connection


def lock_schema(connection: sqlalchemy.Connection) -> None:
    """Wait until no other agent migrates the same database. Ends with the transaction."""
    if connection.dialect.name == "postgresql":  # SQLite is locked by BEGIN IMMEDIATE already
        connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))


def give_back(connection: sqlalchemy.Connection, pages: int) -> bool:
    """Give up to `pages` free pages of an SQLite file back to the disk, and tell whether there are more to give."""
    if connection.dialect.name != "sqlite":
        return False
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    (free,), (all_pages,) = (raw.execute(f"PRAGMA {name}").fetchone() for name in ("freelist_count", "page_count"))
    if free < max(_FREE_PAGES, all_pages // 8) or raw.execute("PRAGMA auto_vacuum").fetchone() == (0,):
        return False
    raw.executescript(f"PRAGMA incremental_vacuum({pages})")  # execute() would end after the first page
    return True


def shrink(connection: sqlalchemy.Connection) -> None:
    """Write an SQLite file anew, as small as can be, and so that pages can be given back from now on.

    It takes as much free disk again as the file has, and keeps writers waiting. Other databases are left alone.
    """
    if connection.dialect.name == "sqlite":
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.execute("PRAGMA auto_vacuum=INCREMENTAL")
        raw.execute("VACUUM")
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _check_file(path: Path, *, read_only: bool, create: bool) -> None:
    if path.is_dir():
        raise LogError(f"{path} is a directory; name a file in it")
    if not path.exists():
        if not create:
            raise LogError(f"there is no log at {path}; the agent of a node makes one, see --event-log")
        if not path.parent.is_dir():
            raise LogError(f"the directory {path.parent} does not exist; create it, or choose another --event-log")
        if not os.access(path.parent, os.W_OK):
            raise LogError(f"the directory {path.parent} cannot be written; choose another --event-log or another user")
        return
    if not path.is_file():
        raise LogError(f"{path} is not a file")
    if not os.access(path, os.R_OK):
        raise LogError(f"{path} cannot be read; its owner or root can")
    if not read_only and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        raise LogError(f"{path} cannot be written; check who owns it and its directory")


def _writing_engine(path: Path, *, create: bool) -> sqlalchemy.Engine:
    address = f"file:{quote(str(path))}?mode={'rwc' if create else 'rw'}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            address,
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # of a new file; see give_back
        _use_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")  # a commit has reached the disk when it returns
        connection.execute(f"PRAGMA journal_size_limit={_JOURNAL}")
        return connection

    engine = sqlalchemy.create_engine("sqlite://", creator=connect, poolclass=pool.QueuePool)
    event.listen(engine, "begin", _begin)
    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch a file to WAL. SQLite does not wait where two do that to a new file at once, so it is done here."""
    limit = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > limit:
                raise
            time.sleep(0.01)
        else:
            return


def _reading_engine(path: Path) -> sqlalchemy.Engine:
    """Open the file anew for every use, as it is then.

    While a writer has it open there is a -wal file, and readers must look into it. Without one nobody writes, and only
    immutable=1 keeps SQLite from leaving a -wal and a -shm file beside a log that was merely read.
    """

    def connect() -> sqlite3.Connection:
        mode = "mode=ro" if Path(f"{path}-wal").exists() else "mode=ro&immutable=1"
        address = f"file:{quote(str(path))}?{mode}"
        connection = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)
        connection.execute("PRAGMA query_only=ON")
        return connection

    return sqlalchemy.create_engine("sqlite://", creator=connect, poolclass=pool.NullPool)


def _begin(connection: sqlalchemy.Connection) -> None:
    """Begin as SQLite should: a writer takes its lock at once, so that it never fails half-way."""
    immediate = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _insist_on_durable_commits(connection: Any, _record: object) -> None:
    """Undo a server's or role's `synchronous_commit = off`: an entry must be durable before anything acts on it."""
    cursor = connection.cursor()
    try:
        cursor.execute("SHOW synchronous_commit")
        if cursor.fetchone() == ("off",):
            cursor.execute("SET SESSION synchronous_commit = on")
        connection.commit()
    finally:
        cursor.close()
