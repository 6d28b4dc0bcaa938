"""An exported file, read back: as a source of entries, and with what is needed to verify it. It is never changed."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import msgspec

from porter.events.chain import Row, microseconds
from porter.events.closing import Closing
from porter.events.codec import decode
from porter.events.entries import Recorded
from porter.events.errors import CompactedLogError, LogError
from porter.events.packing import DAMAGED, open_to_read
from porter.events.snapshots import StoredSnapshot, is_sealed

if TYPE_CHECKING:
    from porter.events.sqlite_source import Takes

_SNAPSHOT = b'{"snapshot":'


_Seq: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
_Version: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
_BAD: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an exported log."""

    seq: _Seq
    at: datetime
    kind: str
    version: _Version
    word: str = ""
    checksum: str = ""
    previous: str | None = None
    end: bool = False
    entry: msgspec.Raw


class _Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    seq: int
    at: datetime
    format: int
    checksum: str
    state: bytes  # base64 in JSON


class _SnapshotLine(msgspec.Struct, frozen=True, kw_only=True):
    snapshot: _Snapshot


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    seq: _Seq
    previous: str | None = None


_LINES = msgspec.json.Decoder(Line)
_PLACES = msgspec.json.Decoder(_Place)
_SNAPSHOTS = msgspec.json.Decoder(_SnapshotLine)


def from_line(line: bytes) -> Recorded:
    """Turn one line of an export back into an entry. Raises ValueError with a sentence that names no line."""
    return _recorded(_parsed(line))


