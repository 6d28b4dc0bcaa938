"""What older versions got wrong, told as the cluster that showed it. (COMPAT: bugs that must not come back)"""

from typing import Any

import pytest

from porter.events.entries import (
    AgentGone,
    AgentObserved,
    AssignmentDecided,
    EipGone,
    EipObserved,
    EndpointsObserved,
    NodeGone,
    NodeObserved,
    Observed,
    ServiceGone,
    ServiceObserved,
)
from porter.model.names import EipName, NodeName, ServiceKey
from porter.model.objects import Namespace, Service
from porter.model.reasons import Reason
from porter.reconciler.fold import Reconciler
from tests.reconciler import crowded
from tests.worlds import (
    addresses,
    agent,
    decided,
    eip,
    endpoints,
    fold,
    folded,
    nic,
    node,
    nodes,
    of,
    published,
    served,
    service,
)

ONE, TWO = "192.168.0.91", "192.168.0.92"
POOL = eip("pool", "192.168.0.91-192.168.0.93")
WEB = service("default/web")
ON_NODE1 = published(WEB, ONE, node="node1")


def announced(reconciler: Reconciler) -> dict[str, list[str]]:
    """Return who announces what."""
    found = {
        name: [one.address for of_protocol in reconciler.announcements(name).values() for one in of_protocol]
        for name in sorted(reconciler.world.agents)
    }
    return {name: texts for name, texts in found.items() if texts}


def seen(found: Service, node_name: str) -> ServiceObserved:
    """Return the entry of the leader's write: another node is written on the Service."""
    return ServiceObserved(service=published(found, *found.addresses, node=node_name))


LOSSES: dict[str, list[Observed]] = {
    "the Node is not Ready": [NodeObserved(node=node("node1", "192.168.0.11", ready=False))],
    "the Node is gone": [NodeGone(node=NodeName("node1"))],
    "the agent is gone": [AgentGone(node=NodeName("node1"))],
    "the NIC is gone": [AgentObserved(agent=agent("node1"))],
    "the Node is relabelled": [NodeObserved(node=node("node1", "192.168.0.11", excluded=True))],
}


@pytest.mark.parametrize("entries", LOSSES.values(), ids=LOSSES.keys())
def test_after_a_failover_the_old_node_announces_nothing_and_one_other_does(entries: list[Observed]) -> None:
    reconciler = folded(*nodes(), POOL, *served(ON_NODE1))
    assert announced(reconciler) == {"node1": [ONE]}

    fold(reconciler, *entries)
    (winner,) = announced(reconciler).items()
    fold(reconciler, seen(ON_NODE1, winner[0]))

    assert winner[0] != "node1"
    assert winner[1] == [ONE]
    assert announced(reconciler) == dict([winner])


@pytest.mark.parametrize("entries", LOSSES.values(), ids=LOSSES.keys())
def test_the_reason_of_a_new_owner_names_the_winner_and_why_not_the_old_one(entries: list[Observed]) -> None:
    reconciler = folded(*nodes(), POOL, *served(ON_NODE1))

    (moved,) = [d for d in fold(reconciler, *entries) if isinstance(d, AssignmentDecided)]

    assert moved.previous_nodes == ("node1",)
    assert len(moved.assignment.nodes) == 1
    assert moved.assignment.placement is not None
    assert moved.assignment.placement.reason is Reason.MOVED
    assert moved.assignment.sentence.startswith("taken over from node1: ")


def test_deleting_one_eip_silences_no_other_on_its_nic_nor_its_own_holder() -> None:
    other = eip("other", "192.168.0.200")
    two = published(service("default/two", wanted_eip="other"), "192.168.0.200", node="node1", pool="other")
    reconciler = folded(*nodes(), POOL, other, *served(ON_NODE1, two))
    before = announced(reconciler)
    assert before == {"node1": ["192.168.0.200", ONE]}

    fold(reconciler, EipGone(eip=EipName("other")))

    assert announced(reconciler) == before


