"""An API server in a thread of its own, and a client of plain HTTP: what the tests of this directory speak through."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from porter.lab.apiserver import ApiServer
from tests.lab.apiserver.client import Client

T = TypeVar("T")


class Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="apiserver", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


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
