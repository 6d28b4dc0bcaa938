"""A crowd comes and goes one by one, and after every entry all is as if it had been decided anew.

Where `test_properties` folds a whole world and then disturbs it, here the world itself is built up and taken down in any
order: an older Service arrives after a younger one was given what it would have taken; pools that are preferred come
late; a wish is granted, shared and left; a node's address is reserved and free again.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from porter.events.entries import RESOURCES, ClusterObserved, Observed, Relisted, Resource, ServiceGone
from porter.model.names import ServiceKey
from porter.model.objects import Cluster, Eip, Rival, Service
from porter.model.reasons import Reason
from porter.reconciler.decide import decide
from porter.reconciler.fold import Reconciler
from tests.reconciler import crowded
from tests.reconciler.invariants import assert_invariants
from tests.reconciler.test_properties import disturbances
from tests.worlds import RULES, Thing, agent, eip, fold, folded, lasting, nic, observed, ports, published, service

LEAST, MOST = 8, 24

goings: st.SearchStrategy[Observed] = st.sampled_from(crowded.SERVICES).map(
    lambda key: ServiceGone(service=ServiceKey(key))
)
reservations: st.SearchStrategy[Observed] = st.sampled_from(
    [(), (), (crowded.FOURS[4],), (crowded.FOURS[6],), (crowded.SIXES[1],)]
).map(lambda texts: ClusterObserved(cluster=Cluster(api_servers=texts)))
ranges: st.SearchStrategy[Observed] = st.sampled_from([(), (), ("192.168.0.16/31",), ("fd00::c/126",)]).map(
    lambda texts: ClusterObserved(cluster=Cluster(service_ranges=texts))
)
worries: st.SearchStrategy[Observed] = st.builds(
    lambda number, texts: observed(
        agent(
            f"node{number}",
            nic("eth0", f"192.168.0.{10 + number}/24", "fd00::1/64"),
            rivals=tuple(Rival(address=text, mac="02:00:00:00:00:99") for text in texts),
        )
    ),
    st.integers(1, len(crowded.NODES)),
    st.lists(st.sampled_from([*crowded.FOURS[3:], crowded.SIXES[1]]), max_size=2, unique=True),
)
"""Strangers that a node hears answering for addresses; the next of its reports may know of others, or of none."""
newcomers: st.SearchStrategy[Observed] = crowded.services(holding=False).map(observed)


@st.composite
def tiers(draw: st.DrawFn) -> list[Eip]:
    """Draw pools that are next to each other, small, and preferred one before the other."""
    sizes = draw(st.lists(st.integers(1, 2), min_size=2, max_size=3))
    found, first = [], 3
    for name, size in zip("abc", sizes, strict=False):
        text = f"{crowded.FOURS[first]}-{crowded.FOURS[min(first + size - 1, len(crowded.FOURS) - 1)]}"
        found.append(eip(name, text, namespaces=("x", "y"), priority=draw(st.integers(0, 2))))
        first = min(first + size, len(crowded.FOURS) - 1)
    return found


@st.composite
def wishers(draw: st.DrawFn) -> Service:
    """Draw a Service that names one of few addresses, and whose ports and pods let it share, or not."""
    wish = draw(st.sampled_from([None, None, *crowded.FOURS[3:6]]))
    found = service(
        draw(st.sampled_from(crowded.SERVICES)),
        age=draw(st.integers(0, 5)),
        wanted_address=wish,
        ports=ports(draw(st.sampled_from([80, 81, 82, 83]))),
        policy=draw(st.sampled_from(["Cluster", "Cluster", "Cluster", "Local"])),
    )
    shown = wish if draw(st.integers(0, 3)) == 0 else None
    return found if shown is None else published(found, shown, pool=draw(st.sampled_from([None, "a", "b"])))


@st.composite
def lives(draw: st.DrawFn) -> list[Observed]:
    """Draw what happens after the beginning: mostly Services that come and go."""
    came = wishers().map(observed)
    pools = tiers().flatmap(st.sampled_from).map(observed)
    often = st.one_of(came, came, came, newcomers, goings, goings)
    seldom = st.one_of(crowded.services().map(observed), disturbances, reservations, ranges, worries, pools)
    return draw(st.lists(st.one_of(often, often, seldom), min_size=LEAST, max_size=MOST))


def assert_as_anew(reconciler: Reconciler) -> None:
    """Assert that what was decided entry by entry is what follows from the world as it is."""
    assert lasting(reconciler.decisions) == lasting(decide(reconciler.world, RULES))


def assert_as_anew_after_each(things: list[Thing], entries: list[Observed]) -> None:
    reconciler = folded(*things)
    for entry in entries:
        fold(reconciler, entry)

        assert_as_anew(reconciler)
    assert_invariants(reconciler.world, reconciler.decisions)


FIELDS: dict[Resource, str] = {
    "services": "services",
    "eips": "eips",
    "nodes": "nodes",
    "endpointslices": "endpoints",
    "namespaces": "namespaces",
    "leases": "agents",
}


def known_in(reconciler: Reconciler) -> dict[Resource, dict[str, Any]]:
    """Return the objects of each kind that a list shows, by their keys."""
    world = reconciler.world
    tables: dict[Resource, Mapping[Any, Any]] = {
        "services": world.services,
        "eips": world.eips,
        "nodes": world.nodes,
        "endpointslices": world.slices,
        "namespaces": world.namespaces,
        "leases": world.agents,
    }
    return {resource: dict(table) for resource, table in tables.items()}


def around(things: list[Thing]) -> list[Thing]:
    return [thing for thing in things if not isinstance(thing, Service | Eip)]


def test_in_these_lives_services_get_in_each_others_way() -> None:
    """Otherwise the properties below would say nothing. The same examples every time: chance may not fail this."""
    seen: Counter[Reason] = Counter()

    @settings(max_examples=60, deadline=None, database=None, derandomize=True)
    @given(crowded.worlds(), tiers(), lives())
    def looking(things: list[Thing], pools: list[Eip], entries: list[Observed]) -> None:
        reconciler = folded(*around(things), *pools)
        for entry in entries:
            fold(reconciler, entry)
            seen.update({found.reason.reason for found in reconciler.decisions.assignments.values()})

    looking()

    met = {Reason.FIRST_FREE, Reason.WANTED_ADDRESS, Reason.SHARED, Reason.ADDRESS_IN_USE, Reason.POOL_EXHAUSTED}
    assert met <= {reason for reason, count in seen.items() if count > 5}


@settings(max_examples=40, deadline=None, phases=set(Phase) - {Phase.explain})
@given(crowded.worlds(), tiers(), lives())
def test_services_that_come_and_go_one_by_one_are_served_as_if_decided_anew(
    things: list[Thing], pools: list[Eip], entries: list[Observed]
) -> None:
    assert_as_anew_after_each([*around(things), *pools], entries)


@settings(max_examples=20, deadline=None, phases=set(Phase) - {Phase.explain})
@given(crowded.worlds(), st.lists(goings | reservations | worries, max_size=5), st.data())
def test_a_whole_world_may_arrive_and_leave_in_any_order(
    things: list[Thing], more: list[Observed], data: st.DataObject
) -> None:
    services = [thing for thing in things if isinstance(thing, Service)]
    arriving = data.draw(st.permutations([*map(observed, services), *more]))
    leaving = data.draw(st.permutations([ServiceGone(service=service.key) for service in services]))

    assert_as_anew_after_each([t for t in things if not isinstance(t, Service)], [*arriving, *leaving])


@settings(max_examples=20, deadline=None, phases=set(Phase) - {Phase.explain})
@given(crowded.worlds(), crowded.worlds(), st.permutations(RESOURCES))
def test_a_list_again_that_brings_and_drops_objects_is_decided_as_if_anew(
    before: list[Thing], after: list[Thing], order: list[Resource]
) -> None:
    """What a watch missed comes in one entry of each kind: objects that are other, new, or gone."""
    reconciler = folded(*before)
    known, listed = known_in(reconciler), known_in(folded(*after))
    for resource in order:
        lost = tuple(sorted(known[resource].keys() - listed[resource].keys()))
        objects = {FIELDS[resource]: tuple(listed[resource].values())}
        fold(reconciler, Relisted(resource=resource, total=len(listed[resource]), gone=lost, **objects))

        assert_as_anew(reconciler)
    assert known_in(reconciler) == listed
