"""Bring a log's tables to the version of this Porter. Forward only; a newer database is refused, never changed.

Alembic is imported when an older log must be changed, so that reading a log, and a new one, start fast.
"""

from pathlib import Path

import sqlalchemy

from porter.events.engines import lock_schema, make_engine, writing
from porter.events.errors import LogError
from porter.events.refusals import explained
from porter.events.schema import SCHEMA_VERSION, ForeignDatabaseError, create_tables, schema_version
from porter.events.urls import LogUrl, parse_url

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(url: str) -> tuple[str | None, str]:
    """Upgrade the tables of the log at `url`, which must be there. Safe to call twice.

    Returns the version before (None where the database was empty) and the version now. Raises LogError.
    """
    where = parse_url(url)
    refuse_foreign(where)
    engine = make_engine(where, read_only=False, create=False)
    try:
        return upgrade_engine(engine, where)
    finally:
        engine.dispose()


def upgrade_engine(engine: sqlalchemy.Engine, where: LogUrl) -> tuple[str | None, str]:
    """Do what `upgrade` does, on connections that are open. All in one transaction."""
    with explained(where), writing(engine) as connection:
        lock_schema(connection)
        before = found_version(connection, where)
        if before is None:
            create_tables(connection)
        elif before != SCHEMA_VERSION:
            run_migrations(connection)
        return before, SCHEMA_VERSION


def refuse_foreign(where: LogUrl) -> None:
    """Raise LogError for a newer or foreign SQLite file, before it is opened to write: that alone would change it."""
    if where.path is None or not where.path.is_file() or not where.path.stat().st_size:
        return
    engine = make_engine(where, read_only=True, create=False)
    try:
        with explained(where), engine.connect() as connection:
            found_version(connection, where)
    finally:
        engine.dispose()


def found_version(connection: sqlalchemy.Connection, where: LogUrl) -> str | None:
    """Return the version of the tables, None where there are none. Raises LogError for a newer or a foreign one."""
    try:
        version = schema_version(connection)
    except ForeignDatabaseError:
        raise LogError(f"{where} holds another program's tables; give Porter a database of its own") from None
    if version is not None and not version.isdecimal():
        raise LogError(f"{where} says that its schema is {version!r}, which is no version of Porter's")
    if version is not None and int(version) > int(SCHEMA_VERSION):
        raise LogError(
            f"{where} was written by a newer Porter (schema {version}, this one knows {SCHEMA_VERSION}); "
            "use that version or a newer one",
        )
    return version


def run_migrations(connection: sqlalchemy.Connection) -> None:
    """Do what is missing, in the caller's transaction. An empty database gets the same tables by it, in more time."""
    from alembic import command  # noqa: PLC0415 - 0.2 s that only a migration shall cost
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
