"""`porter run` as a process of its own, with everything that can be seen of it from outside."""

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, TypeVar

from porter.events.entries import Entry
from porter.events.log import EventLog
from porter.lab.apiserver import Listen
from porter.lab.apiserver.listening import open_socket
from tests.plugins.netns import inside

T = TypeVar("T")
E = TypeVar("E")
PORTER = Path(sys.executable).with_name("porter")
_WITHOUT = "import sys; sys.modules[sys.argv.pop(1)] = None; from porter.cli import main; main()"


@dataclass(kw_only=True)
class Command:
    """One node's agent, which may be started again and again with the same log. Stop it with `end`."""

    directory: Path
    kubeconfig: Path
    node: str = "node1"
    netns: str = ""
    lease: float = 2.0
    more: Sequence[str] = ()
    without: str = ""
    """A module that it cannot import, as if that were not installed."""
    disk: str = ""
    """The size of a disk of its own for its log, as mount has it; empty for none. It is gone with the process."""
    _port: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def log(self) -> Path:
        return self.mounted / f"{self.node}.db"

    @property
    def mounted(self) -> Path:
        """Where the log's directory is seen from outside."""
        if not self.disk or self._process is None:
            return self.directory
        return Path(f"/proc/{self._process.pid}/root{self._disk}")

    @property
    def _disk(self) -> Path:
        return self.directory / "disk"

    @property
    def said(self) -> str:
        """Everything on standard error since the first start."""
        return (self.directory / f"{self.node}.err").read_text()

    def start(self) -> None:
        with open_socket(Listen("127.0.0.1", 0, self.netns)) as free:
            self._port = free.getsockname()[1]
        argv = [str(PORTER)] if not self.without else [sys.executable, "-c", _WITHOUT, self.without]
        argv += ["run", "--kubeconfig", str(self.kubeconfig), "--node-name", self.node]
        folder = self._disk if self.disk else self.directory
        argv += ["--event-log", str(folder / f"{self.node}.db"), "--http", f"127.0.0.1:{self._port}"]
        argv += ["--lease-duration", str(self.lease), *self.more]
        where = ["ip", "netns", "exec", self.netns] if self.netns else []
        if self.disk:  # in a mount namespace of its own, so that nothing of it is left
            self._disk.mkdir(exist_ok=True)
            mount = f'mount -t tmpfs -o size={self.disk} tmpfs "$0" && exec "$@"'
            where += ["unshare", "--mount", "--propagation", "private", "sh", "-c", mount, str(self._disk)]
        with (self.directory / f"{self.node}.err").open("ab") as err:
            self._process = subprocess.Popen([*where, *argv], stderr=err, stdin=subprocess.DEVNULL)

    def start_ready(self) -> None:
        self.start()
        self.wait("ready", lambda: self.page("/readyz") == (200, "ok\n"))

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, SIGSTOP as well."""
        assert self._process is not None
        self._process.send_signal(number)

    def terminate(self) -> int:
        """Ask it to end and return its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait_for_its_end(within=15.0)

    def wait_for_its_end(self, *, within: float = 30.0) -> int:
        """Return its exit code when it has ended by itself."""
        assert self._process is not None
        return self._process.wait(within)

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @contextlib.contextmanager
    def stream(self, path: str) -> Iterator[io.TextIOWrapper]:
        """Open a page that does not end before the agent does; what comes, line by line."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=20)
        inside(self.netns, connection.connect)
        with contextlib.closing(connection):
            connection.request("GET", path)
            with io.TextIOWrapper(connection.getresponse()) as lines:
                yield lines

    def page(self, path: str) -> tuple[int, str]:
        """Status and text of a page; (0, "") while nobody answers."""

        def ask() -> tuple[int, str]:
            connection = HTTPConnection("127.0.0.1", self._port, timeout=5)
            with contextlib.closing(connection):
                connection.request("GET", path)
                answer = connection.getresponse()
                return answer.status, answer.read().decode()

        try:
            return inside(self.netns, ask) if self.netns else ask()
        except (OSError, HTTPException):
            return 0, ""

    def metrics(self) -> dict[str, float]:
        """Every sample, by its name with its labels."""
        lines = self.page("/metrics")[1].splitlines()
        return {name: float(value) for name, _, value in (one.rpartition(" ") for one in lines if one[:1] != "#")}

    def status(self) -> Any:
        return json.loads(self.page("/status")[1])

    def readable_log(self) -> Path:
        """The log itself, or a copy of what is on a disk of its own: SQLite opens nothing below /proc."""
        if not self.disk:
            return self.log
        copy = self.directory / "copy"
        copy.mkdir(exist_ok=True)
        for file in self.mounted.glob(f"{self.log.name}*"):
            shutil.copy(file, copy)
        return copy / self.log.name

    def entries(self) -> list[Entry]:
        with EventLog.open(str(self.readable_log()), read_only=True) as log:
            return [one.entry for one in log.read()]

    def of(self, kind: type[E]) -> list[E]:
        return [one for one in self.entries() if isinstance(one, kind)]

    def wait(self, what: str, look: Callable[[], T], *, within: float = 15.0) -> T:
        """Look until there is something to see, and return it."""
        limit = time.monotonic() + within
        while not (seen := look()):
            assert self.running, f"the agent has ended, waiting for: {what}\n{self.said}"
            assert time.monotonic() < limit, f"not seen within {within} s: {what}\n{self.said}\n{self.page('/readyz')}"
            time.sleep(0.03)
        return seen


@contextlib.contextmanager
def commanding(directory: Path, kubeconfig: Path, **options: Any) -> Iterator[Command]:
    command = Command(directory=directory, kubeconfig=kubeconfig, **options)
    try:
        yield command
    finally:
        command.end()


def run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """`porter run` to its end, which must come soon."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PORTER_", "KUBE", "NODE_"))}
    return subprocess.run(
        [str(PORTER), "run", *arguments],
        env=plain | (env or {}),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
