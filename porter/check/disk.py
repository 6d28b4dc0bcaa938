"""The disk of the event log: is there room, may it be written, does a write reach the disk, and how fast.

It writes to a file without a name, which is gone when it is closed: nothing of it is ever seen in the directory.
"""

import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final

from porter.check.findings import Finding, Level
from porter.events.errors import LogError
from porter.events.urls import LogUrl, parse_url
from porter.model.places import EVENT_LOG

_LEAST: Final = 64 << 20
"""Bytes: below that a busy cluster fills the disk within a day."""
_ENOUGH: Final = 1 << 30
_TRIES: Final = 5
_SLOW: Final = 0.1
"""Seconds for a write to be durable; everything that is observed waits for one before it is acted on."""
_NETWORKS: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "fuse.glusterfs", "fuse.sshfs"})
_VOLATILE: Final = frozenset({"tmpfs", "ramfs"})


def check_disk(event_log: str) -> Iterator[Finding]:
    """Judge the place of the log. Writes nothing that has a name."""
    try:
        where = parse_url(event_log)
    except LogError as error:
        commands = (f"porter run --event-log {EVENT_LOG} …",)
        yield Finding(check="log-disk", level="fault", what=str(error), why="the agent ends at once", commands=commands)
        return
    if where.path is None:
        yield _no_file(where)
        return
    directory = where.path.absolute().parent
    there = next(each for each in (directory, *directory.parents) if each.exists())
    if there != directory and not (there.is_dir() and os.access(there, os.W_OK)):
        what = f"the directory {directory} does not exist, and cannot be made by this user"
        why = "the agent ends at once; the DaemonSet's hostPath makes it"
        yield Finding(check="log-disk", level="fault", what=what, why=why, commands=(f"mkdir -p {directory}",))
        return
    faults = [*_kind(there), *_space(there), *_writing(there)]
    yield from faults
    if not any(each.level == "fault" for each in faults):
        yield Finding(check="log-disk", level="ok", what=_room(there))


def _no_file(where: LogUrl) -> Finding:
    if where.in_memory:
        why = "nothing of it is left after a restart"
        commands = (f"porter run --event-log {EVENT_LOG} …",)
        what = "the log is kept in memory only"
        return Finding(check="log-disk", level="warning", what=what, why=why, commands=commands)
    return Finding(check="log-disk", level="unknown", what=f"the log is in the database {where}: its disk is not here")


def _space(directory: Path) -> Iterator[Finding]:
    found = os.statvfs(directory)
    free = found.f_bavail * found.f_frsize
    if found.f_flag & os.ST_RDONLY:
        why = "the agent ends at once"
        what = f"the disk of {directory} is read-only"
        commands = (f"mount -o remount,rw $(df --output=target {directory} | tail -1)",)
        yield Finding(check="log-disk", level="fault", what=what, why=why, commands=commands)
    elif free < _ENOUGH:
        level: Level = "fault" if free < _LEAST else "warning"
        why = "the log may take half a gigabyte (--keep-size); what does not fit waits in the agent's memory"
        what = f"only {free >> 20:,} MB are free at {directory}"
        yield Finding(check="log-disk", level=level, what=what, why=why, commands=(f"df -h {directory}",))


def _kind(directory: Path) -> Iterator[Finding]:
    kind = _file_system(directory)
    if kind in _NETWORKS:
        why = "SQLite's log file needs memory that is shared between processes, which such a file system does not give"
        what = f"{directory} is on a network file system ({kind})"
        yield Finding(check="log-disk", level="fault", what=what, why=why, commands=(f"df -T {directory}",))
    elif kind in _VOLATILE:
        why = "the log, and with it who had which address, is lost when the machine restarts"
        what = f"{directory} is in memory ({kind})"
        yield Finding(check="log-disk", level="warning", what=what, why=why, commands=(f"df -T {directory}",))


def _writing(directory: Path) -> Iterator[Finding]:
    try:
        seconds = _durable_write(directory)
    except OSError as error:
        if error.errno in {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL} and os.access(directory, os.W_OK):
            what = f"whether a write at {directory} reaches the disk cannot be tried without leaving a file"
            yield Finding(check="log-disk", level="unknown", what=what)
            return
        what = f"{directory} cannot be written: {error.strerror}"
        why = "the agent ends at once"
        yield Finding(check="log-disk", level="fault", what=what, why=why, commands=(f"ls -ld {directory}",))
        return
    if seconds > _SLOW:
        why = "whatever is observed is acted on only when it is durable, so a takeover waits that long"
        what = f"a write at {directory} takes {seconds * 1000:.0f} ms to reach the disk"
        commands = (f"dd if=/dev/zero of={directory}/trial bs=4k count=100 oflag=dsync; rm {directory}/trial",)
        yield Finding(check="log-disk", level="warning", what=what, why=why, commands=commands)


def _durable_write(directory: Path) -> float:
    """Return the seconds that a durable write of 4 KiB takes, of several the median. Raises OSError."""
    descriptor = os.open(directory, os.O_TMPFILE | os.O_WRONLY, 0o600)
    try:
        taken = []
        for _ in range(_TRIES):
            begun = time.monotonic()
            os.write(descriptor, bytes(4096))
            os.fsync(descriptor)
            taken.append(time.monotonic() - begun)
        return median(taken)
    finally:
        os.close(descriptor)


def _file_system(directory: Path) -> str:
    """Return the kind of the file system that holds a directory: of the mounts above it the nearest, and the last."""
    best, kind = -1, ""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        before, _, after = line.partition(" - ")
        point = before.split()[4].encode().decode("unicode_escape")
        if directory.is_relative_to(point) and len(Path(point).parts) >= best:
            best, kind = len(Path(point).parts), after.split()[0]
    return kind


def _room(directory: Path) -> str:
    found = os.statvfs(directory)
    return f"{found.f_bavail * found.f_frsize >> 20:,} MB are free at {directory}, and writes reach the disk"
