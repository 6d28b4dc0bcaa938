"""The processes of a lab: started so that they can always be found again, and ended so that none is missed.

A process is known by its number and its start time, never by its name; what was not written down is found by the
lab's mark in its environment, or by the namespace that it lives in (`porter.lab.pins`). No other is ever touched.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import msgspec

from porter.lab import state
from porter.lab.errors import LabError
from porter.lab.forking import One
from porter.lab.state import Process, State

_STARTED = 21  # proc(5): field 22 of /proc/PID/stat, counted from zero
_PARENT, _THREADS = 3, 19


def environment(directory: Path) -> dict[str, str]:
    """The environment of everything that a lab starts.

    It trusts the lab's authority alone, by name. aiohttp reads the machine's as well when it is imported, twice: 0.08 s
    of each process, for nothing.
    """
    return {**os.environ, state.MARK: str(directory), "SSL_CERT_FILE": os.devnull}


def started_at(pid: int) -> int | None:
    """When a process began, in clock ticks since boot; None when there is none.

    A zombie is none, unless another of its threads still runs: until that ends, its sockets are open.
    """
    fields = _stat(pid)
    if fields is None or (fields[2] in {"Z", "X"} and int(fields[_THREADS]) < 2):  # noqa: PLR2004 - the zombie itself
        return None
    return int(fields[_STARTED])


def this(role: str) -> Process:
    """The process that asks."""
    return Process(role=role, node=None, pid=os.getpid(), started=started_at(os.getpid()) or 0)


def alive(process: Process) -> bool:
    """Tell whether this very process still runs."""
    return started_at(process.pid) == process.started


def children(process: Process) -> list[Process]:
    """The processes that one has started and that run, in the same role."""
    try:
        pids = [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    except OSError:
        return []
    begun = [(pid, began) for pid in pids if (began := started_at(pid)) is not None]
    return [Process(role=process.role, node=process.node, pid=pid, started=began) for pid, began in begun]


def start(
    directory: Path,
    role: str,
    command: Sequence[str],
    *,
    node: str | None = None,
    netns: str | None = None,
) -> Process:
    """Start a process of the lab in a session of its own, its output in `log_file`. Returns at once."""
    log = log_file(directory, role, node)
    log.parent.mkdir(exist_ok=True, parents=True)
    inside = ["ip", "netns", "exec", netns] if netns else []  # ip replaces itself by the command: the number stays
    with log.open("ab") as output:
        child = subprocess.Popen(
            [*inside, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**environment(directory), "PYTHONUNBUFFERED": "1"},
        )
    child.returncode = 0  # nobody waits for it here; without this its destructor would complain
    began = started_at(child.pid)
    if began is None:
        raise LabError(f"{role} ended as soon as it was started; its log: {log}")
    return Process(role=role, node=node, pid=child.pid, started=began)


def start_together(directory: Path, wanted: Sequence[One]) -> list[Process]:
    """Start stand-ins from one interpreter.

    Raises LabError when they do not all come.
    """
    for one in wanted:
        Path(one.log).parent.mkdir(exist_ok=True, parents=True)
    done = subprocess.run(
        python("porter.lab.forking"),
        input=msgspec.json.encode(wanted),
        capture_output=True,
        check=False,
        env={**environment(directory), "PYTHONUNBUFFERED": "1"},
    )
    pids = [int(line) for line in done.stdout.split()]
    if done.returncode or len(pids) < len(wanted):
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise LabError(
            f"only {len(pids)} of {len(wanted)} stand-ins started: {words[-1] if words else 'no reason given'}"
        )
    return [
        Process(role=one.role, node=one.node, pid=pid, started=started_at(pid) or 0)
        for one, pid in zip(wanted, pids, strict=True)
    ]


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of Porter with the interpreter that runs this."""
    return [sys.executable, "-m", module, *arguments]


