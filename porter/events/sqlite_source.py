"""An SQLite log as a source of entries, read with the standard library alone: a question to a log starts fast.

It reads logs as an agent of this version writes them. Whatever else it meets (another schema, a gap, a row that cannot
be decoded, damage) it leaves to `EventLog`, which knows what to say of it.
"""

import sqlite3
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import msgspec

from porter.events.chain import Row, moment
from porter.events.closing import Closing
from porter.events.codec import KINDS, READERS
from porter.events.entries import Recorded
from porter.events.errors import LogError
from porter.events.snapshots import StoredSnapshot, is_sealed
from porter.events.standing_file import StandingFile
from porter.events.version import SCHEMA_VERSION, VERSION_TABLE

if TYPE_CHECKING:
    from porter.events.log import EventLog

_PAGE: Final = 512  # rows that are decoded together; more do not make it faster
_ENTRIES: Final = (
    "SELECT seq, at, kind, version, body FROM entry WHERE stream = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
)
_SNAPSHOT_SEQS: Final = "SELECT seq FROM snapshot WHERE stream = ? ORDER BY seq"
_SNAPSHOT: Final = (
    "SELECT seq, s.at, s.format, s.state, s.checksum, entry.checksum "
    "FROM snapshot AS s JOIN entry USING (stream, seq) WHERE stream = ? AND seq = ?"
)
_SNAPSHOT_TYPES: Final = [int, int, int, bytes, bytes, bytes]
_NO_LIMIT: Final = 2**63 - 1
_SEQ, _AT, _KIND, _VERSION, _BODY = map(itemgetter, range(5))
_WRONG: Final = (KeyError, msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError, OverflowError)


Takes: TypeAlias = Callable[[int, Sequence[str]], int]
"""Given the number of the first of a run of entries and the bodies of all: returns how many of them it takes."""


class SqliteSource(Closing):
    """One stream of an SQLite log, open for reading. It changes nothing, not even beside the file."""

    is_file = False
    """See `porter.events.sources.Source`."""

    def __init__(self, path: Path, file: StandingFile, stream: str) -> None:
        self._path = path
        self._file = file
        self._stream = stream
        self._log: EventLog | None = None
        self._left_out: dict[str, Takes] = {}
        """By kind."""

    @classmethod
    def open(cls, path: Path, *, stream: str = "") -> Self:
        """Open the log of one agent; `stream` may be empty where there is only one. Raises LogError."""
        try:
            file = StandingFile(path)
        except (sqlite3.Error, OSError):
            raise _said_by_log(path, path, stream) from None
        source = cls(path, file, stream)
        try:
            source._stream = source._checked_stream()
        except BaseException:
            file.close()
            raise
        return source

    @property
    def last_seq(self) -> int:
        """The number of the newest entry, 0 for none."""
        return self._number("last_seq", "SELECT last_seq FROM stream WHERE stream = ?")

    @property
    def whole_after(self) -> int:
        """The last entry that was taken out, 0 for none."""
        return self._number("whole_after", "SELECT max(last_seq) FROM gap WHERE stream = ?")

    def gap_ends(self) -> Sequence[int]:
        """Return the last entry of each run of entries that were taken out, in order."""
        with self._naming_the_file():
            return self._opened_log().gap_ends()

    def read(self, after: int = 0, until: int | None = None, *, whole_after: int | None = None) -> Iterator[Recorded]:
        """Yield the entries with `after < seq <= until`, in order, in bounded memory; see `EventLog.read`."""
        last, limit = after, _NO_LIMIT if until is None else until
        self._left_out = {}
        while True:
            page = self._page(last, limit)
            if not page or not _is_whole(page, last):
                break
            # What is left out is asked for with each page, since `leave_out` comes while they are read.
            read = yield from (_skimmed(page, self._left_out) if self._left_out else _recorded(page))
            last += read
            if read < len(page):
                break
        if page or last < min(limit, self.last_seq):
            yield from self._with_log("read", last, until, whole_after=whole_after)

    def leave_out(self, kind: str, takes: Takes) -> None:
        """Leave out of what is being read the entries of a kind that `takes` takes, and says how many these are.

        It is given the bodies of a run of such entries, of the kind's current version, with the number of the first,
        once all before was read, and takes some from the first on; asked again of the rest when the one that it did
        not take was read. It is not asked of all of them, and never of the last. Several kinds may be left out, each by
        a call of its own. What is read anew after this is whole again.
        """
        self._left_out[kind] = takes

    def rows(self, after: int = 0, until: int | None = None) -> Iterator[Row]:
        """Yield the same entries as they are stored, with their checksums."""
        yield from self._with_log("rows", after, until)

    def snapshots(self, until: int | None = None, *, altered: bool = False) -> Iterator[StoredSnapshot]:
        """Yield the snapshots at or before entry `until`, the newest first."""
        yield from self._with_log("snapshots", until, altered=altered)

    def snapshot_seqs(self) -> Sequence[int]:
        """Return after which entries there are snapshots, in order; whether they can be read is not looked at."""
        try:
            found = self._file.connection.execute(_SNAPSHOT_SEQS, (self._stream,)).fetchall()
        except sqlite3.Error:
            raise _said_by_log(self._path, self._file.path, self._stream) from None
        return [seq for (seq,) in found if isinstance(seq, int)]

    def snapshot_after(self, seq: int) -> StoredSnapshot | None:
        """Return the snapshot after an entry; None where there is none, or one that is not as it was written."""
        try:
            row = self._file.connection.execute(_SNAPSHOT, (self._stream, seq)).fetchone()
        except sqlite3.Error:
            row = None
        if row is not None and list(map(type, row)) == _SNAPSHOT_TYPES:
            number, at, format_, state, checksum, entry = row
            found = StoredSnapshot(seq=number, at=at, format=format_, state=state, checksum=checksum)
            return found if is_sealed(entry, found) else None
        return next((one for one in self.snapshots(seq) if one.seq == seq), None)

    @property
    def place(self) -> tuple[Path, str]:
        """What `open` takes in another process, as long as this one is open."""
        return self._file.path, self._stream

    def wrong_end(self, last: int, ends_with: bytes) -> str | None:
        """Say what is wrong with an end at entry `last`; None when nothing is."""
        return self._opened_log().wrong_end(last, ends_with)

    def describe(self) -> str:
        """Name the log in words."""
        return f"{self._path}, stream {self._stream}" if self._stream else str(self._path)

    def close(self) -> None:
        """Let go of the file. Safe to call twice."""
        if self._log is not None:
            self._log.close()
        self._file.close()

    # ------------------------------------------------------------------------------------------ the plain case

    def _checked_stream(self) -> str:
        """Return whose log is read. Raises LogError for what is no log of this version, or holds several."""
        try:
            versions = self._file.connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchall()  # noqa: S608
            streams = [name for (name,) in self._file.connection.execute("SELECT stream FROM stream ORDER BY stream")]
            if not streams:  # its row is lost, see `stream_names`
                streams = [name for (name,) in self._file.connection.execute("SELECT stream FROM entry LIMIT 1")]
        except sqlite3.Error:
            versions, streams = [], []
        if versions != [(SCHEMA_VERSION,)] or (not self._stream and len(streams) > 1):
            raise _said_by_log(self._path, self._file.path, self._stream)
        return self._stream or next(iter(streams), "")

    def _number(self, name: str, statement: str) -> int:
        try:
            found = self._file.connection.execute(statement, (self._stream,)).fetchone()
        except sqlite3.Error:
            raise _said_by_log(self._path, self._file.path, self._stream) from None
        number = found[0] if found and found[0] is not None else 0
        if isinstance(number, int):
            return number
        with self._naming_the_file():
            said: int = getattr(self._opened_log(), name)
        return said

    def _page(self, after: int, until: int) -> Sequence[Any]:
        try:
            return self._file.connection.execute(_ENTRIES, (self._stream, after, until, _PAGE)).fetchall()
        except sqlite3.Error:
            return [(None,)]  # no row that continues the log: the rest is left to EventLog

    # ------------------------------------------------------------------------------------------ all other cases

    def _with_log(self, method: str, *arguments: object, **options: object) -> Iterator[Any]:
        with self._naming_the_file():
            yield from getattr(self._opened_log(), method)(*arguments, **options)

    @contextmanager
    def _naming_the_file(self) -> Iterator[None]:
        """Name the file, and not the copy that is read."""
        try:
            yield
        except LogError as error:
            raise type(error)(str(error).replace(str(self._file.path), str(self._path))) from None

    def _opened_log(self) -> "EventLog":
        if self._log is None:
            from porter.events.log import EventLog  # noqa: PLC0415 - SQLAlchemy, for few logs only

            self._log = EventLog.open(str(self._file.path), stream=self._stream, read_only=True)
        return self._log


