"""One entry that changes several things: none of them is forgotten over the others."""

import pytest

from porter.events.entries import AgentObserved, NodeGone, Observed, Relisted
from porter.model.names import NodeName
from porter.reconciler.decide import decide
from tests.worlds import (
    RULES,
    addresses,
    agent,
    eip,
    fold,
    folded,
    lasting,
    nic,
    node,
    nodes,
    of,
    pool,
    published,
    served,
    service,
)

ONE, TWO = "192.168.0.91", "192.168.0.92"
FREEING: dict[str, Observed] = {
    "two Services are gone from a list": Relisted(resource="services", total=2, gone=("x/one", "x/two")),
    "a node goes that had both": NodeGone(node=NodeName("other")),
}


@pytest.mark.parametrize("entry", FREEING.values(), ids=FREEING.keys())
def test_two_that_wait_are_served_when_two_addresses_come_free_at_once(entry: Observed) -> None:
    holders = [published(service("x/one"), ONE), published(service("x/two"), TWO)]
    taken = [node("other", ONE, TWO)] if isinstance(entry, NodeGone) else holders
    waiting = [service("y/older", 5), service("y/younger", 6)]
    reconciler = folded(*nodes(), eip("pool", f"{ONE}-{TWO}"), *taken, *waiting)
    assert {addresses(reconciler.decisions)[found.key] for found in waiting} == {None}

    fold(reconciler, entry)

    assert addresses(reconciler.decisions) == {"y/older": ONE, "y/younger": TWO}


def test_a_list_of_agents_in_which_one_has_another_nic_makes_the_pool_ready() -> None:
    names = [f"node{number}" for number in range(1, 9)]
    before = [agent(name, nic("eth0", f"192.168.0.{at}/24")) for at, name in enumerate(names, 11)]
    reconciler = folded(*map(node, names), *before, eip("pool", ONE, interface="eth5"))
    assert not pool(reconciler.decisions, "pool").ready

    listed = [agent(found.node, *found.nics, leaving=True) for found in before]
    listed[0] = agent("node1", *before[0].nics, nic("eth5"))
    fold(reconciler, Relisted(resource="leases", total=len(listed), agents=tuple(listed)))

    assert pool(reconciler.decisions, "pool").ready


def test_a_new_subnet_lets_its_node_announce_what_lies_in_it_and_nothing_else() -> None:
    """Both addresses lay in nobody's subnet, and were judged alike; now one of them lies in one."""
    outside = [
        published(service("x/in"), "172.16.0.9", pool="a"),
        published(service("x/out"), "172.17.0.9", pool="b"),
    ]
    eth = [nic("eth0", "192.168.0.11/24"), nic("eth1", "10.0.0.11/24")]
    pools = [eip("a", "172.16.0.9"), eip("b", "172.17.0.9")]
    reconciler = folded(node("node1"), agent("node1", *eth), *pools, *served(*outside))
    assert of(reconciler.decisions, "x/in").nodes == of(reconciler.decisions, "x/out").nodes == ()

    for subnet in ("172.17.0.1/24", "172.16.0.1/24"):
        fold(reconciler, AgentObserved(agent=agent("node1", *eth, nic("eth2", subnet))))

        assert lasting(reconciler.decisions) == lasting(decide(reconciler.world, RULES))
    assert of(reconciler.decisions, "x/in").nodes == ("node1",)
    assert of(reconciler.decisions, "x/out").nodes == ()
