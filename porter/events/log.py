"""The log itself: entries appended durably and read back in order, in SQLite or any database that SQLAlchemy speaks.

It never changes an entry, never reorders, never reads a clock.
"""

import contextlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import count
from typing import Self

import msgspec
import sqlalchemy

from porter.events.chain import Row, chained
from porter.events.closing import Closing
from porter.events.compaction import exceeds, step
from porter.events.engines import give_back, make_engine, shrink, writing
from porter.events.entries import Recorded
from porter.events.errors import LogError
from porter.events.kept_snapshots import put_snapshot
from porter.events.migrate import found_version, refuse_foreign, upgrade_engine
from porter.events.own_file import OwnFile
from porter.events.reading import StoredEntries
from porter.events.refusals import another_writer, explained
from porter.events.retention import Retention
from porter.events.schema import SCHEMA_VERSION
from porter.events.setting_aside import set_aside
from porter.events.snapshots import StoredSnapshot
from porter.events.streams import AnotherWriterError, Gap, add_gaps, add_rows, grow, head_of, stream_names
from porter.events.urls import LogUrl, parse_url

SNAPSHOTS = 16
"""At most so many are kept in a log: enough to fold from near any moment, and few enough for a small disk."""


class EventLog(StoredEntries, Closing):
    """One agent's log. Append from one thread; read from any. Made by `EventLog.open`."""

    def __init__(self, *, engine: sqlalchemy.Engine, where: LogUrl, stream: str, read_only: bool) -> None:
        super().__init__(engine=engine, where=where, stream=stream)
        self._read_only = read_only
        self._tip: tuple[int, bytes] | None = None
        self._has_tables = True
        self._making = threading.Lock()
        self._own_file = OwnFile(None if read_only else where.path)
        self._own_file.remember()

    @classmethod
    def open(cls, url: str, *, stream: str = "", read_only: bool = False, migrate: bool = False) -> Self:
        """Open the log at a database URL or the path of an SQLite file.

        `stream` is the agent's node; empty means the only one in the database. With `migrate` the log is created, or
        upgraded to this version's schema. With `read_only` nothing is changed, and an agent may be writing meanwhile.
        Raises LogError, in one sentence, for anything that the user can mend.
        """
        where = parse_url(url)
        migrate = migrate or where.in_memory
        if migrate:
            refuse_foreign(where)
        engine = make_engine(where, read_only=read_only and not where.in_memory, create=migrate)
        try:
            if migrate:
                upgrade_engine(engine, where)
            else:
                _check_schema(engine, where)
            return cls(engine=engine, where=where, stream=stream or _only_stream(engine, where), read_only=read_only)
        except BaseException:
            engine.dispose()
            raise

    def append(self, recorded: Sequence[Recorded], *, let_go: bool = False) -> None:
        """Add entries in one transaction: when this returns they are on disk, all of them.

        They must continue the log without a gap, else ValueError; with `let_go` some may have been let go before and
        between them, as if they had been compacted away. Raises LogError when the database refuses; then `last_seq`
        tells whether the batch is there, whole, or not at all.
        """
        self._refuse_reader()
        if not recorded:
            return
        last, tip = self._newest()
        rows = list(chained(recorded, tip))
        if let_go and rows[0].seq > last + 1:
            rows[0] = msgspec.structs.replace(rows[0], previous=tip)
        for row, expected in zip(rows, count(last + 1), strict=False):
            if row.seq != expected and not let_go:
                raise ValueError(f"entry {row.seq} does not continue the log, whose next is {expected}")
        self.append_rows(rows)

    def append_rows(self, rows: Sequence[Row]) -> None:
        """Add entries as they were stored elsewhere, with their checksums, as `append` does.

        A row may say with `previous` that entries before it were taken out. Else it must continue the log, and its
        chain, without a gap: ValueError. The rows' own checksums are believed; see `verify`.
        """
        if rows:
            self.append_batches((rows,))

    def append_batches(self, batches: Iterable[Sequence[Row]], snapshots: Iterable[StoredSnapshot] = ()) -> None:
        """Add batches as `append_rows` does, and snapshots after them, all in one transaction.

        So a whole log is there, or nothing of it, whatever ends this process meanwhile.
        """
        self._refuse_reader()
        last, tip = self._newest()
        self._own_file.check()
        self._tip = None  # unknown until the commit has returned
        try:
            with self._exclusive(), explained(self._where), writing(self._engine) as connection:
                for rows in batches:
                    gaps = list(_gaps_between(rows, last, tip))
                    add_gaps(connection, self.stream, gaps)
                    add_rows(connection, self.stream, rows)
                    grow(connection, self.stream, last, rows, gaps[-1].last_seq if gaps else 0)
                    last, tip = rows[-1].seq, rows[-1].checksum
                for snapshot in snapshots:
                    put_snapshot(connection, self.stream, snapshot, SNAPSHOTS)
        except AnotherWriterError:
            raise LogError(another_writer(self._where)) from None
        self._tip = last, tip

    def store_snapshot(self, snapshot: StoredSnapshot) -> None:
        """Keep the state after an entry that is in the log; at most `SNAPSHOTS` are kept. Raises LogError."""
        self._refuse_reader()
        try:
            with self._exclusive(), explained(self._where), writing(self._engine) as connection:
                put_snapshot(connection, self.stream, snapshot, SNAPSHOTS)
        except AnotherWriterError:
            raise LogError(f"entry {snapshot.seq} of {self.describe()} is not there, so no state follows it") from None

    def begin_anew(self, now: datetime) -> str:
        """Set the log aside, since it is damaged, and go on with an empty one in its place.

        Returns in words where the damaged one is, empty where it was deleted. Raises LogError where it cannot be moved;
        then it is as it was.
        """
        self._refuse_reader()
        self._engine.dispose()
        aside = set_aside(self._where, self.stream, now)
        self._own_file.forget()
        self._tip = None
        self._engine = make_engine(self._where, read_only=False, create=True)
        self._has_tables = False  # made by whatever needs them next, which may fail as any may
        return aside

    def compact(self, retention: Retention, now: datetime) -> bool:
        """Take one small step of compaction, and tell whether there may be more to do. Raises LogError.

        Another process may append to the same log meanwhile.
        """
        self._refuse_reader()
        self._own_file.check()
        self._make_tables()
        try:
            with self._exclusive(), explained(self._where), writing(self._engine) as connection:
                return step(connection, self.stream, retention, now)
        except AnotherWriterError:
            raise LogError(f"another process compacts {self.describe()}; let it end, and try again") from None

    def exceeds(self, retention: Retention) -> bool:
        """Tell whether the log is larger than it is to be. Where no step helps, a newer snapshot does."""
        with self._reading() as connection:
            return exceeds(connection, head_of(connection, self.stream), retention)

    def give_back(self, pages: int) -> bool:
        """Give up to `pages` pages that an SQLite file no longer uses back to the disk; tell whether there are more.

        Nothing is given back while so few are free that they will soon be used again. Other databases do it themselves.
        """
        self._refuse_reader()
        with self._exclusive(), explained(self._where), self._engine.connect() as connection:
            return give_back(connection, pages)

    def shrink(self) -> None:
        """Write an SQLite file anew, as small as it can be, which keeps writers waiting. Raises LogError."""
        self._refuse_reader()
        with self._exclusive(), explained(self._where), self._engine.connect() as connection:
            shrink(connection)

    @property
    def last_seq(self) -> int:
        """The number of the newest entry, 0 while there is none."""
        return self._newest()[0]

    def close(self) -> None:
        """Let go of the database. Safe to call twice."""
        self._engine.dispose()

    def _refuse_reader(self) -> None:
        if self._read_only or not self.stream:
            raise ValueError("this log was opened without a stream to append to")

    def _newest(self) -> tuple[int, bytes]:
        """Return the newest entry's number and checksum."""
        if self._tip is not None:
            return self._tip
        head = self.head
        if not self._read_only:
            self._tip = head.last_seq, head.checksum
        return head.last_seq, head.checksum

    def _make_tables(self) -> None:
        """Make those of a log that was begun anew. Raises LogError."""
        if self._has_tables:
            return
        with self._making:
            if not self._has_tables:
                upgrade_engine(self._engine, self._where)
                self._own_file.remember()
                self._has_tables = True

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlalchemy.Connection]:
        self._make_tables()
        with super()._reading() as connection:
            yield connection


