"""What a database refuses, in words: the one place that turns a driver's error into a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from porter.events.errors import DamagedLogError, LogError, WrongKindError
from porter.events.urls import LogUrl

_SQLITE: tuple[tuple[str, str], ...] = (  # what SQLite says, and what it means here
    ("file is not a database", "{} is not an SQLite database, so it is no event log of Porter's"),
    ("malformed", "{} is damaged: {said}. Restore it from a copy, or move it away and let the agent begin a new one"),
    ("disk image", "{} is damaged: {said}. Restore it from a copy, or move it away and let the agent begin a new one"),
    (
        "could not decode",
        "{} is damaged: {said}. Restore it from a copy, or move it away and let the agent begin a new one",
    ),
    ("database is locked", "{} is locked by another program; end that program, or try again"),
    ("readonly database", "{} cannot be written; check who owns it and its directory"),
    ("disk is full", "the disk that holds {} is full; the entry was not recorded"),
    ("unable to open", "{} cannot be opened; check that the file and its directory can be read and written"),
    ("disk i/o error", "the disk that holds {} fails: {said}"),
)
_DAMAGE = ("malformed", "disk image", "file is not a database", "could not decode")


@contextmanager
def explained(where: LogUrl) -> Iterator[None]:
    """Raise a LogError that names the log for whatever its database refuses. Other errors pass."""
    try:
        yield
    except exc.IntegrityError:
        raise LogError(another_writer(where)) from None
    except exc.DBAPIError as error:
        raise refused(where, str(error.orig)) from None
    except WrongKindError as error:
        raise refused(where, f"malformed: {error}") from None
    except exc.TimeoutError:
        raise LogError(f"{where} has no connection free; end what else reads it, or try again") from None
    except exc.NoSuchModuleError:
        raise LogError(
            f"Porter cannot use {where}: write sqlite:////path or postgresql+psycopg://user@host/database",
        ) from None
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("porter"):
            raise
        remedy = (
            "pip install 'porter-lb[postgresql]'" if error.name == "psycopg" else "use postgresql+psycopg:// instead"
        )
        raise LogError(f"{where} needs the Python module {error.name!r}: {remedy}") from None


def another_writer(where: LogUrl) -> str:
    """Say that a stream has two writers."""
    return f"another agent writes to the same stream of {where}; give each agent its own --node-name or its own log"


def refused(where: LogUrl, said: str) -> LogError:
    """Return the error for what a database driver said."""
    words = sentence(where, said)
    damaged = where.path is not None and any(sign in said.lower() for sign in _DAMAGE)
    return DamagedLogError(words) if damaged else LogError(words)


def sentence(where: LogUrl, said: str) -> str:
    """Put what a database driver said in words that name the log."""
    first_line = said.strip().partition("\n")[0].partition(" with text ")[0]  # which may be a whole entry
    if where.path is not None:
        for pattern, sentence in _SQLITE:
            if pattern in said.lower():
                return sentence.format(where, said=first_line)
        return f"{where} cannot be used: {first_line}"
    if "connection" in first_line or "connect" in first_line:
        return f"{where} cannot be reached: {first_line}"
    return f"{where} refuses: {first_line}"
