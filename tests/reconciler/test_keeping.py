"""Whoever rightly holds an address keeps it, whatever happens to its pool. (COMPAT: Allocation 1)"""

from typing import Any

import pytest

from porter.events.entries import EipObserved, ServiceGone, ServiceObserved
from porter.model.reasons import Reason
from tests.worlds import Thing, addresses, decided, eip, fold, folded, nodes, of, pool, service

HELD = "192.168.0.92"


def holder(**fields: Any) -> Any:
    """Return a Service that was given the second address of `pool`, and is younger than most."""
    known: dict[str, Any] = {"addresses": (HELD,), "written_eip": "pool", "written_node": "node1"}
    return service("default/web", age=50, **{**known, **fields})


def of_pool(**fields: Any) -> Thing:
    return eip("pool", **{"address": "192.168.0.91-192.168.0.93", "age": 5, **fields})


KEPT: dict[str, list[Thing]] = {
    "as it was": [of_pool()],
    "disabled": [of_pool(disable=True)],
    "edited: the range moved away": [of_pool(address="192.168.0.101-192.168.0.103")],
    "edited: the range shrank": [of_pool(address="192.168.0.91")],
    "edited: the range cannot be read": [of_pool(address="x")],
    "edited: the other family": [of_pool(address="fd00::1-fd00::9")],
    "edited: the protocol": [of_pool(protocol="everywhere")],
    "bound to another namespace": [of_pool(namespaces=("other",))],
    "bound by labels": [of_pool(namespace_selector=(("env", "prod"),))],
    "being deleted": [of_pool(deleting=True)],
    "deleted": [],
    "deleted, and another one is in its place": [eip("new", "192.168.0.0/24", age=9)],
    "its protocol is gone": [of_pool(protocol="ospf")],
    "its protocol is a stub now": [of_pool(protocol="stub")],
    "no node can announce it": [of_pool(interface="eth9")],
    "overlapped by an older one": [of_pool(), eip("older", "192.168.0.0/24", age=1)],
    "a pool of better priority": [of_pool(), eip("better", "192.168.0.120", namespaces=("default",), priority=-1)],
    "a default pool": [of_pool(), eip("better", "192.168.0.120", default=True)],
    "the lowest address is free": [of_pool()],
}


@pytest.mark.parametrize("pools", KEPT.values(), ids=KEPT.keys())
def test_a_holder_keeps_its_address_when_its_pool_is(pools: list[Thing]) -> None:
    older = service("default/older", age=0)
    wanting = service("default/wanting", age=1, wanted_address=HELD)

    decisions = decided(*nodes(), *pools, holder(), older, wanting)

    assert of(decisions, "default/web").address == HELD
    assert of(decisions, "default/web").reason.reason is Reason.HELD
    assert HELD not in {of(decisions, "default/older").address, of(decisions, "default/wanting").address}


KEEPERS = {
    "names the address it holds": {"wanted_address": HELD},
    "names it in a list": {"wanted_address": f"fd00::1,{HELD}"},
    "names what is no address": {"wanted_address": "x"},
    "names its pool": {"wanted_eip": "pool"},
    "names its pool, and nothing is written": {"wanted_eip": "pool", "written_eip": None},
    "names its protocol": {"wanted_protocol": "layer2"},
    "has no pool written, as after 0.4": {"written_eip": None},
    "has a pool written that is gone, and names the one around": {"wanted_eip": "pool", "written_eip": "gone"},
    "has a pool written that holds another range, and names the one around": {
        "wanted_eip": "pool",
        "written_eip": "far",
    },
    "went over to the class": {"claimed_by": None, "load_balancer_class": "porter.kubesphere.io/porter"},
    "changed its policy": {"policy": "Local"},
}
ASKED = {"wanted_protocol": "layer2", "written_protocol": "layer2"}
"""A Service that asks for layer2, and got its address when it did."""
GIVING = {
    "another address": ({"wanted_address": "192.168.0.93"}, "192.168.0.93"),
    "another address by spec.loadBalancerIP": ({"load_balancer_ip": "192.168.0.93"}, "192.168.0.93"),
    "an address of the other family": ({"wanted_address": "fd00::1"}, None),
    "another pool": ({"wanted_eip": "far"}, "192.168.0.200"),
    "a pool that does not exist": ({"wanted_eip": "gone"}, None),
    "another protocol": ({"wanted_protocol": "everywhere"}, None),
}


@pytest.mark.parametrize("fields", KEEPERS.values(), ids=KEEPERS.keys())
def test_a_holder_keeps_its_address_when_it(fields: dict[str, Any]) -> None:
    decisions = decided(*nodes(), of_pool(), eip("far", "192.168.0.200"), holder(**fields))

    assert of(decisions, "default/web").address == HELD
    assert of(decisions, "default/web").eip == "pool"


@pytest.mark.parametrize(("fields", "then"), GIVING.values(), ids=GIVING.keys())
def test_a_holder_gives_its_address_up_when_it_asks_for(fields: dict[str, Any], then: str | None) -> None:
    decisions = decided(*nodes(), of_pool(), eip("far", "192.168.0.200"), holder(**fields))

    assert of(decisions, "default/web").address == then


