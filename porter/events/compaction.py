"""Take out of a log what its retention does not ask for, in small steps, each of them one short transaction.

A step leaves a log that is whole: the gaps are written down with the checksum that the chain goes on from, and a
snapshot stands where all entries after it are there. So it may be ended, or killed, after any step.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy
from sqlalchemy import bindparam, func, select

from porter.events.chain import microseconds, row_size
from porter.events.codec import word_of_kind
from porter.events.retention import Retention
from porter.events.schema import ENTRY, GAP, SNAPSHOT, STREAM
from porter.events.streams import AnotherWriterError, Gap, Head, add_gaps, gap_over, head_of

STEP = 250
"""Entries that one step looks at: some five milliseconds, which is all that an append may have to wait."""
_ALWAYS_STORY = "agent.started"
_NEVER_A_CAUSE = "objects.relisted"  # it may hold a whole cluster

_FIRST_ROWS = (
    select(ENTRY.c.seq, ENTRY.c.at, ENTRY.c.kind, func.length(ENTRY.c.body).label("length"), ENTRY.c.checksum)
    .where(ENTRY.c.stream == bindparam("stream"))
    .where(ENTRY.c.seq > bindparam("after"))
    .where(ENTRY.c.seq <= bindparam("until"))
    .order_by(ENTRY.c.seq)
    .limit(bindparam("most"))
)
_SNAPSHOTS = (
    select(SNAPSHOT.c.seq, SNAPSHOT.c.at).where(SNAPSHOT.c.stream == bindparam("stream")).order_by(SNAPSHOT.c.seq)
)
_SIZE_OF_ALL = select(func.sum(STREAM.c.size))
_OUT = (
    ENTRY.delete()
    .where(ENTRY.c.stream == bindparam("of_stream"))
    .where(ENTRY.c.seq >= bindparam("first"))
    .where(ENTRY.c.seq <= bindparam("last"))
)
_SHRINK = (
    STREAM.update()
    .where(STREAM.c.stream == bindparam("of_stream"))
    .where(STREAM.c.compacted_through == bindparam("was"))
    .where(STREAM.c.story_entries == bindparam("was_story"))
    .values(
        compacted_through=bindparam("now"),
        entries=STREAM.c.entries - bindparam("fewer_entries"),
        size=STREAM.c.size - bindparam("less_size"),
        story_entries=STREAM.c.story_entries + bindparam("more_story"),
        story_size=STREAM.c.story_size + bindparam("more_story_size"),
    )
)


class _Share(msgspec.Struct, frozen=True, kw_only=True):
    """So many entries and bytes; fewer than none for none."""

    entries: int
    size: int


def step(connection: sqlalchemy.Connection, stream: str, retention: Retention, now: datetime) -> bool:
    """Take one step, and tell whether there was anything to take out."""
    head = head_of(connection, stream)
    most = _Share(entries=retention.entries // 2, size=retention.size // 2)
    spare = _Share(entries=head.story_entries - most.entries, size=head.story_size - most.size)
    if _cut_story(connection, stream, head, spare=spare, before=_before(now, retention.story_age)):
        return True
    too_much = exceeds(connection, head, retention)
    through = _through(connection, stream, head, None if too_much else _before(now, retention.age))
    if through is not None:
        _take_out_noise(connection, stream, head, through)
        return True
    if not too_much:
        return False
    used = _used(connection, head)
    spare = _Share(entries=head.entries - retention.entries, size=used - retention.size)
    return _cut_story(connection, stream, head, spare=spare, before=None)


def exceeds(connection: sqlalchemy.Connection, head: Head, retention: Retention) -> bool:
    """Tell whether there are more entries, or more bytes, than are to stay."""
    return head.entries > retention.entries or _used(connection, head) > retention.size


def _before(now: datetime, age: timedelta) -> int:
    """Return the stored moment that is so long ago."""
    try:
        return microseconds(now - age)
    except OverflowError:
        return -(2**63)


def _used(connection: sqlalchemy.Connection, head: Head) -> int:
    """Return the bytes that are in use on disk: of an SQLite file the stream's share, elsewhere about those of it."""
    if connection.dialect.name != "sqlite":
        return head.size
    pages, free, size = (
        connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
        for name in ("page_count", "freelist_count", "page_size")
    )
    used = int((pages - free) * size)
    every = int(connection.execute(_SIZE_OF_ALL).scalar() or 0)
    return used * head.size // every if every > head.size else used


def _through(connection: sqlalchemy.Connection, stream: str, head: Head, before: int | None) -> int | None:
    """Return up to which entry the noise is to go next, None for no further.

    It goes from one snapshot to the next: those with a time before `before`, or with None any.
    """
    done = head.compacted_through
    found = connection.execute(_SNAPSHOTS, {"stream": stream}).all()
    after = [snapshot for snapshot in found if snapshot.seq > done + 1]
    if not after or (before is not None and after[0].at >= before):
        return None
    return int(min(after[0].seq - 1, done + STEP))


