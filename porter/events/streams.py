"""What a database keeps of one agent's log besides its entries: how far it goes, and what was taken out of it.

Every function works on a connection that its caller has begun; none of them commits.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
import sqlalchemy
from sqlalchemy import bindparam, select

from porter.events.chain import GENESIS, Row
from porter.events.errors import WrongKindError
from porter.events.schema import ENTRY, GAP, STREAM


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """How far a log goes. Sizes are bytes, as `Row.size` counts them."""

    last_seq: int = 0
    checksum: bytes = GENESIS
    """That of the newest entry."""
    entries: int = 0
    """So many are there."""
    size: int = 0
    compacted_through: int = 0
    """Up to this entry the log was compacted: of what lies before, only the story of decisions is left."""
    story_entries: int = 0
    """So many of the entries are there up to `compacted_through`."""
    story_size: int = 0


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Entries `first_seq` to `last_seq` were taken out. The chain goes on from `checksum`, that of the last of them."""

    first_seq: int
    last_seq: int
    checksum: bytes


_WRONG = "its table {} holds what is of no kind that is stored there"
_Found = TypeVar("_Found", Head, Gap)


class AnotherWriterError(Exception):
    """The stream is not as its one writer left it."""


_HEAD = select(
    STREAM.c.last_seq,
    STREAM.c.checksum,
    STREAM.c.entries,
    STREAM.c.size,
    STREAM.c.compacted_through,
    STREAM.c.story_entries,
    STREAM.c.story_size,
).where(STREAM.c.stream == bindparam("stream"))
_NEW = STREAM.insert()
_GROW = (
    STREAM.update()
    .where(STREAM.c.stream == bindparam("of_stream"))
    .where(STREAM.c.last_seq == bindparam("was"))
    .values(
        last_seq=bindparam("now"),
        checksum=bindparam("now_checksum"),
        entries=STREAM.c.entries + bindparam("more_entries"),
        size=STREAM.c.size + bindparam("more_size"),
    )
)
_GAPS = select(GAP.c.first_seq, GAP.c.last_seq, GAP.c.checksum).where(GAP.c.stream == bindparam("stream"))
_GAP_OVER = (
    _GAPS.where(GAP.c.first_seq <= bindparam("first_seq")).where(GAP.c.last_seq >= bindparam("last_seq")).limit(1)
)
_GAPS_IN = (
    _GAPS.where(GAP.c.last_seq >= bindparam("first_seq"))
    .where(GAP.c.first_seq <= bindparam("last_seq"))
    .order_by(GAP.c.first_seq)
)
_LAST_GAP = select(sqlalchemy.func.max(GAP.c.last_seq)).where(GAP.c.stream == bindparam("stream"))
_NAMES = ", ".join(column.name for column in ENTRY.columns)
_PLACES = {"qmark": "?", "format": "%s", "pyformat": "%s"}
_FIRST_STREAM = select(ENTRY.c.stream).order_by(ENTRY.c.stream, ENTRY.c.seq).limit(1)
_STREAMS = select(STREAM.c.stream).order_by(STREAM.c.stream)
_CHECKSUM = select(ENTRY.c.checksum).where(ENTRY.c.stream == bindparam("stream")).where(ENTRY.c.seq == bindparam("seq"))


def stream_names(connection: sqlalchemy.Connection) -> list[str]:
    """Return whose logs the database holds; of one whose row is lost, whose entries come first."""
    found = list(connection.execute(_STREAMS).scalars())
    return found or list(connection.execute(_FIRST_STREAM).scalars())


def head_of(connection: sqlalchemy.Connection, stream: str) -> Head:
    """Return how far a log goes; a log that is not there yet goes nowhere."""
    row = connection.execute(_HEAD, {"stream": stream}).one_or_none()
    return Head() if row is None else _read(Head, row)


def grow(connection: sqlalchemy.Connection, stream: str, was: int, rows: Sequence[Row], gap: int) -> None:
    """Write down that the log goes on with `rows`, of which those up to entry `gap` are not all there.

    Raises AnotherWriterError when the log did not end with entry `was`.
    """
    size = sum(row.size for row in rows)
    last = rows[-1]
    if was == 0:
        connection.execute(_NEW, {"stream": stream, **msgspec.structs.asdict(Head())})
    change = {
        "of_stream": stream,
        "was": was,
        "now": last.seq,
        "now_checksum": last.checksum,
        "more_entries": len(rows),
        "more_size": size,
    }
    if connection.execute(_GROW, change).rowcount != 1:
        raise AnotherWriterError
    if gap:  # what is left up to there is all that there will be: a story
        whole = [row for row in rows if row.seq > gap]
        changed = STREAM.update().where(STREAM.c.stream == stream)
        connection.execute(
            changed.values(
                compacted_through=gap,
                story_entries=STREAM.c.entries - len(whole),
                story_size=STREAM.c.size - sum(row.size for row in whole),
            ),
        )


