"""The versions of the log's tables, oldest first."""
