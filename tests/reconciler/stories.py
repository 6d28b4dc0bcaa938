"""One small cluster that has something to explain, as the entries of node1's log. docs/explain.md shows it.

Three nodes, of which node3 is not Ready; a pool of four addresses, a disabled one, and one of another namespace.
"""

from porter.events.entries import AgentStarted, Announced, Entry, LeaderObserved
from porter.model.names import NodeName, ServiceKey
from porter.model.objects import Agent, Nic
from tests.worlds import Thing, eip, endpoints, node, observed, ports, published, relisted, service

NAMES = ("node1", "node2", "node3")


def agent_of(name: str, number: int) -> Agent:
    """Return a node's agent, with a NIC and a MAC of its own."""
    eth0 = Nic(
        name="eth0",
        mac=f"52:54:00:00:00:{10 + number}",
        networks=(f"192.168.0.{10 + number}/24",),
        gateways=("192.168.0.1",),
    )
    return Agent(node=NodeName(name), nics=(eth0,))


def cluster() -> list[Thing]:
    """Return the objects of the cluster."""
    local = service("default/web", age=2, policy="Local")
    return [
        *[node(name, f"192.168.0.{11 + at}", ready=name != "node3") for at, name in enumerate(NAMES)],
        *[agent_of(name, 1 + at) for at, name in enumerate(NAMES)],
        eip("edge", "192.168.0.10-192.168.0.14", age=1),
        eip("old", "192.168.0.64/28", age=2, disable=True),
        eip("team", "192.168.0.80/28", age=3, namespaces=("team",)),
        published(service("default/shop", age=1), "192.168.0.10", node="node1", pool="edge"),
        published(local, "192.168.0.14", node="node2", pool="edge"),
        service("default/blog", age=3),
        service("default/wiki", age=4, wanted_address="192.168.0.14", ports=ports(443)),
        endpoints("default/shop", "node1", "node2"),
        endpoints("default/web", "node2", "node3"),
        endpoints("default/blog", "node1"),
        endpoints("default/wiki", "node1"),
    ]


def entries() -> list[Entry]:
    """Return what node1's agent observed and did."""
    return [
        AgentStarted(node=NodeName("node1"), porter="1.0", schema="1"),
        LeaderObserved(holder=NodeName("node2")),
        *map(observed, cluster()),
        *relisted(),
        Announced(
            address="192.168.0.10",
            protocol="layer2",
            nic="eth0",
            mac="52:54:00:00:00:11",
            services=(ServiceKey("default/shop"),),
        ),
    ]
