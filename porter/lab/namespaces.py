"""Network namespaces: run `ip` in one, open a socket in one, see who lives in one.

Never enters a namespace with the calling thread: a socket is made by a thread of its own that ends at once.
"""

import ctypes
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from porter.lab.errors import LabError

RUN = Path("/run/netns")
_CLONE_NEWNET = 0x40000000  # sched.h
_T = TypeVar("_T")


def check_possible() -> None:
    """Raise LabError when this machine or this user cannot have network namespaces."""
    if sys.platform != "linux":
        raise LabError(f"porter lab needs Linux (network namespaces); this is {sys.platform}")
    if os.geteuid() != 0:
        raise LabError("porter lab needs root to make network namespaces; run it with sudo or as root")
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
    outcome: list[Any] = []
    failure: list[BaseException] = []

    def enter() -> None:
        try:
            handle = os.open(RUN / netns, os.O_RDONLY | os.O_CLOEXEC)
            try:
                libc = ctypes.CDLL(None, use_errno=True)
                if libc.setns(handle, _CLONE_NEWNET):
                    number = ctypes.get_errno()
                    raise OSError(number, os.strerror(number), netns)
            finally:
                os.close(handle)
            outcome.append(function())
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
            failure.append(error)

    thread = threading.Thread(target=enter, name=f"in {netns}")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    result: _T = outcome[0]
    return result
