"""A node announces exactly what it owns and what is published. (DESIGN: "Publish, then announce")"""

import pytest

from porter.events.entries import (
    AgentGone,
    AgentObserved,
    NodeObserved,
    Observed,
    ServiceGone,
    ServiceObserved,
)
from porter.model.assignment import Announcement
from porter.model.names import EipName, NodeName, ServiceKey
from porter.reconciler.fold import Reconciler
from tests.worlds import agent, eip, fold, folded, nic, node, nodes, published, served, service

ADDRESS = "192.168.0.91"
POOL = eip("pool", "192.168.0.91-192.168.0.93")
WEB = service("default/web")
N1, N2 = NodeName("node1"), NodeName("node2")


def announced(reconciler: Reconciler) -> dict[str, list[str]]:
    """Return who announces what, over all nodes and protocols."""
    found: dict[str, list[str]] = {}
    for name in sorted(reconciler.world.agents):
        for announcements in reconciler.announcements(name).values():
            found.setdefault(name, []).extend(a.address for a in announcements)
    return found


def test_nothing_is_announced_before_it_is_published() -> None:
    reconciler = folded(*nodes(), POOL, *served(WEB))
    assert reconciler.assignments_of("default/web")[0].nodes

    assert announced(reconciler) == {}


def test_the_owner_announces_what_is_published() -> None:
    reconciler = folded(*nodes(), POOL, *served(WEB))
    (owner,) = reconciler.assignments_of("default/web")[0].nodes

    fold(reconciler, ServiceObserved(service=published(WEB, ADDRESS)))

    assert announced(reconciler) == {owner: [ADDRESS]}


def test_an_address_that_is_published_and_no_longer_the_services_is_not_announced() -> None:
    """It asks for another one: the old one is not its own any more, the new one is not yet published."""
    asking = service("default/web", wanted_address="192.168.0.92")

    assert announced(folded(*nodes(), POOL, *served(published(asking, ADDRESS, node="node1")))) == {}


def test_an_announcement_names_its_nic_its_eip_and_its_services() -> None:
    reconciler = folded(*nodes(), POOL, *served(published(WEB, ADDRESS, node="node1")))

    assert reconciler.announcements(N1) == {
        "layer2": (Announcement(address=ADDRESS, nic="eth0", services=(WEB.key,), eip=EipName("pool")),),
    }


def test_an_announcement_tells_which_node_had_the_address_as_long_as_the_api_names_it() -> None:
    lost = node("node2", ready=False)
    reconciler = folded(*nodes(), lost, POOL, *served(published(WEB, ADDRESS, node="node2")))
    (owner,) = reconciler.assignments_of("default/web")[0].nodes
    assert owner != N2

    (moving,) = reconciler.announcements(owner)["layer2"]
    fold(reconciler, ServiceObserved(service=published(WEB, ADDRESS, node=owner)))
    (moved,) = reconciler.announcements(owner)["layer2"]

    assert (moving.comes_from, moved.comes_from) == (N2, None)


def test_announcements_are_told_apart_by_protocol() -> None:
    everywhere = eip("wide", "192.168.0.200", protocol="everywhere")
    two = [
        published(WEB, ADDRESS, node="node1"),
        published(service("default/wide", wanted_eip="wide"), "192.168.0.200", pool="wide"),
    ]

    reconciler = folded(*nodes(), POOL, everywhere, *served(*two))

    assert set(reconciler.announcements(N1)) == {"layer2", "everywhere"}
    assert set(reconciler.announcements(N2)) == {"everywhere"}


LOSING: dict[str, Observed] = {
    "the node is not Ready": NodeObserved(node=node("node1", ready=False)),
    "the agent is leaving": AgentObserved(agent=agent("node1", nic("eth0", "192.168.0.11/24"), leaving=True)),
    "the agent is gone": AgentGone(node=N1),
    "the NIC is down": AgentObserved(agent=agent("node1", nic("eth0", "192.168.0.11/24", up=False))),
    "the Service is gone": ServiceGone(service=ServiceKey("default/web")),
    "the Service is no longer ours": ServiceObserved(
        service=published(service("default/web", claimed_by=None), ADDRESS)
    ),
    "the Service names another node": ServiceObserved(service=published(WEB, ADDRESS, node="node2")),
    "the status is cleared": ServiceObserved(service=WEB),
    "the status has another address": ServiceObserved(service=published(WEB, "203.0.113.9", node="node1", pool=None)),
}


@pytest.mark.parametrize("entry", LOSING.values(), ids=LOSING.keys())
def test_an_address_is_withdrawn_when(entry: Observed) -> None:
    reconciler = folded(*nodes(), POOL, *served(published(WEB, ADDRESS, node="node1")))
    assert announced(reconciler) == {"node1": [ADDRESS]}

    fold(reconciler, entry)

    assert reconciler.announcements(N1) == {}
    assert "node1" not in announced(reconciler)


def test_the_nic_of_an_announcement_follows_the_nodes_annotation() -> None:
    two = agent("node1", nic("eth0", "192.168.0.11/24"), nic("eth1", "10.0.0.1/8"))
    reconciler = folded(*nodes(1), two, POOL, *served(published(WEB, ADDRESS, node="node1")))
    assert reconciler.announcements(N1)["layer2"][0].nic == "eth0"

    decisions = fold(reconciler, NodeObserved(node=node("node1", layer2_address="10.0.0.1")))

    assert decisions == []
    assert reconciler.announcements(N1)["layer2"][0].nic == "eth1"


def test_a_node_that_is_not_known_announces_nothing() -> None:
    assert folded(*nodes(), POOL).announcements(NodeName("node9")) == {}


def test_the_announcements_of_a_node_are_in_order_of_address() -> None:
    services = [
        published(service(f"default/{name}"), f"192.168.0.{number}", node="node1")
        for name, number in (("c", 91), ("b", 92), ("a", 93))
    ]

    (found,) = folded(*nodes(), POOL, *served(*services)).announcements(N1).values()

    assert [announcement.address for announcement in found] == ["192.168.0.91", "192.168.0.92", "192.168.0.93"]
