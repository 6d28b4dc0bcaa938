"""Network namespaces: make one, run `ip` in one, open a socket in one, see who lives in one.

Never enters a namespace with the calling thread: that is done by a thread of its own that ends at once.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from porter.lab import mounts, syscalls
from porter.lab.errors import LabError

RUN = Path("/run/netns")
_T = TypeVar("_T")


def check_possible() -> None:
    """Raise LabError when this machine cannot have network namespaces, whoever asks."""
    if sys.platform != "linux":
        raise LabError(f"porter lab needs Linux (network namespaces); this is {sys.platform}")
    if shutil.which("ip") is None:
        raise LabError("porter lab needs the command ip, which is not installed; on Debian: apt-get install iproute2")


def ip(*arguments: str, netns: str | None = None, batch: list[str] | None = None, env: Mapping[str, str]) -> str:
    """Run `ip`, in a namespace if one is named; with `batch`, all those lines at once. Returns what it printed."""
    command = ["ip", *(["-n", netns] if netns else []), *(["-batch", "-"] if batch is not None else []), *arguments]
    text = "\n".join([*batch, ""]) if batch is not None else None
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        what = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise LabError(f"'{' '.join(command)}' failed: {what}")
    return done.stdout


def add(netns: str) -> None:
    """Make a namespace of that name, as `ip netns add` does. Raises LabError when it cannot, or the name is taken.

    `ip` goes back to the network that it came from, which a lab without root may not enter: that is the machine's.
    """
    place = RUN / netns
    try:
        RUN.mkdir(parents=True, exist_ok=True)
        _share_names()
        place.touch(mode=0o444, exist_ok=False)
        try:
            _apart(lambda: syscalls.unshare(syscalls.CLONE_NEWNET), lambda: mounts.bind(_OWN, place))
        except OSError:
            place.unlink()
            raise
    except OSError as error:
        raise LabError(f"cannot make the network namespace '{netns}': {error.strerror} ({error.filename})") from None


def exists(netns: str) -> bool:
    """Tell whether there is a namespace of this name."""
    return (RUN / netns).exists()


def inode(netns: str) -> int | None:
    """What tells this namespace from every other on the machine, None when there is none of this name."""
    try:
        return (RUN / netns).stat().st_ino
    except FileNotFoundError:
        return None


def inside(netns: str, function: Callable[[], _T]) -> _T:
    """Call a function in a namespace, in a short thread of its own. Sockets that it opens stay in that namespace."""

    def enter() -> None:
        handle = os.open(RUN / netns, os.O_RDONLY | os.O_CLOEXEC)
        try:
            syscalls.enter(handle, syscalls.CLONE_NEWNET)
        finally:
            os.close(handle)

    return _apart(enter, function)


def _share_names() -> None:
    """Let the names be seen by whoever looks, one process at a time (`ip` locks the directory too)."""
    handle = os.open(RUN, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        mounts.share(RUN)
    finally:
        os.close(handle)


_OWN = Path("/proc/thread-self/ns/net")


def _apart(enter: Callable[[], None], function: Callable[[], _T]) -> _T:
    """Enter a namespace and call a function there, both in a thread that ends then; what is raised is raised here."""
    outcome: list[Any] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            enter()
            outcome.append(function())
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
            failure.append(error)

    thread = threading.Thread(target=run, name="in a namespace")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    result: _T = outcome[0]
    return result