def test_a_service_is_deleted_though_the_nic_that_announced_it_is_gone() -> None:
    reconciler = folded(node("node1"), agent("node1", nic("eth0", "192.168.0.11/24")), POOL, *served(ON_NODE1))
    fold(reconciler, AgentObserved(agent=agent("node1")))
    assert of(reconciler.decisions, "default/web").nodes == ()

    fold(reconciler, ServiceGone(service=ServiceKey("default/web")))

    assert reconciler.decisions.assignments == {}
    assert announced(reconciler) == {}


def test_a_wanted_address_that_does_not_parse_is_decided_once() -> None:
    wrong = service("default/web", wanted_address="192.168.0.300")
    reconciler = folded(*nodes(), POOL)

    (waits,) = fold(reconciler, ServiceObserved(service=wrong))
    assert isinstance(waits, AssignmentDecided)
    assert waits.assignment.reason.reason is Reason.ADDRESS_INVALID
    again: list[Observed] = [
        ServiceObserved(service=wrong),
        NodeObserved(node=node("node9")),
        EipObserved(eip=eip("b", TWO)),
    ]
    told = fold(reconciler, *again)

    assert not [decision for decision in told if isinstance(decision, AssignmentDecided)]


def test_two_pools_with_priorities_do_not_flap() -> None:
    """Not when the preferred one comes late, is full, is disabled, or has room again."""
    bound: dict[str, Any] = {"namespaces": ("default",)}
    first, second = eip("first", ONE, priority=1, **bound), eip("second", TWO, priority=2, **bound)
    reconciler = folded(*nodes(), second, *served(WEB))
    assert of(reconciler.decisions, "default/web").address == TWO
    fold(reconciler, *crowded.publishing(reconciler))

    later: list[Observed] = [
        EipObserved(eip=first),
        EipObserved(eip=eip("second", TWO, disable=True, **bound)),
        EipObserved(eip=eip("second", TWO, priority=0, **bound)),
        EipGone(eip=EipName("first")),
    ]
    told = []
    for entry in later:
        told += fold(reconciler, entry)
        told += fold(reconciler, *crowded.publishing(reconciler))

    assert not [decision for decision in told if isinstance(decision, AssignmentDecided)]
    assert of(reconciler.decisions, "default/web").address == TWO


def test_a_node_that_joins_may_announce_at_once() -> None:
    reconciler = folded(POOL, agent("node2", nic("eth0", "192.168.0.12/24")), *served(published(WEB, ONE)))
    assert announced(reconciler) == {}

    fold(reconciler, NodeObserved(node=node("node2", "192.168.0.12")))

    assert announced(reconciler) == {"node2": [ONE]}


def test_local_follows_its_pods_and_leaves_the_node_that_has_none() -> None:
    local = published(service("default/web", policy="Local"), ONE, node="node1")
    reconciler = folded(*nodes(), POOL, local, endpoints("default/web", "node1"))
    assert announced(reconciler) == {"node1": [ONE]}

    fold(reconciler, EndpointsObserved(endpoints=endpoints("default/web", "node3")))

    assert announced(reconciler) == {"node3": [ONE]}


def test_a_service_that_went_and_came_again_follows_its_pods() -> None:
    """Its pods moved while it was gone, and move back now: what was known of them then is forgotten."""
    local = published(service("default/web", policy="Local"), ONE, node="node1")
    reconciler = folded(*nodes(), POOL, local, endpoints("default/web", "node1"))
    fold(reconciler, ServiceGone(service=local.key))
    fold(reconciler, EndpointsObserved(endpoints=endpoints("default/web", "node2")))
    fold(reconciler, ServiceObserved(service=local))
    assert announced(reconciler) == {"node2": [ONE]}

    fold(reconciler, EndpointsObserved(endpoints=endpoints("default/web", "node1")))

    assert announced(reconciler) == {"node1": [ONE]}


def test_a_namespace_that_has_pools_of_its_own_takes_from_no_other() -> None:
    own = eip("own", "192.168.0.11", namespaces=("default",))
    default = eip("default", ONE, default=True)

    waiting = decided(*nodes(), own, default, eip("free", TWO), WEB)
    served_by_default = decided(*nodes(), default, eip("free", TWO), WEB, Namespace(name="default"))

    assert of(waiting, "default/web").reason.reason is Reason.POOL_EXHAUSTED
    assert addresses(served_by_default) == {"default/web": ONE}
