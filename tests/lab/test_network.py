import os
import subprocess
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest

from porter.lab import namespaces, probe, topology
from porter.lab.errors import LabError
from porter.lab.network import SERVICE_LINK, SWITCH, Network
from porter.lab.node.proxy_config import SETTINGS
from porter.lab.topology import Topology
from tests.lab.labs import until

pytestmark = pytest.mark.root


def build(plan: Topology) -> Iterator[Network]:
    network = Network(plan, lab=f"t{os.getpid()}", env=os.environ)
    made = []
    try:
        for netns in network.names:
            network.add(netns)
            made.append(netns)
        network.build()
        yield network
    finally:
        for netns in made:
            network.delete(netns)


@pytest.fixture
def guide() -> Iterator[Network]:
    yield from build(topology.guide(2))


@pytest.fixture
def orion() -> Iterator[Network]:
    yield from build(topology.load("orion"))


def ping(network: Network, host: str) -> float | None:
    address = network.topology.host(host).address.ip
    return probe.ping(network.namespace("client"), address, wait=0.5)


def pings_again(network: Network, host: str, *, within: float = 10.0) -> bool:
    """Whether a host that was plugged in answers soon: its port of the bridge forwards a moment later."""
    limit = time.monotonic() + within
    while ping(network, host) is None:
        if time.monotonic() > limit:
            return False
    return True


def ask(network: Network, address: IPv4Address) -> list[str]:
    client = network.topology.client
    answers = probe.arp(network.namespace("client"), "eth0", client.must_have_ipv4(), address, wait=0.2)
    return [answer.mac for answer in answers]


def test_every_node_answers_the_client_with_its_own_mac(guide: Network) -> None:
    for node in guide.topology.nodes:
        assert ping(guide, node.name) is not None
        assert ask(guide, node.must_have_ipv4()) == [guide.mac(node.name)]


def test_with_strict_arp_a_node_has_a_service_address_and_stays_silent_about_it(guide: Network) -> None:
    address = IPv4Address("192.168.0.91")
    netns = guide.namespace("node1")
    namespaces.ip("addr", "add", f"{address}/32", "dev", SERVICE_LINK, netns=netns, env=os.environ)
    assert ask(guide, address) == [guide.mac("node1")], "without strictARP every node answers for its Services"
    for setting, value in SETTINGS.items():
        script = ["sh", "-c", f"echo {value} > /proc/sys/{setting}"]
        namespaces.ip("netns", "exec", netns, *script, env=os.environ)
    assert ask(guide, address) == []

    client = guide.namespace("client")
    neighbour = ["neigh", "add", str(address), "lladdr", guide.mac("node1"), "dev", "eth0", "nud", "permanent"]
    namespaces.ip(*neighbour, netns=client, env=os.environ)

    assert probe.ping(client, address) is not None


def test_a_node_that_is_cut_off_keeps_its_carrier_and_is_heard_by_nobody(guide: Network) -> None:
    assert ping(guide, "node1") is not None
    with probe.capture(guide.namespace("node1"), "eth0") as heard:
        guide.detach("node1")

        assert ping(guide, "node1") is None
        assert ask(guide, guide.topology.node("node1").must_have_ipv4()) == []
        assert not [frame for frame in heard.frames() if frame.kind != 4], "the node still hears the network"
    carrier = ["cat", "/sys/class/net/eth0/carrier"]
    assert namespaces.ip("netns", "exec", guide.namespace("node1"), *carrier, env=os.environ).strip() == "1"
    assert ping(guide, "node2") is not None

    guide.attach("node1")
    assert pings_again(guide, "node1")


def test_a_node_that_is_unplugged_loses_its_carrier(guide: Network) -> None:
    guide.unplug("node1")
    carrier = ["cat", "/sys/class/net/eth0/carrier"]
    assert namespaces.ip("netns", "exec", guide.namespace("node1"), *carrier, env=os.environ).strip() == "0"
    assert ping(guide, "node1") is None

    guide.attach("node1")
    assert pings_again(guide, "node1")


def test_orions_other_nics_are_without_carrier(orion: Network) -> None:
    netns = orion.namespace("orion")
    shown = namespaces.ip("-brief", "link", netns=netns, env=os.environ)
    states = {line.split("@")[0]: line for line in shown.splitlines()}

    assert orion.mac("orion") == "3c:d9:2b:ec:fb:a4"
    assert " UP " in states["enp3s0f0"]
    assert all("NO-CARRIER" in states[nic] for nic in ("enp3s0f1", "enp4s0f0", "enp4s0f1"))