def porter(*arguments: str) -> list[str]:
    """The command `porter …` of this very installation."""
    script = Path(sys.executable).with_name("porter")
    if script.exists():
        return [str(script), *arguments]
    return [sys.executable, "-c", "from porter.cli import main; main()", *arguments]


def log_file(directory: Path, role: str, node: str | None = None) -> Path:
    """Where a process of the lab writes what it prints."""
    return directory / (node or ".") / f"{role}.log"


def last_words(directory: Path, role: str, node: str | None = None) -> str:
    """The last line that a process wrote, for an error message."""
    with contextlib.suppress(OSError):
        lines = log_file(directory, role, node).read_text(errors="replace").strip().splitlines()
        if lines:
            return lines[-1]
    return "nothing"


def end(process: Process, *, how: signal.Signals = signal.SIGKILL) -> bool:
    """End one process if it is still that one. Returns whether a signal was sent."""
    if not alive(process):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, how)
        return True
    return False


def end_all(directory: Path, known: State, inodes: AbstractSet[int] = frozenset(), *, patience: float = 10.0) -> int:
    """End every process of the lab and wait until none is left. Returns how many there were.

    `inodes` are of its network namespaces, which the caller holds (`porter.lab.pins`).
    """
    ended = _end_found(lambda: belonging(directory, known, inodes), patience=patience)
    for process in known.processes:  # only what `start` started: other children have somebody who waits for them
        collect(process.pid)
    return ended


def end_in(inodes: AbstractSet[int], *, patience: float) -> int:
    """End every process in these network namespaces, which the caller holds. Returns how many there were."""
    return _end_found(lambda: _living_in(inodes), patience=patience)


def _end_found(find: Callable[[], Iterable[int]], *, patience: float) -> int:
    """End what is found until nothing is. A process on its way out has no namespace any more, so all are remembered."""
    seen: dict[int, int | None] = {}
    limit = time.monotonic() + patience
    while True:
        seen |= {pid: started_at(pid) for pid in find() if pid not in seen}
        left = [pid for pid, began in seen.items() if began is not None and started_at(pid) == began]
        if not left:
            return len(seen)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > limit:
            raise LabError(f"processes do not end: {', '.join(map(str, left))}")
        time.sleep(0.002)


def collect(pid: int) -> None:
    """Take the exit status of a child that has ended: a program that keeps labs else gathers zombies."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def belonging(directory: Path, known: State, inodes: AbstractSet[int]) -> Iterator[int]:
    """The processes of a lab: those written down, those with its mark, those in its namespaces. Never our own line."""
    spared = _our_line()
    written = {process.pid: process for process in known.processes}
    mark = f"{state.MARK}={directory}".encode()
    for entry in sorted(Path("/proc").iterdir()):
        if not entry.name.isdigit() or (pid := int(entry.name)) in spared or started_at(pid) is None:
            continue
        with contextlib.suppress(OSError):
            if (
                (pid in written and alive(written[pid]))
                or (entry / "ns/net").stat().st_ino in inodes
                or mark in (entry / "environ").read_bytes().split(b"\0")
            ):
                yield pid


def _living_in(inodes: AbstractSet[int]) -> Iterator[int]:
    spared = _our_line()
    for entry in sorted(Path("/proc").iterdir()):
        with contextlib.suppress(OSError):
            if (
                entry.name.isdigit()
                and (entry / "ns/net").stat().st_ino in inodes
                and int(entry.name) not in spared
                and started_at(int(entry.name)) is not None
            ):
                yield int(entry.name)


def _our_line() -> set[int]:
    """This process and those that it came from: `down` may be typed in a shell that lives in the lab."""
    line = set()
    pid = os.getpid()
    while pid and (fields := _stat(pid)) is not None:
        line.add(pid)
        pid = int(fields[_PARENT])
    return line


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the first on; the name in brackets may itself hold brackets and spaces."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    head, _, tail = text.rpartition(")")
    number, _, name = head.partition(" (")
    return [number, name, *tail.split()]
