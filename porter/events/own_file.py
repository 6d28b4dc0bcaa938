"""The SQLite file that an agent writes to: whether it is still the one that its name leads to.

SQLite goes on writing into a file that was deleted, or moved away and replaced, and says nothing: nobody would ever
read those entries.
"""

import os
from pathlib import Path

from porter.events.errors import DamagedLogError


class OwnFile:
    """One file, known by its inode. Not safe to share between threads."""

    def __init__(self, path: Path | None) -> None:
        """`path` is None for a log that is in no file."""
        self._path = path
        self._inode: tuple[int, int] | None = None

    def remember(self) -> None:
        """Take note of the file that is there now, which the log has open."""
        if self._path is not None:
            found = os.stat(self._path)  # noqa: PTH116 - before every append: it takes a microsecond
            self._inode = found.st_dev, found.st_ino

    def forget(self) -> None:
        """Know of no file, until `remember`."""
        self._inode = None

    def check(self) -> None:
        """Raise DamagedLogError if the file that was remembered is not there any more. Takes a microsecond."""
        if self._path is None or self._inode is None:
            return
        try:
            found = os.stat(self._path)  # noqa: PTH116
        except (FileNotFoundError, NotADirectoryError):
            raise DamagedLogError(f"{self._path} was deleted, or moved away, while the agent wrote to it") from None
        except OSError:
            return  # a disk that fails: what SQLite says of it is more exact
        if (found.st_dev, found.st_ino) != self._inode:
            raise DamagedLogError(f"{self._path} was replaced by another file while the agent wrote to it")
