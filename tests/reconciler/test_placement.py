"""Placement belongs to the protocol, and its faults stay on the address. (DESIGN: Plugins)"""

import sys
from collections.abc import Sequence
from typing import Any

import pytest

from porter.model.names import NodeName
from porter.model.objects import Eip
from porter.model.protocol import PlacementRequest
from porter.model.reasons import Reason
from porter.reconciler.decide import Decisions, Rules
from tests.protocols import SINGLE, STUB, Placement, Protocol
from tests.worlds import decided, eip, node, nodes, of, pool, published, served, service

POOL = eip("pool", "192.168.0.91", protocol="odd")
WEB = service("default/web", age=1, wanted_eip="pool")
BESIDE = service("default/beside", age=2, wanted_eip="good")
GOOD = eip("good", "192.168.0.101")


def decided_with(placement: Placement, *more: Any) -> Decisions:
    odd = Protocol(name="odd", placement=placement)
    return decided(
        *nodes(), POOL, GOOD, *served(WEB, BESIDE), *more, rules=Rules(protocols={"odd": odd, "layer2": SINGLE})
    )


def exiting(request: PlacementRequest) -> Sequence[NodeName]:
    sys.exit(f"cannot place {request.address}")


def raising(request: PlacementRequest) -> Sequence[NodeName]:
    raise KeyError(request.address)


FAULTS: dict[str, tuple[Any, str]] = {
    "raises": (raising, "protocol odd failed to place it: KeyError: '192.168.0.91'"),
    "calls sys.exit": (exiting, "protocol odd failed to place it: SystemExit: cannot place 192.168.0.91"),
    "answers None": (lambda _: None, "protocol odd failed to place it: TypeError"),
    "answers what is no node": (lambda _: [["node1"], {}], "protocol odd failed to place it: TypeError"),
    "answers a text": (lambda _: "node1", "not on an eligible node"),
    "places it nowhere": (lambda _: (), "protocol odd placed it on none, not on an eligible node"),
    "places it on a node that is not": (
        lambda _: ["node9"],
        "protocol odd placed it on node9, not on an eligible node",
    ),
    "places it also on a node that may not": (
        lambda request: [*request.eligible, "node3"],
        "protocol odd placed it on node1, node2, node3, not on an eligible node",
    ),
}


@pytest.mark.parametrize(("placement", "sentence"), FAULTS.values(), ids=FAULTS.keys())
def test_a_protocol_at_fault_leaves_its_address_unannounced_and_others_alone(placement: Any, sentence: str) -> None:
    decisions = decided_with(placement, node("node3", ready=False))

    found = of(decisions, "default/web")
    assert found.address == "192.168.0.91"
    assert found.nodes == ()
    assert found.placement is not None
    assert found.placement.reason is Reason.NO_ELIGIBLE_NODE
    assert sentence in found.sentence
    assert len(of(decisions, "default/beside").nodes) == 1


class Exits(Protocol, frozen=True, kw_only=True):
    def validate(self, eip: Eip) -> Sequence[str]:
        sys.exit(f"cannot judge {eip.name}")


class Answers(Protocol, frozen=True, kw_only=True):
    def validate(self, eip: Eip) -> Sequence[str]:
        return eip.interface  # type: ignore[return-value]  # a plugin at fault: None is no sequence


@pytest.mark.parametrize(
    ("protocol", "sentence"),
    [
        (Exits(name="odd", placement=SINGLE.placement), "SystemExit: cannot judge pool"),
        (Answers(name="odd", placement=SINGLE.placement), "TypeError"),
    ],
    ids=["calls sys.exit", "answers None"],
)
def test_a_protocol_that_cannot_judge_an_eip_is_what_is_wrong_with_it(protocol: Protocol, sentence: str) -> None:
    rules = Rules(protocols={"odd": protocol, "layer2": SINGLE})

    decisions = decided(*nodes(), POOL, GOOD, *served(BESIDE), rules=rules)

    assert not pool(decisions, "pool").ready
    assert f"protocol odd failed to judge it: {sentence}" in pool(decisions, "pool").reason.sentence
    assert of(decisions, "default/beside").address == "192.168.0.101"


def test_a_protocol_may_place_an_address_on_all_nodes() -> None:
    decisions = decided(*nodes(), eip("pool", "192.168.0.91", protocol="everywhere"), *served(WEB))

    found = of(decisions, "default/web")
    assert found.nodes == ("node1", "node2", "node3")
    assert found.sentence == "placed by protocol everywhere on 3 nodes"


def test_a_protocol_is_told_who_may_and_who_has_it() -> None:
    asked: list[PlacementRequest] = []

    def listening(request: PlacementRequest) -> Sequence[NodeName]:
        asked.append(request)
        return request.eligible[:1]

    decided_with(listening, published(WEB, "192.168.0.91", node="node2"), node("node3", ready=False))
    decided_with(listening, published(WEB, "192.168.0.91", node="node3"), node("node3", ready=False))

    eligible = (NodeName("node1"), NodeName("node2"))
    assert asked == [
        PlacementRequest(address="192.168.0.91", eligible=eligible, current=NodeName("node2")),
        PlacementRequest(address="192.168.0.91", eligible=eligible, current=None),
    ]


def test_a_protocol_that_moves_an_address_by_itself_is_named_as_the_reason() -> None:
    decisions = decided_with(lambda request: request.eligible[-1:], published(WEB, "192.168.0.91", node="node1"))

    found = of(decisions, "default/web")
    assert found.nodes == ("node3",)
    assert found.sentence == "placed by protocol odd, although node1 may still announce it"


def test_the_order_and_repetition_of_a_placement_do_not_matter() -> None:
    decisions = decided_with(lambda request: [*reversed(request.eligible), *request.eligible])

    assert of(decisions, "default/web").nodes == ("node1", "node2", "node3")


def test_an_address_that_is_kept_while_its_protocol_is_a_stub_is_announced_by_nobody() -> None:
    held = published(WEB, "192.168.0.91", node="node1")
    stubbed = eip("pool", "192.168.0.91", protocol="stub")

    found = of(decided(*nodes(), stubbed, *served(held), rules=Rules(protocols={"stub": STUB})), "default/web")

    assert found.address == "192.168.0.91"
    assert found.nodes == ()
    assert found.placement is not None
    assert found.placement.reason is Reason.PROTOCOL_STUB


def test_an_address_that_is_kept_while_no_plugin_provides_its_protocol_is_announced_by_nobody() -> None:
    held = published(WEB, "192.168.0.91", node="node1")

    found = of(decided(*nodes(), POOL, *served(held), rules=Rules(protocols={})), "default/web")

    assert found.nodes == ()
    assert found.sentence == "no node may announce it: no plugin for its protocol"


def test_a_kept_address_of_a_pool_that_is_gone_is_announced_by_the_fallback_protocol() -> None:
    held = published(WEB, "192.168.0.91", node="node2")

    assert of(decided(*nodes(), *served(held)), "default/web").nodes == ("node2",)
    everywhere = Rules(protocols={"odd": Protocol(name="odd", placement=lambda r: r.eligible)}, fallback_protocol="odd")
    assert len(of(decided(*nodes(), *served(held), rules=everywhere), "default/web").nodes) == 3
