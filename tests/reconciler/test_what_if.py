"""Small questions: what would move, and where, if something happened."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from porter.errors import PorterError
from porter.events.entries import AgentSilent, AgentStarted, EipObserved
from porter.model.names import EipName, NodeName
from porter.reconciler.decide import decide
from porter.reconciler.explaining.case import Case
from porter.reconciler.explaining.hypotheses import Hypothesis, NodeDrained, NodeLost, PoolDisabled, suppose
from porter.reconciler.explaining.unknown import UnknownError
from porter.reconciler.explaining.what_if import Shift, what_if
from porter.reconciler.world import World
from tests.reconciler.crowded import NODES, POOLS, worlds
from tests.reconciler.explained import block_of, case_of
from tests.worlds import (
    RULES,
    Thing,
    addresses,
    eip,
    endpoints,
    fold,
    folded,
    lasting,
    nodes,
    ports,
    published,
    served,
    service,
    world_of,
)

POOL = eip("pool", "192.168.0.91-192.168.0.99")
ONE = published(service("x/one", 1), "192.168.0.91", node="node1")
TWO = published(service("x/two", 2), "192.168.0.92", node="node2")
LOCAL = published(service("x/local", 3, policy="Local"), "192.168.0.93", node="node1")
ALONE = published(service("x/alone", 4), "192.168.0.94", node="node2")
CLUSTER: list[Thing] = [
    *nodes(),
    POOL,
    *served(ONE, TWO),
    *served(LOCAL, by=["node1", "node3"]),
    *served(ALONE, by=["node1"]),
]

N1 = NodeName("node1")
hypotheses: st.SearchStrategy[Hypothesis] = st.one_of(
    st.sampled_from(NODES).map(lambda name: NodeLost(NodeName(name))),
    st.sampled_from(NODES).map(lambda name: NodeDrained(NodeName(name))),
    st.sampled_from(POOLS).map(lambda name: PoolDisabled(EipName(name))),
)


def moves(shifts: tuple[Shift, ...]) -> list[tuple[str, str | None, tuple[str, ...], tuple[str, ...]]]:
    return [(one.service, one.address, one.from_, one.to) for one in shifts]


def test_a_lost_node_moves_its_own_addresses_and_leaves_those_without_endpoints() -> None:
    found = what_if(case_of(*CLUSTER), [NodeLost(N1)])

    assert [(one.service, one.from_) for one in found.moved] == [("x/local", ("node1",)), ("x/one", ("node1",))]
    assert found.moved[0].to == ("node3",)
    assert found.moved[1].to in {("node2",), ("node3",)}
    assert moves(found.ownerless) == [("x/alone", "192.168.0.94", ("node2",), ())]
    assert found.ownerless[0].sentence == "the Service has no ready endpoint"
    assert (found.unchanged, found.addressless, found.gained) == (1, (), ())
    assert found.verdict == "2 addresses would move; 1 address would be announced by nobody"


def test_where_an_address_would_move_it_moves_when_the_node_is_lost() -> None:
    case = case_of(*CLUSTER)
    reconciler = folded(*CLUSTER)

    supposed = what_if(case, [NodeLost(N1)])
    fold(reconciler, AgentSilent(node=N1, seconds=10.0))

    for shift in supposed.moved:
        assert reconciler.assignments_of(shift.service)[0].nodes == shift.to


def test_a_drained_node_keeps_what_does_not_ask_for_endpoints_of_its_own() -> None:
    found = what_if(case_of(*CLUSTER), [NodeDrained(N1)])

    assert moves(found.moved) == [("x/local", "192.168.0.93", ("node1",), ("node3",))]
    assert moves(found.ownerless) == [("x/alone", "192.168.0.94", ("node2",), ())]
    assert found.unchanged == 2


def test_a_lost_node_is_silent_not_ready_and_without_endpoints() -> None:
    slice_of = endpoints("x/one", "node1", "node2", serving=["node1", "node3"])

    after = suppose(case_of(*CLUSTER, slice_of), [NodeLost(N1)]).world

    assert N1 in after.silent
    assert not after.nodes[N1].ready
    assert after.slices["x/one-1"] == endpoints("x/one", "node2", serving=["node3"])


def test_several_things_happen_together() -> None:
    found = what_if(case_of(*CLUSTER), [NodeLost(NodeName(name)) for name in NODES])

    assert {one.service for one in found.ownerless} == {"x/one", "x/two", "x/local", "x/alone"}
    assert len(found.supposed) == 3


def test_a_disabled_pool_takes_no_address_and_leaves_its_holders_nowhere_to_go() -> None:
    found = what_if(case_of(*CLUSTER), [PoolDisabled(EipName("pool"))])

    assert found.verdict == "No address would move, and none would be lost"
    assert found.unchanged == 4
    assert [(one.service, one.address) for one in found.dependents] == [
        ("x/alone", "192.168.0.94"),
        ("x/local", "192.168.0.93"),
        ("x/one", "192.168.0.91"),
        ("x/two", "192.168.0.92"),
    ]


@pytest.mark.parametrize(
    ("other", "dependents"),
    [("10.0.0.0/30", []), ("192.168.0.11", ["x/alone", "x/local", "x/one", "x/two"])],
    ids=["with room", "full"],
)
def test_holders_depend_on_a_pool_unless_another_has_room(other: str, dependents: list[str]) -> None:
    found = what_if(case_of(*CLUSTER, eip("other", other)), [PoolDisabled(EipName("pool"))])

    assert [one.service for one in found.dependents] == dependents


def test_only_holders_of_a_pool_that_is_closed_by_what_is_supposed_depend_on_it() -> None:
    closed = published(service("x/closed"), "10.0.0.1", node="node1", pool="closed")
    full = published(service("x/full"), "10.0.0.2", node="node1", pool="full")
    others = [eip("closed", "10.0.0.1", disable=True), eip("full", "10.0.0.2"), *served(closed, full)]

    found = what_if(case_of(*nodes(), POOL, *others, *served(ONE)), [PoolDisabled(EipName("pool"))])

    assert [one.service for one in found.dependents] == ["x/one"]


@pytest.mark.parametrize(
    ("others", "kind", "address"),
    [([], "addressless", None), ([eip("spare", "10.0.0.1", age=1)], "readdressed", "10.0.0.1")],
    ids=["nowhere to go", "another pool"],
)
def test_an_address_that_is_not_published_yet_goes_with_its_pool(
    others: list[Thing],
    kind: str,
    address: str | None,
) -> None:
    new = service("x/new", wanted_eip=None)

    found = what_if(case_of(*nodes(), POOL, *others, *served(new)), [PoolDisabled(EipName("pool"))])

    (shift,) = getattr(found, kind)
    assert (shift.service, shift.previous_address, shift.address) == ("x/new", "192.168.0.91", address)


def test_an_address_that_two_share_is_counted_once() -> None:
    fields: dict[str, Any] = {"wanted_address": "192.168.0.91"}
    shared = [
        published(service(f"x/s{port}", ports=ports(port), **fields), "192.168.0.91", node="node1") for port in (1, 2)
    ]

    found = what_if(case_of(*nodes(), POOL, *served(*shared)), [NodeLost(N1)])

    assert len(found.moved) == 2
    assert found.verdict == "1 address would move"


def test_a_supposed_case_can_be_explained_and_nobody_has_answered_in_it() -> None:
    found = block_of(suppose(case_of(*CLUSTER), [NodeLost(N1)]), "x/local")

    assert (found.nodes, found.reachable) == (("node3",), None)
    assert found.gates[-1].sentence == "node3 would answer for it"


@settings(max_examples=80, deadline=None)
@given(worlds(), st.lists(hypotheses, min_size=1, max_size=3))
def test_supposing_is_deciding_the_changed_world_anew_and_leaves_the_given_one_alone(
    things: list[Thing],
    supposed: list[Hypothesis],
) -> None:
    case = case_of(*things)
    known = {eip.eip.name for eip in case.pools} | case.world.nodes.keys() | case.world.agents.keys()
    supposed = [one for one in supposed if (one.eip if isinstance(one, PoolDisabled) else one.node) in known]

    after = suppose(case, supposed)
    consequences = what_if(case, supposed)

    assert lasting(after.decisions) == lasting(decide(after.world, RULES))
    assert shown(case.world) == shown(world_of(*things))
    shifts = [*consequences.moved, *consequences.ownerless, *consequences.addressless]
    shifts += [*consequences.readdressed, *consequences.gained]
    differing = {
        slot
        for slot, old in case.decisions.assignments.items()
        if (old.address, old.nodes)
        != (after.decisions.assignments[slot].address, after.decisions.assignments[slot].nodes)
    }
    assert {(one.service, one.family) for one in shifts} == differing
    assert len(shifts) == len(differing)


def shown(world: World) -> dict[str, Any]:
    return msgspec.structs.asdict(world)


def test_a_disabled_pool_is_told_of_like_one_that_is() -> None:
    reconciler = folded(*CLUSTER, service("x/new", 9))

    fold(reconciler, EipObserved(eip=msgspec.structs.replace(POOL, disable=True)))

    supposed = suppose(case_of(*CLUSTER, service("x/new", 9)), [PoolDisabled(EipName("pool"))])
    assert addresses(supposed.decisions) == addresses(reconciler.decisions)


@pytest.mark.parametrize(
    ("hypothesis", "sentence"),
    [
        (NodeLost(NodeName("node11")), "no Node 'node11' at that moment; similar: node1"),
        (NodeDrained(NodeName("nope")), "no Node 'nope' at that moment"),
        (PoolDisabled(EipName("pol")), "no Eip 'pol' at that moment; similar: pool"),
    ],
    ids=["lost", "drained", "disabled"],
)
def test_what_is_not_there_cannot_be_supposed_to_change(hypothesis: Hypothesis, sentence: str) -> None:
    with pytest.raises(UnknownError, match=sentence):
        suppose(case_of(*CLUSTER), [hypothesis])


def test_nothing_is_supposed_before_all_is_listed() -> None:
    reconciler = folded(*CLUSTER, endpoints("x/other"))
    fold(reconciler, AgentStarted(node=N1, porter="1.0", schema="1"))

    with pytest.raises(PorterError, match="nothing can be supposed before all is listed"):
        suppose(Case.of(reconciler), [NodeLost(N1)])
