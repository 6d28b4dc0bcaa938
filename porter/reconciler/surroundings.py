"""What a node must know of the others before it announces anything: whose MACs are peers', whose addresses are taken.

Derived from the world as a whole; it decides nothing.
"""

from collections.abc import Mapping

import msgspec

from porter.model.names import NodeName
from porter.reconciler.reserved import of_agent, of_cluster, of_node
from porter.reconciler.world import World


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What one node knows of its neighbours."""

    peers: Mapping[str, NodeName] = {}
    """The MACs of the other nodes' NICs, in lower case."""
    weak: frozenset[str] = frozenset()
    """Those of `peers` where the kernel answers for addresses of the node's other NICs too (arp_ignore is 0)."""
    forbidden: Mapping[str, str] = {}
    """Addresses that nobody may announce, each with what it is: `address of node node2`."""


def surroundings_of(world: World, node: NodeName) -> Surroundings:
    """Return what the node must know. The order in which the world came about makes no difference."""
    agents = [agent for _, agent in sorted(world.agents.items())]
    contributions = [
        *(of_node(each) for _, each in sorted(world.nodes.items())),
        *map(of_agent, agents),
        of_cluster(world.cluster),
    ]
    forbidden: dict[str, str] = {}
    for contribution in contributions:
        for address, why in contribution.hosts.items():
            forbidden.setdefault(str(address), why)
    others = [(agent.node, nic) for agent in agents if agent.node != node for nic in agent.nics if nic.mac]
    return Surroundings(
        peers={nic.mac.lower(): name for name, nic in others},
        weak=frozenset(nic.mac.lower() for _, nic in others if nic.arp_ignore == 0),
        forbidden=forbidden,
    )
