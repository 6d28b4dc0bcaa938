"""The chain of checksums: each row's is taken over its own content and the checksum of the row before it.

So a row that was altered, taken out, put in or moved is noticed, as long as nobody computes all that follows anew: the
chain is a seal against accidents and clumsy hands, and no signature. Bytes in, bytes out; no database here.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

import msgspec

from porter.events.codec import encode
from porter.events.entries import Recorded
from porter.events.errors import DamagedLogError

LENGTH = 16  # bytes: no two rows of all logs ever written have the same checksum by chance
GENESIS = bytes(LENGTH)
"""What the first entry of a log continues from."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Row(msgspec.Struct, frozen=True):
    """An entry as it is stored. `at` is microseconds since 1970, `body` JSON."""

    seq: int
    at: int
    kind: str
    version: int
    body: str
    checksum: bytes
    """Empty in a file that was exported before there were checksums."""
    previous: bytes | None = None
    """The checksum of entry `seq - 1`, given only where that one is not there: it was taken out, or left out."""

    @property
    def size(self) -> int:
        """About how many bytes it takes on disk."""
        return row_size(self.kind, len(self.body))


_OVERHEAD = 48  # bytes a row: its numbers, the name of its stream, its checksum


def row_size(kind: str, length: int) -> int:
    """Return about how many bytes a row takes on disk whose body has `length` characters."""
    return length + len(kind) + _OVERHEAD


def checksum(previous: bytes, row: Row) -> bytes:
    """Return the checksum of a row: BLAKE2b, 16 bytes, over what docs/event-log.md says."""
    head = f"{row.seq} {row.at} {row.kind} {row.version} "
    return blake2b(previous + (head + row.body).encode(), digest_size=LENGTH).digest()


def chained(records: Iterable[Recorded], previous: bytes = GENESIS) -> Iterator[Row]:
    """Yield entries as rows whose chain continues from `previous`.

    Where their numbers leave something out, the chain goes on over it from the entry before.
    """
    expected: int | None = None
    for record in records:
        kind, version, body = encode(record.entry)
        at = microseconds(record.at)
        over = None if expected in {None, record.seq} else previous
        head = f"{record.seq} {at} {kind} {version} ".encode()
        previous = blake2b(b"%b%b%b" % (previous, head, body), digest_size=LENGTH).digest()
        yield Row(record.seq, at, kind, version, body.decode(), previous, over)
        expected = record.seq + 1


def microseconds(at: datetime) -> int:
    """Return a moment as it is stored."""
    return (at - _EPOCH) // _MICROSECOND


def moment(at: int) -> datetime:
    """Return a stored moment, in UTC."""
    return _EPOCH + timedelta(0, 0, at)  # days, seconds, microseconds


def time_of(row: Row) -> datetime:
    """Return when an entry was recorded, in UTC. Raises DamagedLogError for what is no time."""
    try:
        return moment(row.at)
    except (TypeError, OverflowError):
        raise DamagedLogError(f"entry {row.seq}: its time is of no kind that is stored") from None


def missing(first: int, last: int) -> str:
    """Say which entries are not there."""
    return f"entry {first} is missing" if first == last else f"entries {first} to {last} are missing"
