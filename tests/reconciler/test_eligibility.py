"""Which nodes may announce an address, and the reason of every one that may not. (DESIGN: Election)"""

from typing import Any

import pytest

from porter.events.entries import AgentGone, AgentHeard, AgentObserved, AgentSilent, NodeGone, NodeObserved, Observed
from porter.model.assignment import Assignment
from porter.model.names import NodeName
from porter.model.objects import Options
from porter.model.reasons import Reason
from tests.worlds import Thing, agent, decided, eip, endpoints, fold, folded, nic, node, nodes, of, service

WEB = service("default/web")
LOCAL = service("default/web", policy="Local")
POOL = eip("pool", "192.168.0.91-192.168.0.93")
N1 = NodeName("node1")
ETH0 = nic("eth0", "192.168.0.11/24")
ENDPOINTS = endpoints("default/web", "node1", "node2", "node3")

REFUSALS: dict[str, tuple[list[Observed], Reason, str]] = {
    "the Node is gone": ([NodeGone(node=N1)], Reason.NODE_UNKNOWN, "there is no such Node"),
    "the Node is being deleted": (
        [NodeObserved(node=node("node1", deleting=True))],
        Reason.NODE_DELETING,
        "the Node is being deleted",
    ),
    "the Node is not Ready": (
        [NodeObserved(node=node("node1", ready=False))],
        Reason.NODE_NOT_READY,
        "the Node is not Ready",
    ),
    "its network is unavailable": (
        [NodeObserved(node=node("node1", network_unavailable=True))],
        Reason.NODE_NETWORK_UNAVAILABLE,
        "the Node's network is unavailable",
    ),
    "it is excluded by label": (
        [NodeObserved(node=node("node1", excluded=True))],
        Reason.NODE_EXCLUDED,
        "the Node is labelled node.kubernetes.io/exclude-from-external-load-balancers",
    ),
    "no agent": ([AgentGone(node=N1)], Reason.AGENT_MISSING, "no Porter agent has reported from it"),
    "the agent is silent": (
        [AgentSilent(node=N1, seconds=10)],
        Reason.AGENT_SILENT,
        "its Porter agent is silent: its Lease ran out",
    ),
    "the agent is leaving": (
        [AgentObserved(agent=agent("node1", ETH0, leaving=True))],
        Reason.AGENT_LEAVING,
        "its Porter agent has stopped",
    ),
    "no NIC at all": (
        [AgentObserved(agent=agent("node1"))],
        Reason.NIC_MISSING,
        "no NIC's subnet holds it; name one in spec.interface of the Eip",
    ),
    "the NIC is down": (
        [AgentObserved(agent=agent("node1", nic("eth0", "192.168.0.11/24", up=False)))],
        Reason.NIC_DOWN,
        "NIC eth0 is down",
    ),
    "no carrier": (
        [AgentObserved(agent=agent("node1", nic("eth0", "192.168.0.11/24", carrier=False)))],
        Reason.NIC_NO_CARRIER,
        "NIC eth0 has no carrier",
    ),
    "no ARP": (
        [AgentObserved(agent=agent("node1", nic("eth0", "192.168.0.11/24", arp=False)))],
        Reason.NIC_NO_ARP,
        "NIC eth0 does no ARP: somebody has switched that off",
    ),
}


def refused(found: Assignment) -> dict[str, Reason]:
    return {candidate.node: candidate.verdict.reason for candidate in found.candidates}


