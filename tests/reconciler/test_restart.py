"""After a start nothing changes until everything was listed again; then only the differences. (DESIGN: Who does what)"""

import pytest

from porter.events.entries import (
    RESOURCES,
    AgentStarted,
    AssignmentDecided,
    AssignmentEnded,
    Decided,
    Entry,
    NodeObserved,
    Published,
    Recorded,
    Relisted,
    Resource,
    ServiceGone,
)
from porter.model.names import NodeName, ServiceKey
from porter.reconciler.decide import decide
from porter.reconciler.fold import Reconciler
from tests.worlds import (
    EPOCH,
    RULES,
    Thing,
    agent,
    eip,
    endpoints,
    fold,
    folded,
    lasting,
    nic,
    node,
    nodes,
    observed,
    of,
    published,
    relisted,
    served,
    service,
)

ADDRESS = "192.168.0.91"
WEB = published(service("default/web"), ADDRESS, node="node1")
THINGS: list[Thing] = [*nodes(), eip("pool", "192.168.0.91-192.168.0.93"), *served(WEB)]
STARTED = AgentStarted(node=NodeName("node1"), porter="1.0", schema="1")
N1 = NodeName("node1")


def test_nothing_is_decided_before_every_kind_was_listed_once() -> None:
    reconciler = Reconciler(RULES)

    assert fold(reconciler, *map(observed, THINGS), *list(relisted())[:-1]) == []
    assert not reconciler.world.complete
    assert reconciler.decisions.assignments == {}


@pytest.mark.parametrize("last", RESOURCES)
def test_everything_is_decided_when_the_last_kind_was_listed(last: Resource) -> None:
    reconciler = Reconciler(RULES)
    others = [entry for entry in relisted() if entry.resource != last]
    assert fold(reconciler, *map(observed, THINGS), *others) == []

    decisions = fold(reconciler, Relisted(resource=last, total=1))

    assert [d.assignment.address for d in decisions if isinstance(d, AssignmentDecided)] == [ADDRESS]


def test_after_a_start_what_was_decided_stands_until_all_is_listed_again() -> None:
    reconciler = folded(*THINGS)
    before = reconciler.decisions

    decisions = fold(
        reconciler,
        STARTED,
        NodeObserved(node=node("node1", ready=False)),
        *list(relisted())[:-1],
    )

    assert decisions == []
    assert reconciler.decisions == before
    assert [a.address for a in reconciler.announcements(N1)["layer2"]] == [ADDRESS]


def test_a_start_and_lists_without_a_difference_decide_nothing() -> None:
    reconciler = folded(*THINGS)

    assert fold(reconciler, STARTED, *relisted()) == []


def test_once_all_is_listed_again_only_the_differences_are_decided() -> None:
    other = published(service("default/other", age=5), "192.168.0.92", node="node2")
    reconciler = folded(*THINGS, *served(other))

    fold(reconciler, STARTED, NodeObserved(node=node("node1", ready=False)))
    decisions = fold(reconciler, *relisted())

    assert [type(decision) for decision in decisions] == [AssignmentDecided]
    assert of(reconciler.decisions, "default/web").nodes in {("node2",), ("node3",)}
    assert of(reconciler.decisions, "default/other").nodes == ("node2",)


def test_an_object_that_vanished_meanwhile_ends_when_all_is_listed() -> None:
    reconciler = folded(*THINGS)
    lists = [Relisted(resource=r, total=0, gone=("default/web",) if r == "services" else ()) for r in RESOURCES]

    decisions = fold(reconciler, STARTED, *lists)

    (ended,) = decisions
    assert isinstance(ended, AssignmentEnded)
    assert ended.service == "default/web"
    assert reconciler.announcements(N1) == {}


def test_a_service_that_goes_during_a_restart_is_no_longer_announced() -> None:
    reconciler = folded(*THINGS)

    fold(reconciler, STARTED, ServiceGone(service=ServiceKey("default/web")))

    assert reconciler.announcements(N1) == {}


def test_a_list_again_is_one_entry_taken_whole() -> None:
    reconciler = folded(*THINGS)
    ready = Relisted(
        resource="services",
        total=2,
        services=(service("default/new", age=9),),
        gone=("default/web",),
    )

    decisions = fold(reconciler, ready)

    (ended, given) = sorted(decisions, key=lambda decision: type(decision).__name__, reverse=True)
    assert isinstance(ended, AssignmentEnded)
    assert isinstance(given, AssignmentDecided)
    assert given.assignment.address == ADDRESS
    assert {decision.cause for decision in decisions} == {1}


def test_a_list_may_bring_every_kind_of_object() -> None:
    reconciler = Reconciler(RULES)
    every: dict[Resource, Relisted] = {
        "services": Relisted(resource="services", total=1, services=(WEB,)),
        "eips": Relisted(resource="eips", total=1, eips=(eip("pool", ADDRESS),)),
        "nodes": Relisted(resource="nodes", total=1, nodes=(node("node1"),)),
        "endpointslices": Relisted(resource="endpointslices", total=1, endpoints=(endpoints("default/web", "node1"),)),
        "namespaces": Relisted(resource="namespaces", total=0),
        "leases": Relisted(resource="leases", total=1, agents=(agent("node1", nic("eth0", "192.168.0.11/24")),)),
    }

    fold(reconciler, *every.values())

    assert of(reconciler.decisions, "default/web").nodes == ("node1",)


def test_a_log_is_folded_from_its_observed_entries_alone() -> None:
    entries: list[Entry] = [STARTED, *map(observed, THINGS), *relisted()]
    entries.insert(3, Published(service=WEB.key, addresses=("203.0.113.1",)))
    recorded = [Recorded(seq, EPOCH, entry) for seq, entry in enumerate(entries, 1)]

    replayed = Reconciler(RULES)
    replayed.fold_all(recorded)

    assert replayed.decisions == folded(*THINGS).decisions
    assert lasting(replayed.decisions) == lasting(decide(replayed.world, RULES))


def test_a_decision_names_the_entry_that_caused_it_and_what_was_before() -> None:
    reconciler = folded(*THINGS)

    decisions: list[Decided] = reconciler.fold(NodeObserved(node=node("node1", ready=False)), 4711)

    (decision,) = decisions
    assert isinstance(decision, AssignmentDecided)
    assert (decision.cause, decision.previous_address, decision.previous_nodes) == (4711, ADDRESS, ("node1",))
