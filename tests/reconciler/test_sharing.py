"""Two Services on one address, and every reason why not. (COMPAT: Allocation 5)"""

from typing import Any

import pytest

from porter.events.entries import ServiceGone, ServiceObserved
from porter.model.names import NodeName, ServiceKey
from porter.model.objects import Service
from porter.model.reasons import Reason
from tests.worlds import decided, eip, endpoints, fold, folded, nodes, of, ports, published, served, service

ADDRESS = "192.168.0.92"
POOL = eip("pool", "192.168.0.91-192.168.0.93")
PODS = (("app", "web"),)


def asking(name: str, age: int, port: int, namespace: str = "default", **fields: Any) -> Service:
    """Return a Service that asks for the address by name."""
    return service(f"{namespace}/{name}", age, **{"wanted_address": ADDRESS, "ports": ports(port), **fields})


SHARED = {
    "both Cluster, other ports": ({}, {}),
    "the same port of another protocol": ({}, {"ports": ports(80, protocol="UDP")}),
    "both Local, the same pods": ({"policy": "Local", "selector": PODS}, {"policy": "Local", "selector": PODS}),
    "one Local, the same pods": ({"policy": "Local", "selector": PODS}, {"selector": PODS}),
    "one asks by spec.loadBalancerIP": ({}, {"wanted_address": None, "load_balancer_ip": ADDRESS}),
    "one asks in a list": ({}, {"wanted_address": f"{ADDRESS},fd00::1"}),
    "Cluster, in another namespace": ({}, {"namespace": "other"}),
}
REFUSED = {
    "a common port": ({}, {"ports": ports(443, 80)}, "default/one, and both use port 80/TCP"),
    "one Local, other pods": (
        {},
        {"policy": "Local", "selector": PODS},
        "default/one, and externalTrafficPolicy Local is shared only by Services that select the same pods",
    ),
    "the other Local, other pods": ({"policy": "Local", "selector": PODS}, {}, "Local is shared only by"),
    "both Local, no selectors": ({"policy": "Local"}, {"policy": "Local"}, "Local is shared only by"),
    "both Local, the same labels in another namespace": (
        {"policy": "Local", "selector": PODS},
        {"policy": "Local", "selector": PODS, "namespace": "other"},
        "Local is shared only by",
    ),
    "the holder does not ask for it by name": (
        {"wanted_address": None, "wanted_eip": "pool"},
        {},
        "default/one, which does not ask for it by name, and so does not share it",
    ),
}


@pytest.mark.parametrize(("one", "two"), SHARED.values(), ids=SHARED.keys())
def test_two_services_share_an_address(one: dict[str, Any], two: dict[str, Any]) -> None:
    first = asking("one", 1, 80, **one)
    second = asking("two", 2, 81, **two)

    decisions = decided(*nodes(), POOL, *served(first, second))

    assert of(decisions, first.key).address == of(decisions, second.key).address == ADDRESS
    assert of(decisions, first.key).nodes == of(decisions, second.key).nodes != ()
    assert of(decisions, second.key).reason.reason is Reason.SHARED
    assert of(decisions, second.key).reason.sentence.endswith("shares it with default/one")