@pytest.mark.parametrize(("entries", "reason", "sentence"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_node_may_not_announce_and_says_why(entries: list[Observed], reason: Reason, sentence: str) -> None:
    reconciler = folded(*nodes(), POOL, WEB, ENDPOINTS)

    fold(reconciler, *entries)

    found = of(reconciler.decisions, "default/web")
    assert refused(found) == {"node1": reason}
    assert found.candidates[0].verdict.sentence == sentence
    assert found.nodes in {("node2",), ("node3",)}


@pytest.mark.parametrize(("entries", "reason", "sentence"), REFUSALS.values(), ids=REFUSALS.keys())
def test_when_no_node_may_announce_the_service_says_why_of_each(
    entries: list[Observed], reason: Reason, sentence: str
) -> None:
    reconciler = folded(*nodes(1), POOL, service("default/web", addresses=("192.168.0.91",)), ENDPOINTS)

    fold(reconciler, *entries)

    found = of(reconciler.decisions, "default/web")
    assert found.address == "192.168.0.91"
    assert found.nodes == ()
    assert found.sentence == f"no node may announce it: node1: {sentence}"
    assert refused(found) == {"node1": reason}


def test_a_cluster_without_nodes_says_so() -> None:
    found = of(decided(POOL, service("default/web", addresses=("192.168.0.91",)), ENDPOINTS), "default/web")

    assert found.sentence == "no node may announce it: the cluster has no nodes"


def test_if_the_label_excludes_everybody_every_service_says_exactly_that() -> None:
    excluded = [node(f"node{n}", excluded=True) for n in (1, 2, 3)]

    found = of(decided(*nodes(), *excluded, POOL, WEB, ENDPOINTS), "default/web")

    label = "the Node is labelled node.kubernetes.io/exclude-from-external-load-balancers"
    assert found.sentence == f"no node may announce it: of all 3 nodes: {label}"


def test_the_exclude_label_can_be_ignored() -> None:
    excluded = [node(f"node{n}", excluded=True) for n in (1, 2, 3)]

    found = of(decided(Options(honour_exclude_label=False), *nodes(), *excluded, POOL, WEB, ENDPOINTS), "default/web")

    assert len(found.nodes) == 1
    assert found.candidates == ()


def test_a_node_without_conditions_counts_as_ready() -> None:
    assert node("node1").ready
    assert not node("node1").network_unavailable


def test_many_refused_nodes_make_a_short_sentence() -> None:
    many: list[Thing] = [node(f"node{n}", ready=n % 2 == 0) for n in range(500)]

    found = of(decided(*many, *nodes(1), node("node1", ready=False), POOL, WEB, ENDPOINTS), "default/web")

    assert len(found.candidates) == 500
    assert "; and 496 more" in found.sentence
    assert len(found.sentence) < 500


ENDPOINTS_AND_NODES: dict[str, tuple[Any, list[Thing], tuple[str, ...]]] = {
    "Cluster: any node, wherever the endpoint is": (WEB, [endpoints("default/web", "node9")], ("node1", "node2")),
    "Cluster: an endpoint without a node": (WEB, [endpoints("default/web", unplaced=True)], ("node1", "node2")),
    "Cluster: only terminating endpoints": (WEB, [endpoints("default/web", serving=["node1"])], ("node1", "node2")),
    "Local: the node of the endpoint": (LOCAL, [endpoints("default/web", "node2")], ("node2",)),
    "Local: several slices": (
        LOCAL,
        [endpoints("default/web", "node1"), endpoints("default/web", "node2", name="web-2")],
        ("node1", "node2"),
    ),
    "Local: ready before terminating": (
        LOCAL,
        [endpoints("default/web", "node2", serving=["node1"])],
        ("node2",),
    ),
    "Local: ready before terminating in another slice": (
        LOCAL,
        [endpoints("default/web", "node2"), endpoints("default/web", serving=["node1"], name="web-2")],
        ("node2",),
    ),
    "Local: terminating where none is ready": (LOCAL, [endpoints("default/web", serving=["node1"])], ("node1",)),
    "Local: an endpoint without a node beside one with": (
        LOCAL,
        [endpoints("default/web", "node1", unplaced=True)],
        ("node1",),
    ),
}


@pytest.mark.parametrize(("web", "slices", "eligible"), ENDPOINTS_AND_NODES.values(), ids=ENDPOINTS_AND_NODES.keys())
def test_the_nodes_that_may_announce_by_their_endpoints(web: Any, slices: list[Thing], eligible: Any) -> None:
    found = of(decided(*nodes(2), POOL, web, *slices), "default/web")

    assert {"node1", "node2"} - set(refused(found)) == set(eligible)
    assert set(refused(found).values()) <= {Reason.NO_LOCAL_ENDPOINT}
    assert set(found.nodes) <= set(eligible)
    assert found.nodes


NOBODY: dict[str, tuple[Any, list[Thing], Reason]] = {
    "Cluster, no slice": (WEB, [], Reason.NO_ENDPOINT),
    "Cluster, an empty slice": (WEB, [endpoints("default/web")], Reason.NO_ENDPOINT),
    "Local, no slice": (LOCAL, [], Reason.NO_ENDPOINT),
    "another Service's endpoints": (WEB, [endpoints("default/other", "node1")], Reason.NO_ENDPOINT),
    "the same name in another namespace": (WEB, [endpoints("other/web", "node1")], Reason.NO_ENDPOINT),
    "Local, an endpoint without a node": (
        LOCAL,
        [endpoints("default/web", unplaced=True)],
        Reason.NO_ELIGIBLE_NODE,
    ),
    "Local, an endpoint on a node that is not there": (
        LOCAL,
        [endpoints("default/web", "node9")],
        Reason.NO_ELIGIBLE_NODE,
    ),
}


@pytest.mark.parametrize(("web", "slices", "reason"), NOBODY.values(), ids=NOBODY.keys())
def test_without_an_endpoint_nobody_announces_and_the_address_stays(web: Any, slices: Any, reason: Reason) -> None:
    found = of(decided(*nodes(2), POOL, web, *slices), "default/web")

    assert found.address == "192.168.0.91"
    assert found.nodes == ()
    assert found.placement is not None
    assert found.placement.reason is reason


def test_a_silent_agent_is_not_heard_by_a_change_of_its_report_alone() -> None:
    reconciler = folded(*nodes(1), POOL, WEB, ENDPOINTS)

    fold(reconciler, AgentSilent(node=N1, seconds=10), AgentObserved(agent=agent("node1", ETH0, nic("eth1"))))
    assert of(reconciler.decisions, "default/web").nodes == ()
    fold(reconciler, AgentHeard(node=N1))

    assert of(reconciler.decisions, "default/web").nodes == ("node1",)


def test_an_agent_that_went_and_came_again_is_no_longer_silent() -> None:
    reconciler = folded(*nodes(1), POOL, WEB, ENDPOINTS)

    fold(reconciler, AgentSilent(node=N1, seconds=10), AgentGone(node=N1), AgentObserved(agent=agent("node1", ETH0)))

    assert of(reconciler.decisions, "default/web").nodes == ("node1",)
