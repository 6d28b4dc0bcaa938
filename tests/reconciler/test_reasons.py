"""The list of reasons is closed: each is given by some world, and by nothing but a world."""

from collections.abc import Iterable, Iterator

import pytest

from porter.events.entries import AgentSilent, AssignmentDecided, AssignmentEnded, LeaderObserved, ServiceGone
from porter.model.addresses import parse_address
from porter.model.names import NodeName, ServiceKey
from porter.model.reasons import Reason, Verdict
from porter.reconciler.decide import Decisions, decide
from porter.reconciler.eligibility import judge_nodes
from tests.worlds import (
    RULES,
    Thing,
    agent,
    eip,
    endpoints,
    fold,
    folded,
    nic,
    node,
    nodes,
    observed,
    ports,
    published,
    served,
    service,
    world_of,
)

ADDRESS = "192.168.0.91"
POOL = eip("pool", ADDRESS)
WEB = service("default/web", age=1)
HELD = published(WEB, ADDRESS, node="node1")
LOCAL = published(service("default/web", policy="Local"), ADDRESS)
ETH0 = nic("eth0", "192.168.0.11/24")


def alone(*things: Thing) -> list[Thing]:
    """Return a world of one node, a Service that holds an address and has an endpoint, and something else."""
    return [*nodes(1), POOL, *served(HELD, by=["node1"]), *things]


def asking(**fields: object) -> list[Thing]:
    return [*nodes(), POOL, service("default/web", age=1, **fields)]


WORLDS: dict[Reason, list[Thing]] = {
    Reason.HELD: alone(),
    Reason.FIRST_FREE: [*nodes(), POOL, WEB],
    Reason.WANTED_ADDRESS: asking(wanted_address=ADDRESS),
    Reason.SHARED: [
        *asking(wanted_address=ADDRESS),
        service("default/two", age=2, wanted_address=ADDRESS, ports=ports(81)),
    ],
    Reason.NO_POOL: [*nodes(), WEB],
    Reason.POOL_UNKNOWN: asking(wanted_eip="other"),
    Reason.POOL_NOT_READY: [*nodes(), eip("pool", "x"), WEB],
    Reason.POOL_DISABLED: [*nodes(), eip("pool", ADDRESS, disable=True), WEB],
    Reason.POOL_EXHAUSTED: [*nodes(), POOL, WEB, service("default/two", age=2)],
    Reason.NAMESPACE_NOT_BOUND: [*nodes(), eip("pool", ADDRESS, namespaces=("other",)), WEB],
    Reason.PROTOCOL_MISMATCH: asking(wanted_eip="pool", wanted_protocol="everywhere"),
    Reason.FAMILY_MISMATCH: asking(wanted_address="fd00::1"),
    Reason.ADDRESS_INVALID: asking(wanted_address="x"),
    Reason.ADDRESS_OUTSIDE: asking(wanted_address="10.0.0.1"),
    Reason.ADDRESS_IN_USE: [*asking(), service("default/two", age=2, wanted_address=ADDRESS)],
    Reason.ADDRESS_RESERVED: [
        *nodes(),
        eip("pool", "192.168.0.11"),
        service("default/w", wanted_address="192.168.0.11"),
    ],
    Reason.OTHER_FAMILY_MISSING: asking(ip_families=("IPv4", "IPv6"), ip_family_policy="RequireDualStack"),
    Reason.POOL_READY: [*nodes(), POOL],
    Reason.POOL_INVALID: [eip("pool", "x")],
    Reason.POOL_OVERLAPS: [*nodes(), POOL, eip("younger", "192.168.0.0/24", age=1)],
    Reason.POOL_FOREIGN: [eip("pool", ADDRESS, foreign=True)],
    Reason.POOL_DELETING: [eip("pool", ADDRESS, deleting=True)],
    Reason.POOL_REFUSED: [eip("pool", ADDRESS, protocol="refusing")],
    Reason.PROTOCOL_UNKNOWN: [eip("pool", ADDRESS, protocol="ospf")],
    Reason.PROTOCOL_STUB: [eip("pool", ADDRESS, protocol="stub")],
    Reason.NO_NODE_CAN_ANNOUNCE: [POOL],
    Reason.STICKY: alone(),
    Reason.ELECTED: [*nodes(), POOL, *served(WEB)],
    Reason.PLACED: [*nodes(), eip("pool", ADDRESS, protocol="everywhere"), *served(WEB)],
    Reason.MOVED: [*alone(), *nodes(2), node("node1", ready=False)],
    Reason.NO_ELIGIBLE_NODE: alone(node("node1", ready=False)),
    Reason.NODE_UNKNOWN: alone(agent("node9", ETH0)),
    Reason.NODE_DELETING: alone(node("node1", deleting=True)),
    Reason.NODE_NOT_READY: alone(node("node1", ready=False)),
    Reason.NODE_NETWORK_UNAVAILABLE: alone(node("node1", network_unavailable=True)),
    Reason.NODE_EXCLUDED: alone(node("node1", excluded=True)),
    Reason.AGENT_MISSING: alone(node("node9")),
    Reason.AGENT_LEAVING: alone(agent("node1", ETH0, leaving=True)),
    Reason.NIC_MISSING: alone(agent("node1")),
    Reason.NIC_DOWN: alone(agent("node1", nic("eth0", "192.168.0.11/24", up=False))),
    Reason.NIC_NO_CARRIER: alone(agent("node1", nic("eth0", "192.168.0.11/24", carrier=False))),
    Reason.NIC_NO_ARP: alone(agent("node1", nic("eth0", "192.168.0.11/24", arp=False))),
    Reason.NO_LOCAL_ENDPOINT: [*nodes(2), POOL, *served(LOCAL, by=["node2"])],
    Reason.NO_ENDPOINT: [*nodes(), POOL, WEB],
}
BY_ENTRY = {Reason.NOT_OURS, Reason.AGENT_SILENT, Reason.NODE_ELIGIBLE, Reason.FOLLOWED}


