"""The snapshots that a database keeps of one agent's log.

Every function works on a connection that its caller has begun; none of them commits.
"""

import msgspec
import sqlalchemy
from sqlalchemy import bindparam, select

from porter.events.schema import SNAPSHOT
from porter.events.snapshots import StoredSnapshot, seal
from porter.events.streams import AnotherWriterError, as_bytes, checksum_at

_SNAPSHOT_SEQS = select(SNAPSHOT.c.seq).where(SNAPSHOT.c.stream == bindparam("stream")).order_by(SNAPSHOT.c.seq)
_SNAPSHOT = (
    select(SNAPSHOT.c.seq, SNAPSHOT.c.at, SNAPSHOT.c.format, SNAPSHOT.c.state, SNAPSHOT.c.checksum)
    .where(SNAPSHOT.c.stream == bindparam("stream"))
    .where(SNAPSHOT.c.seq == bindparam("seq"))
)
_DROP_SNAPSHOT = (
    SNAPSHOT.delete().where(SNAPSHOT.c.stream == bindparam("stream")).where(SNAPSHOT.c.seq == bindparam("seq"))
)


def snapshot_seqs(connection: sqlalchemy.Connection, stream: str) -> list[int]:
    """Return after which entries there are snapshots, in order."""
    found = connection.execute(_SNAPSHOT_SEQS, {"stream": stream}).scalars()
    return [seq for seq in found if isinstance(seq, int)]  # others follow no entry, and are passed over


def snapshot_at(connection: sqlalchemy.Connection, stream: str, seq: int) -> StoredSnapshot | None:
    """Return the snapshot after an entry; None where there is none."""
    row = connection.execute(_SNAPSHOT, {"stream": stream, "seq": seq}).one_or_none()
    if row is None:
        return None
    found = dict(row._mapping)  # noqa: SLF001
    return StoredSnapshot(**{**found, "state": as_bytes(found["state"]), "checksum": as_bytes(found["checksum"])})


def put_snapshot(connection: sqlalchemy.Connection, stream: str, snapshot: StoredSnapshot, most: int) -> None:
    """Store a snapshot, sealed to the entry that it follows, in place of one that is there.

    Where there are more than `most` then, those go whose neighbours lie closest together; never the first, which the
    entries after it need to be folded on from, and never the newest.
    """
    entry = checksum_at(connection, stream, snapshot.seq)
    if entry is None:
        raise AnotherWriterError
    drop_snapshot(connection, stream, snapshot.seq)
    sealed = msgspec.structs.replace(snapshot, checksum=seal(entry, snapshot))
    connection.execute(SNAPSHOT.insert(), {"stream": stream, **msgspec.structs.asdict(sealed)})
    seqs = snapshot_seqs(connection, stream)
    while len(seqs) > most:
        inner = range(1, len(seqs) - 1)
        least = min(inner, key=lambda at: (seqs[at + 1] - seqs[at - 1], at))
        drop_snapshot(connection, stream, seqs.pop(least))


def drop_snapshot(connection: sqlalchemy.Connection, stream: str, seq: int) -> None:
    """Take a snapshot out, if it is there."""
    connection.execute(_DROP_SNAPSHOT, {"stream": stream, "seq": seq})
