"""What a node's log tells of what the node has done."""

import msgspec
import pytest

from porter.events.entries import (
    AgentStarted,
    AgentStopped,
    Announced,
    AnnouncementFailed,
    AssignmentDecided,
    Entry,
    PluginFailed,
    Published,
    PublishFailed,
    Recorded,
    Withdrawn,
)
from porter.model.names import EipName, NodeName, ServiceKey
from porter.reconciler.explaining.history import History, When
from tests.cluster.cluster import assigned
from tests.reconciler.explained import NOON

STARTED = AgentStarted(node=NodeName("node1"), porter="1.0", schema="1")
STOPPED = AgentStopped(node=NodeName("node1"))
ON_ETH0 = Announced(address="192.168.0.91", protocol="layer2", nic="eth0")
ON_ETH1 = Announced(address="192.168.0.91", protocol="layer2", nic="eth1")
OFF_ETH0 = Withdrawn(address="192.168.0.91", protocol="layer2", nic="eth0")
FAILED = AnnouncementFailed(address="192.168.0.91", protocol="layer2", error="no such NIC")
HUNG = PluginFailed(plugin="layer2", version="1", error="it hung")
UNWRITTEN = PublishFailed(what="Service default/web", error="forbidden")
WRITTEN = Published(service=ServiceKey("default/web"))


def history_of(*entries: Entry) -> History:
    history = History()
    for _ in history.follow(Recorded(seq, NOON, entry) for seq, entry in enumerate(entries, 1)):
        pass
    return history


@pytest.mark.parametrize(
    ("entries", "nic"),
    [
        ([ON_ETH0], "eth0"),
        ([ON_ETH0, OFF_ETH0], None),
        ([ON_ETH0, ON_ETH1, OFF_ETH0], "eth1"),
        ([ON_ETH1, ON_ETH0], "eth0"),
        ([OFF_ETH0], None),
        ([ON_ETH0, FAILED], None),
        ([FAILED, ON_ETH0], "eth0"),
        ([ON_ETH0, STOPPED], None),
        ([ON_ETH0, STARTED], None),
    ],
    ids=["on", "off", "one of two", "two", "never on", "failed", "well again", "stopped", "started anew"],
)
def test_a_node_answers_where_it_has_announced_and_not_withdrawn_since(entries: list[Entry], nic: str | None) -> None:
    found = history_of(STARTED, *entries).answering("layer2", "192.168.0.91")

    assert (found.nic if found is not None else None) == nic


@pytest.mark.parametrize(
    ("entries", "failure"),
    [
        ([FAILED], "no such NIC"),
        ([FAILED, ON_ETH0], None),
        ([HUNG], "its plugin layer2 failed: it hung"),
        ([HUNG, ON_ETH0], None),
        ([HUNG, FAILED], "no such NIC"),
        ([FAILED, HUNG, STARTED], None),
    ],
    ids=["failed", "then well", "plugin", "plugin well", "both", "started anew"],
)
def test_a_failure_stands_until_it_goes_well(entries: list[Entry], failure: str | None) -> None:
    assert history_of(STARTED, *entries).failure("layer2", "192.168.0.91") == failure
    assert history_of(STARTED, *entries).failure("other", "192.168.0.91") is None


def test_a_write_that_failed_stands_until_one_succeeds() -> None:
    assert history_of(STARTED, UNWRITTEN).unwritten(ServiceKey("default/web")) == "forbidden"
    assert history_of(STARTED, UNWRITTEN).unwritten(ServiceKey("default/other")) is None
    assert history_of(STARTED, UNWRITTEN, WRITTEN).unwritten(ServiceKey("default/web")) is None


def test_a_log_without_a_start_is_nobodys() -> None:
    assert history_of(ON_ETH0).node is None
    assert history_of(STARTED).node == "node1"


def test_an_address_is_held_for_as_long_as_it_is_on_its_node_whatever_is_decided_of_its_pool() -> None:
    history = History()
    held = assigned("web", "192.168.0.91", "node1")
    for seq, one in enumerate((held, msgspec.structs.replace(held, eip=EipName("other"))), 1):
        history.decided(AssignmentDecided(cause=1, assignment=one), When(seq=seq, at=NOON))
    assert history.since((held.service, held.family)) == When(seq=1, at=NOON)

    moved = msgspec.structs.replace(held, nodes=(NodeName("node2"),))
    history.decided(AssignmentDecided(cause=1, assignment=moved), When(seq=3, at=NOON))
    assert history.since((held.service, held.family)) == When(seq=3, at=NOON)
