"""Small file systems in memory (tmpfs), mounted and taken away by the kernel's own calls (mount(2), umount(2))."""

import ctypes
import os
from pathlib import Path

_MNT_DETACH = 2  # sys/mount.h: whoever still has a file open there keeps it
_LIBC = ctypes.CDLL(None, use_errno=True)


def mount_memory(place: Path, size: str) -> None:
    """Mount a file system of that size (such as `128m`), for its owner only. Raises OSError."""
    options = f"size={size},mode=700".encode()
    _checked(_LIBC.mount(b"porter-lab", os.fsencode(place), b"tmpfs", ctypes.c_ulong(0), options), place)


def unmount(place: Path) -> None:
    """Take a file system away with all that is in it, also while somebody uses it. Raises OSError."""
    _checked(_LIBC.umount2(os.fsencode(place), _MNT_DETACH), place)


def _checked(result: int, place: Path) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(place))
