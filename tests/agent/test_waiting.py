"""What waiting can help: the agent stays, says what is missing once, and goes on by itself when it is there."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.api import EIPS, LEASES, NAMESPACE, Api
from tests.agent.command import Command, commanding


@pytest.fixture
def waiting(bare: Api, tmp_path: Path) -> Iterator[Command]:
    """An agent without a network to announce on: nothing is ever given to it."""
    with commanding(tmp_path, bare.kubeconfig(tmp_path / "kubeconfig")) as made:
        yield made


def said(agent: Command, words: str) -> list[str]:
    return [line for line in agent.said.splitlines() if words in line]


def complains(agent: Command, words: str, *, tries: float = 2.0) -> None:
    """Wait until the page and one line of the agent's log say it, and see that some tries later it is still one."""
    agent.wait("the page", lambda: agent.page("/readyz")[0] == 503 and words in agent.page("/readyz")[1])
    agent.wait("a line", lambda: said(agent, words))
    time.sleep(tries)
    assert len(said(agent, words)) == 1, agent.said
    assert agent.page("/healthz") == (200, "ok\n")
    assert "Traceback" not in agent.said


def recovers(agent: Command) -> None:
    agent.wait("ready", lambda: agent.page("/readyz") == (200, "ok\n"), within=25)
    agent.wait("relief", lambda: said(agent, "all is well again"))


def test_an_api_server_that_cannot_be_reached(bare: Api, waiting: Command) -> None:
    bare.install()
    bare.go_away()
    waiting.start()
    complains(waiting, "cannot be reached")

    bare.come_back()

    recovers(waiting)


def test_a_cluster_without_porters_kinds(bare: Api, waiting: Command) -> None:
    bare.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    waiting.start()
    complains(waiting, "the kind Eip is not installed; apply the output of `porter manifests`")

    bare.define()

    recovers(waiting)


def test_a_namespace_that_is_missing(bare: Api, waiting: Command) -> None:
    bare.install()
    bare.delete(f"/api/v1/namespaces/{NAMESPACE}")
    waiting.start()
    complains(waiting, "there is no namespace porter-system; apply the output of `porter manifests`")

    bare.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})

    recovers(waiting)


def test_rights_that_are_missing(bare: Api, waiting: Command) -> None:
    missing = {
        ("GET", "/api/v1/services"): "services: Porter may not get, list and watch services: User",
        ("GET", EIPS): "eips: Porter may not get, list and watch eips.network.kubesphere.io: User",
        ("GET", LEASES): "leases: Porter may not get, list and watch leases.coordination.k8s.io: User",
        ("PATCH", f"{LEASES}/porter-node-node1"): "Porter may not patch leases.coordination.k8s.io: User",
    }
    bare.install()
    bare.forbidden = lambda how, what: (how, what) in missing
    waiting.start()
    for words in missing.values():
        waiting.wait(words, lambda words=words: words in waiting.page("/readyz")[1])  # type: ignore[misc]
    for words in missing.values():
        complains(waiting, words, tries=0.5)

    bare.forbidden = lambda _how, _what: False

    recovers(waiting)
