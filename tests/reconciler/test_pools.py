"""Which pool a Service is served from, and which pools are ready. (COMPAT: Eip, Allocation 3 and 4)"""

from typing import Any

import pytest

from porter.events.entries import EipGone, EipObserved, PoolDecided
from porter.model.names import EipName
from porter.model.objects import Namespace
from porter.model.reasons import Reason
from porter.reconciler.decide import decide
from porter.reconciler.usage import usage_of
from tests.reconciler.explained import case_of, eip_of
from tests.worlds import (
    RULES,
    Thing,
    addresses,
    agent,
    decided,
    eip,
    fold,
    folded,
    nic,
    node,
    nodes,
    of,
    pool,
    service,
    world_of,
)

ONE = "192.168.0.91"
TWO = "192.168.0.92"
TEAM = Namespace(name="team", labels=(("env", "prod"), ("tier", "web")))

CHOICES = {
    "an unbound pool": ([eip("a", ONE)], ONE),
    "of unbound pools the first by name": ([eip("b", TWO, age=0), eip("a", ONE, age=1)], ONE),
    "the default pool before other unbound ones": ([eip("a", TWO), eip("b", ONE, default=True)], ONE),
    "of default pools the first by name": ([eip("b", TWO, default=True), eip("a", ONE, default=True)], ONE),
    "a bound pool before the default pool": ([eip("a", TWO, default=True), eip("b", ONE, namespaces=("team",))], ONE),
    "a bound pool by the labels of its namespace": (
        [eip("a", TWO), eip("b", ONE, namespace_selector=(("env", "prod"),))],
        ONE,
    ),
    "all labels must match": (
        [eip("a", TWO, namespace_selector=(("env", "prod"), ("tier", "db"))), eip("b", ONE)],
        ONE,
    ),
    "by name although the labels do not match": (
        [eip("a", TWO), eip("b", ONE, namespaces=("team",), namespace_selector=(("env", "test"),))],
        ONE,
    ),
    "the smaller priority first": (
        [eip("a", TWO, namespaces=("team",), priority=2), eip("b", ONE, namespaces=("team",), priority=1)],
        ONE,
    ),
    "a negative priority before none": (
        [eip("a", TWO, namespaces=("team",)), eip("b", ONE, namespaces=("team",), priority=-1)],
        ONE,
    ),
    "of equal priorities the first by name": (
        [eip("b", TWO, namespaces=("team",)), eip("a", ONE, namespaces=("team",))],
        ONE,
    ),
    "the next priority when the first has no room": (
        [
            eip("a", "192.168.0.11", namespaces=("team",), priority=1),
            eip("b", ONE, namespaces=("team",), priority=2),
        ],
        ONE,
    ),
    "the next priority when the first is disabled": (
        [eip("a", TWO, namespaces=("team",), disable=True), eip("b", ONE, namespaces=("team",), priority=2)],
        ONE,
    ),
    "the next priority when the first is not ready": (
        [eip("a", "x", namespaces=("team",)), eip("b", ONE, namespaces=("team",), priority=2)],
        ONE,
    ),
    "another unbound pool when the first is disabled": ([eip("a", TWO, disable=True), eip("b", ONE)], ONE),
    "never another program's pool": ([eip("a", TWO, foreign=True), eip("b", ONE)], ONE),
    "any protocol when none is wanted": ([eip("a", ONE, protocol="everywhere")], ONE),
    "the lowest free address": ([eip("a", "192.168.0.91-192.168.0.99")], ONE),
}
NOTHING = {
    "no pool at all": ([], Reason.NO_POOL, "namespace team may use no IPv4 Eip"),
    "bound elsewhere": ([eip("a", ONE, namespaces=("x",))], Reason.NAMESPACE_NOT_BOUND, "Eip a is not bound"),
    "labels of a namespace that is unknown": (
        [eip("a", ONE, namespace_selector=(("env", "test"),)), eip("b", TWO, namespaces=("x",))],
        Reason.NAMESPACE_NOT_BOUND,
        "Eip a; b is not bound",
    ),
    "the other family": ([eip("a", "fd00::1")], Reason.NO_POOL, "no IPv4 Eip"),
    "full": ([eip("a", "192.168.0.11-192.168.0.13")], Reason.POOL_EXHAUSTED, "no address is free in Eip a"),
    "all full": (
        [eip("a", "192.168.0.11"), eip("b", "192.168.0.12")],
        Reason.POOL_EXHAUSTED,
        "no address is free in Eip a, b",
    ),
    "full or disabled": (
        [eip("a", "192.168.0.11"), eip("b", ONE, disable=True)],
        Reason.POOL_EXHAUSTED,
        "no address is free in Eip a",
    ),
    "disabled": ([eip("a", ONE, disable=True)], Reason.POOL_DISABLED, "Eip a is disabled"),
    "disabled or not ready": (
        [eip("a", ONE, disable=True), eip("b", "x")],
        Reason.NO_POOL,
        "Eip a is disabled (spec.disable); no address from Eip b: 'x' in spec.address 'x' is not an IP address",
    ),
    "not ready": ([eip("a", "x")], Reason.POOL_NOT_READY, "'x' in spec.address"),
    "another program's": ([eip("a", ONE, foreign=True)], Reason.NO_POOL, "may use no IPv4 Eip"),
}


