"""Addresses that are never handed out and never announced. (COMPAT: "Addresses never handed out, never announced")"""

import pytest

from porter.events.entries import AgentObserved, AssignmentDecided, NodeObserved
from porter.model.addresses import parse_range
from porter.model.names import NodeName
from porter.model.objects import Cluster, Eip
from porter.model.reasons import Reason
from porter.reconciler.reserved import Reserved
from tests.worlds import (
    Thing,
    addresses,
    agent,
    decided,
    eip,
    endpoints,
    fold,
    folded,
    nic,
    node,
    nodes,
    of,
    service,
    world_of,
)

ETH0 = nic("eth0", "192.168.0.11/24", "fd00::11/64", gateways=("192.168.0.1",))
ETH1 = nic("eth1", "10.9.0.2/31", up=False, carrier=False)
AROUND: list[Thing] = [
    node("node1", "192.168.0.11", "203.0.113.5", "fd00::5", pod_ranges=("10.244.1.0/24",)),
    node("gone-agent", "192.168.0.77"),
    agent("node1", ETH0, ETH1, api_servers=("192.168.0.99",)),
    Cluster(service_ranges=("10.96.0.0/12", "fd96::/112"), api_servers=("192.168.0.98",)),
]
RESERVED = {
    "a node's InternalIP": ("192.168.0.11", "address of node node1"),
    "a node's ExternalIP": ("203.0.113.5", "address of node node1"),
    "a node's IPv6 address": ("fd00::5", "address of node node1"),
    "a node without an agent": ("192.168.0.77", "address of node gone-agent"),
    "another NIC's address, though it is down": ("10.9.0.2", "address of node node1 (eth1)"),
    "a NIC's IPv6 address": ("fd00::11", "address of node node1 (eth0)"),
    "a default gateway": ("192.168.0.1", "default gateway of node node1"),
    "the API server as the agent reaches it": ("192.168.0.99", "address of the API server"),
    "the API server as the cluster names it": ("192.168.0.98", "address of the API server"),
    "the Service range": ("10.96.0.10", "the cluster's Service range 10.96.0.0/12"),
    "the IPv6 Service range": ("fd96::a", "the cluster's Service range fd96::/112"),
    "a node's pod range": ("10.244.1.9", "pod range of node node1 10.244.1.0/24"),
    "multicast": ("224.0.0.1", "multicast (RFC 5771)"),
    "loopback": ("127.0.0.1", "loopback (RFC 1122, 3.2.1.3)"),
    "unspecified": ("0.0.0.0", "this network (RFC 1122, 3.2.1.3)"),
    "link-local": ("169.254.1.1", "link-local (RFC 3927)"),
    "limited broadcast": ("255.255.255.255", "limited broadcast (RFC 919)"),
    "IPv6 multicast": ("ff02::1", "multicast (RFC 4291, 2.7)"),
    "IPv6 loopback": ("::1", "loopback (RFC 4291, 2.5.3)"),
    "IPv6 unspecified": ("::", "the unspecified address (RFC 4291, 2.5.2)"),
    "IPv6 link-local": ("fe80::1", "link-local (RFC 4291, 2.5.6)"),
}
EDGES = {
    "network of the NIC's subnet": ("192.168.0.0", "192.168.0.0", "network address of 192.168.0.0/24"),
    "broadcast of the NIC's subnet": ("192.168.0.255", "192.168.0.255", "broadcast address of 192.168.0.0/24"),
    "network of the CIDR": ("172.16.0.0/30", "172.16.0.0", "network address of 172.16.0.0/30"),
    "broadcast of the CIDR": ("172.16.0.0/30", "172.16.0.3", "broadcast address of 172.16.0.0/30"),
    "anycast of the NIC's IPv6 subnet": ("fd00::", "fd00::", "subnet-router anycast address of fd00::/64"),
    "anycast of the IPv6 CIDR": ("fd01::/120", "fd01::", "subnet-router anycast address of fd01::/120"),
}


