"""A log folded in two halves, through a snapshot that was stored in between, is folded as a whole."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from porter.events.entries import AgentStarted, Observed
from porter.model.names import NodeName
from porter.reconciler.fold import Reconciler
from porter.reconciler.snapshot import Snapshot
from tests.reconciler import crowded
from tests.reconciler.test_properties import disturbances
from tests.worlds import RULES, Thing, folded, lasting, observed, relisted, served, service

STARTED = AgentStarted(node=NodeName("node1"), porter="1", schema="1")


def stored(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot as it is after it was written down and read again."""
    return msgspec.json.decode(msgspec.json.encode(snapshot), type=Snapshot)


@settings(max_examples=60, deadline=None)
@given(crowded.worlds(), st.lists(disturbances | st.just(STARTED), max_size=8), st.integers(0, 40))
def test_folding_in_two_halves_is_folding_whole(things: list[Thing], more: list[Observed], cut: int) -> None:
    entries: list[Observed] = [*map(observed, things), *relisted(), *more, *relisted()]
    cut %= len(entries)
    whole, first = Reconciler(RULES), Reconciler(RULES)
    for seq, entry in enumerate(entries[:cut]):
        whole.fold(entry, seq)
        first.fold(entry, seq)

    second = Reconciler.restore(RULES, stored(first.snapshot()))

    assert lasting(second.decisions) == lasting(whole.decisions)
    for seq, entry in enumerate(entries[cut:], start=cut):
        assert len(second.fold(entry, seq)) == len(whole.fold(entry, seq))
        assert lasting(second.decisions) == lasting(whole.decisions)


def test_a_snapshot_does_not_change_with_the_reconciler_it_was_taken_of() -> None:
    reconciler = folded(*served(service("default/web")))
    snapshot = reconciler.snapshot()

    reconciler.fold(observed(service("default/two", age=1)), 99)

    assert list(snapshot.world().services) == ["default/web"]