@pytest.mark.parametrize(
    "pools",
    [
        [of_pool(protocol="everywhere")],
        [of_pool(protocol="stub")],
        [of_pool(protocol="ospf")],
        [of_pool(address="x")],
        [],
    ],
    ids=[
        "another that is there",
        "a stub",
        "one that is unknown",
        "still the same, with a wrong range",
        "gone with it",
    ],
)
def test_a_holder_that_asks_for_the_protocol_it_got_keeps_its_address_when_that_of_the_pool_is(
    pools: list[Thing],
) -> None:
    decisions = decided(*nodes(), *pools, holder(**ASKED))

    assert (of(decisions, "default/web").address, of(decisions, "default/web").eip) == (HELD, "pool")


def test_an_address_that_is_kept_from_an_edited_pool_is_announced_by_the_protocol_that_the_pool_has_now() -> None:
    assert (
        of(decided(*nodes(), of_pool(protocol="everywhere"), holder(**ASKED)), "default/web").protocol == "everywhere"
    )


CHANGED: dict[str, tuple[dict[str, Any], list[Thing], str | None]] = {
    "another one than it got": ({"wanted_protocol": "everywhere"}, [of_pool()], None),
    "another one, when its pool has become a third": (
        {"wanted_protocol": "everywhere"},
        [of_pool(protocol="stub")],
        None,
    ),
    "another one, when its pool is gone": ({"wanted_protocol": "everywhere"}, [], None),
    "the one that its pool has become": ({"wanted_protocol": "everywhere"}, [of_pool(protocol="everywhere")], HELD),
    "none any more": ({"wanted_protocol": None}, [of_pool(protocol="everywhere")], HELD),
    "one for the first time, and not that of the pool": ({"written_protocol": None}, [of_pool(protocol="stub")], None),
}


@pytest.mark.parametrize(("fields", "pools", "then"), CHANGED.values(), ids=CHANGED.keys())
def test_what_became_of_the_address_of_a_holder_that_asks_for(
    fields: dict[str, Any], pools: list[Thing], then: str | None
) -> None:
    assert of(decided(*nodes(), *pools, holder(**{**ASKED, **fields})), "default/web").address == then


def test_a_holder_of_an_address_in_no_pool_that_porter_never_gave_is_served_anew() -> None:
    stranger = holder(addresses=("203.0.113.7",), written_eip=None)

    assert of(decided(*nodes(), of_pool(), stranger), "default/web").address == "192.168.0.91"


def test_of_two_that_hold_one_address_the_older_keeps_it() -> None:
    older = service("default/older", age=1, addresses=(HELD,), written_eip="pool")

    decisions = decided(*nodes(), of_pool(), holder(), older)

    assert addresses(decisions) == {"default/older": HELD, "default/web": "192.168.0.91"}


def test_the_younger_of_two_that_hold_one_address_keeps_it_once_the_older_is_gone() -> None:
    older = service("default/older", age=1, addresses=(HELD,), written_eip="pool")
    reconciler = folded(*nodes(), of_pool(), holder(), older)
    assert addresses(reconciler.decisions)["default/web"] != HELD

    fold(reconciler, ServiceGone(service=older.key))
    assert addresses(reconciler.decisions) == {"default/web": HELD}

    fold(reconciler, EipObserved(eip=eip("pool", "192.168.0.91-192.168.0.93", age=5, disable=True)))
    assert addresses(reconciler.decisions) == {"default/web": HELD}


def test_a_kept_address_outside_its_pool_is_still_of_that_pool() -> None:
    decisions = decided(*nodes(), of_pool(address="192.168.0.101"), eip("new", "192.168.0.92", age=9), holder())

    assert of(decisions, "default/web").eip == "pool"


def test_a_kept_address_of_a_deleted_pool_is_announced_by_the_protocol_it_had_or_by_layer2() -> None:
    wanting = service("default/wanting", addresses=("192.168.0.93",), written_eip="gone", wanted_protocol="everywhere")

    decisions = decided(*nodes(), holder(), wanting)

    assert of(decisions, "default/web").eip == "pool"
    assert of(decisions, "default/web").protocol is None
    assert of(decisions, "default/wanting").protocol == "everywhere"


def test_an_edited_pool_serves_the_next_service_from_its_new_range() -> None:
    reconciler = folded(*nodes(), of_pool(), holder())

    fold(reconciler, EipObserved(eip=eip("pool", "192.168.0.101-192.168.0.103", age=5)))
    fold(reconciler, ServiceObserved(service=service("default/next", age=60)))

    assert addresses(reconciler.decisions) == {"default/web": HELD, "default/next": "192.168.0.101"}


def test_disabling_a_pool_decides_nothing_for_its_holders() -> None:
    reconciler = folded(*nodes(), of_pool(), holder())

    assert fold(reconciler, EipObserved(eip=eip("pool", "192.168.0.91-192.168.0.93", age=5, disable=True))) == []


def test_growing_a_pool_decides_nothing_for_its_holders() -> None:
    reconciler = folded(*nodes(), of_pool(), holder())

    assert fold(reconciler, EipObserved(eip=eip("pool", "192.168.0.0/24", age=5))) == []
    assert pool(reconciler.decisions, "pool").ready


def test_of_two_addresses_of_one_family_in_a_status_the_first_is_held() -> None:
    two = holder(addresses=(HELD, "192.168.0.93"))

    assert of(decided(*nodes(), of_pool(), two), "default/web").address == HELD