def streams_at(url: str) -> list[str]:
    """Return whose logs the database at a URL or path holds, in order. Changes nothing. Raises LogError."""
    where = parse_url(url)
    engine = make_engine(where, read_only=True, create=False)
    try:
        _check_schema(engine, where)
        with explained(where), engine.connect() as connection:
            return stream_names(connection)
    finally:
        engine.dispose()


def _gaps_between(rows: Sequence[Row], last: int, tip: bytes) -> Iterator[Gap]:
    """Yield the gaps that rows say are before them. Raises ValueError where a row does not follow and says nothing."""
    for row in rows:
        if row.seq <= last or (row.seq != last + 1 and row.previous is None):
            raise ValueError(f"entry {row.seq} does not continue the log, whose next is {last + 1}")
        if row.seq != last + 1:
            yield Gap(first_seq=last + 1, last_seq=row.seq - 1, checksum=row.previous or b"")
        elif row.previous is not None and row.previous != tip:
            raise ValueError(f"entry {row.seq} does not continue the chain of checksums")
        last, tip = row.seq, row.checksum


def _check_schema(engine: sqlalchemy.Engine, where: LogUrl) -> None:
    with explained(where), engine.connect() as connection:
        version = found_version(connection, where)
    if version is None:
        raise LogError(f"{where} is empty: there is no log in it")
    if version != SCHEMA_VERSION:
        raise LogError(
            f"{where} has schema {version} and this Porter reads {SCHEMA_VERSION}: run `porter log upgrade` on it",
        )


def _only_stream(engine: sqlalchemy.Engine, where: LogUrl) -> str:
    with explained(where), engine.connect() as connection:
        streams = stream_names(connection)
    if len(streams) > 1:
        raise LogError(f"{where} holds the logs of {', '.join(streams)}; choose one with --stream")
    return streams[0] if streams else ""