def _is_whole(page: Sequence[Any], after: int) -> bool:
    return bool(page[0][0] == after + 1 and page[-1][0] == after + len(page))


def _recorded(page: Sequence[Any]) -> Generator[Recorded, None, int]:
    """Turn rows into entries with as few steps of Python as can be; all of them, or none where one is wrong."""
    times = list(map(_AT, page))
    try:
        entries = [READERS[kind, version](body) for _, _, kind, version, body in page]
        _check(times)
    except _WRONG:
        return 0
    yield from map(Recorded, map(_SEQ, page), times, entries)
    return len(page)


def _skimmed(page: Sequence[Any], left_out: Mapping[str, Takes]) -> Generator[Recorded, None, int]:
    """Turn rows into entries but for those that are taken, up to a wrong one. Return how many were read."""
    try:
        _check(list(map(_AT, page)))
    except _WRONG:
        return 0
    last = page[-1]
    done = 0
    for skimmed, rows in groupby(page, _KIND):
        run = list(rows)
        takes = left_out.get(skimmed)
        bodies = () if takes is None else _bodies(run if run[-1] is not last else run[:-1], KINDS[skimmed][1])
        read = 0
        while read < len(run):
            if takes is not None and read < len(bodies):
                read += takes(run[read][0], bodies[read:])
                if read == len(run):
                    break
            seq, at, kind, version, body = run[read]
            try:
                entry = READERS[kind, version](body)
            except _WRONG:
                return done + read
            yield Recorded(seq, at, entry)
            read += 1
        done += read
    return done


def _bodies(run: Sequence[Any], version: int) -> Sequence[str]:
    """Return the bodies of rows of one kind; none where any is of another version, or no text."""
    bodies = list(map(_BODY, run))
    return bodies if set(map(_VERSION, run)) <= {version} and set(map(type, bodies)) <= {str} else ()


def _check(times: Sequence[int]) -> None:
    """Raise one of `_WRONG` where a time is none; those between two moments are moments, made when asked for."""
    moment(min(times))
    moment(max(times))


def _said_by_log(path: Path, read: Path, stream: str) -> LogError:
    """Return what EventLog says of a file that is not read here."""
    from porter.events.log import EventLog  # noqa: PLC0415 - SQLAlchemy, for few logs only

    try:
        EventLog.open(str(read), stream=stream, read_only=True).close()
    except LogError as error:
        return type(error)(str(error).replace(str(read), str(path)))
    return LogError(f"{path} cannot be read just now; try again")
