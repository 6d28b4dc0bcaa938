"""Checksums that chain the entries, what is known of each stream, what was taken out of it, and snapshots."""

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from alembic import op

from porter.events.chain import GENESIS, Row, checksum

revision = "2"
down_revision = "1"
branch_labels = None
depends_on = None

_PAGE = 4096
_OLD = sa.table("entry_1", *map(sa.column, ("stream", "seq", "at", "kind", "version", "body")))


def upgrade() -> None:
    """Create the tables, and chain the entries that are there."""
    op.rename_table("entry", "entry_1")
    if op.get_context().dialect.name == "postgresql":  # the name of an index is the schema's there
        op.execute("ALTER TABLE entry_1 RENAME CONSTRAINT entry_pkey TO entry_1_pkey")
    entry = op.create_table(
        "entry",
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("checksum", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("stream", "seq", name="entry_pkey"),
        sqlite_with_rowid=False,
    )
    stream = op.create_table(
        "stream",
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("checksum", sa.LargeBinary, nullable=False),
        sa.Column("entries", sa.BigInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("compacted_through", sa.BigInteger, nullable=False),
        sa.Column("story_entries", sa.BigInteger, nullable=False),
        sa.Column("story_size", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("stream", name="stream_pkey"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gap",
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("first_seq", sa.BigInteger, nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("checksum", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("stream", "first_seq", name="gap_pkey"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "snapshot",
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("format", sa.Integer, nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
        sa.Column("checksum", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("stream", "seq", name="snapshot_pkey"),
    )
    _chain(op.get_bind(), entry, stream)
    op.drop_table("entry_1")


def _chain(connection: sa.Connection, entry: sa.Table, stream: sa.Table) -> None:
    for name, rows in groupby(_old_rows(connection), key=attrgetter("stream")):
        previous, last, entries, size = GENESIS, 0, 0, 0
        page: list[dict[str, Any]] = []
        for old in rows:
            row = Row(old.seq, old.at, old.kind, old.version, old.body, b"")
            previous, last = checksum(previous, row), old.seq
            entries, size = entries + 1, size + row.size
            page.append({**old._mapping, "checksum": previous})  # noqa: SLF001 - how SQLAlchemy names a public method
            if len(page) == _PAGE:
                connection.execute(entry.insert(), page)
                page = []
        if page:
            connection.execute(entry.insert(), page)
        whole = {"last_seq": last, "checksum": previous, "entries": entries, "size": size}
        story = {"compacted_through": 0, "story_entries": 0, "story_size": 0}
        connection.execute(stream.insert(), {"stream": name, **whole, **story})


def _old_rows(connection: sa.Connection) -> Iterator[sa.Row[Any]]:
    """Yield the rows in order, a page in memory."""
    last: tuple[str, int] = ("", -1)
    while True:
        after = sa.tuple_(_OLD.c.stream, _OLD.c.seq) > sa.tuple_(*map(sa.literal, last))
        page = connection.execute(sa.select(_OLD).where(after).order_by(_OLD.c.stream, _OLD.c.seq).limit(_PAGE)).all()
        yield from page
        if len(page) < _PAGE:
            return
        last = (page[-1].stream, page[-1].seq)
