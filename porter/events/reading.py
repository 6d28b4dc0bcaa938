"""A log's entries as its database has them: read in order, by pages, as entries or as rows. Nothing is changed here."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy
from sqlalchemy import select

from porter.events.chain import Row, checksum, missing, moment
from porter.events.codec import UndecodableEntryError, decode
from porter.events.entries import Recorded
from porter.events.errors import CompactedLogError, DamagedLogError, LogError
from porter.events.kept_snapshots import snapshot_at, snapshot_seqs
from porter.events.refusals import explained, refused
from porter.events.schema import ENTRY
from porter.events.snapshots import StoredSnapshot, is_sealed
from porter.events.streams import Gap, Head, as_bytes, as_text, checksum_at, gaps_in, head_of, last_gap, reason_for
from porter.events.urls import LogUrl

if TYPE_CHECKING:
    from porter.events.sqlite_source import Takes

PAGE = 4096  # rows held in memory while reading; each page is a short transaction of its own
_ENTRIES = (
    select(ENTRY.c.seq, ENTRY.c.at, ENTRY.c.kind, ENTRY.c.version, ENTRY.c.body)
    .where(ENTRY.c.stream == sqlalchemy.bindparam("stream"))
    .where(ENTRY.c.seq > sqlalchemy.bindparam("after"))
    .where(ENTRY.c.seq <= sqlalchemy.bindparam("until"))
    .order_by(ENTRY.c.seq)
    .limit(PAGE)
)
_ROWS = _ENTRIES.add_columns(ENTRY.c.checksum)
_NO_LIMIT = 2**63 - 1
_Page: TypeAlias = Sequence[Any]
_SEQ, _AT = itemgetter(0), itemgetter(1)


class StoredEntries:
    """One stream of a database. May be read from any thread."""

    is_file = False
    """See `porter.events.sources.Source`."""

    def __init__(self, *, engine: sqlalchemy.Engine, where: LogUrl, stream: str) -> None:
        self._engine = engine
        self._where = where
        # In memory there is one connection for all threads, so they take turns.
        self._turn = threading.RLock() if where.in_memory else None
        self.stream = stream

    def leave_out(self, kind: str, takes: "Takes") -> None:
        """Do nothing: it is read in this way where a log needs all that can be said of it."""

    @property
    def head(self) -> Head:
        """How far the log goes, and what of it is there."""
        with self._reading() as connection:
            return head_of(connection, self.stream)

    @property
    def whole_after(self) -> int:
        """The last entry that was taken out, 0 for none: all entries after it are there. A fold begins no earlier."""
        with self._reading() as connection:
            return last_gap(connection, self.stream)

    def gap_ends(self) -> Sequence[int]:
        """Return the last entry of each run of entries that were taken out, in order."""
        with self._reading() as connection:
            return [gap.last_seq for gap in gaps_in(connection, self.stream, 0, _NO_LIMIT)]

    def read(self, after: int = 0, until: int | None = None, *, whole_after: int | None = None) -> Iterator[Recorded]:
        """Yield the entries with `after < seq <= until`, in order, holding one page of them in memory.

        Entries that are appended meanwhile are yielded too unless `until` ends before them. What compaction has taken
        out is passed over, but for entries after `whole_after`, where that is given, as a fold does: then
        CompactedLogError is raised. Raises LogError for an entry that is missing otherwise or cannot be decoded.
        """
        expected = after + 1
        for page in self._pages(_ENTRIES, after, until):
            if page and page[0][0] == expected and page[-1][0] == expected + len(page) - 1:  # of nearly all pages
                yield from self._recorded(page)
                expected += len(page)
                continue
            gaps = self._gaps_within(page, expected)
            for row in page:
                if row[0] != expected and (whole_after is not None or not _explains(gaps.get(row[0] - 1), expected)):
                    self._check_gap(expected, row[0] - 1, whole_after)
                yield from self._recorded([row])
                expected = row[0] + 1
        self._check_end(expected, until, whole_after)

    def proven(self, after: int = 0) -> Iterator[Recorded]:
        """Yield all entries after one, each held against the chain of checksums: what an agent goes on from.

        Raises DamagedLogError for one that is not as it was written, and else as `read` does.
        """
        with self._reading() as connection:
            previous = checksum_at(connection, self.stream, after)
        expected = after + 1
        for row in self.rows(after):
            if row.seq != expected:
                self._check_gap(expected, row.seq - 1, after)
            if previous is None or checksum(previous, row) != row.checksum:
                raise DamagedLogError(f"entry {row.seq} of {self.describe()} is not as it was written")
            try:
                recorded = Recorded(row.seq, moment(row.at), decode(row.kind, row.version, row.body))
            except UndecodableEntryError as error:
                raise self._undecodable(row.seq, error) from None
            yield recorded
            previous, expected = row.checksum, row.seq + 1
        self._check_end(expected, None, after)
        wrong_end = self.wrong_end(expected - 1, previous or b"")
        if wrong_end is not None:
            raise DamagedLogError(f"{self.describe()}: {wrong_end}")

    def rows(self, after: int = 0, until: int | None = None) -> Iterator[Row]:
        """Yield the same entries as they are stored, with their checksums; to be exported, or verified.

        `previous` is set where the entry before was taken out, and on the first row if that is not entry 1. A row
        whose predecessor is missing without such a reason has none: `verify` says so, this does not.
        """
        expected = after + 1
        for page in self._pages(_ROWS, after, until):
            gaps = self._gaps_within(page, expected)
            for seq, at, kind, version, body, checksum_ in page:
                previous = None
                if seq != expected or (seq > 1 and expected == after + 1):
                    gap = gaps.get(seq - 1)
                    known = gap is not None and _explains(gap, expected)
                    previous = gap.checksum if gap and known else self._continued_from(expected, seq - 1)
                yield Row(seq, at, as_text(kind), version, as_text(body), as_bytes(checksum_), previous)
                expected = seq + 1

    def wrong_end(self, last: int, ends_with: bytes) -> str | None:
        """Say what is wrong with a log whose last entry is `last`, 0 for none; None when that is as it was written.

        An agent may have written since.
        """
        head = self.head
        if head.last_seq > last and not self._page(_ENTRIES, last, head.last_seq):
            return f"{missing(last + 1, head.last_seq)}: the end was cut off"
        if last > head.last_seq:
            return f"{missing(head.last_seq + 1, last).replace('missing', 'there')}, and this log never wrote as far"
        if last == head.last_seq and ends_with and ends_with != head.checksum:
            return f"entry {last} is not the last one that was written"
        return None

    def snapshots(self, until: int | None = None, *, altered: bool = False) -> Iterator[StoredSnapshot]:
        """Yield the snapshots at or before entry `until`, the newest first.

        Those that are not as they were written are left out, unless `altered` asks for them.
        """
        with self._reading() as connection:
            seqs = snapshot_seqs(connection, self.stream)
        for seq in reversed(seqs):
            if until is None or seq <= until:
                with self._reading() as connection:
                    found = snapshot_at(connection, self.stream, seq)
                    entry = checksum_at(connection, self.stream, seq)
                if found is not None and (altered or (entry is not None and is_sealed(entry, found))):
                    yield found

    def describe(self) -> str:
        """Name the log in words, without a password."""
        return f"{self._where}, stream {self.stream}" if self.stream else str(self._where)

    def _pages(self, statement: sqlalchemy.Select[Any], after: int, until: int | None) -> Iterator[_Page]:
        last, limit = after, _NO_LIMIT if until is None else until
        while True:
            rows = self._page(statement, last, limit)
            yield rows
            if len(rows) < PAGE:
                return
            last = rows[-1][0]

    def _page(self, statement: sqlalchemy.Select[Any], after: int, until: int) -> _Page:
        wanted = {"stream": self.stream, "after": after, "until": until}
        with self._reading() as connection:
            cursor = connection.execute(statement, wanted).cursor
            assert cursor is not None
            try:
                return cursor.fetchall()  # the driver's own tuples: twice as fast as SQLAlchemy's rows
            except self._engine.dialect.loaded_dbapi.Error as error:
                raise refused(self._where, str(error)) from None

    def _check_gap(self, first: int, last: int, whole_after: int | None) -> None:
        """Raise LogError unless it is known why entries `first` to `last` are not there, and that does not matter."""
        with self._reading() as connection:
            gap = reason_for(connection, self.stream, first, last)
        if gap is None:
            raise DamagedLogError(f"{missing(first, last)} from {self.describe()}: the log was altered")
        if whole_after is not None and last > whole_after:
            raise CompactedLogError(
                f"entries {gap.first_seq} to {gap.last_seq} were taken out of {self.describe()} by compaction, or let "
                "go while it took no entries",
            )

    def _check_end(self, expected: int, until: int | None, whole_after: int | None) -> None:
        """Raise LogError when the newest entries are missing. Those that came meanwhile are not."""
        last = self.head.last_seq
        last = last if until is None else min(until, last)
        if expected <= last and not self._page(_ENTRIES, expected - 1, last):
            self._check_gap(expected, last, whole_after)

    def _gaps_within(self, page: _Page, expected: int) -> dict[int, Gap]:
        """Return the gaps before and between the rows of a page by the entry that they end with, in one question."""
        if not page or (page[0][0] == expected and page[-1][0] == expected + len(page) - 1):
            return {}
        with self._reading() as connection:
            return {gap.last_seq: gap for gap in gaps_in(connection, self.stream, expected, page[-1][0])}

    def _continued_from(self, first: int, last: int) -> bytes | None:
        """Return the checksum of entry `last`, if it is known why entries `first` to `last` are not there, else None.

        Empty when compaction has gone beyond `last` since the row after it was read.
        """
        with self._reading() as connection:
            if last < first:
                found = checksum_at(connection, self.stream, last)
                if found is not None:
                    return found
            gap = reason_for(connection, self.stream, min(first, last), last)
        if gap is None:
            return None
        return gap.checksum if gap.last_seq == last else b""

    def _recorded(self, page: _Page) -> Iterator[Recorded]:
        """Turn rows into entries, as few steps of Python each as can be: most of what reading costs is here."""
        times = list(map(_AT, page))
        try:
            entries = [decode(kind, version, body) for _, _, kind, version, body in page]
            moment(min(times))
            moment(max(times))  # those between are moments too, and are made when they are asked for
        except (UndecodableEntryError, TypeError, OverflowError):
            yield from self._recorded_one_by_one(page)
        else:
            yield from map(Recorded, map(_SEQ, page), times, entries)

    def _recorded_one_by_one(self, page: _Page) -> Iterator[Recorded]:
        """Yield the entries before the one that is wrong, and raise LogError for that."""
        for seq, at, kind, version, body in page:
            try:
                recorded = Recorded(seq, moment(at), decode(kind, version, body))
            except (UndecodableEntryError, TypeError, OverflowError) as error:
                raise self._undecodable(seq, error) from None
            yield recorded

    def _undecodable(self, seq: int, error: Exception) -> LogError:
        if isinstance(error, UndecodableEntryError):
            words = f"entry {seq} of {self.describe()}: {error}"
            return LogError(words) if error.newer else DamagedLogError(words)
        return DamagedLogError(f"entry {seq} of {self.describe()}: its time or its body is of no kind that is stored")

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlalchemy.Connection]:
        with self._exclusive(), explained(self._where), self._engine.connect() as connection:
            yield connection

    def _exclusive(self) -> contextlib.AbstractContextManager[object]:
        return contextlib.nullcontext() if self._turn is None else self._turn


def _explains(gap: Gap | None, first: int) -> bool:
    """Tell whether entries from `first` to the end of a gap are those that were taken out."""
    return gap is not None and gap.first_seq <= first
