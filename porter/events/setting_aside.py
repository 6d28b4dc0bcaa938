"""Set a damaged log aside: it gets another name and stays as it is, so that an agent can begin a new one in its place.

Only what is certainly Porter's, or a database at least, is moved: never a file that an URL names by mistake.
"""

import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from porter.events.engines import make_engine, writing
from porter.events.errors import LogError
from porter.events.refusals import explained
from porter.events.schema import METADATA
from porter.events.streams import stream_names
from porter.events.urls import LogUrl

KEPT = 3
"""So many damaged logs of an agent stay; older ones are deleted, so that a failing disk does not fill itself."""
_ASIDE = re.compile(r"\.damaged-(\d{8}T\d{6})(?:\.(\d+))?Z")
"""What a log that is set aside has after its name: when, and which of that second it is, if not the first."""
_MAGICS = (b"SQLite format 3\x00", bytes(16))  # a database; and what a crash leaves of one


def set_aside(where: LogUrl, stream: str, now: datetime) -> str:
    """Move the log of a stream out of the way, and return its new name in words; empty where it is not there any more.

    An SQLite file gets another name, unless it holds other agents' logs too; else the stream does. Nothing may have
    the log open. Raises LogError where it cannot be moved, or `may_be_set_aside` says no.
    """
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%S")
    if where.path is not None and not where.path.exists():
        return ""  # of a -wal that is left SQLite reads nothing into a new file
    if where.path is not None and _only(where, stream):
        return str(_rename(where.path, stamp))
    engine = make_engine(where, read_only=False, create=False)
    try:
        with explained(where), writing(engine) as connection:
            there = stream_names(connection)
            name, old = _aside(stream, stamp, there)
            for table in METADATA.sorted_tables:
                connection.execute(table.update().where(table.c.stream == stream).values(stream=name))
            for table in METADATA.sorted_tables:
                connection.execute(table.delete().where(table.c.stream.in_(old)))
    finally:
        engine.dispose()
    return f"{where}, stream {name}"


def may_be_set_aside(path: Path | None) -> bool:
    """Tell whether a file is a database, or what a crash leaves of one. Raises OSError."""
    if path is None:
        return True
    with path.open("rb") as file:
        return file.read(len(_MAGICS[0])) in _MAGICS


def _only(where: LogUrl, stream: str) -> bool:
    """Tell whether an SQLite file holds the log of one stream alone, as far as it can be read."""
    engine = make_engine(where, read_only=True, create=False)
    try:
        with explained(where), engine.connect() as connection:
            return set(stream_names(connection)) <= {stream}
    except LogError:
        return True
    finally:
        engine.dispose()


def _rename(path: Path, stamp: str) -> Path:
    try:
        if not may_be_set_aside(path):
            raise LogError(f"{path} is no database, and is left as it is; choose another --event-log")
        name, old = _aside(path.name, stamp, (one.name for one in path.parent.iterdir()))
        aside = path.with_name(name)
        # The -wal goes first: left behind, SQLite would read it into the new file.
        for suffix in ("-wal", ""):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
        path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
        for one in old:
            path.with_name(f"{one}-wal").unlink(missing_ok=True)
            path.with_name(one).unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise LogError(f"{path} is damaged and cannot be moved out of the way: {error.strerror or error}") from None
    return aside


def _aside(name: str, stamp: str, there: Iterable[str]) -> tuple[str, list[str]]:
    """Return the name of a log that is set aside now, and those of the logs that have to go for it, of all there are.

    Two may be set aside in one second: the later one has the higher number.
    """
    marks = {one: mark for one in there if one.startswith(name) and (mark := _ASIDE.fullmatch(one, len(name)))}
    order = {one: (mark[1], int(mark[2] or 1)) for one, mark in marks.items()}
    number = 1 + max((number for second, number in order.values() if second == stamp), default=0)
    old = sorted(order, key=order.__getitem__)[: 1 - KEPT]
    return f"{name}.damaged-{stamp}{f'.{number}' if number > 1 else ''}Z", old
