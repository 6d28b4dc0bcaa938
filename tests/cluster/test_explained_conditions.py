"""What stands on a Service in the API is what `porter explain` says of it: the same sentences, from the same reasons."""

from typing import Any

import pytest

from porter.cluster.publication import Patch, plan_service
from porter.cluster.views import ServiceView
from porter.model import keys
from porter.reconciler.explaining.gates import GateName
from tests.reconciler.explained import block_of, case_of, gate
from tests.worlds import Thing, eip, node, nodes, published, served, service

ADDRESS = "192.168.0.91"
POOL = eip("pool", ADDRESS)
WEB = service("default/web", age=5)
HELD = published(WEB, ADDRESS, node="node1")
OTHER = published(service("default/other"), ADDRESS, node="node1")

WAITING: dict[str, list[Thing]] = {
    "no pool": [WEB],
    "full": [POOL, OTHER, WEB],
    "disabled": [eip("pool", ADDRESS, disable=True), WEB],
    "not ready": [eip("pool", "x"), WEB],
    "in use": [POOL, OTHER, service("default/web", wanted_address=ADDRESS)],
    "reserved": [eip("pool", "192.168.0.0/24"), service("default/web", wanted_address="192.168.0.11")],
    "not an address": [POOL, service("default/web", wanted_address="x")],
}
UNOWNED: dict[str, list[Thing]] = {
    "no endpoint": [POOL, HELD],
    "no eligible node": [*[node(f"node{at}", ready=False) for at in (1, 2, 3)], POOL, *served(HELD)],
    "reserved since": [node("node9", ADDRESS), POOL, *served(HELD)],
}


def planned(things: list[Thing]) -> list[Patch]:
    case = case_of(*nodes(), *things)
    web = case.world.services[WEB.key]
    shown = ServiceView(namespace="default", name="web", uid="u", version="1")
    return list(plan_service(shown, web, list(case.assignments_of(web).values()), now="2026-01-01T00:00:00Z"))


def message(patches: list[Patch], condition: str) -> str:
    found: list[dict[str, Any]] = [
        one
        for patch in patches
        for one in patch.body.get("status", {}).get("conditions", ())
        if one["type"] == condition
    ]
    (only,) = found
    said = only["message"]
    assert isinstance(said, str)
    return said


def explained(things: list[Thing], name: GateName) -> str:
    block = block_of(case_of(*nodes(), *things))
    found = gate(block, name)
    assert found.passed is False
    assert block.verdict == f"Traffic cannot reach it: {found.sentence}"
    return found.sentence


@pytest.mark.parametrize("things", WAITING.values(), ids=list(WAITING))
def test_why_a_service_waits_is_one_sentence_in_the_condition_the_event_and_the_explanation(
    things: list[Thing],
) -> None:
    sentence = explained(things, "address")

    patches = planned(things)

    assert message(patches, keys.CONDITION_ASSIGNED) == sentence
    assert [note.message for patch in patches for note in patch.notes] == [sentence]


@pytest.mark.parametrize("things", UNOWNED.values(), ids=list(UNOWNED))
def test_why_nobody_announces_is_one_sentence_in_the_condition_and_the_explanation(things: list[Thing]) -> None:
    assert message(planned(things), keys.CONDITION_ANNOUNCED) == explained(things, "owner")
