"""A log as a file: one JSON object a line, compressed when its name ends in `.gz`. Written here and read here.

A line is {"seq", "at", "kind", "version", "word", "entry"}; `at` is RFC 3339 in UTC with microseconds. The format is a
public contract (docs/event-log.md). Nothing here opens a database.
"""

import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from porter.events.codec import decode, encode, word_of
from porter.events.entries import Recorded
from porter.events.errors import LogError

_GZIP_MAGIC = b"\x1f\x8b"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an exported log."""

    seq: int
    at: datetime
    kind: str
    version: int
    word: str = ""
    entry: msgspec.Raw


class _Number(msgspec.Struct, frozen=True):
    seq: int


_LINES = msgspec.json.Decoder(Line)
_NUMBERS = msgspec.json.Decoder(_Number)


def to_line(recorded: Recorded) -> bytes:
    """Return the entry as one line of an export, with its line end."""
    kind, version, body = encode(recorded.entry)
    at = recorded.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    head = f'{{"seq":{recorded.seq},"at":"{at}","kind":"{kind}","version":{version},"word":"{word_of(recorded.entry)}"'
    return b'%b,"entry":%b}\n' % (head.encode(), body)


def from_line(line: bytes) -> Recorded:
    """Turn one line of an export back into an entry. Raises ValueError with a sentence that names no line."""
    try:
        found = _LINES.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"not a line of an exported log: {error}") from None
    if found.at.tzinfo is None:
        raise ValueError("its time names no time zone")
    return Recorded(found.seq, found.at.astimezone(UTC), decode(found.kind, found.version, bytes(found.entry)))


def write(entries: Iterable[Recorded], to: BinaryIO | gzip.GzipFile) -> int:
    """Write entries as lines and return how many."""
    count = 0
    for recorded in entries:
        to.write(to_line(recorded))
        count += 1
    return count


def write_file(entries: Iterable[Recorded], path: Path) -> int:
    """Write entries to a new file, compressed when its name ends in `.gz`, and return how many.

    The file appears whole or not at all. Raises LogError when it cannot be written or is there already.
    """
    if path.exists():
        raise LogError(f"{path} exists already; choose another name, or move it away")
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as raw:
            if path.suffix == ".gz":
                with gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as packed:
                    count = write(entries, packed)
            else:
                count = write(entries, raw)
            raw.flush()
            os.fsync(raw.fileno())
        part.rename(path)
    except OSError as error:
        raise LogError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)
    return count


class ExportedLog:
    """An exported file as a source of entries, read from its start each time. It is never changed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def last_seq(self) -> int:
        """The number of the last entry, 0 for none. Reads the file through."""
        last = 0
        for number, line in self._lines():
            try:
                last = _NUMBERS.decode(line).seq
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise self._wrong(number, f"not a line of an exported log: {error}") from None
        return last

    def read(self, after: int = 0, until: int | None = None) -> Iterator[Recorded]:
        """Yield the entries with `after < seq <= until`, in order. Raises LogError that names the line at fault."""
        previous: int | None = None
        for number, line in self._lines():
            try:
                recorded = from_line(line)
            except ValueError as error:
                raise self._wrong(number, str(error)) from None
            if previous is not None and recorded.seq != previous + 1:
                raise self._wrong(number, f"entry {recorded.seq} follows entry {previous}")
            previous = recorded.seq
            if until is not None and recorded.seq > until:
                return
            if recorded.seq > after:
                yield recorded

    def describe(self) -> str:
        """Name the file."""
        return str(self._path)

    def close(self) -> None:
        """Do nothing: the file is open only while it is read."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        number = 0
        try:
            with self._open() as lines:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        yield number, line
        except EOFError:
            raise self._wrong(number + 1, "the compressed file ends too early; it was cut") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise self._wrong(number + 1, f"the compressed file is damaged: {error}") from None
        except OSError as error:
            raise LogError(f"{self._path} cannot be read: {error.strerror or error}") from None

    def _open(self) -> BinaryIO | gzip.GzipFile:
        with self._path.open("rb") as raw:
            packed = raw.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        return gzip.open(self._path) if packed else self._path.open("rb")

    def _wrong(self, number: int, what: str) -> LogError:
        return LogError(f"{self._path}, line {number}: {what}")
