"""A lab without root: it lives in a user and a mount namespace of its own, in which the ordinary user is root.

A process that does nothing else (`porter.lab.holder`) holds the two; whoever works on the lab enters them, for good.
Its network namespaces have their names in a /run of the lab's own. The machine's network stays in sight, so the API
server listens on 127.0.0.1 as in root's labs. Whoever enters has one thread then: the kernel asks for it (setns(2)).
"""

import contextlib
import os
import time
from pathlib import Path
from typing import Final

from porter.lab import namespaces, processes, syscalls
from porter.lab.errors import LabError
from porter.lab.holder import MARKER
from porter.lab.state import Process, State

HOLDER: Final = "holder"
"""The role of the process that holds a lab's namespaces. A lab of root's has none."""
_NET_ADMIN, _SYS_ADMIN = 12, 21  # linux/capability.h
_PATIENCE = 20.0
_SWITCHES: Final = (  # a setting, the value by which it forbids user namespaces, one by which it allows them
    ("user/max_user_namespaces", "0", "15000"),
    ("kernel/unprivileged_userns_clone", "0", "1"),  # Debian's, up to 10
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),  # Ubuntu's, from 23.10 on
)


def is_needed() -> bool:
    """Tell whether this process may not make network namespaces just so, or lives in those of a lab without root."""
    names = namespaces.RUN if namespaces.RUN.exists() else namespaces.RUN.parent
    return os.geteuid() != 0 or not _may_administer() or not os.access(names, os.W_OK) or MARKER.exists()


def is_inside(known: State) -> bool:
    """Tell whether this process is where the names of a lab's network namespaces are seen."""
    held = holder(known)
    if held is None:
        return True
    try:
        return processes.alive(held) and _user_namespace(held.pid) == _user_namespace(os.getpid())
    except OSError:
        return False


def holder(known: State) -> Process | None:
    """What holds a lab's namespaces, alive or not; None for a lab of root's."""
    return next((process for process in known.processes if process.role == HOLDER), None)


def hold(directory: Path) -> Process:
    """Make the namespaces of a lab and return what holds them. Raises LabError with what the machine lacks for it."""
    try:
        started = processes.start(directory, HOLDER, processes.python("porter.lab.holder"))
    except LabError:  # it was refused before anybody looked
        raise LabError(_refusal(processes.last_words(directory, HOLDER))) from None
    limit = time.monotonic() + _PATIENCE
    while not _is_ready(started):
        if not processes.alive(started):
            raise LabError(_refusal(processes.last_words(directory, HOLDER)))
        if time.monotonic() > limit:
            raise LabError(f"the lab's own namespaces did not come within {_PATIENCE:g} s")
        time.sleep(0.002)
    return started


def enter(directory: Path, known: State) -> None:
    """Go where a lab's namespaces can be reached; afterwards this process and all that it starts are root there.

    Safe to call twice. Raises LabError where only root may, where the holder is gone, and for a program with threads.
    """
    held = holder(known)
    if held is None:
        if is_needed():
            raise LabError(f"lab '{known.name}' was brought up by root; run this with sudo or as root")
        return
    if is_inside(known):
        return
    if not processes.alive(held):
        raise LabError(
            f"what held the namespaces of lab '{known.name}' has ended; porter lab down --name {known.name} clears it"
        )
    _enter(directory, held, known.name)
    os.environ["PORTER_LAB_DIR"] = str(directory.parent)  # who is root looks elsewhere by default


def _enter(directory: Path, held: Process, name: str) -> None:
    if (owner := directory.stat().st_uid) != os.geteuid():
        raise LabError(f"lab '{name}' belongs to the user with number {owner}; run this as that user")
    if (threads := len(os.listdir("/proc/self/task"))) > 1:  # noqa: PTH208 - names are enough
        raise LabError(
            f"without root a program takes hold of a lab before it starts a thread, and this one has {threads}; "
            "do so first, or run it as root"
        )
    at = Path.cwd()
    try:
        with contextlib.ExitStack() as stack:
            handles = []
            for what in ("user", "mnt"):
                handles.append(os.open(f"/proc/{held.pid}/ns/{what}", os.O_RDONLY | os.O_CLOEXEC))
                stack.callback(os.close, handles[-1])
            for handle, kind in zip(handles, (syscalls.CLONE_NEWUSER, syscalls.CLONE_NEWNS), strict=True):
                syscalls.enter(handle, kind)
    except OSError as error:
        raise LabError(
            f"cannot enter the namespaces of lab '{name}' ({error.strerror}); without root a program works on one lab "
            "at a time, and one that is in a lab's namespaces stays there"
        ) from None
    os.chdir(at)  # a new mount namespace begins at /


def _is_ready(started: Process) -> bool:
    try:
        return Path(f"/proc/{started.pid}/root{MARKER}").read_text(encoding="ascii") == str(started.pid)
    except OSError:
        return False


def _user_namespace(pid: int) -> int:
    return Path(f"/proc/{pid}/ns/user").stat().st_ino


def _may_administer() -> bool:
    """Whether this process has the rights that root has by default, and lacks in most containers."""
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("CapEff:"):
            rights = int(line.split()[1], 16)
            return bool(rights >> _NET_ADMIN & 1) and bool(rights >> _SYS_ADMIN & 1)
    return False


def _refusal(why: str) -> str:
    for name, forbids, allows in _SWITCHES:
        setting = Path("/proc/sys", name)
        if setting.exists() and setting.read_text(encoding="ascii").strip() == forbids:
            dotted = name.replace("/", ".")
            return (
                f"porter lab needs root, or user namespaces, which this machine forbids ({dotted} is {forbids}); "
                f"run it as root, or allow them: sysctl -w {dotted}={allows}"
            )
    return (
        f"porter lab needs root, or user namespaces, which this machine or container forbids ({why}); "
        "run it with sudo or as root"
    )
