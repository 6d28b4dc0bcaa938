"""When two assignments are the same decision: only why differs."""

from typing import Any

import msgspec
import pytest

from porter.model.assignment import Announcement, Assignment
from porter.model.names import NodeName, ServiceKey
from porter.model.reasons import Reason, Verdict

ASSIGNED = Assignment(
    service=ServiceKey("default/web"),
    family="IPv4",
    address="192.168.0.91",
    protocol="layer2",
    nodes=(NodeName("node1"),),
    reason=Verdict(reason=Reason.FIRST_FREE, detail="pool"),
    placement=Verdict(reason=Reason.ELECTED, detail="node1"),
)
WAITING = Assignment(
    service=ServiceKey("default/web"),
    family="IPv4",
    reason=Verdict(reason=Reason.POOL_EXHAUSTED, detail="pool"),
)
UNANNOUNCED = msgspec.structs.replace(ASSIGNED, nodes=(), placement=Verdict(reason=Reason.NO_ENDPOINT))
HELD = Verdict(reason=Reason.HELD)
NOBODY = Verdict(reason=Reason.NO_ELIGIBLE_NODE, detail="node1: the Node is not Ready")

SAME = {
    "held what it was given": (ASSIGNED, {"reason": HELD, "placement": Verdict(reason=Reason.STICKY)}),
    "unannounced, for the same reason": (UNANNOUNCED, {"reason": HELD}),
    "other candidates": (ASSIGNED, {"candidates": ()}),
}
DIFFERENT = {
    "address": (ASSIGNED, {"address": "192.168.0.92"}),
    "pool": (ASSIGNED, {"eip": "pool"}),
    "protocol": (ASSIGNED, {"protocol": "bgp"}),
    "nodes": (ASSIGNED, {"nodes": ("node2",)}),
    "why it waits": (WAITING, {"reason": Verdict(reason=Reason.POOL_DISABLED, detail="pool")}),
    "what its reason names": (WAITING, {"reason": Verdict(reason=Reason.POOL_EXHAUSTED, detail="other")}),
    "why nobody announces it": (UNANNOUNCED, {"placement": NOBODY}),
}


@pytest.mark.parametrize(("one", "changes"), SAME.values(), ids=SAME.keys())
def test_a_difference_in_why_alone_is_no_decision(one: Assignment, changes: dict[str, Any]) -> None:
    other = msgspec.structs.replace(one, **changes)

    assert one.same_outcome(other)
    assert other.same_outcome(one)


@pytest.mark.parametrize(("one", "changes"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_a_difference_in_what_is_a_decision(one: Assignment, changes: dict[str, Any]) -> None:
    other = msgspec.structs.replace(one, **changes)

    assert not one.same_outcome(other)
    assert not other.same_outcome(one)


def test_the_sentence_tells_of_the_nodes_once_there_is_an_address() -> None:
    assert WAITING.sentence == "no address is free in Eip pool"
    assert UNANNOUNCED.sentence == "the Service has no ready endpoint"


def test_an_address_is_also_a_value() -> None:
    assert str(ASSIGNED.ip) == "192.168.0.91"
    assert WAITING.ip is None
    assert Announcement(address="fd00::1", nic="eth0", services=()).family == "IPv6"
