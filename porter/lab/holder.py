"""`python -m porter.lab.holder`: hold the user and the mount namespace of a lab of an ordinary user.

It makes both, with a /run of their own in which everything else of the machine's /run is seen as before, and then only
sleeps: the namespaces last as long as a process lives in them.
"""

import contextlib
import os
import sys
from pathlib import Path
from typing import Final

from porter.lab import mounts, syscalls

MARKER: Final = Path("/run/porter-lab")
"""Seen in such namespaces only, made last: the number of the process that holds them."""
_RUN = Path("/run")
_NAMES = "netns"  # of the machine's network namespaces, none of which is ours
_FOR_EVER = "2147483647"  # seconds


def main() -> None:
    """Make the namespaces and sleep; exit code 1 with one line where that is forbidden."""
    try:
        _become_root()
        _make_run()
    except OSError as error:
        print(f"{error.strerror}: {error.filename}")  # noqa: T201 - for the log, which `rootless.hold` reads
        sys.exit(1)
    os.execvp("sleep", ["sleep", _FOR_EVER])  # a hundredth of this interpreter's memory


def _become_root() -> None:
    """New namespaces, in which the user is root and has that one group (user_namespaces(7))."""
    user, group = os.geteuid(), os.getegid()
    syscalls.unshare(syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNS)
    own = Path("/proc/self")
    (own / "setgroups").write_text("deny", encoding="ascii")
    (own / "uid_map").write_text(f"0 {user} 1", encoding="ascii")
    (own / "gid_map").write_text(f"0 {group} 1", encoding="ascii")
    syscalls.mount("", Path("/"), flags=syscalls.MS_SLAVE | syscalls.MS_REC)


def _make_run() -> None:
    """A /run that is ours, with what was in it; what refuses to be shown there is left out."""
    before = os.open(_RUN, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    mounts.mount_memory(_RUN, "1m", mode="755")
    for entry in sorted(Path(f"/proc/self/fd/{before}").iterdir()):
        place = _RUN / entry.name
        with contextlib.suppress(OSError):
            if entry.name == _NAMES:
                continue
            if entry.is_symlink():
                place.symlink_to(entry.readlink())
                continue
            if entry.is_dir():
                place.mkdir()
            else:
                place.touch()
            mounts.bind(entry, place)
    MARKER.write_text(f"{os.getpid()}", encoding="ascii")


if __name__ == "__main__":
    main()
