"""Which version of the log's tables this Porter writes and reads. Apart, so that a reader needs no SQLAlchemy."""

from typing import Final

SCHEMA_VERSION: Final = "2"
"""The newest migration. Versions are whole numbers, counted up."""

VERSION_TABLE: Final = "porter_schema"