def reason_for(address: str, pool: Eip) -> tuple[Reason, str]:
    wanting = service(
        "default/web",
        wanted_address=address,
        ip_families=("IPv6" if ":" in address else "IPv4",),
    )
    found = next(iter(decided(*AROUND, pool, wanting).assignments.values()))
    return found.reason.reason, found.reason.sentence


@pytest.mark.parametrize(("address", "why"), RESERVED.values(), ids=RESERVED.keys())
@pytest.mark.parametrize("using_known_ips", [False, True], ids=["skipping known IPs", "usingKnownIPs"])
def test_an_address_is_never_handed_out_even_when_it_is_wanted(
    address: str, why: str, *, using_known_ips: bool
) -> None:
    pool = eip("pool", address, interface="eth0", using_known_ips=using_known_ips)

    reason, sentence = reason_for(address, pool)

    assert reason is Reason.ADDRESS_RESERVED
    assert sentence == f"the address is never handed out: {why}"


@pytest.mark.parametrize(("address", "why"), RESERVED.values(), ids=RESERVED.keys())
def test_an_address_that_became_reserved_is_kept_and_announced_by_nobody(address: str, why: str) -> None:
    family = "IPv6" if ":" in address else "IPv4"
    held = service("default/web", addresses=(address,), written_eip="pool", ip_families=(family,))

    decisions = decided(*AROUND, eip("pool", address), held, endpoints("default/web", "node1"))

    (found,) = decisions.assignments.values()
    assert found.address == address
    assert found.nodes == ()
    assert found.sentence == f"the address is never handed out: {why}"


@pytest.mark.parametrize(("text", "address", "why"), EDGES.values(), ids=EDGES.keys())
def test_the_edges_of_a_subnet_are_skipped_unless_using_known_ips(text: str, address: str, why: str) -> None:
    reason, sentence = reason_for(address, eip("pool", text, interface="eth0"))

    assert reason is Reason.ADDRESS_RESERVED
    assert why in sentence
    using = eip("pool", text, interface="eth0", using_known_ips=True)
    assert reason_for(address, using)[0] is Reason.WANTED_ADDRESS


@pytest.mark.parametrize(("known", "first"), [(False, "192.168.0.97"), (True, "192.168.0.96")])
def test_the_first_address_of_a_cidr(first: str, *, known: bool) -> None:
    decisions = decided(*nodes(), eip("pool", "192.168.0.96/28", using_known_ips=known), service("default/web"))

    assert of(decisions, "default/web").address == first


def test_a_point_to_point_subnet_has_no_edges() -> None:
    assert reason_for("10.9.0.3", eip("pool", "10.9.0.3"))[0] is Reason.WANTED_ADDRESS


def test_a_search_jumps_past_a_reserved_range() -> None:
    pool = eip("pool", "10.95.255.255-10.112.0.5", interface="eth0")
    two = [service("default/one", age=1), service("default/two", age=2)]

    assert addresses(decided(*AROUND, pool, *two)) == {"default/one": "10.95.255.255", "default/two": "10.112.0.0"}


ORION: list[Thing] = [
    node("orion", "10.13.15.200", layer2_address="10.13.15.200"),
    agent(
        "orion",
        nic("enp3s0f0", "10.13.15.200/24", gateways=("10.13.15.1",)),
        nic("enp3s0f1", carrier=False),
        nic("enp4s0f0", carrier=False),
        nic("enp4s0f1", carrier=False),
    ),
    eip("porter-layer2-eip", "10.13.15.200-10.13.15.202", interface="enp3s0f0"),
]


def test_on_orion_the_service_gets_201_since_200_is_orions_own() -> None:
    decisions = decided(*ORION, service("default/web"), endpoints("default/web", "orion"))

    assert of(decisions, "default/web").address == "10.13.15.201"
    assert of(decisions, "default/web").nodes == ("orion",)


