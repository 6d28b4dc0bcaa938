"""Open an SQLite log for reading, and leave the file and its directory exactly as they are.

An agent writes in WAL mode: beside the file is a -wal file with the newest entries while it runs, and after a kill.
SQLite reads that only with a -shm file, which it makes, or puts in order, beside them. So:

- without a -wal file the database is opened as immutable;
- while another process has the log open, all three files are there, and a reader only takes locks in them;
- a -wal file that nobody uses is what a kill has left: it and the database are copied aside, and read there.
"""

import fcntl
import os
import shutil
import sqlite3
import struct
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import quote

_BUSY_SECONDS: Final = 15.0
_FLOCK: Final = "hhqqi4x"  # struct flock: type, whence, start, length, process
_LOCKED: Final = (0x40000000, 512)  # https://sqlite.org/fileformat.html: the lock-byte page; a user holds a byte of it
_ATTEMPTS: Final = 5


class StandingFile:
    """A connection that only reads. Close it. Not safe to share between threads."""

    def __init__(self, path: Path) -> None:
        """Raises sqlite3.Error or OSError where the file cannot be opened."""
        self._aside: TemporaryDirectory[str] | None = None
        self.path = path
        """What is read: the file, or the copy of what a kill has left."""
        if not _wal(path).exists():
            self.connection = _connect(path, "mode=ro&immutable=1")
        elif is_in_use(path) or not self._copy(path):
            self.connection = _connect(path, "mode=ro")
        else:
            self.connection = _connect(self.path, "mode=ro")

    def close(self) -> None:
        """Let go of it. Safe to call twice."""
        self.connection.close()
        if self._aside is not None:
            self._aside.cleanup()

    def _copy(self, path: Path) -> bool:
        """Copy the database and what was not moved into it. False: somebody has begun to write meanwhile."""
        aside = TemporaryDirectory(prefix="porter-log-")
        copy = Path(aside.name) / path.name
        for _ in range(_ATTEMPTS):
            before = _stamp(path)
            for source, target in ((path, copy), (_wal(path), _wal(copy))):
                shutil.copyfile(source, target)
            if _stamp(path) == before and not is_in_use(path):
                self._aside, self.path = aside, copy
                return True
        aside.cleanup()
        return False


def is_in_use(path: Path) -> bool:
    """Tell whether another process has the SQLite file open."""
    with path.open("rb") as file:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, *_LOCKED, 0)
        held: int = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))[0]
    return held != fcntl.F_UNLCK


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    address = f"file:{quote(str(path))}?{mode}"
    connection = sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS, check_same_thread=False)
    connection.execute("PRAGMA query_only=ON")
    return connection


def _wal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _stamp(path: Path) -> tuple[tuple[int, int], ...]:
    found = [one.stat() for one in (path, _wal(path)) if one.exists()]
    return tuple((stat.st_mtime_ns, stat.st_size) for stat in found)
