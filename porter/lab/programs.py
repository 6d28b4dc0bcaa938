"""Labs that go with the program that made them, however it ends: a run of tests, a benchmark.

Such a program has its labs in a directory of its own, whose name says which process it is. When that was killed the
directory is still there, and the next such program takes down what is in it: each lab by its own notes, as `porter lab
down` does it, and never by a name.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from porter.lab import processes, standing, state
from porter.lab.errors import LabError
from porter.lab.state import Process


def place() -> Path:
    """Where these directories are: beside the labs of the commands."""
    root = state.root()
    return root.with_name(f"{root.name}-programs")


@contextlib.contextmanager
def home(where: Path | None = None) -> Iterator[Path]:
    """A directory for labs of this program, to be its PORTER_LAB_DIR; the labs are taken down with the block.

    First those of programs that have ended are.
    """
    where = place() if where is None else where
    clear(where)
    made = _make(where)
    try:
        yield made
    finally:
        _end(made)


def clear(where: Path) -> None:
    """Take down the labs of programs that have ended."""
    for one in sorted(where.glob("*-*-*-*")):
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(state.locked(one, wait=0.0))
            except LabError:  # another program is at it, or was
                continue
            if _has_ended(one.name):
                _end(one)


def _make(where: Path) -> Path:
    this = processes.this("program")
    while True:
        where.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # the last of another program took `where` away
            return Path(tempfile.mkdtemp(prefix=f"{_boot()}-{this.pid}-{this.started}-", dir=where))


def _has_ended(name: str) -> bool:
    boot, pid, started, _ = name.split("-", 3)
    if not (pid.isdecimal() and started.isdecimal()):
        return False  # nothing that `_make` made
    return boot != _boot() or not processes.alive(Process(role="", node=None, pid=int(pid), started=int(started)))


def _boot() -> str:
    return state.boot().partition("-")[0]


def _end(made: Path) -> None:
    for lab in state.below(made):
        standing.take_down(lab, _quiet)
    shutil.rmtree(made, ignore_errors=True)
    with contextlib.suppress(OSError):
        made.parent.rmdir()  # refuses while another program has its labs there


def _quiet(_line: str) -> None:
    """Say nothing."""