def verdicts(decisions: Decisions) -> Iterator[Verdict]:
    for state in decisions.pools.values():
        yield state.reason
    for assignment in decisions.assignments.values():
        yield assignment.reason
        if assignment.placement is not None:
            yield assignment.placement
        yield from (candidate.verdict for candidate in assignment.candidates)


def reasons(found: Iterable[Verdict]) -> set[Reason]:
    return {verdict.reason for verdict in found}


def test_every_reason_is_given_by_some_world() -> None:
    assert set(WORLDS) | BY_ENTRY == set(Reason)


@pytest.mark.parametrize(("reason", "things"), WORLDS.items(), ids=list(WORLDS))
def test_a_world_gives_the_reason(reason: Reason, things: list[Thing]) -> None:
    found = list(verdicts(decide(world_of(*things), RULES)))

    assert reason in reasons(found)
    assert all(0 < len(verdict.sentence) < 400 for verdict in found)


def test_a_service_that_is_gone_gives_the_reason_that_it_is_not_ours() -> None:
    (ended,) = fold(folded(*alone()), ServiceGone(service=ServiceKey("default/web")))

    assert isinstance(ended, AssignmentEnded)
    assert ended.reason.reason is Reason.NOT_OURS


def test_a_lease_that_runs_out_gives_the_reason_that_its_agent_is_silent() -> None:
    reconciler = folded(*alone())

    fold(reconciler, AgentSilent(node=NodeName("node1"), seconds=10.0))

    assert Reason.AGENT_SILENT in reasons(verdicts(reconciler.decisions))


def test_a_move_that_is_first_seen_on_the_service_is_said_to_be_the_leaders() -> None:
    held = published(HELD, ADDRESS, node="node1")
    reconciler = folded(*nodes(2), POOL, *served(held, by=["node1", "node2"]))
    fold(reconciler, LeaderObserved(holder=NodeName("node3")))

    (moved,) = fold(reconciler, observed(published(HELD, ADDRESS, node="node2")))

    assert isinstance(moved, AssignmentDecided)
    assert moved.assignment.placement == Verdict(reason=Reason.FOLLOWED, detail="node3 from node1")
    assert moved.previous_nodes == ("node1",)


def test_a_node_that_may_announce_is_judged_eligible() -> None:
    address = parse_address(ADDRESS)
    assert address is not None

    judged = judge_nodes(world_of(*alone(node("node2"))), [HELD], POOL, address)

    assert [(c.node, c.verdict.reason) for c in judged] == [
        ("node1", Reason.NODE_ELIGIBLE),
        ("node2", Reason.AGENT_MISSING),
    ]


def test_a_world_without_any_endpoint_says_so_before_it_judges_nodes() -> None:
    found = decide(world_of(*nodes(), POOL, HELD, endpoints("default/web")), RULES)

    assert Reason.NO_ENDPOINT in reasons(verdicts(found))
