"""An API server in a thread of its own, and a client of plain HTTP: what the tests of this directory speak through."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from porter.lab.apiserver import ApiServer
from tests.lab.apiserver.client import Client
from tests.loop import Loop


class Running:
    """A server that runs, and its clients."""

    def __init__(self, loop: Loop, server: ApiServer) -> None:
        self.loop, self.server = loop, server
        loop.run(server.start())
        self.client = Client(server.url, server.token, server.authority)

    def stop(self) -> None:
        self.loop.run(self.server.stop())

    def start(self) -> None:
        self.loop.run(self.server.start())

    def forget_history(self) -> None:
        self.loop.loop.call_soon_threadsafe(self.server.forget_history)


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


@pytest.fixture
def running(loop: Loop) -> Iterator[Running]:
    made = Running(loop, ApiServer(tls=False, bookmark_every=0.2))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def shared(loop: Loop) -> Iterator[Client]:
    """A client of one server for all tests of a module: for questions that leave nothing behind."""
    made = Running(loop, ApiServer(tls=False, bookmark_every=0.2))
    yield made.client
    made.stop()


@pytest.fixture
def client(running: Running) -> Client:
    return running.client


@pytest.fixture
def start(loop: Loop) -> Iterator[Callable[[ApiServer], Running]]:
    made: list[Running] = []

    def begin(server: ApiServer) -> Running:
        made.append(Running(loop, server))
        return made[-1]

    yield begin
    for one in made:
        one.stop()
