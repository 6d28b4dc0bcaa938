"""What Alembic runs: on the connection it is given, or for a developer on `-x url=…`. It configures no logging."""

import sqlalchemy
from alembic import context

from porter.events.schema import METADATA, VERSION_TABLE


def run(connection: sqlalchemy.Connection) -> None:
    """Run the migrations in the caller's transaction."""
    context.configure(connection=connection, target_metadata=METADATA, version_table=VERSION_TABLE)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    url = context.get_x_argument(as_dictionary=True).get("url", "sqlite://")
    with sqlalchemy.create_engine(url).begin() as own:
        run(own)