@pytest.mark.parametrize(("one", "two", "sentence"), REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("state", ["one holds", "both hold"])
def test_sharing_is_refused_and_names_the_other(
    one: dict[str, Any], two: dict[str, Any], sentence: str, state: str
) -> None:
    first = published(asking("one", 1, 80, **one), ADDRESS)
    second = asking("two", 2, 81, **two)
    if state == "both hold":
        second = published(second, ADDRESS)

    decisions = decided(*nodes(), POOL, *served(first, second))

    assert of(decisions, first.key).address == ADDRESS
    assert of(decisions, second.key).address is None
    assert of(decisions, second.key).reason.reason is Reason.ADDRESS_IN_USE
    assert sentence in of(decisions, second.key).sentence


def test_of_two_new_ones_that_cannot_share_the_older_gets_the_address() -> None:
    decisions = decided(*nodes(), POOL, asking("young", 2, 80), asking("old", 1, 80))

    assert (of(decisions, "default/old").address, of(decisions, "default/young").address) == (ADDRESS, None)


def test_a_third_must_suit_every_sharer() -> None:
    three = [asking("one", 1, 80), asking("two", 2, 81), asking("three", 3, 81)]

    decisions = decided(*nodes(), POOL, *three)

    assert (
        of(decisions, "default/three").sentence
        == "the wanted address is in use by default/two, and both use port 81/TCP"
    )


def test_sharers_are_named_with_who_keeps_it_before_who_was_given_it_and_then_the_older_first() -> None:
    young = published(asking("young", 9, 80), ADDRESS)
    more = [asking("old", 1, 81), asking("older", 0, 82), asking("last", 5, 83)]

    reconciler = folded(*nodes(), POOL, young, *more)

    assert of(reconciler.decisions, "default/last").reason.detail == "default/young, default/older, default/old"


def test_a_service_that_asks_for_no_address_never_shares() -> None:
    one = eip("pool", ADDRESS)

    decisions = decided(*nodes(), one, asking("one", 1, 80), service("default/two", 2, ports=ports(81)))

    assert of(decisions, "default/two").reason.reason is Reason.POOL_EXHAUSTED


def test_a_holder_that_no_longer_asks_by_name_stays_and_the_younger_sharer_leaves() -> None:
    stays = published(asking("one", 1, 80, wanted_address=None), ADDRESS)
    leaves = published(asking("two", 2, 81), ADDRESS)

    decisions = decided(*nodes(), POOL, stays, leaves)

    assert (of(decisions, "default/one").address, of(decisions, "default/two").address) == (ADDRESS, None)


def test_a_younger_sharer_that_no_longer_asks_by_name_gets_an_address_of_its_own() -> None:
    stays = published(asking("one", 1, 80), ADDRESS)
    leaves = published(asking("two", 2, 81, wanted_address=None), ADDRESS)

    decisions = decided(*nodes(), POOL, stays, leaves)

    assert (of(decisions, "default/one").address, of(decisions, "default/two").address) == (ADDRESS, "192.168.0.91")


def test_a_shared_address_is_announced_once_with_both_services() -> None:
    both = [published(asking(name, age, 80 + age), ADDRESS, node="node2") for age, name in enumerate(("one", "two"))]
    reconciler = folded(*nodes(), POOL, *served(*both))

    (announcement,) = reconciler.announcements(NodeName("node2"))["layer2"]

    assert announcement.services == ("default/one", "default/two")
    assert reconciler.announcements(NodeName("node1")) == {}


def test_deleting_one_sharer_keeps_the_other() -> None:
    both = [published(asking(name, age, 80 + age), ADDRESS, node="node2") for age, name in enumerate(("one", "two"))]
    reconciler = folded(*nodes(), POOL, *served(*both))

    fold(reconciler, ServiceGone(service=ServiceKey("default/one")))

    assert of(reconciler.decisions, "default/two").address == ADDRESS
    assert of(reconciler.decisions, "default/two").nodes == ("node2",)
    assert reconciler.announcements(NodeName("node2"))["layer2"][0].services == ("default/two",)


def test_a_new_sharer_comes_to_the_node_that_has_the_address_even_when_it_is_the_older() -> None:
    holder = published(asking("holder", 5, 80), ADDRESS, node="node3")
    reconciler = folded(*nodes(), POOL, *served(holder))

    fold(reconciler, ServiceObserved(service=asking("older", 1, 81)))

    assert of(reconciler.decisions, "default/older").nodes == ("node3",)


@pytest.mark.parametrize("written", ["node1", "node2", "node3"])
def test_the_node_written_on_any_sharer_stays(written: str) -> None:
    older = published(asking("older", 1, 80), ADDRESS)
    younger = published(asking("younger", 2, 81), ADDRESS, node=written)

    decisions = decided(*nodes(), POOL, *served(older, younger))

    assert of(decisions, "default/older").nodes == of(decisions, "default/younger").nodes == (written,)


def test_sharers_that_are_local_go_where_both_have_endpoints() -> None:
    local: dict[str, Any] = {"policy": "Local", "selector": PODS}
    one, two = asking("one", 1, 80, **local), asking("two", 2, 81, **local)

    decisions = decided(
        *nodes(), POOL, one, two, endpoints("default/one", "node1", "node2"), endpoints("default/two", "node2", "node3")
    )

    assert of(decisions, "default/one").nodes == of(decisions, "default/two").nodes == ("node2",)
