"""What a lab leaves on the machine, written down before it is there, so that `down` finds it after any crash.

One directory a lab, under /var/lib/porter-lab (an ordinary user's: ~/.local/state/porter-lab) or $PORTER_LAB_DIR;
`state.json` in it is replaced as a whole.
"""

import contextlib
import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from porter.lab.errors import LabError, LabExistsError, NoSuchLabError
from porter.lab.mounts import unmount

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")
_FILE = "state.json"
MARK = "PORTER_LAB_STATE"  # every process of a lab has this in its environment, set to the lab's directory


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """A process that cannot be mistaken for a later one with its number: `started` is in clock ticks since boot."""

    role: str
    node: str | None
    pid: int
    started: int


class Namespace(msgspec.Struct, frozen=True, kw_only=True):
    """A namespace that is ours. `inode` is 0 while it is only intended."""

    name: str
    inode: int = 0


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What is broken: the kind, and how badly, in words."""

    kind: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.detail}" if self.detail else self.kind


class State(msgspec.Struct, kw_only=True):
    """All that is known of a lab between two commands."""

    name: str
    phase: Literal["starting", "up"]
    boot: str
    starter: Process
    topology: dict[str, Any]
    agents: bool
    lease_duration: float
    clocks: bool = False
    """Whether agents are started so that their clocks can step."""
    server: str = ""
    """The URL of an API server that is not the lab's own; empty: the lab has one of its own."""
    namespaces: list[Namespace] = []
    processes: list[Process] = []
    faults: dict[str, Fault] = {}


def root() -> Path:
    """Where this user's labs are kept."""
    if given := os.environ.get("PORTER_LAB_DIR"):
        return Path(given).absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/porter-lab")
    if base := os.environ.get("XDG_STATE_HOME"):  # XDG Base Directory Specification 0.8
        return Path(base).absolute() / "porter-lab"
    try:
        return Path.home() / ".local/state/porter-lab"
    except RuntimeError:
        raise LabError("this user has no home directory; set PORTER_LAB_DIR to a directory for the labs") from None


def boot() -> str:
    """This boot of the machine: namespaces and processes do not outlive it."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def directory(name: str) -> Path:
    """The directory of a lab, whether it exists or not. Raises LabError for a name that cannot be one."""
    if not _NAME.fullmatch(name):
        raise LabError(f"'{name}' cannot be a lab's name; use small letters, digits and '-', beginning with a letter")
    return root() / name


def names() -> list[str]:
    """The labs that left a directory, sorted."""
    try:
        return sorted(path.name for path in root().iterdir() if path.is_dir() and _NAME.fullmatch(path.name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LabError(f"cannot read {root()}: {error.strerror}; set PORTER_LAB_DIR to another directory") from None


def below(path: Path) -> list[Path]:
    """The directories of the labs that a directory holds, at any depth."""
    return sorted(file.parent for file in path.rglob(_FILE))


def load(path: Path) -> State:
    """The state of a lab. Raises NoSuchLabError when there is none, LabError when it cannot be read."""
    try:
        return msgspec.json.decode((path / _FILE).read_bytes(), type=State)
    except FileNotFoundError:
        others = [name for name in names() if name != path.name]
        hint = f"there are: {', '.join(others)}" if others else "begin with: porter lab up"
        raise NoSuchLabError(f"there is no lab '{path.name}'; {hint}") from None
    except OSError as error:
        raise LabError(f"cannot read {path / _FILE}: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise LabError(f"{path / _FILE} cannot be understood ({error}); look at it, then remove {path}") from None


def save(path: Path, state: State) -> None:
    """Replace the state, whole or not at all."""
    temporary = path / f".{_FILE}.new"
    temporary.write_bytes(msgspec.json.encode(state))
    temporary.replace(path / _FILE)


def create(name: str) -> Path:
    """Make a lab's directory. Raises LabExistsError when it is there."""
    path = directory(name)
    try:
        root().mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700)
    except FileExistsError:
        raise LabExistsError(f"lab '{name}' exists already; porter lab down --name {name} takes it down") from None
    except OSError as error:
        raise LabError(f"cannot make {path}: {error.strerror}; set PORTER_LAB_DIR to another directory") from None
    return path


def remove(path: Path) -> None:
    """Remove a lab's directory, and the one above it when that was the last lab. Safe to call twice."""
    for mounted in (place for place in path.glob("*") if place.is_mount()):
        with contextlib.suppress(OSError):
            unmount(mounted)
    shutil.rmtree(path, ignore_errors=True)
    if path.exists():
        raise LabError(f"cannot remove {path}; look who writes into it")
    with contextlib.suppress(OSError):
        path.parent.rmdir()  # refuses while another lab is in it


@contextlib.contextmanager
def locked(path: Path, *, wait: float = 5.0) -> Iterator[None]:
    """Hold a lab's directory: no two commands change one lab at a time. The lock goes with the process that has it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        load(path)  # says that there is no such lab
        raise
    except OSError as error:
        raise LabError(f"cannot open {path}: {error.strerror}; run this as who brought the lab up") from None
    try:
        limit = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > limit:
                    raise LabError(
                        f"lab '{path.name}' is busy: another porter lab command works on it; end that one or wait"
                    ) from None
                time.sleep(0.05)
        yield
    finally:
        os.close(handle)