def test_the_hosts_own_namespace_sees_nothing_of_a_lab(guide: Network) -> None:
    links = {link.name for link in Path("/sys/class/net").iterdir()}

    assert not links & {port.link for node in ("node1", "node2", "client") for port in guide.ports(node)}
    assert namespaces.exists(guide.namespace(SWITCH))


def test_a_namespace_that_exists_is_never_taken_over(guide: Network) -> None:
    with pytest.raises(LabError, match="File exists"):
        guide.add(guide.namespace("node1"))


@pytest.fixture
def routed() -> Iterator[Network]:
    """Two nodes and a printer on one segment, a client behind a router."""
    nic = {"name": "eth0", "segment": "br0"}
    hosts = {name: {"name": name, "nics": [{**nic, "address": f"10.0.0.{n}/24"}]} for n, name in enumerate("ab", 2)}
    plan = {
        "gateway": "10.0.0.1/24",
        "nodes": list(hosts.values()),
        "client": {"name": "client", "nics": [{"name": "eth0", "address": "10.8.0.9/24", "segment": "br2"}]},
        "others": [{"name": "printer", "nics": [{**nic, "address": "10.0.0.77/24"}]}],
        "routes": {"br2": "10.8.0.1/24"},
        "mac_age": 2,
    }
    yield from build(topology.parse(plan))


def test_a_client_behind_a_router_reaches_every_host_and_hears_none_of_their_broadcasts(routed: Network) -> None:
    assert all(pings_again(routed, name) for name in ("a", "b", "printer"))
    assert ask(routed, IPv4Address("10.0.0.2")) == []


def test_a_host_that_is_no_node_owns_its_address(routed: Network) -> None:
    asker = routed.topology.host("a").must_have_ipv4()
    answers = probe.arp(routed.namespace("a"), "eth0", asker, IPv4Address("10.0.0.77"), wait=0.2)

    assert [answer.mac for answer in answers] == [routed.mac("printer")]
    with pytest.raises(LabError, match=r"'printer' is no node\. Nodes: a, b"):
        routed.topology.node("printer")


def test_a_switch_forgets_where_a_silent_host_was(routed: Network) -> None:
    """Until then it sends frames to the old port only; afterwards to all."""

    def learned() -> bool:
        table = ["ip", "netns", "exec", routed.namespace(SWITCH), "bridge", "fdb", "show", "br", "br0"]
        lines = subprocess.run(table, capture_output=True, text=True, check=True).stdout.splitlines()
        return any(line.startswith(routed.mac("printer")) for line in lines)

    assert pings_again(routed, "printer")
    assert learned()
    until("a switch that has forgotten", lambda: not learned())


@pytest.fixture
def dual() -> Iterator[Network]:
    """A node, and a client behind the router, both with both families."""
    nic = {"name": "eth0"}
    node = {"name": "a", "nics": [{**nic, "address": "10.0.0.2/24", "ipv6": "2001:db8::2/64"}]}
    far = {**nic, "address": "10.8.0.9/24", "ipv6": "2001:db8:8::9/64", "segment": "br2"}
    plan = {
        "gateway": "10.0.0.1/24",
        "nodes": [node],
        "client": {"name": "client", "nics": [far]},
        "routes": {"br2": "10.8.0.1/24"},
        "ipv6": {"gateway": "2001:db8::1/64", "routes": {"br2": "2001:db8:8::1/64"}},
    }
    yield from build(topology.parse(plan))


def test_the_router_forwards_ipv6(dual: Network) -> None:
    until("an echo", lambda: probe.ping(dual.namespace("client"), IPv6Address("2001:db8::2")) is not None)


def test_no_kernel_answers_ndp_for_an_address_of_kube_proxys_link(dual: Network) -> None:
    address = IPv6Address("2001:db8::91")
    namespaces.ip("addr", "add", f"{address}/128", "dev", SERVICE_LINK, netns=dual.namespace("a"), env=os.environ)
    switch, asker = dual.namespace(SWITCH), IPv6Address("2001:db8::1")

    def found() -> list[str]:
        return [answer.mac for answer in probe.ndp(switch, "br0", asker, IPv6Address("2001:db8::2"), wait=0.2)]

    until("the node's own address", lambda: found() == [dual.mac("a")])
    assert probe.ndp(switch, "br0", asker, address, wait=0.2) == []


def test_without_ipv6_in_the_topology_no_host_has_any(guide: Network) -> None:
    for host in ("node1", "client"):
        shown = namespaces.ip("-6", "address", netns=guide.namespace(host), env=os.environ)
        assert shown == ""
