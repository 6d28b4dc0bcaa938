"""The world takes in what is observed, in any order, any number of times."""

import pytest

from porter.events.entries import (
    AgentGone,
    AgentHeard,
    AgentSilent,
    AgentStarted,
    ClusterObserved,
    EipGone,
    EndpointsGone,
    LeaderObserved,
    NamespaceGone,
    NodeGone,
    Observed,
    Relisted,
    Resource,
    ServiceGone,
)
from porter.model.names import EipName, NodeName, ServiceKey
from porter.model.objects import Cluster, Namespace, Options
from porter.reconciler.world import World
from tests.worlds import Thing, agent, eip, endpoints, node, observed, relisted, service

THINGS: dict[Resource, Thing] = {
    "services": service("default/web"),
    "eips": eip("pool", "10.0.0.1"),
    "nodes": node("node1"),
    "endpointslices": endpoints("default/web", "node1"),
    "namespaces": Namespace(name="default"),
    "leases": agent("node1"),
}
KEYS: dict[Resource, str] = {
    "services": "default/web",
    "eips": "pool",
    "nodes": "node1",
    "endpointslices": "default/web-1",
    "namespaces": "default",
    "leases": "node1",
}
GONE: dict[Resource, Observed] = {
    "services": ServiceGone(service=ServiceKey("default/web")),
    "eips": EipGone(eip=EipName("pool")),
    "nodes": NodeGone(node=NodeName("node1")),
    "endpointslices": EndpointsGone(endpoints="default/web-1"),
    "namespaces": NamespaceGone(namespace="default"),
    "leases": AgentGone(node=NodeName("node1")),
}
N1 = NodeName("node1")


@pytest.mark.parametrize("resource", THINGS)
def test_an_object_is_known_under_its_key_until_it_is_gone(resource: Resource) -> None:
    world = World()

    assert world.apply(observed(THINGS[resource]))
    assert world.known(resource) == {KEYS[resource]: THINGS[resource]}
    assert world.apply(GONE[resource])
    assert world.known(resource) == {}


@pytest.mark.parametrize("resource", THINGS)
def test_an_object_seen_again_as_it_was_changes_nothing(resource: Resource) -> None:
    world = World()
    world.apply(observed(THINGS[resource]))

    assert not world.apply(observed(THINGS[resource]))


@pytest.mark.parametrize("resource", THINGS)
def test_the_end_of_something_never_heard_of_changes_nothing(resource: Resource) -> None:
    assert not World().apply(GONE[resource])


@pytest.mark.parametrize("resource", THINGS)
def test_a_list_again_drops_what_it_names_as_gone_and_nothing_else(resource: Resource) -> None:
    world = World()
    for thing in THINGS.values():
        world.apply(observed(thing))

    assert world.apply(Relisted(resource=resource, total=0, gone=(KEYS[resource], "never/heard-of")))

    assert {other for other in THINGS if not world.known(other)} == {resource}


def test_the_last_list_changes_something_since_decisions_may_begin() -> None:
    world = World()

    assert [world.apply(entry) for entry in relisted()] == [False] * 5 + [True]


def test_a_start_forgets_what_was_listed_and_nothing_else() -> None:
    world = World()
    for entry in [observed(THINGS["services"]), *relisted()]:
        world.apply(entry)

    world.apply(AgentStarted(node=N1, porter="1", schema="1", options=Options(honour_exclude_label=False)))

    assert not world.complete
    assert world.known("services")
    assert not world.options.honour_exclude_label


def test_the_endpoints_of_a_service_are_found_in_order_of_name() -> None:
    world = World()
    two, one = (endpoints("default/web", "node1", name=name) for name in ("b", "a"))
    for thing in (two, endpoints("default/other"), one):
        world.apply(observed(thing))

    assert list(world.endpoints_of(ServiceKey("default/web"))) == [one, two]
    assert list(world.endpoints_of(ServiceKey("default/none"))) == []


def test_a_slice_that_goes_over_to_another_service_leaves_the_first() -> None:
    world = World()
    world.apply(observed(endpoints("default/web", "node1", name="slice")))

    assert world.apply(observed(endpoints("default/other", "node1", name="slice")))

    assert list(world.endpoints_of(ServiceKey("default/web"))) == []
    assert len(list(world.endpoints_of(ServiceKey("default/other")))) == 1


def test_silence_is_news_once_and_hearing_ends_it_once() -> None:
    world = World()
    silent, heard = AgentSilent(node=N1, seconds=10.0), AgentHeard(node=N1)

    assert [world.apply(entry) for entry in (silent, silent, heard, heard)] == [True, False, True, False]


@pytest.mark.parametrize("gone", [GONE["leases"], Relisted(resource="leases", total=0, gone=("node1",))])
def test_an_agent_that_is_gone_is_no_longer_silent(gone: Observed) -> None:
    world = World()
    for entry in (observed(agent("node1")), AgentSilent(node=N1, seconds=10.0), gone):
        world.apply(entry)

    assert world.silent == set()


def test_what_holds_for_the_cluster_is_news_once() -> None:
    world = World()
    entry = ClusterObserved(cluster=Cluster(service_ranges=("10.96.0.0/12",)))

    assert [world.apply(entry), world.apply(entry)] == [True, False]


def test_a_new_leader_changes_no_decision() -> None:
    world = World()

    assert not world.apply(LeaderObserved(holder=N1))
    assert world.leader == N1


def test_two_worlds_share_nothing() -> None:
    one, other = World(), World()

    one.apply(observed(THINGS["services"]))
    one.apply(AgentSilent(node=N1, seconds=1.0))

    assert other == World()
