"""A PostgreSQL of the tests' own: temporary data, a loopback port, ended by its process id."""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg

_INSTALLED = Path("/usr/lib/postgresql")  # Debian's own place, by version
_START_SECONDS = 30.0
_UNPRIVILEGED = ("postgres", "nobody")  # the server refuses to run as root


def find_binaries() -> Path | None:
    """Return the directory of initdb and postgres, or None where no server is installed."""
    for folder in (*sorted(_INSTALLED.glob("*/bin"), reverse=True), *_on_path()):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


class Server:
    """A running server. Each database that it gives is new and empty."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._numbers = itertools.count(1)

    def new_database(self) -> str:
        name = f"porter{next(self._numbers)}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://porter@127.0.0.1:{self.port}/{name}"

    def execute(self, url: str, statement: str) -> None:
        with psycopg.connect(self._address(url.rpartition("/")[2]), autocommit=True) as connection:
            connection.execute(statement)

    def answers(self) -> bool:
        try:
            psycopg.connect(self._address("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def _address(self, database: str) -> str:
        return f"postgresql://porter@127.0.0.1:{self.port}/{database}"


@contextlib.contextmanager
def running_server(binaries: Path) -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="porter-postgresql-"))
    account = _account()
    if account:
        shutil.chown(folder, account["user"])
    data = folder / "data"
    initdb: list[str | Path] = [
        binaries / "initdb",
        "-D",
        data,
        "-U",
        "porter",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-sync",
        "--locale=C",
    ]
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **account)
    server = Server(_free_port())
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "port": str(server.port),
        "fsync": "off",  # the tests' data may go with the machine
        "max_connections": "30",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*_tied_to_this_process(), binaries / "postgres", "-D", data, *options],
            stdout=log,
            stderr=log,
            cwd=folder,
            **account,
        )
    try:
        _wait_until_it_answers(server, process, folder / "log")
        yield server
    finally:
        process.send_signal(signal.SIGINT)  # PostgreSQL's "fast": ends sessions, then itself
        process.wait(timeout=30)
        shutil.rmtree(folder)


def _wait_until_it_answers(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)


def _tied_to_this_process() -> tuple[str, ...]:
    """Let the server end also when the tests are killed and end nothing."""
    return ("setpriv", "--pdeathsig", "INT") if shutil.which("setpriv") else ()


def _account() -> Mapping[str, Any]:
    if os.geteuid() != 0:
        return {}
    for name in _UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError(f"no account of {_UNPRIVILEGED} to run PostgreSQL as")


def _on_path() -> tuple[Path, ...]:
    found = shutil.which("postgres")
    return (Path(found).resolve().parent,) if found else ()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
