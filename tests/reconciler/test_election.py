"""Which node announces: the one written on the Service while it may, else by rendezvous. (DESIGN: Election)"""

from typing import Any

import pytest

from porter.events.entries import (
    AgentHeard,
    AgentSilent,
    AssignmentDecided,
    EndpointsObserved,
    NodeGone,
    NodeObserved,
    Observed,
    ServiceObserved,
)
from porter.model.names import NodeName, ServiceKey
from porter.model.objects import Service
from porter.model.reasons import Reason
from porter.reconciler.fold import Reconciler
from porter.reconciler.rendezvous import winner
from tests.worlds import decided, eip, endpoints, fold, folded, node, nodes, of, published, served, service

POOL = eip("pool", "192.168.0.100-192.168.0.199")
N1 = NodeName("node1")
LOST: dict[str, tuple[Observed, Observed]] = {
    "not Ready": (NodeObserved(node=node("node1", ready=False)), NodeObserved(node=node("node1"))),
    "silent": (AgentSilent(node=N1, seconds=10), AgentHeard(node=N1)),
    "gone": (NodeGone(node=N1), NodeObserved(node=node("node1"))),
}


def web(node: str | None, **fields: Any) -> Service:
    return published(service("default/web", **fields), "192.168.0.100", node=node)


def crowd(count: int = 60) -> Reconciler:
    """Return a reconciler with many Services on five nodes, each written as it was decided."""
    services = [service(f"default/s{n:02}", age=n) for n in range(count)]
    reconciler = folded(*nodes(5), POOL, *served(*services))
    write_back(reconciler)
    return reconciler


def write_back(reconciler: Reconciler) -> list[object]:
    entries = []
    for found in list(reconciler.decisions.assignments.values()):
        known = reconciler.world.services[found.service]
        assert found.address is not None
        entries.append(
            ServiceObserved(service=published(known, found.address, node=found.nodes[0] if found.nodes else None)),
        )
    return list(fold(reconciler, *entries))


def owners(reconciler: Reconciler) -> dict[ServiceKey, tuple[NodeName, ...]]:
    return {key: found.nodes for (key, _), found in reconciler.decisions.assignments.items()}


@pytest.mark.parametrize("written", ["node1", "node2", "node3"])
def test_the_node_that_is_written_stays(written: str) -> None:
    found = of(decided(*nodes(), POOL, *served(web(written))), "default/web")

    assert found.nodes == (written,)
    assert found.placement is not None
    assert found.placement.reason is Reason.STICKY


def test_without_a_written_node_rendezvous_hashing_chooses() -> None:
    found = of(decided(*nodes(), POOL, *served(web(None))), "default/web")

    assert found.nodes == (winner("192.168.0.100", [NodeName(f"node{n}") for n in (1, 2, 3)]),)
    assert found.sentence == "chosen by rendezvous hashing over the eligible nodes: node1; node2; node3"


@pytest.mark.parametrize(("lost", "why"), [("not Ready", "the Node is not Ready"), ("gone", "there is no such Node")])
def test_an_address_that_moves_says_from_where_and_why(lost: str, why: str) -> None:
    reconciler = folded(*nodes(), POOL, *served(web("node1")))

    (decision,) = fold(reconciler, LOST[lost][0])

    assert isinstance(decision, AssignmentDecided)
    assert decision.previous_nodes == ("node1",)
    assert decision.previous_address == "192.168.0.100"
    assert decision.assignment.placement is not None
    assert decision.assignment.placement.reason is Reason.MOVED
    assert decision.assignment.sentence == f"taken over from node1: {why}"


def test_a_written_node_that_never_was_is_taken_over_from() -> None:
    found = of(decided(*nodes(), POOL, *served(web("node9"))), "default/web")

    assert found.sentence == "taken over from node9: there is no such Node"
    assert len(found.nodes) == 1


@pytest.mark.parametrize(("lost", "back"), LOST.values(), ids=LOST.keys())
def test_a_lost_node_moves_only_its_own_and_back_again_moves_nothing(lost: Observed, back: Observed) -> None:
    reconciler = crowd()
    before = owners(reconciler)
    its_own = {key for key, found in before.items() if found == (N1,)}
    assert 0 < len(its_own) < len(before) / 2

    moved = fold(reconciler, lost)
    after = owners(reconciler)
    write_back(reconciler)
    returned = fold(reconciler, back)

    assert {d.assignment.service for d in moved if isinstance(d, AssignmentDecided)} == its_own
    assert {key for key in before if before[key] != after[key]} == its_own
    assert len({after[key] for key in its_own}) > 1, "they spread over the others"
    assert returned == []
    assert owners(reconciler) == after


def test_addresses_spread_over_all_nodes() -> None:
    assert {found for (found,) in owners(crowd()).values()} == {f"node{n}" for n in range(1, 6)}


def test_local_follows_its_pods() -> None:
    reconciler = folded(*nodes(), POOL, web("node1", policy="Local"), endpoints("default/web", "node1", "node2"))
    assert of(reconciler.decisions, "default/web").nodes == ("node1",)

    fold(reconciler, EndpointsObserved(endpoints=endpoints("default/web", "node2")))

    found = of(reconciler.decisions, "default/web")
    assert found.nodes == ("node2",)
    assert found.sentence == ("taken over from node1: externalTrafficPolicy is Local and no ready endpoint is on it")


def test_a_rolling_update_of_local_always_has_an_owner() -> None:
    reconciler = folded(*nodes(), POOL, web("node1", policy="Local"), endpoints("default/web", "node1"))

    for slices in (
        endpoints("default/web", serving=["node1"]),
        endpoints("default/web", "node2", serving=["node1"]),
        endpoints("default/web", "node2"),
    ):
        fold(reconciler, EndpointsObserved(endpoints=slices))

        assert of(reconciler.decisions, "default/web").nodes == (("node2",) if slices.ready else ("node1",))


def test_losing_every_endpoint_and_getting_one_back_returns_to_the_written_node() -> None:
    reconciler = folded(*nodes(), POOL, *served(web("node2")))

    fold(reconciler, EndpointsObserved(endpoints=endpoints("default/web")))
    assert of(reconciler.decisions, "default/web").nodes == ()
    fold(reconciler, EndpointsObserved(endpoints=endpoints("default/web", "node1")))

    assert of(reconciler.decisions, "default/web").nodes == ("node2",)


def test_what_is_written_back_decides_nothing_more() -> None:
    reconciler = folded(*nodes(5), POOL, *served(*[service(f"default/s{n}", age=n) for n in range(30)]))

    assert write_back(reconciler) == []
