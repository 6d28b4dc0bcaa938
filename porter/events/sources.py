"""Where entries come from when they are only read: a log's database, or a file that was exported from one."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from porter.events.chain import Row
from porter.events.entries import Recorded
from porter.events.errors import LogError
from porter.events.packing import is_packed
from porter.events.snapshots import StoredSnapshot

if TYPE_CHECKING:
    from porter.events.sqlite_source import Takes

_SQLITE_MAGIC = b"SQLite format 3\x00"


class Source(AbstractContextManager["Source"], Protocol):
    """Entries of one log, in order. Reading changes nothing and may be repeated."""

    @property
    def last_seq(self) -> int:
        """The number of the newest entry, 0 for none."""

    @property
    def is_file(self) -> bool:
        """Whether nothing is taken out of it meanwhile, and each question reads it through from its start."""

    @property
    def whole_after(self) -> int:
        """The last entry that is not there, 0 where none is missing. A fold begins with a snapshot at or after it."""

    def gap_ends(self) -> Sequence[int]:
        """Return the last entry of each run of entries that are not there, in order."""

    def read(self, after: int = 0, until: int | None = None, *, whole_after: int | None = None) -> Iterator[Recorded]:
        """Yield the entries with `after < seq <= until`, in order, in bounded memory.

        Entries that compaction took out are passed over. A fold needs all that follow the one that it begins behind:
        with `whole_after`, CompactedLogError is raised where one after that is not there, or not any more. Raises
        LogError for whatever else is wrong.
        """

    def leave_out(self, kind: str, takes: "Takes") -> None:
        """Leave out of what is being read the entries of a kind that `takes` takes, where that is of use; see there."""

    def rows(self, after: int = 0, until: int | None = None) -> Iterator[Row]:
        """Yield the same entries as they are stored, with their checksums."""

    def snapshots(self, until: int | None = None, *, altered: bool = False) -> Iterator[StoredSnapshot]:
        """Yield the snapshots at or before entry `until`, the newest first; none before `whole_after`.

        A fold begins with one (porter/reconciler/resuming.py). Those that are not as they were written are left out,
        unless `altered` asks for them.
        """

    def wrong_end(self, last: int, ends_with: bytes) -> str | None:
        """Say what is wrong with an end at entry `last`, 0 for none, that has this checksum; None when nothing is."""

    def describe(self) -> str:
        """Name the source in words, without a password."""

    def close(self) -> None:
        """Let go of it. Safe to call twice."""


def streams_in(url_or_path: str) -> list[str]:
    """Return whose logs a database holds, in order; one unnamed for a file. Raises LogError."""
    if "://" not in url_or_path and Path(url_or_path).is_file() and not _is_sqlite(Path(url_or_path)):
        return [""]
    from porter.events.log import streams_at  # noqa: PLC0415 - SQLAlchemy, which takes half of a start

    return streams_at(url_or_path)


def open_source(url_or_path: str, *, stream: str = "") -> Source:
    """Open a database URL, an SQLite file, or an exported file (plain, .gz or .xz) for reading.

    Raises LogError in one sentence when it is none of them.
    """
    path = _path_of(url_or_path)
    if path is None or not path.is_file():
        from porter.events.log import EventLog  # noqa: PLC0415 - SQLAlchemy, which takes half of a start

        return EventLog.open(url_or_path, stream=stream, read_only=True)
    start = _start_of(path)
    if not start:
        raise LogError(f"{path} is empty: there is no log in it")
    if start == _SQLITE_MAGIC:
        from porter.events.sqlite_source import SqliteSource  # noqa: PLC0415 - either is a twentieth of a start

        return SqliteSource.open(path, stream=stream)
    if start[:1] == b"{" or is_packed(start):
        from porter.events.exported import ExportedLog  # noqa: PLC0415

        return ExportedLog(path)
    raise LogError(f"{path} is neither an SQLite log nor a file from 'porter log export'")


def _path_of(url_or_path: str) -> Path | None:
    """Return the path of an SQLite or exported file; None for any other database."""
    if "://" not in url_or_path:
        return Path(url_or_path)
    scheme, _, path = url_or_path.partition(":///")
    return Path(path) if scheme == "sqlite" and path and path != ":memory:" and "?" not in path else None


def _is_sqlite(path: Path) -> bool:
    return _start_of(path) == _SQLITE_MAGIC


def _start_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE_MAGIC))
    except OSError as error:
        raise LogError(f"{path} cannot be read: {error.strerror or error}") from None
