"""A cluster's API and a node on a wire, for agents that run as commands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.api import Api
from tests.agent.command import Command, commanding
from tests.plugins.netns import Wire, wire


@pytest.fixture
def bare() -> Iterator[Api]:
    """An API server on which nothing of Porter is installed."""
    made = Api()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def api(bare: Api) -> Api:
    """An API server with Porter's kinds, one node and one pool."""
    bare.install()
    bare.node("node1")
    return bare


@pytest.fixture
def net() -> Iterator[Wire]:
    """A node, 192.168.0.5 on eth0, and a client that hears every ARP frame."""
    with wire() as made:
        made.on_node("link", "set", "lo", "up")
        made.on_node("address", "add", "192.168.0.5/24", "dev", "eth0")
        yield made


@pytest.fixture
def agent(api: Api, net: Wire, tmp_path: Path) -> Iterator[Command]:
    """The agent of that node, not started yet."""
    kubeconfig = api.kubeconfig(tmp_path / "kubeconfig", net.node)
    with commanding(tmp_path, kubeconfig, netns=net.node) as made:
        yield made
