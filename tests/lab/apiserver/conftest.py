"""An API server in a thread of its own, and a client of plain HTTP: what the tests of this directory speak through."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from porter.lab.apiserver import ApiServer
from tests.lab.apiserver.client import Client
from tests.lab.apiserver.kubectl import CRD, Kubectl
from tests.loop import Loop
from tests.needs import needed

_number = itertools.count(1)


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


@pytest.fixture(scope="module")
def first_kubectl(loop: Loop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """kubectl in the namespace `default` of a server that knows Eips and whose clock stands still: ages are 0s."""
    needed(shutil.which("kubectl"), "kubectl", "kubernetes-client")
    running = Running(loop, ApiServer(now=lambda: datetime(2026, 1, 1, tzinfo=UTC)))
    directory = tmp_path_factory.mktemp("kubectl")
    running.server.kubeconfig(directory / "kubeconfig")
    made = Kubectl(running.client, directory, "default")
    made("apply", "-f", "-", stdin=CRD)
    running.client.get("/apis/network.kubesphere.io/v1alpha2/eips")  # the first list is told to come back
    yield made
    running.stop()


@pytest.fixture
def kubectl(first_kubectl: Kubectl) -> Kubectl:
    """The same in a namespace of its own."""
    namespace = f"shop{next(_number)}"
    first_kubectl.client.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
    return first_kubectl.at(namespace)
