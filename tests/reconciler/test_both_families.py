"""`RequireDualStack`: an address of each family at once, or none. (COMPAT: Allocation 6)"""

from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from porter.events.entries import EipGone, EipObserved, Observed, ServiceGone, ServiceObserved
from porter.model.names import EipName, ServiceKey
from porter.model.objects import Service
from porter.model.reasons import Reason
from porter.reconciler.decide import decide
from tests.reconciler import crowded
from tests.reconciler.invariants import assert_invariants
from tests.worlds import (
    RULES,
    Thing,
    decided,
    eip,
    fold,
    folded,
    lasting,
    nodes,
    observed,
    of,
    ports,
    published,
    service,
)

FOUR = eip("four", "192.168.0.91-192.168.0.92")
SIX = eip("six", "fd00::91-fd00::92")


def both(key: str = "default/web", age: int = 0, **fields: Any) -> Service:
    known: dict[str, Any] = {"ip_families": ("IPv4", "IPv6"), "ip_family_policy": "RequireDualStack"}
    return service(key, age, **{**known, **fields})


def held(*texts: str, **fields: Any) -> Service:
    return published(both(**fields), *texts, node="node1", pool="four")


def given_to(reconciler: Any, key: str = "default/web") -> list[str | None]:
    return [assignment.address for assignment in reconciler.assignments_of(key)]


def test_both_are_given_at_once() -> None:
    assert given_to(folded(*nodes(), FOUR, SIX, both())) == ["192.168.0.91", "fd00::91"]


WAITING: dict[str, tuple[list[Thing], Reason, Reason]] = {
    "no pool of the second family": ([FOUR, both()], Reason.OTHER_FAMILY_MISSING, Reason.NO_POOL),
    "no pool of the first family": ([SIX, both()], Reason.NO_POOL, Reason.OTHER_FAMILY_MISSING),
    "no pool at all": ([both()], Reason.NO_POOL, Reason.NO_POOL),
    "the second family is full": (
        [FOUR, eip("six", "fd00::91"), service("default/older", ip_families=("IPv6",)), both(age=1)],
        Reason.OTHER_FAMILY_MISSING,
        Reason.POOL_EXHAUSTED,
    ),
    "the named pool is of one family": (
        [FOUR, SIX, both(wanted_eip="four")],
        Reason.OTHER_FAMILY_MISSING,
        Reason.FAMILY_MISMATCH,
    ),
    "the named address of one family is in use": (
        [FOUR, SIX, service("default/older", ip_families=("IPv6",)), both(age=1, wanted_address="fd00::91")],
        Reason.OTHER_FAMILY_MISSING,
        Reason.ADDRESS_IN_USE,
    ),
    "what is named is no address": (
        [FOUR, SIX, both(wanted_address="x")],
        Reason.ADDRESS_INVALID,
        Reason.ADDRESS_INVALID,
    ),
}


@pytest.mark.parametrize(("things", "four", "six"), WAITING.values(), ids=WAITING.keys())
def test_none_is_given_when(things: list[Thing], four: Reason, six: Reason) -> None:
    decisions = decided(*nodes(), *things)

    found = [of(decisions, "default/web"), of(decisions, "default/web", "IPv6")]
    assert [one.address for one in found] == [None, None]
    assert [one.reason.reason for one in found] == [four, six]


def test_the_reason_names_the_family_that_is_missing_and_why() -> None:
    sentence = of(decided(*nodes(), FOUR, both()), "default/web").reason.sentence

    assert sentence.startswith(
        "ipFamilyPolicy is RequireDualStack, and there is no IPv6 address: no Eip is there for it"
    )


def test_what_it_declines_goes_to_a_younger_one() -> None:
    decisions = decided(*nodes(), eip("four", "192.168.0.91"), both(), service("default/younger", age=1))

    assert of(decisions, "default/younger").address == "192.168.0.91"


def test_one_address_that_it_holds_is_kept_and_the_missing_one_added_when_it_can_be() -> None:
    reconciler = folded(*nodes(), FOUR, held("192.168.0.92"))
    assert given_to(reconciler) == ["192.168.0.92", None]
    assert reconciler.assignments_of("default/web")[1].reason.reason is Reason.NO_POOL

    fold(reconciler, EipObserved(eip=SIX))

    assert given_to(reconciler) == ["192.168.0.92", "fd00::91"]


def test_both_are_given_by_the_entry_that_makes_the_second_one_possible() -> None:
    reconciler = folded(*nodes(), FOUR, both())

    fold(reconciler, EipObserved(eip=SIX))

    assert given_to(reconciler) == ["192.168.0.91", "fd00::91"]


def test_a_freed_address_of_one_family_brings_both() -> None:
    other = service("default/older", ip_families=("IPv6",))
    reconciler = folded(*nodes(), FOUR, eip("six", "fd00::91"), other, both(age=1))

    fold(reconciler, ServiceGone(service=other.key))

    assert given_to(reconciler) == ["192.168.0.91", "fd00::91"]