@pytest.mark.parametrize(("pools", "address"), CHOICES.values(), ids=CHOICES.keys())
def test_a_service_is_served_from(pools: list[Any], address: str) -> None:
    decisions = decided(*nodes(), TEAM, *pools, service("team/web"))

    assert of(decisions, "team/web").address == address


@pytest.mark.parametrize(("pools", "reason", "sentence"), NOTHING.values(), ids=NOTHING.keys())
def test_a_service_that_no_pool_serves_waits(pools: list[Any], reason: Reason, sentence: str) -> None:
    decisions = decided(*nodes(), TEAM, *pools, service("team/web"))

    assert of(decisions, "team/web").reason.reason is reason
    assert sentence in of(decisions, "team/web").sentence


def test_a_namespace_that_gets_the_label_may_use_the_pool_at_once() -> None:
    bound = eip("a", ONE, namespace_selector=(("env", "prod"),))

    assert addresses(decided(*nodes(), bound, service("team/web"))) == {"team/web": None}
    assert addresses(decided(*nodes(), bound, service("team/web"), TEAM)) == {"team/web": ONE}


def test_a_full_pool_serves_from_the_next_by_priority() -> None:
    pools = [eip("a", ONE, namespaces=("team",)), eip("b", TWO, namespaces=("team",), priority=5)]

    decisions = decided(*nodes(), *pools, service("team/one", age=1), service("team/two", age=2))

    assert addresses(decisions) == {"team/one": ONE, "team/two": TWO}


def test_a_pool_of_2_to_the_120_addresses_costs_no_more_than_one() -> None:
    huge = [eip("four", "0.0.0.0/0"), eip("six", "::/0")]
    six = service("default/six", ip_families=("IPv6",))

    decisions = decided(*nodes(), *huge, service("default/four"), six)

    assert of(decisions, "default/four").address == "1.0.0.0"
    assert of(decisions, "default/six", "IPv6").address == "::2"


READY: dict[str, tuple[Any, Reason, str]] = {
    "ready": (eip("a", ONE), Reason.POOL_READY, "ready"),
    "disabled is ready all the same": (eip("a", ONE, disable=True), Reason.POOL_READY, "ready"),
    "invalid": (eip("a", "10.0.0.9-10.0.0.1"), Reason.POOL_INVALID, "reversed"),
    "empty": (eip("a", ""), Reason.POOL_INVALID, "spec.address is empty"),
    "Unicode": (eip("a", "\N{SNOWMAN}"), Reason.POOL_INVALID, "\N{SNOWMAN}"),
    "huge": (eip("a", "1" * 1_000_000), Reason.POOL_INVALID, "too long"),
    "another program's": (eip("a", ONE, foreign=True), Reason.POOL_FOREIGN, "another program"),
    "being deleted": (eip("a", ONE, deleting=True), Reason.POOL_DELETING, "being deleted"),
    "no such protocol": (eip("a", ONE, protocol="ospf"), Reason.PROTOCOL_UNKNOWN, "no plugin provides protocol ospf"),
    "a stub": (eip("a", ONE, protocol="stub"), Reason.PROTOCOL_STUB, "protocol stub is only a stub"),
    "refused by its protocol": (
        eip("a", ONE, protocol="refusing"),
        Reason.POOL_REFUSED,
        "it wants an interface; it wants IPv6",
    ),
    "its protocol raises": (
        eip("a", ONE, interface="raise!"),
        Reason.POOL_REFUSED,
        "protocol layer2 failed to judge it: RuntimeError: judging went wrong",
    ),
    "no such NIC": (
        eip("a", ONE, interface="eth9"),
        Reason.NO_NODE_CAN_ANNOUNCE,
        "node1: no interface 'eth9' on this node. Available: eth0",
    ),
}


@pytest.mark.parametrize(("found", "reason", "sentence"), READY.values(), ids=READY.keys())
def test_a_pool_says_whether_it_is_ready(found: Any, reason: Reason, sentence: str) -> None:
    state = pool(decided(*nodes(), found), "a")

    assert state.reason.reason is reason
    assert state.ready == (reason is Reason.POOL_READY)
    assert sentence in state.reason.sentence
    assert len(state.reason.sentence) < 400


def test_a_pool_is_not_ready_before_an_agent_has_reported() -> None:
    state = pool(decided(node("node1", "192.168.0.11"), eip("a", ONE)), "a")

    assert state.reason.sentence == "no node can announce it: no Porter agent has reported yet"


def test_a_pool_whose_only_nic_is_down_is_ready_since_the_nic_may_come_back() -> None:
    down = agent("node1", nic("eth0", "192.168.0.11/24", up=False))

    assert pool(decided(node("node1"), down, eip("a", ONE)), "a").ready


