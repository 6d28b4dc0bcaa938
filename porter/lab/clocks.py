"""Wall clocks of agents that can step: libfaketime, loaded into an agent, reads in a file how far off its clock is.

The monotonic clock stays the machine's, as it does when a machine's clock is set. Only processes that were started so
can be stepped.
"""

from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from porter.lab.errors import LabError
from porter.lab.state import Process

_FOLLOWS = "FAKETIME_TIMESTAMP_FILE"
# The library keeps two files in /dev/shm, named after the process, and leaves them there when that is killed, for a
# later one of its number to find. What `ip netns exec` starts has mounts of its own: so this has a /dev/shm of its own.
_WITH_OWN_SHM = ["sh", "-c", 'mount -t tmpfs porter-lab /dev/shm; exec "$@"', "sh"]


def library() -> Path:
    """The library libfaketime. Raises LabError when it is not installed."""
    for path in sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")):
        return path
    raise LabError("a clock that steps needs libfaketime, which is not installed; on Debian: apt-get install faketime")


def steppable(command: list[str], file: Path) -> list[str]:
    """The command that starts another in a network namespace with a clock that `set_off` steps. Raises LabError."""
    words = {
        "LD_PRELOAD": str(library()),
        _FOLLOWS: str(file),
        "FAKETIME_CACHE_DURATION": "0",  # it reads the file once a second
        "DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    return [*_WITH_OWN_SHM, "env", *(f"{name}={value}" for name, value in words.items()), *command]


def set_off(file: Path, seconds: float) -> None:
    """Let the clocks that follow a file be so far ahead (negative: behind), within a second."""
    new = file.with_name(f".{file.name}.new")
    new.write_text(f"{seconds:+f}\n", encoding="ascii")
    new.replace(file)


def follows(process: Process, file: Path) -> bool:
    """Whether a process was started so that its clock can be stepped by this file."""
    try:
        return f"{_FOLLOWS}={file}".encode() in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def told(answer: str) -> datetime | None:
    """The time that an HTTP server's answer says it is, to the second; None when it says nothing of that."""
    dates = [line.partition(":")[2] for line in answer.split("\r\n") if line.lower().startswith("date:")]
    return parsedate_to_datetime(dates[0].strip()) if dates else None
