"""Who is served first, and who gets an address that comes free. (COMPAT: Allocation 3, 4 and 7)"""

from itertools import permutations

import pytest

from porter.events.entries import AssignmentDecided, EipObserved, NodeGone, ServiceGone, ServiceObserved
from porter.model.names import NodeName, ServiceKey
from porter.model.objects import Service
from porter.model.reasons import Reason
from tests.worlds import addresses, born, decided, eip, fold, folded, nodes, observed, of, published, relisted, service

FIRST, SECOND = "192.168.0.91", "192.168.0.92"
SMALL = eip("pool", f"{FIRST}-{SECOND}")
THREE = [service("default/c", age=1), service("default/a", age=2), service("default/b", age=2)]


@pytest.mark.parametrize("order", list(permutations(THREE)), ids=lambda order: "".join(s.name for s in order))
def test_older_services_are_served_first_in_whatever_order_they_arrive(order: tuple[Service, ...]) -> None:
    decisions = decided(*nodes(), SMALL, *order)

    assert addresses(decisions) == {"default/c": FIRST, "default/a": SECOND, "default/b": None}
    assert of(decisions, "default/b").reason.reason is Reason.POOL_EXHAUSTED


def test_a_service_created_in_another_year_is_older_by_time_and_not_by_name() -> None:
    old = service("default/z", age=0)
    young = service("default/a", age=400 * 86400)
    assert born(0) < born(400 * 86400)

    assert addresses(decided(*nodes(), SMALL, young, old)) == {"default/z": FIRST, "default/a": SECOND}


def test_an_older_service_that_arrives_later_takes_nothing_from_one_that_holds() -> None:
    reconciler = folded(*nodes(), SMALL, *(published(s, a) for s, a in zip(THREE[1:], (FIRST, SECOND), strict=True)))

    fold(reconciler, ServiceObserved(service=THREE[0]))

    assert addresses(reconciler.decisions) == {"default/a": FIRST, "default/b": SECOND, "default/c": None}


def test_a_freed_address_goes_at_once_to_the_service_that_waits_longest() -> None:
    holders = [published(service("x/one", age=8), FIRST), published(service("x/two", age=9), SECOND)]
    reconciler = folded(*nodes(), SMALL, *holders, *reversed(THREE))

    decisions = fold(reconciler, ServiceGone(service=ServiceKey("x/one")))

    given = [d.assignment for d in decisions if isinstance(d, AssignmentDecided)]
    assert [(a.service, a.address) for a in given] == [("default/c", FIRST)]
    assert addresses(reconciler.decisions)["default/a"] is None


FREEING = {
    "it is no longer a load balancer": {"type": "ClusterIP"},
    "it is being deleted": {"deleting": True},
    "it is somebody else's": {"claimed_by": "metallb"},
    "it asks for another pool": {"wanted_eip": "other"},
}


@pytest.mark.parametrize("fields", FREEING.values(), ids=FREEING.keys())
def test_an_address_is_freed_when(fields: dict[str, object]) -> None:
    one = eip("pool", FIRST)
    reconciler = folded(*nodes(), one, published(service("x/one", age=8), FIRST), service("default/waiting", age=9))
    assert addresses(reconciler.decisions)["default/waiting"] is None

    fold(reconciler, ServiceObserved(service=published(service("x/one", age=8, **fields), FIRST)))

    assert addresses(reconciler.decisions)["default/waiting"] == FIRST


def test_a_pool_that_grows_serves_who_waits() -> None:
    reconciler = folded(*nodes(), SMALL, *THREE)

    fold(reconciler, EipObserved(eip=eip("pool", "192.168.0.91-192.168.0.93")))

    assert addresses(reconciler.decisions)["default/b"] == "192.168.0.93"


def test_a_node_that_goes_frees_its_own_address() -> None:
    pool = eip("pool", "192.168.0.12")
    reconciler = folded(*nodes(1), nodes(2)[2], pool, service("default/web"))
    assert addresses(reconciler.decisions) == {"default/web": None}

    fold(reconciler, NodeGone(node=NodeName("node2")))

    assert addresses(reconciler.decisions) == {"default/web": "192.168.0.12"}


def test_the_lowest_free_address_is_a_gap_between_holders() -> None:
    pool = eip("pool", "192.168.0.91-192.168.0.95")
    holders = [published(service(f"x/{n}", age=n), f"192.168.0.{90 + n}") for n in (1, 2, 4)]

    assert addresses(decided(*nodes(), pool, *holders, service("default/web")))["default/web"] == "192.168.0.93"


def test_an_entry_that_changes_nothing_decides_nothing() -> None:
    things = [*nodes(), SMALL, *THREE]
    reconciler = folded(*things)

    assert fold(reconciler, *map(observed, things), *relisted()) == []
