"""A full disk under a node's log. Each node's directory is a small file system in memory, so nothing else is full."""

import errno
import os
from pathlib import Path

from porter.lab.errors import LabError
from porter.lab.faults.kinds import How, Kind, until
from porter.lab.stage import Stage

_CHUNK = 1 << 20


def _filler(stage: Stage, node: str) -> Path:
    return stage.directory / node / "filler"


def _must_be_its_own(stage: Stage, node: str) -> None:
    if not (stage.directory / node).is_mount():
        raise LabError(f"the directory of {node} is no file system of its own, so its disk cannot be filled")


def _fill(stage: Stage, node: str, _how: How) -> None:
    with _filler(stage, node).open("wb", buffering=0) as file:
        chunk = bytes(_CHUNK)
        while chunk:
            try:
                file.write(chunk)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                chunk = chunk[: len(chunk) // 2]
    until(f"a full disk of {node}", lambda: os.statvfs(stage.directory / node).f_bavail == 0)


def _empty(stage: Stage, node: str) -> None:
    _filler(stage, node).unlink(missing_ok=True)


KINDS = {"disk": Kind(_fill, _empty, "the disk of its log is full", check=_must_be_its_own)}
