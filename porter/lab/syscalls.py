"""The kernel's calls that Python 3.11 lacks, as functions that raise OSError: namespaces and mounts."""

import ctypes
import os
from pathlib import Path
from typing import Final

CLONE_NEWNS: Final = 0x00020000  # sched.h
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWNET: Final = 0x40000000
MS_BIND: Final = 4096  # sys/mount.h
MS_REC: Final = 16384
MS_SLAVE: Final = 1 << 19
MS_SHARED: Final = 1 << 20
MNT_DETACH: Final = 2

_LIBC = ctypes.CDLL(None, use_errno=True)


def unshare(kinds: int) -> None:
    """Move the calling thread into new namespaces (unshare(2)); a user namespace wants a process of one thread."""
    _checked(_LIBC.unshare(kinds), "unshare")


def enter(handle: int, kind: int) -> None:
    """Move the calling thread into the namespace of an open file (setns(2)); a user's wants a process of one thread."""
    _checked(_LIBC.setns(handle, kind), "setns")


def mount(source: str | Path, place: Path, kind: str = "none", flags: int = 0, options: str = "") -> None:
    """Have something seen at a place, or change how it is seen there (mount(2))."""
    words = os.fsencode(source), os.fsencode(place), kind.encode(), ctypes.c_ulong(flags), options.encode()
    _checked(_LIBC.mount(*words), str(place))


def umount(place: Path, flags: int = 0) -> None:
    """Take a mount away, as umount2(2) does."""
    _checked(_LIBC.umount2(os.fsencode(place), flags), str(place))


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