def _read(kind: type[_Found], row: sqlalchemy.Row[*tuple[Any, ...]]) -> _Found:
    """Return what a row says. Raises WrongKindError."""
    try:
        found = {str(name): value for name, value in row._mapping.items()}  # noqa: SLF001 - SQLAlchemy's public name
        return msgspec.convert(found, kind)
    except msgspec.ValidationError:
        raise WrongKindError(_WRONG.format(STREAM.name if kind is Head else GAP.name)) from None


def gap_over(connection: sqlalchemy.Connection, stream: str, first: int, last: int) -> Gap | None:
    """Return the gap that covers entries `first` to `last`, None where there is none."""
    wanted = {"stream": stream, "first_seq": first, "last_seq": last}
    row = connection.execute(_GAP_OVER, wanted).one_or_none()
    return None if row is None else _read(Gap, row)


def reason_for(connection: sqlalchemy.Connection, stream: str, first: int, last: int) -> Gap | None:
    """Return the gap that says why entries `first` to `last` were not there, None where nothing does.

    Where compaction has gone on since, the gap reaches beyond `last`; one that reaches over an entry that is there
    says nothing.
    """
    gap = gap_over(connection, stream, first, last)
    if gap is None or gap.last_seq == last:
        return gap
    beyond = connection.execute(_CHECKSUM, {"stream": stream, "seq": last + 1}).scalar()
    return gap if beyond is None else None


def gaps_in(connection: sqlalchemy.Connection, stream: str, first: int, last: int) -> Sequence[Gap]:
    """Return the gaps that reach into entries `first` to `last`, in order."""
    wanted = {"stream": stream, "first_seq": first, "last_seq": last}
    return [_read(Gap, row) for row in connection.execute(_GAPS_IN, wanted)]


def last_gap(connection: sqlalchemy.Connection, stream: str) -> int:
    """Return the number of the last entry that was taken out, 0 where all are there."""
    found = connection.execute(_LAST_GAP, {"stream": stream}).scalar()
    if not isinstance(found, int | None):
        raise WrongKindError(_WRONG.format(GAP.name))
    return found or 0


def add_rows(connection: sqlalchemy.Connection, stream: str, rows: Sequence[Row]) -> None:
    """Add entries, in the driver's own way: in half the time that SQLAlchemy takes to look at each."""
    style = connection.dialect.paramstyle
    if style not in _PLACES:
        connection.execute(ENTRY.insert(), [{"stream": stream, **_columns(row)} for row in rows])
        return
    into = f"INSERT INTO {ENTRY.name} ({_NAMES}) VALUES ({', '.join([_PLACES[style]] * len(ENTRY.columns))})"  # noqa: S608
    values = [(stream, row.seq, row.at, row.kind, row.version, row.body, row.checksum) for row in rows]
    connection.exec_driver_sql(into, values)


def _columns(row: Row) -> dict[str, object]:
    found = msgspec.structs.asdict(row)
    del found["previous"]
    return found


def add_gaps(connection: sqlalchemy.Connection, stream: str, gaps: Sequence[Gap]) -> None:
    """Write down that entries are not there."""
    if gaps:
        connection.execute(GAP.insert(), [{"stream": stream, **msgspec.structs.asdict(gap)} for gap in gaps])


def checksum_at(connection: sqlalchemy.Connection, stream: str, seq: int) -> bytes | None:
    """Return the checksum of an entry, also of one that was taken out where the chain goes on from it; else None."""
    if seq == 0:
        return GENESIS
    found = connection.execute(_CHECKSUM, {"stream": stream, "seq": seq}).scalar()
    if found is not None:
        return as_bytes(found)
    gap = gap_over(connection, stream, seq, seq)
    return gap.checksum if gap is not None and gap.last_seq == seq else None


def as_bytes(value: object) -> bytes:
    """Return what is stored in a column of bytes: SQLite lets strangers, and failing disks, store anything there."""
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


def as_text(value: object) -> str:
    """Return what is stored in a column of text, so that it can be held against its checksum whatever it is."""
    return (
        value if isinstance(value, str) else value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    )
