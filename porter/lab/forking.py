"""`python -m porter.lab.forking < LIST`: start many stand-ins from one interpreter, and print their numbers.

Python and its modules are read once; each stand-in is a copy of that process (fork(2)) in a session and a network
namespace of its own, and shares the memory of what it does not change. LIST is JSON, as `One` has it.
"""

import gc
import importlib
import os
import sys
from pathlib import Path

import msgspec

from porter.lab import syscalls
from porter.lab.namespaces import RUN


class One(msgspec.Struct, frozen=True, kw_only=True):
    """A stand-in: the module whose `main` takes these arguments, where it lives, and what prints go to."""

    role: str
    node: str | None
    module: str
    arguments: list[str]
    netns: str
    log: str


def main() -> None:
    """Start all of the list; each number is printed as soon as that one is there."""
    wanted = msgspec.json.decode(sys.stdin.buffer.read(), type=list[One])
    for one in wanted:
        importlib.import_module(one.module)
    gc.collect()
    gc.freeze()  # what is never looked at again stays shared
    for one in wanted:
        pid = os.fork()
        if pid == 0:
            _become(one)
            return
        print(pid, flush=True)  # noqa: T201 - this is the command


def _become(one: One) -> None:
    os.setsid()
    for target, path, flags in ((0, os.devnull, os.O_RDONLY), (1, one.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)):
        opened = os.open(path, flags, 0o644)
        os.dup2(opened, target)
        os.close(opened)
    os.dup2(1, 2)
    Path("/proc/self/comm").write_text(
        (one.node or one.role)[:15], encoding="ascii"
    )  # what `ps` and `top` show: proc(5)
    handle = os.open(RUN / one.netns, os.O_RDONLY)
    syscalls.enter(handle, syscalls.CLONE_NEWNET)
    os.close(handle)
    importlib.import_module(one.module).main(one.arguments)


if __name__ == "__main__":
    main()