def test_when_the_family_that_it_declined_fills_up_its_reason_follows() -> None:
    younger = service("default/younger", age=1)
    reconciler = folded(*nodes(), eip("four", "192.168.0.91"), both(), younger)
    assert reconciler.assignments_of("default/web")[0].reason.reason is Reason.OTHER_FAMILY_MISSING

    fold(reconciler, ServiceObserved(service=published(younger, "192.168.0.91", pool="four")))

    assert reconciler.assignments_of("default/web")[0].reason.reason is Reason.POOL_EXHAUSTED


def test_with_one_family_in_the_cluster_it_is_as_any_other() -> None:
    assert of(decided(*nodes(), FOUR, both(ip_families=("IPv4",))), "default/web").address == "192.168.0.91"


# --------------------------------------------------------------------------------- beside others, in tight pools

KEYS = [f"default/s{number}" for number in range(5)]
FOURS = ["192.168.0.91", "192.168.0.92"]
SIXES = ["fd00::91", "fd00::92"]


@st.composite
def contenders(draw: st.DrawFn) -> Service:
    families = draw(st.sampled_from([("IPv4", "IPv6"), ("IPv6", "IPv4"), ("IPv4", "IPv6"), ("IPv4",), ("IPv6",)]))
    found = service(
        draw(st.sampled_from(KEYS)),
        age=draw(st.integers(0, 2)),
        ip_families=families,
        ip_family_policy="RequireDualStack" if len(families) > 1 else "SingleStack",
        ports=ports(draw(st.sampled_from([80, 81]))),
        wanted_address=draw(st.sampled_from([None] * 6 + [FOURS[0], SIXES[0], f"{FOURS[1]},{SIXES[1]}"])),
        wanted_eip=draw(st.sampled_from([None] * 8 + ["four", "six"])),
    )
    texts = draw(st.sampled_from([[]] * 4 + [[FOURS[0]], [SIXES[1]], [FOURS[1], SIXES[0]]]))
    return published(found, *texts, pool="four") if texts else found


pools = st.sampled_from(
    [
        *[eip("four", text) for text in (FOURS[0], "-".join(FOURS))],
        eip("four", FOURS[0], disable=True),
        eip("more", FOURS[1], age=1),
        *[eip("six", text) for text in (SIXES[0], "-".join(SIXES))],
    ]
)
lives = st.lists(
    contenders().map(observed)
    | pools.map(observed)
    | st.sampled_from(KEYS).map(lambda key: ServiceGone(service=ServiceKey(key)))
    | st.sampled_from(["four", "more", "six"]).map(lambda name: EipGone(eip=EipName(name)))
    | st.just(None),
    min_size=6,
    max_size=16,
)


def live(entries: list[Observed | None]) -> Counter[Reason]:
    """Fold the entries one by one; after each it is as if all were decided anew. None: the leader publishes."""
    reconciler = folded(*nodes(), eip("four", FOURS[0]), eip("six", SIXES[0]), *[both(key) for key in KEYS[:3]])
    seen: Counter[Reason] = Counter()
    for entry in entries:
        for one in crowded.publishing(reconciler)[:2] if entry is None else [entry]:
            fold(reconciler, one)
            assert lasting(reconciler.decisions) == lasting(decide(reconciler.world, RULES))
        assert_invariants(reconciler.world, reconciler.decisions)
        seen.update(found.reason.reason for found in reconciler.decisions.assignments.values())
    return seen


@settings(max_examples=150, deadline=None)
@given(lives)
def test_the_fold_is_what_deciding_anew_gives_where_many_need_both(entries: list[Observed | None]) -> None:
    live(entries)


def test_in_these_lives_families_are_missing_and_addresses_held() -> None:
    seen: Counter[Reason] = Counter()

    @settings(max_examples=60, deadline=None, database=None, derandomize=True)
    @given(lives)
    def looking(entries: list[Observed | None]) -> None:
        seen.update(live(entries).keys())

    looking()

    met = {Reason.OTHER_FAMILY_MISSING, Reason.POOL_EXHAUSTED, Reason.HELD, Reason.FIRST_FREE, Reason.ADDRESS_IN_USE}
    assert met <= {reason for reason, count in seen.items() if count > 5}, seen


def test_a_service_that_is_edited_to_require_both_gives_nothing_up() -> None:
    web = service("default/web")
    reconciler = folded(*nodes(), FOUR, published(web, "192.168.0.91", pool="four"))

    fold(reconciler, ServiceObserved(service=msgspec.structs.replace(held("192.168.0.91"), created=web.created)))

    assert given_to(reconciler) == ["192.168.0.91", None]


def test_with_one_that_it_keeps_after_all_the_other_is_not_held_back() -> None:
    older = published(service("default/older"), "192.168.0.91", pool="four")
    reconciler = folded(*nodes(), eip("four", "192.168.0.91"), SIX, older, held("192.168.0.91", age=1))
    assert given_to(reconciler) == [None, None]

    fold(reconciler, ServiceGone(service=older.key))

    assert given_to(reconciler) == ["192.168.0.91", "fd00::91"]