def _take_out_noise(connection: sqlalchemy.Connection, stream: str, head: Head, through: int) -> None:
    done = head.compacted_through
    wanted = {"stream": stream, "after": done, "until": through + 1, "most": STEP + 1}
    rows = connection.execute(_FIRST_ROWS, wanted).all()
    followers = [*(row.kind for row in rows[1:]), ""]
    here = [(row, follower) for row, follower in zip(rows, followers, strict=True) if row.seq <= through]
    noise = [row for row, follower in here if is_noise(row.kind, follower)]
    out = {row.seq for row in noise}
    story = [row for row, _ in here if row.seq not in out]
    gaps = list(_runs(noise))
    if gaps and gaps[0].first_seq == done + 1:
        gaps[0] = _joined(connection, stream, gaps[0])
    _delete_rows(connection, stream, gaps, after=done)
    add_gaps(connection, stream, gaps)
    connection.execute(SNAPSHOT.delete().where(SNAPSHOT.c.stream == stream).where(SNAPSHOT.c.seq <= through))
    _shrink(connection, stream, head, through, out=noise, story=story)


def is_noise(kind: str, follower: str) -> bool:
    """Tell whether an entry may go; `follower` is the kind of the one after it. A decision follows its cause."""
    if word_of_kind(kind) != "observed" or kind == _ALWAYS_STORY:
        return False
    return kind == _NEVER_A_CAUSE or word_of_kind(follower) != "decided"


def _runs(rows: Sequence[Any]) -> Iterator[Gap]:
    """Yield the gaps that rows leave, in order, each as long as it can be."""
    begins = 0
    for at, row in enumerate(rows):
        if at + 1 == len(rows) or rows[at + 1].seq != row.seq + 1:
            yield Gap(first_seq=rows[begins].seq, last_seq=row.seq, checksum=row.checksum)
            begins = at + 1


def _joined(connection: sqlalchemy.Connection, stream: str, gap: Gap) -> Gap:
    """Return the gap made longer by the one that ends where it begins; that one is no longer there."""
    before = gap_over(connection, stream, gap.first_seq - 1, gap.first_seq - 1)
    if before is None:
        return gap
    connection.execute(GAP.delete().where(GAP.c.stream == stream).where(GAP.c.first_seq == before.first_seq))
    return msgspec.structs.replace(gap, first_seq=before.first_seq)


def _cut_story(
    connection: sqlalchemy.Connection,
    stream: str,
    head: Head,
    *,
    spare: _Share,
    before: int | None,
) -> bool:
    """Take out the oldest of the story, and tell whether there was any: so much, and what is older than `before`."""
    wanted = {"stream": stream, "after": 0, "until": head.compacted_through, "most": STEP}
    found = connection.execute(_FIRST_ROWS, wanted).all() if head.story_entries else []
    rows: list[Any] = []
    size = 0
    for row in found:
        old = before is not None and row.at < before
        if not old and len(rows) >= spare.entries and size >= spare.size:
            break
        rows.append(row)
        size += row_size(row.kind, row.length)
    if not rows:
        return False
    last = rows[-1]
    gap = Gap(first_seq=1, last_seq=last.seq, checksum=last.checksum)
    after = gap_over(connection, stream, last.seq + 1, last.seq + 1)
    if after is not None:
        gap = msgspec.structs.replace(after, first_seq=1)
    connection.execute(GAP.delete().where(GAP.c.stream == stream).where(GAP.c.last_seq <= gap.last_seq))
    _delete_rows(connection, stream, [gap], after=0)
    add_gaps(connection, stream, [gap])
    _shrink(connection, stream, head, head.compacted_through, out=rows, story=[], of_story=rows)
    return True


def _delete_rows(connection: sqlalchemy.Connection, stream: str, gaps: Sequence[Gap], after: int) -> None:
    if gaps:
        values = [{"of_stream": stream, "first": max(gap.first_seq, after + 1), "last": gap.last_seq} for gap in gaps]
        connection.execute(_OUT, values)


def _shrink(
    connection: sqlalchemy.Connection,
    stream: str,
    head: Head,
    through: int,
    *,
    out: Sequence[Any],
    story: Sequence[Any],
    of_story: Sequence[Any] = (),
) -> None:
    change = {
        "of_stream": stream,
        "was": head.compacted_through,
        "was_story": head.story_entries,
        "now": through,
        "fewer_entries": len(out),
        "less_size": _size(out),
        "more_story": len(story) - len(of_story),
        "more_story_size": _size(story) - _size(of_story),
    }
    if connection.execute(_SHRINK, change).rowcount != 1:
        raise AnotherWriterError


def _size(rows: Sequence[Any]) -> int:
    return sum(row_size(row.kind, row.length) for row in rows)
