"""What a node knows of the others before it announces anything."""

import pytest

from porter.model.names import NodeName
from porter.model.objects import Cluster
from porter.reconciler.surroundings import Surroundings, surroundings_of
from tests.worlds import Thing, agent, nic, node, world_of

THINGS: list[Thing] = [
    node("node1", "192.168.0.11", "203.0.113.5"),
    agent("node1", nic("eth0", "192.168.0.11/24", gateways=("192.168.0.1",)), api_servers=("192.168.0.20",)),
    agent("node2", nic("eth0", "192.168.0.12/24", "fd00::12/64"), nic("eth1", "10.0.0.12/24")),
    Cluster(api_servers=("192.168.0.21",), service_ranges=("10.96.0.0/16",)),
]


def test_no_node_announces_an_address_of_any_node_a_gateway_or_the_api_server() -> None:
    assert surroundings_of(world_of(*THINGS), NodeName("node1")).forbidden == {
        "192.168.0.11": "address of node node1",
        "203.0.113.5": "address of node node1",
        "192.168.0.1": "default gateway of node node1",
        "192.168.0.20": "address of the API server",
        "192.168.0.12": "address of node node2 (eth0)",
        "fd00::12": "address of node node2 (eth0)",
        "10.0.0.12": "address of node node2 (eth1)",
        "192.168.0.21": "address of the API server",
    }


def test_a_peer_whose_kernel_answers_for_its_other_nics_is_known_by_the_macs_where_it_does() -> None:
    things = [
        agent("node1", nic("eth0", mac="02:00:00:00:00:0a", arp_ignore=0)),
        agent("node2", nic("eth0", mac="02:00:00:00:00:0B", arp_ignore=0), nic("eth1", mac="", arp_ignore=0)),
        agent("node3", nic("eth0", mac="02:00:00:00:00:0c", arp_ignore=1), nic("eth1", mac="02:00:00:00:00:0d")),
    ]

    assert surroundings_of(world_of(*things), NodeName("node1")).weak == {"02:00:00:00:00:0b"}


@pytest.mark.parametrize(("own", "peers"), [("node1", {"node2"}), ("node2", {"node1"}), ("node3", {"node1", "node2"})])
def test_peers_are_all_other_nodes_by_every_mac_that_they_have(own: str, peers: set[str]) -> None:
    macs = {"node1": "02:00:00:00:00:0A", "node2": "02:00:00:00:00:0b"}
    things = [agent(name, nic("eth0", mac=mac), nic("eth1", mac="")) for name, mac in macs.items()]

    found = surroundings_of(world_of(*things), NodeName(own)).peers

    assert found == {macs[name].lower(): name for name in peers}


def test_in_an_empty_world_there_is_nobody() -> None:
    assert surroundings_of(world_of(), NodeName("node1")) == Surroundings()
