"""Where a log is: a database URL or a path, read once. Nothing is opened here."""

import dataclasses
from pathlib import Path

import sqlalchemy
from sqlalchemy import exc

from porter.events.errors import LogError


@dataclasses.dataclass(frozen=True, kw_only=True)
class LogUrl:
    """The place of a log. In words it never shows a password."""

    url: sqlalchemy.URL
    path: Path | None = None
    """The file of an SQLite log; None in memory and for a database server."""

    @property
    def in_memory(self) -> bool:
        """Whether the log ends with the process."""
        return self.path is None and self.url.get_backend_name() == "sqlite"

    def __str__(self) -> str:
        return str(self.path) if self.path is not None else self.url.render_as_string(hide_password=True)


def parse_url(text: str) -> LogUrl:
    """Read a database URL, or a path that then means an SQLite file.

    Raises LogError with a sentence.
    """
    if not text.strip():
        raise LogError("the log's URL is empty; write sqlite:////path/to/porter.db, or a path")
    if "://" not in text:
        return LogUrl(url=sqlalchemy.URL.create("sqlite", database=text), path=Path(text))
    try:
        url = sqlalchemy.make_url(text)
    except (exc.ArgumentError, ValueError):
        scheme = text.partition("://")[0]
        raise LogError(f"what follows {scheme}:// is not a database URL; write sqlite:////path/to/porter.db") from None
    if url.get_backend_name() != "sqlite":
        return LogUrl(url=url)
    if url.host or url.query:
        raise LogError(f"{text!r} is no URL of an SQLite file; write sqlite:////absolute/path or sqlite:///relative")
    if url.database in (None, "", ":memory:"):
        return LogUrl(url=url)
    return LogUrl(url=url, path=Path(url.database or ""))
