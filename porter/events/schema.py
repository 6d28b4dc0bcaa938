"""The log's tables as this version of Porter reads them, and which version of them a database has.

The same tables are a public contract (docs/event-log.md). They are made and changed by `migrations/` only.
"""

import sqlalchemy
from sqlalchemy import BigInteger, Column, Integer, MetaData, PrimaryKeyConstraint, Table, Text

SCHEMA_VERSION = "1"
"""The newest migration: what this Porter writes and reads. Versions are whole numbers, counted up."""

VERSION_TABLE = "porter_schema"

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
    PrimaryKeyConstraint("stream", "seq", name="entry_pkey"),
    sqlite_with_rowid=False,  # rows lie in the order in which a replay reads them
)
"""One row is one entry of one agent's log. Replay reads by the primary key, so there is no other index."""

_VERSION = Table(VERSION_TABLE, MetaData(), Column("version_num", Text))


class ForeignDatabaseError(Exception):
    """The database has tables, and they are not Porter's."""


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
