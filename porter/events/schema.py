"""The log's tables as this version of Porter reads them, and which version of them a database has.

The same tables are a public contract (docs/event-log.md). An empty database gets them as they are here, an older one is
brought there by `migrations/`; a test holds both to be the same.
"""

import sqlalchemy
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, PrimaryKeyConstraint, String, Table, Text

from porter.events.version import SCHEMA_VERSION, VERSION_TABLE

__all__ = [
    "ENTRY",
    "GAP",
    "METADATA",
    "SCHEMA_VERSION",
    "SNAPSHOT",
    "STREAM",
    "VERSION_TABLE",
    "ForeignDatabaseError",
    "create_tables",
    "schema_version",
]

METADATA = MetaData()

ENTRY = Table(
    "entry",
    METADATA,
    Column("stream", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
    PrimaryKeyConstraint("stream", "seq", name="entry_pkey"),
    sqlite_with_rowid=False,  # rows lie in the order in which a replay reads them
)
"""One row is one entry of one agent's log. Replay reads by the primary key, so there is no other index."""

STREAM = Table(
    "stream",
    METADATA,
    Column("stream", Text, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
    Column("entries", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("compacted_through", BigInteger, nullable=False),
    Column("story_entries", BigInteger, nullable=False),
    Column("story_size", BigInteger, nullable=False),
    PrimaryKeyConstraint("stream", name="stream_pkey"),
    sqlite_with_rowid=False,
)
"""One row is what is known of one agent's log as a whole; it changes in the transaction that changes the log."""

GAP = Table(
    "gap",
    METADATA,
    Column("stream", Text, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
    PrimaryKeyConstraint("stream", "first_seq", name="gap_pkey"),
    sqlite_with_rowid=False,
)
"""One row is a run of entries that were taken out; the chain of checksums goes on from that of the last of them."""

SNAPSHOT = Table(
    "snapshot",
    METADATA,
    Column("stream", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("format", Integer, nullable=False),
    Column("state", LargeBinary, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
    PrimaryKeyConstraint("stream", "seq", name="snapshot_pkey"),
)
"""One row is the state of the fold after an entry, so that nobody must begin at the first one."""

_VERSION = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)
"""As Alembic makes it."""


class ForeignDatabaseError(Exception):
    """The database has tables, and they are not Porter's."""


def create_tables(connection: sqlalchemy.Connection) -> None:
    """Make the tables of this version in a database that has none at all."""
    METADATA.create_all(connection, checkfirst=False)
    _VERSION.create(connection, checkfirst=False)
    connection.execute(_VERSION.insert(), {"version_num": SCHEMA_VERSION})


def schema_version(connection: sqlalchemy.Connection) -> str | None:
    """Return the version of the log's tables, or None for a database that has no tables at all.

    Raises ForeignDatabaseError when the tables are somebody else's.
    """
    tables = sqlalchemy.inspect(connection).get_table_names()
    if not tables:
        return None
    if VERSION_TABLE not in tables:
        raise ForeignDatabaseError
    version: str | None = connection.execute(sqlalchemy.select(_VERSION.c.version_num)).scalar()
    if version is None:
        raise ForeignDatabaseError
    return version
