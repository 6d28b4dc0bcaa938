"""A node explained: whether it may announce at all, what it owns, and why it has not the rest."""

from typing import Any

import pytest

from porter.events.entries import Announced
from porter.model.names import NodeName
from porter.model.objects import Way
from porter.model.reasons import Reason
from porter.reconciler.explaining.node import explain_node
from porter.reconciler.explaining.unknown import UnknownError
from tests.reconciler.explained import case_of, node_of
from tests.worlds import Thing, agent, eip, nic, node, nodes, ports, published, served, service


def holders(count: int, on: str) -> list[Thing]:
    """Return that many Services with addresses from .91 on, owned by a node, with endpoints everywhere."""
    return served(
        *[published(service(f"x/s{at}", at), f"192.168.0.{91 + at}", node=on) for at in range(count)],
    )


POOL = eip("pool", "192.168.0.91-192.168.0.120")


def test_what_a_node_owns_has_its_nic_and_whether_it_answers() -> None:
    announced = Announced(address="192.168.0.91", protocol="layer2", nic="eth0", mac="02:00:00:00:00:01")

    owns = node_of(case_of(*nodes(), POOL, *holders(2, "node1"), done=[announced]), "node1").owns

    assert [(one.address, one.services, one.nic, one.published, one.announced) for one in owns] == [
        ("192.168.0.91", ("x/s0",), "eth0", True, True),
        ("192.168.0.92", ("x/s1",), "eth0", True, False),
    ]


def test_what_is_not_published_is_not_announced() -> None:
    case = case_of(*nodes(1), POOL, *served(service("x/s"), by=["node1"]))

    (owned,) = node_of(case, "node1").owns

    assert (owned.published, owned.announced) == (False, False)
    assert owned.sentence == "the Service in the API does not carry it yet"


def test_an_address_is_published_when_one_of_those_who_share_it_shows_it() -> None:
    fields: dict[str, Any] = {"wanted_address": "192.168.0.91"}
    shown = published(service("x/b", 2, ports=ports(81), **fields), "192.168.0.91", node="node1")
    new = service("x/a", 1, ports=ports(80), **fields)

    (owned,) = node_of(case_of(*nodes(1), POOL, *served(new, shown, by=["node1"])), "node1").owns

    assert owned.services == ("x/a", "x/b")
    assert owned.published


def test_another_nodes_log_knows_whether_it_answers() -> None:
    (owned,) = node_of(case_of(*nodes(), POOL, *holders(1, "node2")), "node2").owns

    assert owned.announced is None
    assert owned.sentence == "whether node2 answers for it, its log knows"


def test_the_rest_is_grouped_by_reason_the_largest_group_first() -> None:
    local = published(service("x/local", policy="Local"), "192.168.0.110", node="node3")
    silent = published(service("x/silent"), "192.168.0.111", node="node3")
    things = [*holders(3, "node1"), *served(local, by=["node3"]), silent]

    found = node_of(case_of(*nodes(), POOL, *things), "node2").others

    assert [(group.reason, group.count, [one.address for one in group.addresses]) for group in found] == [
        (Reason.NODE_ELIGIBLE, 3, ["192.168.0.91", "192.168.0.92", "192.168.0.93"]),
        (Reason.NO_ENDPOINT, 1, ["192.168.0.111"]),
        (Reason.NO_LOCAL_ENDPOINT, 1, ["192.168.0.110"]),
    ]


def test_a_node_that_is_not_well_may_have_nothing_and_says_why() -> None:
    found = node_of(case_of(*nodes(), node("node3", ready=False), POOL, *holders(2, "node1")), "node3")

    assert found.verdict == "It may announce no address: the Node is not Ready"
    assert not found.eligible
    assert [(group.reason, group.count) for group in found.others] == [(Reason.NODE_NOT_READY, 2)]


def test_a_node_with_no_agent_has_no_nics() -> None:
    found = node_of(case_of(*nodes(), node("node9")), "node9")

    assert (found.reason, found.nics) == (Reason.AGENT_MISSING, ())


def test_a_node_that_is_not_there_is_an_error_that_names_similar_ones() -> None:
    with pytest.raises(UnknownError, match=r"no Node 'node11' at that moment; similar: node1$"):
        explain_node(case_of(*nodes(1)), NodeName("node11"))


def test_how_a_node_reaches_what_pools_name_is_told_with_its_nics() -> None:
    eth0 = nic("eth0", "192.168.0.11/24", arp_ignore=0)
    ways = (Way(to="10.1.2.3", nic="eth0"), Way(to="10.9.9.9"))

    found = node_of(case_of(node("node1"), agent("node1", eth0, ways=ways)), "node1")

    assert (found.nics, found.ways) == ((eth0,), ways)
