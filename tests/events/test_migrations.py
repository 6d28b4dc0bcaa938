"""The migrations make the tables that the code reads, and the code knows the newest of them."""

import logging
from pathlib import Path

import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from porter.events.engines import make_engine
from porter.events.migrate import MIGRATIONS
from porter.events.schema import METADATA, SCHEMA_VERSION, VERSION_TABLE
from porter.events.urls import parse_url
from tests.events.conftest import Place


def test_the_newest_migration_is_the_schema_that_the_code_knows() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))

    revisions = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]

    assert revisions == [str(number) for number in range(int(SCHEMA_VERSION), 0, -1)]


def test_the_developers_file_names_the_packages_migrations() -> None:
    config = Config(str(Path(__file__).parents[2] / "alembic.ini"))

    assert Path(config.get_main_option("script_location") or "").resolve() == MIGRATIONS.resolve()


def test_the_migrations_make_the_tables_that_the_code_reads(lasting_place: Place) -> None:
    lasting_place.writer().close()
    engine = make_engine(parse_url(lasting_place.url), read_only=True, create=False)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        differences = compare_metadata(context, METADATA)
        [version] = connection.execute(sqlalchemy.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars()
    engine.dispose()

    assert differences == []
    assert version == SCHEMA_VERSION


def test_migrating_configures_no_logging(tmp_path: Path) -> None:
    before = (logging.root.level, list(logging.root.handlers), logging.getLogger("alembic").level)

    Place(url=f"{tmp_path}/porter.db").writer().close()

    assert (logging.root.level, list(logging.root.handlers), logging.getLogger("alembic").level) == before
