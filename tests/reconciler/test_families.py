"""IPv4, IPv6 and both. (COMPAT: Allocation 6)"""

from typing import Any

import msgspec
import pytest

from porter.events.entries import AssignmentEnded, EipObserved, ServiceObserved
from porter.model.addresses import Family
from porter.model.names import ServiceKey
from porter.model.objects import Service
from porter.model.reasons import Reason
from porter.reconciler.decide import decide
from tests.worlds import (
    RULES,
    Thing,
    agent,
    decided,
    eip,
    endpoints,
    fold,
    folded,
    lasting,
    nic,
    node,
    nodes,
    of,
    published,
    service,
)

FOUR = eip("four", "192.168.0.91-192.168.0.93")
SIX = eip("six", "fd00::91-fd00::93")
BOTH = ("IPv4", "IPv6")


def dual(*, first: Family = "IPv4", **fields: Any) -> Service:
    families = BOTH if first == "IPv4" else BOTH[::-1]
    return service("default/web", ip_families=families, ip_family_policy="PreferDualStack", **fields)


def test_a_service_of_ipv6_gets_an_ipv6_address() -> None:
    decisions = decided(*nodes(), FOUR, SIX, service("default/web", ip_families=("IPv6",)))

    assert set(decisions.assignments) == {("default/web", "IPv6")}
    assert of(decisions, "default/web", "IPv6").address == "fd00::91"


def test_a_service_of_no_family_gets_an_ipv4_address() -> None:
    assert of(decided(*nodes(), FOUR, service("default/web", ip_families=())), "default/web").address == "192.168.0.91"


def test_a_dual_stack_service_gets_an_address_of_each_family_from_its_own_pool() -> None:
    decisions = decided(*nodes(), FOUR, SIX, dual())

    assert (of(decisions, "default/web").address, of(decisions, "default/web").eip) == ("192.168.0.91", "four")
    six = of(decisions, "default/web", "IPv6")
    assert (six.address, six.eip) == ("fd00::91", "six")


@pytest.mark.parametrize(("there", "family", "missing"), [(FOUR, "IPv4", "IPv6"), (SIX, "IPv6", "IPv4")])
def test_prefer_dual_stack_takes_what_there_is(there: Thing, family: Family, missing: Family) -> None:
    decisions = decided(*nodes(), there, dual())

    assert of(decisions, "default/web", family).address is not None
    assert of(decisions, "default/web", missing).reason.reason is Reason.NO_POOL


def test_the_missing_family_is_added_when_it_can_be() -> None:
    reconciler = folded(*nodes(), FOUR, published(dual(), "192.168.0.91", node="node1", pool="four"))

    fold(reconciler, EipObserved(eip=SIX))

    assert [a.address for a in reconciler.assignments_of("default/web")] == ["192.168.0.91", "fd00::91"]


def test_a_family_that_is_no_longer_wanted_ends() -> None:
    reconciler = folded(*nodes(), FOUR, SIX, dual())

    (ended,) = fold(reconciler, ServiceObserved(service=service("default/web")))

    assert isinstance(ended, AssignmentEnded)
    assert (ended.service, ended.family, ended.previous_address) == (ServiceKey("default/web"), "IPv6", "fd00::91")
    assert "no longer uses IPv6" in ended.reason.sentence


@pytest.mark.parametrize("first", BOTH)
def test_assignments_are_listed_with_the_primary_family_first(first: Family) -> None:
    reconciler = folded(*nodes(), FOUR, SIX, dual(first=first))

    assert next(a.family for a in reconciler.assignments_of("default/web")) == first
    assert reconciler.assignments_of("default/other") == []


def test_each_family_may_have_a_wish_of_its_own() -> None:
    decisions = decided(*nodes(), FOUR, SIX, dual(wanted_address="fd00::93, 192.168.0.92"))

    assert of(decisions, "default/web").address == "192.168.0.92"
    assert of(decisions, "default/web", "IPv6").address == "fd00::93"


def test_a_wish_for_one_family_leaves_the_other_free() -> None:
    decisions = decided(*nodes(), FOUR, SIX, dual(wanted_address="192.168.0.92"))

    assert of(decisions, "default/web").address == "192.168.0.92"
    assert of(decisions, "default/web", "IPv6").address == "fd00::91"


def test_a_new_wish_for_one_family_takes_nothing_from_the_other() -> None:
    held = published(dual(wanted_address="192.168.0.92"), "192.168.0.91", "fd00::93", pool="four")

    decisions = decided(*nodes(), FOUR, SIX, held)

    assert of(decisions, "default/web").address == "192.168.0.92"
    assert of(decisions, "default/web", "IPv6").address == "fd00::93"