class ExportedLog(Closing):
    """An exported file as a source of entries, read from its start each time."""

    is_file = True
    """See `porter.events.sources.Source`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def last_seq(self) -> int:
        """The number of the last entry, 0 for none. Reads the file through."""
        return max((place.seq for place in self._places()), default=0)

    @property
    def whole_after(self) -> int:
        """The last entry that was taken or left out, 0 for none: all after it are there. Reads the file through."""
        return max(self.gap_ends(), default=0)

    def gap_ends(self) -> Sequence[int]:
        """Return the last entry of each run of entries that are not there, in order. Reads the file through."""
        last = 0
        found: list[int] = []
        for place in self._places():
            if place.seq != last + 1:
                found.append(place.seq - 1)
            last = place.seq
        return found

    def read(self, after: int = 0, until: int | None = None, *, whole_after: int | None = None) -> Iterator[Recorded]:
        """Yield the entries with `after < seq <= until`, in order. Raises LogError that names the line at fault.

        What was taken out by compaction is passed over; after `whole_after` CompactedLogError is raised instead.
        """
        for number, line in self._checked(until):
            gap_matters = whole_after is not None and line.seq > max(after, whole_after) + 1
            if gap_matters and line.previous is not None:
                raise CompactedLogError(f"{self._path}, line {number}: entries before entry {line.seq} were taken out")
            if line.seq > after:
                try:
                    yield _recorded(line)
                except ValueError as error:
                    raise self._wrong(number, str(error)) from None

    def leave_out(self, kind: str, takes: "Takes") -> None:
        """Do nothing: each line is read for its number anyhow."""

    def rows(self, after: int = 0, until: int | None = None) -> Iterator[Row]:
        """Yield the same entries as they were stored, with their checksums; none in an old or filtered file."""
        before = ""
        for number, line in self._lines():
            found = self._line(number, line)
            if until is not None and found.seq > until:
                return
            if found.seq > after:
                previous = found.previous
                if previous is None and before and found.seq == after + 1:
                    previous = before
                yield _row(found, previous)
            before = found.checksum

    def wrong_end(self, last: int, ends_with: bytes) -> str | None:
        """Say what is wrong with the end of the file; None when it ends as it was written, or nobody can know."""
        end = sealed = False
        for number, line in self._lines():
            found = self._line(number, line)
            end, sealed = found.end, bool(found.checksum)
        if sealed and ends_with and not end:
            return f"the file ends after entry {last}, which was not the last one: it was cut"
        return None

    def snapshots(self, until: int | None = None, *, altered: bool = False) -> Iterator[StoredSnapshot]:
        """Yield the snapshots at or before entry `until`, the newest first. Reads the file through.

        Those that are not as they were written are left out, unless `altered` asks for them.
        """
        found: list[StoredSnapshot] = []
        for number, line in self._all_lines():
            if line.startswith(_SNAPSHOT):
                try:
                    one = _SNAPSHOTS.decode(line).snapshot
                    kept = StoredSnapshot(
                        seq=one.seq,
                        at=microseconds(one.at),
                        format=one.format,
                        state=one.state,
                        checksum=bytes.fromhex(one.checksum),
                    )
                except (msgspec.DecodeError, ValueError, TypeError, RecursionError) as error:
                    raise self._wrong(number, f"not a line of an exported log: {error}") from None
                if until is None or kept.seq <= until:
                    found.append(kept)
        seals = self._checksums({snapshot.seq for snapshot in found}) if found and not altered else {}
        for snapshot in sorted(found, key=lambda snapshot: snapshot.seq, reverse=True):
            if altered or is_sealed(seals.get(snapshot.seq, b""), snapshot):
                yield snapshot

    def describe(self) -> str:
        """Name the file."""
        return str(self._path)

    def close(self) -> None:
        """Do nothing: the file is open only while it is read."""

    def _checked(self, until: int | None) -> Iterator[tuple[int, Line]]:
        """Yield lines up to an entry. Raises LogError where one does not follow the other, or the file was cut."""
        number, last = 0, None
        for number, line in self._lines():
            found = self._line(number, line)
            if last is not None and found.seq != last.seq + 1 and (found.previous is None or found.seq <= last.seq):
                raise self._wrong(number, f"entry {found.seq} follows entry {last.seq}")
            if until is not None and found.seq > until:
                return
            yield number, found
            last = found
        if last is not None and last.checksum and not last.end:
            raise self._wrong(number, f"the file ends here, and entry {last.seq} was not the last one: it was cut")

    def _checksums(self, seqs: set[int]) -> dict[int, bytes]:
        lines = (self._line(number, line) for number, line in self._lines())
        return {line.seq: bytes.fromhex(line.checksum) for line in lines if line.seq in seqs}

    def _places(self) -> Iterator[_Place]:
        for number, line in self._lines():
            try:
                yield _PLACES.decode(line)
            except _BAD as error:
                raise self._wrong(number, f"not a line of an exported log: {error}") from None

    def _line(self, number: int, line: bytes) -> Line:
        try:
            return _parsed(line)
        except ValueError as error:
            raise self._wrong(number, str(error)) from None

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        return ((number, line) for number, line in self._all_lines() if not line.startswith(_SNAPSHOT))

    def _all_lines(self) -> Iterator[tuple[int, bytes]]:
        number = 0
        try:
            with open_to_read(self._path) as lines:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        yield number, line
        except EOFError:
            raise self._wrong(number + 1, "the compressed file ends too early; it was cut") from None
        except DAMAGED as error:
            raise self._wrong(number + 1, f"the compressed file is damaged: {error}") from None
        except OSError as error:
            raise LogError(f"{self._path} cannot be read: {error.strerror or error}") from None

    def _wrong(self, number: int, what: str) -> LogError:
        return LogError(f"{self._path}, line {number}: {what}")


def _parsed(line: bytes) -> Line:
    try:
        found = _LINES.decode(line)
        line.decode()  # msgspec passes over what is in the entry
    except _BAD as error:
        raise ValueError(f"not a line of an exported log: {error}") from None
    if found.at.tzinfo is None:
        raise ValueError("its time names no time zone")
    try:
        found.at.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"its time {found.at.isoformat()} is out of range") from None
    for word in (found.checksum, found.previous or ""):
        try:
            bytes.fromhex(word)
        except ValueError:
            raise ValueError(f"{word!r} is no checksum") from None
    return found


def _recorded(line: Line) -> Recorded:
    return Recorded(line.seq, line.at.astimezone(UTC), decode(line.kind, line.version, bytes(line.entry)))


def _row(line: Line, previous: str | None) -> Row:
    return Row(
        line.seq,
        microseconds(line.at),
        line.kind,
        line.version,
        bytes(line.entry).decode(),
        bytes.fromhex(line.checksum),
        None if previous is None else bytes.fromhex(previous),
    )
