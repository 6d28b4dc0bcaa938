"""The places in which a log can be: every test of the log's contract runs in each of them."""

import dataclasses
import sqlite3
from pathlib import Path

import pytest

from porter.events.log import EventLog
from tests.events.postgresql import Server


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """A place for one log, empty at first."""

    url: str
    server: Server | None = None

    def writer(self, stream: str = "node1") -> EventLog:
        return EventLog.open(self.url, stream=stream, migrate=True)

    def reader(self, stream: str = "") -> EventLog:
        return EventLog.open(self.url, stream=stream, read_only=True)

    def execute(self, script: str) -> None:
        """Change the database behind the log's back. Only for places that last."""
        if self.server is not None:
            self.server.execute(self.url, script)
            return
        connection = sqlite3.connect(self.url.removeprefix("sqlite:///"))
        connection.executescript(script)
        connection.close()


def _place(kind: str, request: pytest.FixtureRequest, folder: Path) -> Place:
    match kind:
        case "memory":
            return Place(url="sqlite://")
        case "disk":
            return Place(url=f"sqlite:///{folder}/porter.db")
        case _:
            server: Server = request.getfixturevalue("postgresql")
            return Place(url=server.new_database(), server=server)


@pytest.fixture(params=["memory", "disk", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return _place(request.param, request, tmp_path)


@pytest.fixture(params=["disk", "postgresql"])
def lasting_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place that outlives the process that wrote to it."""
    return _place(request.param, request, tmp_path)
