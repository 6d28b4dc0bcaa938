"""What is kept up to date batch by batch, held to what follows from everything at once."""

import time
from collections.abc import Sequence
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from porter.agent.own_announcements import OwnAnnouncements
from porter.agent.pipeline import Batch
from porter.events.entries import AgentGone, EipGone, NodeGone, Observed, ServiceGone
from porter.model.names import EipName, NodeName, ServiceKey
from porter.reconciler.fold import Reconciler
from tests.reconciler import crowded
from tests.worlds import RULES, eip, nodes, observed, published, relisted, served, service

NODES = tuple(map(NodeName, crowded.NODES))
disturbances: st.SearchStrategy[Observed] = st.one_of(
    crowded.services().map(observed),
    st.sampled_from(crowded.SERVICES).map(lambda key: ServiceGone(service=ServiceKey(key))),
    crowded.eips().map(observed),
    st.sampled_from(crowded.POOLS).map(lambda name: EipGone(eip=EipName(name))),
    crowded.some_nodes.map(observed),
    st.sampled_from(NODES).map(lambda name: NodeGone(node=name)),
    crowded.agents.map(observed),
    st.sampled_from(NODES).map(lambda name: AgentGone(node=name)),
    crowded.slices.map(observed),
)


def fold(reconciler: Reconciler, entries: Sequence[Observed]) -> Batch:
    decided = [decision for seq, entry in enumerate(entries, 1) for decision in reconciler.fold(entry, seq)]
    return Batch(observed=tuple(entries), decided=tuple(decided))


@settings(max_examples=40, deadline=None, phases=set(Phase) - {Phase.explain})
@given(crowded.worlds(), st.lists(st.lists(disturbances, max_size=3), max_size=6))
def test_what_is_announced_after_any_batch_is_what_all_that_is_known_says(
    things: list[Any], batches: list[list[Observed]]
) -> None:
    reconciler = Reconciler(RULES)
    own = {name: OwnAnnouncements(name, reconciler) for name in NODES}

    for entries in ([*map(observed, things), *relisted()], *batches, [], *batches):
        for batch in (fold(reconciler, entries), fold(reconciler, crowded.publishing(reconciler))):
            for name, announcements in own.items():
                before = announcements.wanted
                changed = announcements.after(batch)
                assert announcements.wanted == reconciler.announcements(name)
                assert changed == (announcements.wanted != before)


def test_one_more_address_costs_little_of_what_looking_at_all_of_them_does() -> None:
    services = [
        published(service(f"default/s{number}"), f"10.0.{number >> 8}.{number & 255}", node="node1")
        for number in range(1000)
    ]
    reconciler = Reconciler(RULES)
    own = OwnAnnouncements(NodeName("node1"), reconciler)
    own.after(fold(reconciler, [*map(observed, [*nodes(), eip("pool", "10.0.0.0/16"), *served(*services[:-20])])]))
    own.after(fold(reconciler, [*relisted()]))
    batches = [fold(reconciler, [*map(observed, served(one))]) for one in services[-20:]]

    start = time.process_time()
    changed = [own.after(batch) for batch in batches]
    spent = time.process_time() - start
    for _ in range(2):
        whole = reconciler.announcements(NodeName("node1"))
    looking = (time.process_time() - start - spent) / 2

    assert all(changed)
    assert own.wanted == whole
    assert len(own.services) == len(services)
    assert spent < len(batches) * looking / 5
