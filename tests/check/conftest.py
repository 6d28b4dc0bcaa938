"""A cluster for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.check.cluster import Cluster, cluster


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Cluster]:
    """An API server with nothing of Porter."""
    with cluster(tmp_path) as made:
        yield made


@pytest.fixture
def well(empty: Cluster) -> Cluster:
    """Porter is installed, two nodes with agents, kube-proxy in mode iptables, one pool."""
    empty.install()
    for number, name in enumerate(("node1", "node2"), start=2):
        empty.node(name, f"203.0.113.{number}")
    empty.agent("node1")
    empty.agent("node2")
    empty.proxy("mode: iptables\n")
    empty.eip()
    return empty
