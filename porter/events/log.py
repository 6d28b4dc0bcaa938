"""The log itself: entries appended durably and read back in order, in SQLite or any database that SQLAlchemy speaks.

It never changes an entry, never reorders, never reads a clock.
"""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import sqlalchemy
from sqlalchemy import select

from porter.events.codec import UndecodableEntryError, decode, encode
from porter.events.engines import make_engine, writing
from porter.events.entries import Recorded
from porter.events.errors import LogError
from porter.events.migrate import found_version, refuse_foreign, upgrade_engine
from porter.events.refusals import explained, sentence
from porter.events.schema import ENTRY, SCHEMA_VERSION
from porter.events.urls import LogUrl, parse_url

PAGE = 4096  # rows held in memory while reading; each page is a short transaction of its own
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_PAGE_OF_ENTRIES = (
    select(ENTRY.c.seq, ENTRY.c.at, ENTRY.c.kind, ENTRY.c.version, ENTRY.c.body)
    .where(ENTRY.c.stream == sqlalchemy.bindparam("stream"))
    .where(ENTRY.c.seq > sqlalchemy.bindparam("after"))
    .where(ENTRY.c.seq <= sqlalchemy.bindparam("until"))
    .order_by(ENTRY.c.seq)
    .limit(PAGE)
)
_LAST_SEQ = select(sqlalchemy.func.max(ENTRY.c.seq)).where(ENTRY.c.stream == sqlalchemy.bindparam("stream"))
_FIRST_STREAM = select(sqlalchemy.func.min(ENTRY.c.stream))
_NEXT_STREAM = _FIRST_STREAM.where(ENTRY.c.stream > sqlalchemy.bindparam("stream"))
_APPEND = ENTRY.insert()
_NO_LIMIT = 2**63 - 1


class EventLog:
    """One agent's log. Append from one thread; read from any. Made by `EventLog.open`."""

    def __init__(self, *, engine: sqlalchemy.Engine, where: LogUrl, stream: str, read_only: bool) -> None:
        self._engine = engine
        self._where = where
        self._read_only = read_only
        self._appended: int | None = None
        # In memory there is one connection for all threads, so they take turns.
        self._turn = threading.RLock() if where.in_memory else None
        self.stream = stream

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

    def append(self, recorded: Sequence[Recorded]) -> None:
        """Add entries in one transaction: when this returns they are on disk, all of them.

        They must continue the log without a gap, else ValueError. Raises LogError when the database refuses; then
        `last_seq` tells whether the batch is there, whole, or not at all.
        """
        if self._read_only or not self.stream:
            raise ValueError("this log was opened without a stream to append to")
        if not recorded:
            return
        rows = []
        for expected, item in enumerate(recorded, start=self.last_seq + 1):
            if item.seq != expected:
                raise ValueError(f"entry {item.seq} does not continue the log, whose next is {expected}")
            kind, version, body = encode(item.entry)
            at = (item.at - _EPOCH) // _MICROSECOND
            rows.append(
                {
                    "stream": self.stream,
                    "seq": item.seq,
                    "at": at,
                    "kind": kind,
                    "version": version,
                    "body": body.decode(),
                },
            )
        self._appended = None  # unknown until the commit has returned
        with self._exclusive(), explained(self._where), writing(self._engine) as connection:
            connection.execute(_APPEND, rows)
        self._appended = recorded[-1].seq

    @property
    def last_seq(self) -> int:
        """The number of the newest entry, 0 while there is none."""
        if self._appended is not None:
            return self._appended
        with self._exclusive(), explained(self._where), self._engine.connect() as connection:
            newest: int = connection.execute(_LAST_SEQ, {"stream": self.stream}).scalar() or 0
        if not self._read_only:
            self._appended = newest
        return newest

    def read(self, after: int = 0, until: int | None = None) -> Iterator[Recorded]:
        """Yield the entries with `after < seq <= until`, in order, holding one page of them in memory.

        Entries that are appended meanwhile are yielded too unless `until` ends before them. Raises LogError for an
        entry that is missing or cannot be decoded.
        """
        last, limit = after, _NO_LIMIT if until is None else until
        expected: int | None = None
        while True:
            rows = self._page(last, limit)
            for seq, at, kind, version, body in rows:
                if seq != expected and expected is not None:
                    raise LogError(f"entry {expected} is missing from {self.describe()}: the log was altered")
                try:
                    entry = decode(kind, version, body)
                except UndecodableEntryError as error:
                    raise LogError(f"entry {seq} of {self.describe()}: {error}") from None
                yield Recorded(seq, _EPOCH + timedelta(microseconds=at), entry)
                expected = seq + 1
            if len(rows) < PAGE:
                return
            last = rows[-1][0]

    def describe(self) -> str:
        """Name the log in words, without a password."""
        return f"{self._where}, stream {self.stream}" if self.stream else str(self._where)

    def close(self) -> None:
        """Let go of the database. Safe to call twice."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _page(self, after: int, until: int) -> Sequence[tuple[int, int, str, int, str]]:
        wanted = {"stream": self.stream, "after": after, "until": until}
        with self._exclusive(), explained(self._where), self._engine.connect() as connection:
            cursor = connection.execute(_PAGE_OF_ENTRIES, wanted).cursor
            assert cursor is not None
            try:
                return cursor.fetchall()  # the driver's own tuples: twice as fast as SQLAlchemy's rows
            except self._engine.dialect.loaded_dbapi.Error as error:
                raise LogError(sentence(self._where, str(error))) from None

    def _exclusive(self) -> contextlib.AbstractContextManager[object]:
        return contextlib.nullcontext() if self._turn is None else self._turn


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
    streams: list[str] = []
    with explained(where), engine.connect() as connection:
        found = connection.execute(_FIRST_STREAM).scalar()
        while found is not None:
            streams.append(found)
            found = connection.execute(_NEXT_STREAM, {"stream": found}).scalar()
    if len(streams) > 1:
        raise LogError(f"{where} holds the logs of {', '.join(streams)}; choose one with --stream")
    return streams[0] if streams else ""
