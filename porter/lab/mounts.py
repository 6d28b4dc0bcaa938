"""Mounts of a lab: small file systems in memory (tmpfs), and the directory in which namespaces have their names."""

import errno
from pathlib import Path

from porter.lab import syscalls


def mount_memory(place: Path, size: str, *, mode: str = "700") -> None:
    """Mount a file system of that size (such as `128m`), by default for its owner only. Raises OSError."""
    syscalls.mount("porter-lab", place, "tmpfs", 0, f"size={size},mode={mode}")


def unmount(place: Path) -> None:
    """Take a file system away with all that is in it, also while somebody uses it. Raises OSError."""
    syscalls.umount(place, syscalls.MNT_DETACH)


def bind(source: Path, place: Path) -> None:
    """Let something, with all that is mounted in it, be seen at another place too. Raises OSError."""
    syscalls.mount(source, place, flags=syscalls.MS_BIND | syscalls.MS_REC)


def share(place: Path) -> None:
    """Let what is mounted in a directory, or taken away, be so for everybody. Raises OSError. Safe to call twice."""
    flags = syscalls.MS_SHARED | syscalls.MS_REC
    try:
        syscalls.mount("", place, flags=flags)
    except OSError as error:
        if error.errno != errno.EINVAL:  # it is no mount yet
            raise
        bind(place, place)
        syscalls.mount("", place, flags=flags)
