"""Alembic migrations of the log's tables, one file a version. Forward only: an older Porter refuses a newer log."""
