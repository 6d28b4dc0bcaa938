"""A cluster that lives: from a crowded world on, anything may happen next, and what must hold always holds."""

from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from porter.events.entries import (
    AgentGone,
    AgentHeard,
    AgentSilent,
    AgentStarted,
    AssignmentDecided,
    AssignmentEnded,
    Decided,
    EipGone,
    EndpointsGone,
    NamespaceGone,
    NodeGone,
    Observed,
    PoolDecided,
    ServiceGone,
)
from porter.model.assignment import PoolState
from porter.model.names import EipName, NodeName, ServiceKey
from porter.reconciler.decide import decide
from porter.reconciler.fold import Reconciler
from porter.reconciler.terms import Slot
from porter.reconciler.wishes import families_of
from tests.reconciler import crowded
from tests.reconciler.invariants import assert_invariants
from tests.worlds import RULES, Thing, fold, lasting, observed, relisted

node_names = st.sampled_from(crowded.NODES).map(NodeName)


class Cluster(RuleBasedStateMachine):
    """One agent that folds what it sees, beside what can be told from its decisions alone."""

    def __init__(self) -> None:
        super().__init__()
        self.reconciler = Reconciler(RULES)
        self.told: dict[Slot, tuple[str | None, tuple[NodeName, ...]]] = {}
        self.pools: dict[EipName, PoolState] = {}
        self.seq = 0

    @initialize(things=crowded.worlds())
    def begin(self, things: list[Thing]) -> None:
        self.see(*map(observed, things), *relisted())

    @rule(thing=crowded.eips() | crowded.services() | crowded.some_nodes | crowded.agents)
    def something_is_seen(self, thing: Thing) -> None:
        self.see(observed(thing))

    @rule(thing=crowded.slices | crowded.namespaces)
    def something_around_is_seen(self, thing: Thing) -> None:
        self.see(observed(thing))

    @rule(
        entry=st.one_of(
            st.sampled_from(crowded.SERVICES).map(lambda key: ServiceGone(service=ServiceKey(key))),
            st.sampled_from(crowded.SERVICES).map(lambda key: EndpointsGone(endpoints=f"{key}-1")),
            st.sampled_from(crowded.POOLS).map(lambda name: EipGone(eip=EipName(name))),
            st.sampled_from(["x", "y"]).map(lambda name: NamespaceGone(namespace=name)),
            node_names.map(lambda name: NodeGone(node=name)),
            node_names.map(lambda name: AgentGone(node=name)),
        )
    )
    def something_goes(self, entry: Any) -> None:
        self.see(entry)

    @rule(name=node_names, seconds=st.sampled_from([0.0, 10.0]))
    def an_agent_is_silent_or_heard(self, name: NodeName, seconds: float) -> None:
        self.see(AgentSilent(node=name, seconds=seconds) if seconds else AgentHeard(node=name))

    @rule()
    def the_leader_publishes(self) -> None:
        """One label names the pool of two families: what it says of the second one may be news."""
        before = self.of_one_family()
        self.see(*crowded.publishing(self.reconciler))

        assert self.of_one_family() == before

    @rule()
    def the_leader_writes_labels_and_no_address_yet(self) -> None:
        before = self.of_one_family()
        self.see(*crowded.labelling(self.reconciler))

        assert self.of_one_family() == before

    def of_one_family(self) -> dict[Slot, tuple[str | None, tuple[NodeName, ...]]]:
        known = self.reconciler.world.services
        return {slot: told for slot, told in self.told.items() if len(families_of(known[slot[0]])) == 1}

    @rule(thing=crowded.services() | crowded.some_nodes)
    def the_agent_starts_again(self, thing: Thing) -> None:
        before = self.reconciler.decisions
        self.see(AgentStarted(node=NodeName("node1"), porter="1", schema="1"), observed(thing))
        assert self.reconciler.decisions == before, "frozen until all is listed"
        self.see(*relisted())

    def see(self, *entries: Observed) -> None:
        for entry in entries:
            self.seq += 1
            for decision in self.reconciler.fold(entry, self.seq):
                assert decision.cause == self.seq
                self.hear(decision)
        assert fold(self.reconciler, *entries[-1:]) == [], "seen again it is no news"

    def hear(self, decision: Decided) -> None:
        """Keep what the log tells: each decision says what was before."""
        match decision:
            case AssignmentDecided(assignment=found):
                before = self.told.get((found.service, found.family), (None, ()))
                assert before == (decision.previous_address, decision.previous_nodes)
                self.told[found.service, found.family] = (found.address, found.nodes)
            case AssignmentEnded():
                before = self.told.pop((decision.service, decision.family))
                assert before == (decision.previous_address, decision.previous_nodes)
            case PoolDecided(pool=pool):
                self.pools[pool.eip] = pool

    @invariant()
    def the_fold_is_what_deciding_anew_gives(self) -> None:
        if self.reconciler.world.complete:
            assert lasting(self.reconciler.decisions) == lasting(decide(self.reconciler.world, RULES))

    @invariant()
    def the_log_tells_what_is_decided(self) -> None:
        decisions = self.reconciler.decisions
        assert self.told == {slot: (a.address, a.nodes) for slot, a in decisions.assignments.items()}
        assert {name: self.pools[name] for name in decisions.pools} == decisions.pools

    @invariant()
    def what_must_hold_holds(self) -> None:
        assert_invariants(self.reconciler.world, self.reconciler.decisions)

    @invariant()
    def what_is_announced_is_owned_and_published(self) -> None:
        world = self.reconciler.world
        owned = {(n, a.address) for a in self.reconciler.decisions.assignments.values() for n in a.nodes}
        announced = {
            (name, announcement.address)
            for name in world.agents
            for found in self.reconciler.announcements(name).values()
            for announcement in found
        }
        published = {text for service in world.services.values() for text in service.addresses}
        assert announced == {(name, text) for name, text in owned if text in published_to(self.reconciler, text)}
        assert {text for _, text in announced} <= published


def published_to(reconciler: Reconciler, text: str | None) -> set[str]:
    """Return the address when a Service that is to have it carries it in the API."""
    slots = [slot for slot, a in reconciler.decisions.assignments.items() if a.address == text]
    return {text for key, _ in slots if text is not None and text in reconciler.world.services[key].addresses}


TestCluster = Cluster.TestCase
TestCluster.settings = settings(
    max_examples=40, stateful_step_count=12, deadline=None, phases=set(Phase) - {Phase.explain}
)