def test_the_pool_of_orion_names_200_and_why_it_is_skipped() -> None:
    world = world_of(*ORION)
    pool = next(iter(world.eips.values()))

    found = [f"{address}: {why}" for address, why in Reserved(world).within(parse_range(pool.address), pool)]

    assert found == ["10.13.15.200: address of node orion"]


def test_what_is_reserved_in_a_pool_is_named_in_order_of_address() -> None:
    world = world_of(*AROUND)
    pool = eip("pool", "192.168.0.0/24")

    found = list(Reserved(world).within(parse_range(pool.address), pool))

    assert [address for address, _ in found] == [
        "192.168.0.0",
        "192.168.0.1",
        "192.168.0.11",
        "192.168.0.77",
        "192.168.0.98",
        "192.168.0.99",
        "192.168.0.255",
    ]


def test_a_reserved_range_inside_a_pool_is_named_once_and_whole() -> None:
    world = world_of(*AROUND)
    pool = eip("pool", "10.0.0.0/8")

    found = dict(Reserved(world).within(parse_range(pool.address), pool))

    assert found["10.96.0.0/12"] == "the cluster's Service range 10.96.0.0/12"
    assert found["10.0.0.0"] == "network address of 10.0.0.0/8"
    assert found["10.255.255.255"] == "broadcast address of 10.0.0.0/8"


def test_with_using_known_ips_no_edge_is_named() -> None:
    pool = eip("pool", "172.16.0.0/30", using_known_ips=True)

    assert list(Reserved(world_of(*AROUND)).within(parse_range(pool.address), pool)) == []


def test_a_node_that_joins_with_an_address_in_use_stops_its_announcement_and_says_why() -> None:
    held = service("default/web", addresses=("192.168.0.91",), written_eip="pool", written_node="node1")
    reconciler = folded(*nodes(), eip("pool", "192.168.0.91-192.168.0.93"), held, endpoints("default/web", "node1"))
    assert "layer2" in reconciler.announcements(NodeName("node1"))

    (decision,) = fold(reconciler, NodeObserved(node=node("node9", "192.168.0.91")))

    assert isinstance(decision, AssignmentDecided)
    assert decision.assignment.address == "192.168.0.91"
    assert decision.assignment.nodes == ()
    assert decision.assignment.sentence == "the address is never handed out: address of node node9"
    assert reconciler.announcements(NodeName("node1")) == {}


def test_a_nic_that_appears_with_an_address_in_use_stops_its_announcement() -> None:
    held = service("default/web", addresses=("192.168.0.91",), written_eip="pool")
    reconciler = folded(*nodes(), eip("pool", "192.168.0.91"), held, endpoints("default/web", "node1"))
    assert of(reconciler.decisions, "default/web").nodes

    fold(reconciler, AgentObserved(agent=agent("node3", nic("eth0", "192.168.0.13/24", "192.168.0.91/24"))))

    assert of(reconciler.decisions, "default/web").sentence.endswith("address of node node3 (eth0)")


@pytest.mark.parametrize("text", ["", "x", "10.0.0.0/99", "\N{SNOWMAN}/24"])
def test_what_cannot_be_read_in_the_cluster_reserves_nothing_and_stops_nothing(text: str) -> None:
    strange: list[Thing] = [
        node("node1", text, pod_ranges=(text,)),
        agent("node1", nic("eth0", text, gateways=(text,)), api_servers=(text,)),
        Cluster(service_ranges=(text,), api_servers=(text,)),
    ]

    assert addresses(decided(*strange, eip("pool", "10.0.0.1"), service("default/web"))) == {"default/web": "10.0.0.1"}


def test_a_node_annotation_beside_a_nic_that_cannot_be_read_stops_nothing() -> None:
    strange: list[Thing] = [
        node("node1", layer2_address="192.168.0.11"),
        agent("node1", nic("eth0", "nonsense"), nic("eth1", "192.168.0.11/24")),
    ]

    assert addresses(decided(*strange, eip("p", "192.168.0.91"), service("default/web"))) == {
        "default/web": "192.168.0.91"
    }
