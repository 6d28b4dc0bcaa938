"""The migrations make the tables that the code reads, and the code knows the newest of them."""

import contextlib
import logging
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from porter.events.codec import decode
from porter.events.engines import make_engine
from porter.events.entries import Recorded
from porter.events.errors import LogError
from porter.events.migrate import MIGRATIONS, run_migrations, upgrade
from porter.events.schema import METADATA, SCHEMA_VERSION, VERSION_TABLE, create_tables
from porter.events.urls import parse_url
from porter.events.verify import verify
from tests.events.conftest import Place
from tests.events.examples import some

STORED = Path(__file__).parent.parent / "data" / "log-schema-1.sql"


def test_the_newest_migration_is_the_schema_that_the_code_knows() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))

    revisions = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]

    assert revisions == [str(number) for number in range(int(SCHEMA_VERSION), 0, -1)]


def test_the_developers_file_names_the_packages_migrations() -> None:
    config = Config(str(Path(__file__).parents[2] / "alembic.ini"))

    assert Path(config.get_main_option("script_location") or "").resolve() == MIGRATIONS.resolve()


def test_the_migrations_make_the_tables_that_the_code_reads(lasting_place: Place) -> None:
    engine = make_engine(parse_url(lasting_place.url), read_only=False, create=True)
    with engine.begin() as connection:
        run_migrations(connection)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        differences = compare_metadata(context, METADATA)
        [version] = connection.execute(sqlalchemy.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars()
    engine.dispose()

    assert differences == []
    assert version == SCHEMA_VERSION


def test_a_new_log_has_the_tables_that_the_migrations_make(lasting_place: Place) -> None:
    engine = make_engine(parse_url(lasting_place.url), read_only=False, create=True)

    made = []
    for make in (create_tables, run_migrations):
        with engine.begin() as connection:
            make(connection)
            made.append(described(connection))
            for name in sqlalchemy.inspect(connection).get_table_names():
                connection.execute(sqlalchemy.text(f"DROP TABLE {name}"))
    engine.dispose()

    assert made[0] == made[1]
    assert set(made[0]) == {*METADATA.tables, VERSION_TABLE}


def described(connection: sqlalchemy.Connection) -> dict[str, object]:
    """All that a database knows of its tables, by their names, and the version that it says it has."""
    found = sqlalchemy.inspect(connection)
    version = connection.execute(sqlalchemy.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars().all()
    return {
        name: (
            [column | {"type": repr(column["type"])} for column in found.get_columns(name)],
            *(found.get_pk_constraint(name), found.get_indexes(name), found.get_table_options(name), version),
        )
        for name in found.get_table_names()
    }


def test_a_log_of_the_first_schema_is_chained_and_keeps_its_entries(lasting_place: Place) -> None:
    lasting_place.execute(stored_schema_1(lasting_place))

    assert upgrade(lasting_place.url) == ("1", SCHEMA_VERSION)

    for stream, stored in (("node1", rows_of_schema_1("node1")), ("nöde2", rows_of_schema_1("nöde2"))):
        entries = [Recorded(seq, at, decode(kind, version, body)) for seq, at, kind, version, body in stored]
        with lasting_place.writer(stream) as log:
            assert list(log.read()) == entries
            assert [(row.seq, row.at, row.kind, row.version, row.body) for row in log.rows()] == stored
            assert verify(log).holds
            assert log.head.entries == len(entries)
            assert log.head.size == sum(row.size for row in log.rows())
            log.append(some(len(entries) + 1, len(entries) + 3))
            assert verify(log).holds
    assert upgrade(lasting_place.url) == (SCHEMA_VERSION, SCHEMA_VERSION)


def test_an_agent_that_opens_a_log_of_the_first_schema_upgrades_it(lasting_place: Place) -> None:
    lasting_place.execute(stored_schema_1(lasting_place))

    with pytest.raises(LogError, match="has schema 1 and this Porter reads 2: run `porter log upgrade` on it"):
        lasting_place.reader("node1")
    with lasting_place.writer() as log:
        assert log.last_seq == 30
        assert verify(log).holds


@pytest.mark.parametrize("entries", [4095, 4096, 4097, 8192])
def test_a_log_of_many_pages_is_chained_whole(tmp_path: Path, entries: int) -> None:
    place = Place(url=f"sqlite:///{tmp_path}/porter.db")
    place.execute(
        f"""{stored_schema_1(place)}
        DELETE FROM entry WHERE stream = 'node1';
        WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number LIMIT {entries})
        INSERT INTO entry SELECT 'node1', n, n, 'node.gone', 1, '{{"node":"node' || n || '"}}' FROM number""",
    )

    upgrade(place.url)

    with place.reader("node1") as log:
        found = verify(log)
        assert found.holds, found.sentences()
        assert found.entries == entries


def rows_of_schema_1(stream: str) -> list[tuple[int, int, str, int, str]]:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(STORED.read_text())
        of_stream = "SELECT seq, at, kind, version, body FROM entry WHERE stream = ? ORDER BY seq"
        return list(connection.execute(of_stream, (stream,)))


def stored_schema_1(place: Place) -> str:
    """Return the database as Porter wrote it while its schema was 1: two agents' logs."""
    return STORED.read_text() if place.server is None else STORED.read_text().replace("WITHOUT ROWID", "")


def test_migrating_configures_no_logging(tmp_path: Path) -> None:
    before = (logging.root.level, list(logging.root.handlers), logging.getLogger("alembic").level)

    Place(url=f"{tmp_path}/porter.db").writer().close()

    assert (logging.root.level, list(logging.root.handlers), logging.getLogger("alembic").level) == before