def test_the_label_names_one_pool_and_each_address_is_still_of_its_own() -> None:
    held = published(dual(), "192.168.0.92", "fd00::92", pool="four")

    decisions = decided(*nodes(), FOUR, SIX, held)

    assert (of(decisions, "default/web").eip, of(decisions, "default/web", "IPv6").eip) == ("four", "six")


def test_a_pool_that_is_named_serves_only_its_own_family() -> None:
    decisions = decided(*nodes(), FOUR, SIX, dual(wanted_eip="six"))

    assert of(decisions, "default/web", "IPv6").address == "fd00::91"
    assert of(decisions, "default/web").sentence.endswith("IPv4 is wanted, and Eip six holds IPv6")


def test_naming_the_pool_of_one_family_takes_nothing_from_it() -> None:
    held = published(dual(wanted_eip="six"), "192.168.0.92", "fd00::92", pool="four")

    assert of(decided(*nodes(), FOUR, SIX, held), "default/web", "IPv6").address == "fd00::92"


MANY = [published(dual(), f"192.168.0.{91 + n}", f"fd00::{91 + n}", pool="four") for n in range(3)]


@pytest.mark.parametrize("first", BOTH)
@pytest.mark.parametrize("number", range(3))
def test_both_addresses_are_elected_to_one_node_since_one_node_is_written(number: int, first: Family) -> None:
    held = msgspec.structs.replace(MANY[number], ip_families=dual(first=first).ip_families)

    decisions = decided(*nodes(5), FOUR, SIX, held, endpoints("default/web", "node1"))

    assert of(decisions, "default/web").nodes == of(decisions, "default/web", "IPv6").nodes != ()
    second: Family = "IPv6" if first == "IPv4" else "IPv4"
    assert of(decisions, "default/web", first).sentence.startswith("chosen by rendezvous hashing")
    assert (
        of(decisions, "default/web", second).sentence == "placed by protocol layer2 beside the Service's other address"
    )


def test_the_second_address_goes_elsewhere_where_its_node_has_no_nic_for_it() -> None:
    four_only: list[Thing] = [node("a"), agent("a", nic("eth0", "192.168.0.11/24"), nic("eth1", "10.0.0.1/24"))]
    six_only: list[Thing] = [node("b"), agent("b", nic("eth0", "fd00::11/64"), nic("eth1", "10.0.0.2/24"))]

    decisions = decided(*four_only, *six_only, FOUR, SIX, dual(), endpoints("default/web", "a"))

    assert of(decisions, "default/web").nodes == ("a",)
    assert of(decisions, "default/web", "IPv6").nodes == ("b",)


def test_the_second_address_stays_on_the_written_node_though_the_first_has_to_leave_it() -> None:
    both: list[Thing] = [node("b"), agent("b", nic("eth0", "192.168.0.12/24", "fd00::12/64"))]
    six_only: list[Thing] = [node("c"), agent("c", nic("eth0", "fd00::13/64"), nic("eth1", "10.0.0.3/24"))]
    held = published(dual(), "192.168.0.91", "fd00::91", node="c", pool="four")

    decisions = decided(*six_only, *both, FOUR, SIX, held, endpoints("default/web", "b"))

    assert of(decisions, "default/web").nodes == ("b",)
    assert of(decisions, "default/web", "IPv6").nodes == ("c",)
    assert of(decisions, "default/web", "IPv6").sentence == "the Service names this node, and it is still eligible"


def test_the_second_address_is_elected_anew_when_the_first_goes_to_another_service() -> None:
    """A Service that shows an address takes it from one that was only given it: then there is nothing to go beside."""
    only = eip("six", "fd00::91")
    reconciler = folded(*nodes(), FOUR, only, dual(first="IPv6"), endpoints("default/web", "node1"))
    assert of(reconciler.decisions, "default/web").sentence.endswith("beside the Service's other address")

    holder = published(service("default/old", ip_families=("IPv6",)), "fd00::91", pool="six")
    fold(reconciler, ServiceObserved(service=holder))

    assert of(reconciler.decisions, "default/web", "IPv6").address is None
    assert of(reconciler.decisions, "default/web").sentence.startswith("chosen by rendezvous hashing")
    assert lasting(reconciler.decisions) == lasting(decide(reconciler.world, RULES))
