"""An Eip is edited while its addresses are in use: where they are announced follows at once, and as if decided anew."""

from typing import Any

import pytest

from porter.events.entries import EipGone, EipObserved, Observed
from porter.model.names import EipName
from porter.reconciler.decide import decide
from tests.worlds import RULES, Thing, agent, eip, fold, folded, lasting, nic, node, of, published, served, service

ADDRESS = "192.168.0.91"
CLUSTER: list[Thing] = [
    node("a"),
    agent("a", nic("eth0", "192.168.0.11/24"), nic("eth1", "10.0.0.11/24")),
    node("b"),
    agent("b", nic("eth1", "10.0.0.12/24"), nic("eth2", "172.16.0.12/24")),
]
"""Only `a` has eth0, whose subnet holds the address; only `b` has eth2."""

EDITS: dict[str, tuple[dict[str, Any], Observed, tuple[str, ...]]] = {
    "its interface is named": ({}, EipObserved(eip=eip("pool", ADDRESS, interface="eth2")), ("b",)),
    "its interface is another one": (
        {"interface": "eth0"},
        EipObserved(eip=eip("pool", ADDRESS, interface="eth2")),
        ("b",),
    ),
    "its interface is one that no node has": (
        {"interface": "eth0"},
        EipObserved(eip=eip("pool", ADDRESS, interface="eth9")),
        (),
    ),
    "its interface is no longer named": ({"interface": "eth2"}, EipObserved(eip=eip("pool", ADDRESS)), ("a",)),
    "it is gone, and with it its interface": ({"interface": "eth2"}, EipGone(eip=EipName("pool")), ("a",)),
}


@pytest.mark.parametrize(("fields", "entry", "then"), EDITS.values(), ids=EDITS.keys())
def test_the_node_of_a_held_address_follows_when(
    fields: dict[str, Any], entry: Observed, then: tuple[str, ...]
) -> None:
    first = "b" if fields.get("interface") == "eth2" else "a"
    web = published(service("default/web", wanted_protocol="layer2"), ADDRESS, node=first)
    reconciler = folded(*CLUSTER, eip("pool", ADDRESS, **fields), *served(web))
    assert of(reconciler.decisions, "default/web").nodes == (first,)

    fold(reconciler, entry)

    found = of(reconciler.decisions, "default/web")
    assert (found.address, found.nodes) == (ADDRESS, then)
    assert lasting(reconciler.decisions) == lasting(decide(reconciler.world, RULES))
