"""What holds in every crowded world, however it came about."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st

from porter.events.codec import decode, encode, is_observed
from porter.events.entries import AssignmentDecided, Decided, EipGone, NodeGone, Observed
from porter.model.names import EipName, NodeName
from porter.model.objects import Service
from porter.model.reasons import Reason
from porter.reconciler.decide import decide
from porter.reconciler.fold import Reconciler
from porter.reconciler.terms import Slot
from porter.reconciler.wishes import families_of
from tests.reconciler import crowded
from tests.reconciler.invariants import assert_invariants
from tests.worlds import RULES, Thing, decided, fold, folded, lasting, node, observed, relisted, world_of

examples = settings(max_examples=60, deadline=None, phases=set(Phase) - {Phase.explain})
"""Without explaining a failure line by line, which takes minutes under Python 3.11."""

disturbances: st.SearchStrategy[Observed] = st.one_of(
    crowded.eips().map(observed),
    st.sampled_from(crowded.POOLS).map(lambda name: EipGone(eip=EipName(name))),
    crowded.some_nodes.map(observed),
    st.sampled_from(crowded.NODES).map(lambda name: NodeGone(node=NodeName(name))),
    crowded.agents.map(observed),
    crowded.slices.map(observed),
    crowded.namespaces.map(observed),
)


def outcomes(reconciler: Reconciler) -> dict[Slot, tuple[str | None, tuple[NodeName, ...]]]:
    return {slot: (a.address, a.nodes) for slot, a in reconciler.decisions.assignments.items()}


def of_several_protocols(reconciler: Reconciler) -> set[str | None]:
    """The addresses that Services of pools of different protocols share."""
    found = defaultdict[str | None, set[str | None]](set)
    for assignment in reconciler.decisions.assignments.values():
        if assignment.address is not None:
            found[assignment.address].add(assignment.protocol)
    return {address for address, protocols in found.items() if len(protocols) > 1}


def decided_of(decisions: list[Decided]) -> list[AssignmentDecided]:
    return [decision for decision in decisions if isinstance(decision, AssignmentDecided)]


def look(things: Sequence[Thing], seen: Counter[str]) -> None:
    decisions = decided(*things)
    holders = [thing for thing in things if isinstance(thing, Service) and thing.addresses]
    texts = Counter(text for thing in holders for text in thing.addresses)
    found = list(decisions.assignments.values())
    reasons = {a.reason.reason for a in found} | {a.placement.reason for a in found if a.placement is not None}
    seen["worlds"] += 1
    seen["somebody waits"] += any(a.address is None for a in found)
    seen["somebody keeps"] += Reason.HELD in reasons
    seen["two hold one address"] += max(texts.values(), default=0) > 1
    seen["two share one address"] += max(Counter(a.address for a in found if a.address).values(), default=0) > 1
    seen["in use"] += Reason.ADDRESS_IN_USE in reasons
    seen["exhausted"] += Reason.POOL_EXHAUSTED in reasons
    seen["reserved"] += Reason.ADDRESS_RESERVED in reasons
    seen["moved"] += Reason.MOVED in reasons
    seen["sticky"] += Reason.STICKY in reasons
    seen["elected"] += Reason.ELECTED in reasons
    seen["overlap"] += any(p.reason.reason is Reason.POOL_OVERLAPS for p in decisions.pools.values())


def test_the_worlds_are_crowded() -> None:
    """Contention really occurs; otherwise the properties below would say nothing."""
    seen: Counter[str] = Counter()

    @settings(max_examples=100, deadline=None, database=None, derandomize=True)
    @given(crowded.worlds())
    def looking(things: list[Thing]) -> None:
        look(things, seen)

    looking()

    rare = {what: count for what, count in seen.items() if count < seen["worlds"] * 0.05}
    assert rare == {}
    assert seen["somebody waits"] > seen["worlds"] / 2
    assert seen["somebody keeps"] > seen["worlds"] / 2


@examples
@given(crowded.worlds())
def test_the_invariants_hold(things: list[Thing]) -> None:
    world = world_of(*things)
    decisions = decide(world, RULES)

    event(f"waiting: {sum(a.address is None for a in decisions.assignments.values())}")
    assert_invariants(world, decisions)


@examples
@given(crowded.worlds(), st.data())
def test_the_order_of_entries_decides_nothing(things: list[Thing], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(things))
    lists = data.draw(st.permutations(list(relisted())))
    entries = [*map(observed, shuffled), *lists]

    live = Reconciler(RULES)
    fold(live, *entries)

    assert live.decisions == folded(*things).decisions


@examples
@given(crowded.worlds(), crowded.worlds(), st.data())
def test_histories_of_objects_may_be_interleaved(older: list[Thing], newer: list[Thing], data: st.DataObject) -> None:
    """Each object's own entries keep their order, as one watch delivers them; those of others come whenever."""
    queues: dict[Any, list[Thing]] = {}
    for thing in [*older, *newer]:
        queues.setdefault(crowded.key_of(thing), []).append(thing)
    order = data.draw(st.permutations([key for key, queue in queues.items() for _ in queue]))
    interleaved = [queues[key].pop(0) for key in order]

    assert folded(*interleaved).decisions == folded(*older, *newer).decisions


