"""What the leader writes comes back as two changes of each Service, to every agent: nothing is decided anew for them."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from porter.events.entries import AgentSilent, Observed
from porter.model.names import NodeName
from porter.model.objects import Service
from porter.model.reasons import Reason
from porter.reconciler.decide import decide
from porter.reconciler.fold import Reconciler
from tests.reconciler import crowded
from tests.reconciler.test_properties import disturbances, examples
from tests.worlds import RULES, Thing, eip, fold, folded, lasting, nodes, published, served, service

HELD = "192.168.0.91"
POOL = eip("pool", "192.168.0.91-192.168.0.93")


def owner_of(reconciler: Reconciler, key: str) -> str:
    (found,) = reconciler.assignments_of(key)
    return found.nodes[0]


def taken_in(reconciler: Reconciler, shown: Service) -> bool:
    """Tell whether the book takes the Service in as what was decided; then the world has it too."""
    before = reconciler.world.services[shown.key]
    if not reconciler._book.confirm(shown.key, before, shown):
        return False
    reconciler.world.services[shown.key] = shown
    return True


@pytest.mark.parametrize(
    "wish",
    [
        pytest.param({}, id="the lowest free address"),
        pytest.param({"wanted_address": HELD}, id="an address that it names"),
        pytest.param({"wanted_protocol": "layer2"}, id="a protocol that it names"),
    ],
)
def test_nothing_is_decided_anew_when_the_leader_writes_what_was_decided(wish: dict[str, Any]) -> None:
    web, other = service("default/web", **wish), service("default/other", age=1)
    reconciler = folded(POOL, *nodes(), *served(web, other))
    owner = owner_of(reconciler, web.key)
    written = msgspec.structs.replace(published(web, HELD, node=owner), written_protocol=wish.get("wanted_protocol"))

    assert taken_in(reconciler, msgspec.structs.replace(written, addresses=()))
    assert lasting(reconciler.decisions) == lasting(decide(reconciler.world, RULES))
    assert taken_in(reconciler, written)
    assert lasting(reconciler.decisions) == lasting(decide(reconciler.world, RULES))
    (found,) = reconciler.assignments_of(web.key)
    assert found.reason.reason is Reason.HELD


def test_nothing_is_decided_anew_when_the_leader_writes_that_it_has_moved() -> None:
    web = service("default/web")
    reconciler = folded(POOL, *nodes(), *served(web))
    kept = published(web, HELD, node=owner_of(reconciler, web.key))
    assert taken_in(reconciler, kept)
    before = kept.written_node
    fold(reconciler, AgentSilent(node=NodeName(str(before)), seconds=6.0))
    owner = owner_of(reconciler, web.key)

    assert not taken_in(reconciler, msgspec.structs.replace(kept, written_node=NodeName("node9")))
    assert taken_in(reconciler, msgspec.structs.replace(kept, written_node=NodeName(owner)))
    assert lasting(reconciler.decisions) == lasting(decide(reconciler.world, RULES))
    (found,) = reconciler.assignments_of(web.key)
    assert (found.nodes, found.sentence) == ((owner,), "the Service names this node, and it is still eligible")


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param({"written_node": "node9"}, id="another node"),
        pytest.param({"written_node": None}, id="no node"),
        pytest.param({"addresses": ("192.168.0.92",)}, id="another address"),
        pytest.param({"written_eip": "gone", "addresses": (HELD,), "wanted_eip": "pool"}, id="another pool"),
        pytest.param({"policy": "Local"}, id="another policy"),
    ],
)
def test_what_was_not_decided_is_decided_upon(shown: dict[str, Any]) -> None:
    web = service("default/web")
    reconciler = folded(POOL, *nodes(), *served(web))
    written = published(web, node=owner_of(reconciler, web.key))

    assert not taken_in(reconciler, msgspec.structs.replace(written, **shown))


def test_who_wants_the_address_by_name_is_asked_when_it_is_kept() -> None:
    web, wishing = service("default/web"), service("default/wishing", age=1, wanted_address=HELD)
    reconciler = folded(POOL, *nodes(), *served(web, wishing))

    assert not taken_in(reconciler, published(web, HELD, node=owner_of(reconciler, web.key)))


@settings(examples, max_examples=25)
@given(crowded.worlds(), st.lists(disturbances, max_size=3), st.data())
def test_whatever_is_written_when_deciding_anew_agrees(
    things: list[Thing], more: list[Observed], data: st.DataObject
) -> None:
    reconciler = folded(*things)
    steps = [*crowded.labelling(reconciler), *crowded.publishing(reconciler), *more]

    for entry in data.draw(st.permutations(steps)):
        fold(reconciler, entry)

        assert lasting(reconciler.decisions) == lasting(decide(reconciler.world, RULES))
