"""Nodes with several NICs, none, and subnets that come and go: the fold stays what deciding anew gives."""

from hypothesis import event, given, settings
from hypothesis import strategies as st

from porter.events.entries import AgentGone, NodeGone, Observed
from porter.model.names import NodeName
from porter.model.objects import Agent, Eip, Nic, Node
from porter.reconciler.decide import decide
from tests.worlds import RULES, agent, eip, fold, folded, lasting, nic, node, observed, published, served, service

NODES = ["node1", "node2", "node3"]
SUBNETS = ["192.168.0.{}/16", "192.168.5.{}/24", "192.168.6.{}/24", "10.0.0.{}/8", "spoilt"]
ADDRESSES = ["192.168.5.5", "192.168.6.6", "192.168.7.7", "10.1.1.1"]


@st.composite
def nics(draw: st.DrawFn, number: int) -> tuple[Nic, ...]:
    count = draw(st.sampled_from([0, 1, 1, 2, 2]))
    found = []
    for place in range(count):
        networks = [
            one.format(10 + number) for one in draw(st.lists(st.sampled_from(SUBNETS), max_size=2, unique=True))
        ]
        gateways = draw(st.sampled_from([(), (), ("10.0.0.1",)]))
        carrier = draw(st.sampled_from([True, True, True, False]))
        found.append(nic(f"eth{place}", *networks, carrier=carrier, gateways=gateways))
    return tuple(found)


@st.composite
def agents(draw: st.DrawFn) -> Agent:
    number = draw(st.integers(1, len(NODES)))
    return agent(f"node{number}", *draw(nics(number)))


nodes: st.SearchStrategy[Node] = st.builds(
    lambda name, written: node(name, layer2_address=written),
    st.sampled_from(NODES),
    st.sampled_from([None, None, None, "192.168.0.11", "10.0.0.12", "nonsense"]),
)
eips: st.SearchStrategy[Eip] = st.builds(
    lambda address, interface, protocol: eip(f"pool-{address}", address, interface=interface, protocol=protocol),
    st.sampled_from(ADDRESSES),
    st.sampled_from([None, None, None, "eth0", "eth1", "can_reach:10.9.9.9", "can_reach:192.168.5.1"]),
    st.sampled_from(["layer2", "layer2", "everywhere"]),
)
entries: st.SearchStrategy[Observed] = st.one_of(
    agents().map(observed),
    agents().map(observed),
    nodes.map(observed),
    eips.map(observed),
    st.sampled_from(NODES).map(lambda name: AgentGone(node=NodeName(name))),
    st.sampled_from(NODES).map(lambda name: NodeGone(node=NodeName(name))),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(agents(), min_size=2, max_size=4), st.lists(entries, min_size=1, max_size=12))
def test_deciding_what_an_entry_touches_is_deciding_anew(begin: list[Agent], more: list[Observed]) -> None:
    holders = [
        published(service(f"default/s{place}", age=place), address, node=NODES[place % 3], pool=f"pool-{address}")
        for place, address in enumerate(ADDRESSES)
    ]
    pools = [eip(f"pool-{address}", address) for address in ADDRESSES]
    reconciler = folded(*(node(name) for name in NODES), *begin, *pools, *served(*holders))

    for entry in more:
        decisions = fold(reconciler, entry)

        event(f"decided: {min(len(decisions), 3)}")
        assert lasting(reconciler.decisions) == lasting(decide(reconciler.world, RULES))