@examples
@given(crowded.worlds(), st.lists(disturbances, max_size=6))
def test_folding_and_deciding_anew_agree(things: list[Thing], more: list[Observed]) -> None:
    reconciler = folded(*things)
    assert reconciler.decisions == decide(reconciler.world, RULES)
    for entry in more:
        told = decided_of(fold(reconciler, entry))

        anew = decide(reconciler.world, RULES)
        assert lasting(reconciler.decisions) == lasting(anew)
        for found in (decision.assignment for decision in told):
            assert found.candidates == anew.assignments[found.service, found.family].candidates


@examples
@given(crowded.worlds(), st.lists(disturbances, max_size=4))
def test_entries_that_were_stored_and_read_again_decide_the_same(things: list[Thing], more: list[Observed]) -> None:
    entries: list[Observed] = [*map(observed, things), *relisted(), *more]
    live, replayed = Reconciler(RULES), Reconciler(RULES)

    for seq, entry in enumerate(entries, 1):
        stored = decode(*encode(entry))
        assert stored == entry
        assert is_observed(stored)
        now = live.fold(entry, seq)
        then = [decode(*encode(decision)) for decision in replayed.fold(stored, seq)]

        assert then == now


@examples
@given(crowded.worlds())
def test_an_unchanged_world_decides_nothing(things: list[Thing]) -> None:
    reconciler = folded(*things)
    before = reconciler.decisions

    assert fold(reconciler, *map(observed, things), *relisted()) == []
    assert reconciler.decisions == before


@examples
@given(things=crowded.worlds(), backwards=st.booleans())
def test_what_is_published_moves_nothing_and_decides_nothing_more(things: list[Thing], *, backwards: bool) -> None:
    """One label names the pool of two families, so a pool may be named otherwise once. Who waits may wait for another.

    Where two protocols share an address it is announced as the older Service has it, or who had it first: docs/notes.md.
    """
    reconciler = folded(*things)
    before = outcomes(reconciler)
    excepted = of_several_protocols(reconciler)
    entries = crowded.publishing(reconciler)

    first = fold(reconciler, *(entries[::-1] if backwards else entries))
    after = outcomes(reconciler)
    assert {slot: address for slot, (address, _) in after.items()} == {slot: had for slot, (had, _) in before.items()}
    assert all(found == before[slot] or found[0] in excepted for slot, found in after.items())
    second = fold(reconciler, *crowded.publishing(reconciler))

    moved = [d.assignment for d in decided_of(first) if d.assignment.address is not None]
    assert all(
        len(families_of(reconciler.world.services[found.service])) > 1 or found.address in excepted for found in moved
    )
    assert second == []


@examples
@given(crowded.worlds(), st.lists(disturbances | crowded.services(holding=False).map(observed), max_size=8))
def test_an_address_that_is_held_never_changes(things: list[Thing], more: list[Observed]) -> None:
    """Whatever happens to pools, nodes and others. Only the holder itself may ask for something else."""
    reconciler = folded(*things)
    fold(reconciler, *crowded.publishing(reconciler))
    touched = {entry.service.key for entry in more if hasattr(entry, "service") and isinstance(entry.service, Service)}
    held = {
        slot: found.address
        for slot, found in reconciler.decisions.assignments.items()
        if found.address is not None
        and slot[0] not in touched
        and reconciler.world.services[slot[0]].wanted_protocol is None
    }
    event(f"held: {len(held)}")

    for entry in more:
        fold(reconciler, entry)

        assert {slot: reconciler.decisions.assignments[slot].address for slot in held} == held


@examples
@given(crowded.worlds(), st.sampled_from(crowded.NODES))
def test_a_lost_node_moves_only_its_own_and_back_again_moves_nothing(things: list[Thing], lost: str) -> None:
    reconciler = folded(*things)
    fold(reconciler, *crowded.publishing(reconciler))
    known = reconciler.world.nodes.get(NodeName(lost))
    if known is None or not known.ready:
        return
    before = single_owners(reconciler)
    event(f"owned: {sum(nodes == (lost,) for nodes in before.values())}")

    fold(reconciler, observed(node(lost, *known.addresses, ready=False, excluded=known.excluded)))
    after = single_owners(reconciler)
    fold(reconciler, *crowded.publishing(reconciler))
    fold(reconciler, observed(known))

    assert {slot for slot in before if before[slot] != after[slot]} == {s for s in before if before[s] == (lost,)}
    moved = {slot: nodes for slot, nodes in single_owners(reconciler).items() if nodes != after[slot]}
    assert all(after[slot] == () or is_second(reconciler, slot) for slot in moved)


def single_owners(reconciler: Reconciler) -> dict[Slot, tuple[NodeName, ...]]:
    return {s: a.nodes for s, a in reconciler.decisions.assignments.items() if a.address and a.protocol != "everywhere"}


def is_second(reconciler: Reconciler, slot: Slot) -> bool:
    """Tell whether the address is the second of its Service, for which no node of its own is written."""
    return families_of(reconciler.world.services[slot[0]])[0] != slot[1]