def test_a_pool_outside_the_subnet_of_the_only_nic_is_ready() -> None:
    assert pool(decided(*nodes(), eip("a", "203.0.113.1")), "a").ready


NAMED = "not all of it lies in the subnet of eth0 of node1 (192.168.0.11/24), eth0 of node2 (192.168.0.12/24)"
SUBNETS: dict[str, tuple[list[Thing], str]] = {
    "inside": ([*nodes(2), eip("a", "192.168.0.91-192.168.0.100")], ""),
    "elsewhere": ([*nodes(2), eip("a", "203.0.113.1")], NAMED),
    "its end lies outside": ([*nodes(2), eip("a", "192.168.0.250-192.168.1.3")], NAMED),
    "its beginning lies outside": ([*nodes(2), eip("a", "192.167.255.250-192.168.0.3")], NAMED),
    "of the other family": (
        [*nodes(1), eip("a", "fd00::1-fd00::9")],
        "not all of it lies in the subnet of eth0 of node1 (192.168.0.11/24)",
    ),
    "inside on one of the nodes": (
        [*nodes(2), agent("node2", nic("eth0", "203.0.113.9/24")), eip("a", "203.0.113.1")],
        "",
    ),
    "inside on a NIC that would not announce it": (
        [
            node("n"),
            agent("n", nic("eth0", "10.0.0.1/8"), nic("eth1", "203.0.113.9/24")),
            eip("a", "203.0.113.1", interface="eth0"),
        ],
        "not all of it lies in the subnet of eth0 of n (10.0.0.1/8)",
    ),
    "a NIC without an address": (
        [node("n"), agent("n", nic("eth0")), eip("a", "203.0.113.1")],
        "not all of it lies in the subnet of eth0 of n (no address)",
    ),
    "not ready": ([*nodes(1), eip("a", "203.0.113.1", protocol="stub")], ""),
    "a range that cannot be read": ([*nodes(1), eip("a", "x")], ""),
}


@pytest.mark.parametrize(("things", "warning"), SUBNETS.values(), ids=SUBNETS.keys())
def test_a_pool_that_no_subnet_holds_is_warned_of(things: list[Thing], warning: str) -> None:
    world = world_of(*things)

    assert usage_of(world, decide(world, RULES), RULES)[EipName("a")].beyond == warning
    assert eip_of(case_of(*things), "a").warning == warning


OVERLAPS = {
    "older first in the list": [eip("old", "10.0.0.1-10.0.0.9", age=1), eip("late", "10.0.0.9", age=2)],
    "younger first in the list": [eip("late", "10.0.0.9", age=2), eip("old", "10.0.0.1-10.0.0.9", age=1)],
    "the older one is disabled": [eip("old", "10.0.0.9", age=1, disable=True), eip("late", "10.0.0.9", age=2)],
}


@pytest.mark.parametrize("pools", OVERLAPS.values(), ids=OVERLAPS.keys())
def test_of_two_pools_that_overlap_the_older_wins(pools: list[Any]) -> None:
    decisions = decided(*nodes(), *pools)

    assert pool(decisions, "old").ready
    assert not pool(decisions, "late").ready
    assert pool(decisions, "late").reason.sentence == "it overlaps with the older Eip old"


def test_of_two_pools_of_one_age_that_overlap_the_first_by_name_wins() -> None:
    decisions = decided(*nodes(), eip("b", "10.0.0.9", age=1), eip("a", "10.0.0.9", age=1))

    assert (pool(decisions, "a").ready, pool(decisions, "b").ready) == (True, False)


def test_pools_side_by_side_do_not_overlap() -> None:
    decisions = decided(*nodes(), eip("a", "10.0.0.1-10.0.0.8"), eip("b", "10.0.0.9"))

    assert pool(decisions, "a").ready
    assert pool(decisions, "b").ready


def test_another_programs_pool_overlaps_with_nothing_of_ours() -> None:
    decisions = decided(*nodes(), eip("theirs", "10.0.0.0/8", age=1, foreign=True), eip("ours", "10.0.0.9", age=2))

    assert pool(decisions, "ours").ready


def test_the_younger_pool_is_ready_once_the_older_is_gone() -> None:
    reconciler = folded(*nodes(), eip("old", ONE, age=1), eip("young", ONE, age=2))

    entry = fold(reconciler, EipGone(eip=EipName("old")))

    assert [(e.pool.eip, e.pool.ready) for e in entry if isinstance(e, PoolDecided)] == [("young", True)]


def test_the_range_of_a_pool_is_read_again_when_it_changes() -> None:
    reconciler = folded(*nodes(), eip("a", "x"), service("default/web"))

    fold(reconciler, EipObserved(eip=eip("a", TWO)))

    assert pool(reconciler.decisions, "a").ready
    assert addresses(reconciler.decisions) == {"default/web": TWO}
