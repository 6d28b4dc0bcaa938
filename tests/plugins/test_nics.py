import threading
from collections.abc import Iterator

import pytest

from porter.model.objects import Nic, Way
from porter.plugins.nics import read_nics, read_ways
from tests.plugins.netns import Wire, inside, ip, wire

pytestmark = pytest.mark.root

MAC = "02:00:00:00:01:01"


@pytest.fixture
def node() -> Iterator[Wire]:
    with wire() as made:
        made.on_node("addr", "add", "192.168.0.2/24", "dev", "eth0")
        yield made


def read(node: Wire, *leave_out: str) -> tuple[Nic, ...]:
    return inside(node.node, lambda: read_nics(leave_out))


def test_a_nic_is_reported_with_its_networks_and_its_gateway(node: Wire) -> None:
    node.on_node("addr", "add", "10.0.0.2/8", "dev", "eth0")
    node.on_node("route", "add", "default", "via", "192.168.0.1")

    assert read(node) == (
        Nic(
            name="eth0",
            mac=MAC,
            networks=("10.0.0.2/8", "192.168.0.2/24"),
            gateways=("192.168.0.1",),
            arp_ignore=0,
            arp_announce=0,
        ),
    )


def test_every_hop_of_a_default_route_is_a_gateway(node: Wire) -> None:
    hops = ["nexthop", "via", "192.168.0.1", "dev", "eth0", "nexthop", "via", "192.168.0.3", "dev", "eth0"]
    node.on_node("route", "add", "default", *hops)

    assert read(node)[0].gateways == ("192.168.0.1", "192.168.0.3")


def test_an_announced_address_on_a_nic_is_no_network_of_its(node: Wire) -> None:
    node.on_node("addr", "add", "192.168.0.91/32", "dev", "eth0")

    assert "192.168.0.91/32" in read(node)[0].networks
    assert read(node, "192.168.0.91")[0].networks == ("192.168.0.2/24",)


def test_nics_that_are_down_or_without_carrier_or_address_are_reported_as_such() -> None:
    # the notes' orion: one NIC in use, the others with nothing plugged in
    with wire("enp3s0f0", "enp3s0f1", "enp4s0f0") as made:
        made.on_node("addr", "add", "10.13.15.200/24", "dev", "enp3s0f0")
        ip("-n", made.client, "link", "set", "enp3s0f1", "down")
        made.on_node("link", "set", "enp4s0f0", "down")

        assert [(nic.name, nic.up, nic.carrier, nic.networks) for nic in read(made)] == [
            ("enp3s0f0", True, True, ("10.13.15.200/24",)),
            ("enp3s0f1", True, False, ()),
            ("enp4s0f0", False, False, ()),
        ]


def test_slaves_loopback_pods_and_kube_proxys_nic_are_left_out_and_the_bridge_is_reported(node: Wire) -> None:
    for command in (
        "link set lo up",
        "addr add 192.168.0.92/32 dev lo",
        "link add br0 type bridge",
        "link set br0 address 02:00:00:00:01:bb",
        "addr add 172.16.0.1/24 dev br0",
        "link add eth7 type veth peer name eth8",
        "link set eth7 master br0",
        "link set eth8 master br0",
        "link add cali123 type veth peer name lxc456",
        "addr add 169.254.1.1/32 dev cali123",
        # kube-proxy's is a dummy; where the kernel has none, a bridge of its name stands in
        "link add kube-ipvs0 type bridge",
        "addr add 192.168.0.93/32 dev kube-ipvs0",
    ):
        node.on_node(*command.split())

    assert [(nic.name, nic.networks) for nic in read(node)] == [
        ("br0", ("172.16.0.1/24",)),
        ("eth0", ("192.168.0.2/24",)),
    ]


def test_a_nic_that_does_no_arp_is_reported_as_such(node: Wire) -> None:
    assert [nic.arp for nic in read(node)] == [True]

    node.on_node("link", "set", "eth0", "arp", "off")

    assert [nic.arp for nic in read(node)] == [False]


def test_of_the_arp_settings_the_larger_is_in_force(node: Wire) -> None:
    # Linux, ip-sysctl: the max value from conf/{all,interface}/ is used
    node.connect("eth1", "02:00:00:00:01:02")
    settings = (
        "all.arp_announce=1",
        "eth0.arp_announce=2",
        "eth0.arp_ignore=0",
        "all.arp_ignore=1",
        "eth1.arp_ignore=2",
    )
    for setting in settings:
        ip("netns", "exec", node.node, "sysctl", "-qw", f"net.ipv4.conf.{setting}")

    assert [(nic.arp_ignore, nic.arp_announce) for nic in read(node)] == [(1, 2), (2, 1)]


def test_a_pods_nic_that_does_no_arp_is_left_out_though_it_has_an_address(node: Wire) -> None:
    # as Cilium makes it
    for command in (
        "link add cilium_host type veth peer name cilium_net",
        "link set cilium_host arp off",
        "addr add 10.0.1.7/32 dev cilium_host",
    ):
        node.on_node(*command.split())

    assert [nic.name for nic in read(node)] == ["eth0"]


def test_reading_often_leaves_no_descriptor_behind(node: Wire) -> None:
    from pathlib import Path  # noqa: PLC0415

    descriptors = Path("/proc/self/fd")
    read(node)
    before = len(list(descriptors.iterdir()))

    for _ in range(50):
        read(node)

    assert len(list(descriptors.iterdir())) <= before


def test_nics_that_change_all_the_time_are_read_all_the_same(node: Wire) -> None:
    stop = threading.Event()

    def change() -> None:
        at = 0
        while not stop.is_set():
            at += 1
            verb = "add" if at % 2 else "del"
            node.on_node("addr", verb, "10.0.0.1/24", "dev", "eth0")

    thread = threading.Thread(target=change)
    thread.start()
    try:
        seen = {read(node) for _ in range(200)}
    finally:
        stop.set()
        thread.join()

    assert {nics[0].networks for nics in seen} == {("192.168.0.2/24",), ("10.0.0.1/24", "192.168.0.2/24")}


def test_a_gateway_of_another_table_is_none_of_the_nics(node: Wire) -> None:
    node.on_node("route", "add", "default", "via", "192.168.0.1", "table", "100")

    assert read(node)[0].gateways == ()


@pytest.fixture
def routed() -> Iterator[Wire]:
    """A node with two NICs, and the default route over the first."""
    with wire("eth0", "eth1") as made:
        for command in (
            "link set lo up",
            "addr add 192.168.0.2/24 dev eth0",
            "addr add 172.16.0.2/24 dev eth1",
            "route add default via 192.168.0.1",
        ):
            made.on_node(*command.split())
        yield made


def ways(node: Wire, *targets: str, leave_out: tuple[str, ...] = ()) -> dict[str, str]:
    found = inside(node.node, lambda: read_ways(targets, read_nics(leave_out), leave_out))
    assert [way.to for way in found] == sorted(way.to for way in found)
    return {way.to: way.nic for way in found}


def test_the_way_to_an_address_is_the_kernels_own(routed: Wire) -> None:
    assert ways(routed, "10.9.1.1", "172.16.0.9", "192.168.0.9") == {
        "10.9.1.1": "eth0",
        "172.16.0.9": "eth1",
        "192.168.0.9": "eth0",
    }

    routed.on_node("route", "add", "10.9.0.0/16", "via", "172.16.0.1")

    assert ways(routed, "10.9.1.1", "10.8.1.1") == {"10.9.1.1": "eth1", "10.8.1.1": "eth0"}


def test_the_narrower_of_two_routes_and_the_smaller_metric_count(routed: Wire) -> None:
    for command in (
        "route add 10.0.0.0/8 via 172.16.0.1",
        "route add 10.9.0.0/16 via 192.168.0.1",
        "route add 10.7.0.0/16 via 192.168.0.1 metric 20",
        "route add 10.7.0.0/16 via 172.16.0.1 metric 10",
    ):
        routed.on_node(*command.split())

    assert ways(routed, "10.9.1.1", "10.7.1.1", "10.1.1.1") == {
        "10.9.1.1": "eth0",
        "10.7.1.1": "eth1",
        "10.1.1.1": "eth1",
    }


def test_a_routing_rule_counts(routed: Wire) -> None:
    for command in ("route add default via 172.16.0.1 table 100", "rule add to 10.9.0.0/16 lookup 100"):
        routed.on_node(*command.split())

    assert ways(routed, "10.9.1.1", "10.8.1.1") == {"10.9.1.1": "eth1", "10.8.1.1": "eth0"}


def test_an_ipv6_address_is_reached_over_a_link_local_gateway(routed: Wire) -> None:
    ip("netns", "exec", routed.node, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=0")
    for command in ("addr add 2001:db8::2/64 dev eth1 nodad", "route add default via fe80::1 dev eth1"):
        routed.on_node("-6", *command.split())

    assert ways(routed, "2001:db8:9::1") == {"2001:db8:9::1": "eth1"}


def test_what_no_nic_reaches_is_told_as_such(routed: Wire) -> None:
    # lo is refused, and so is what leads nowhere or over a NIC that is not reported
    for command in (
        "route add blackhole 10.1.0.0/16",
        "route add unreachable 10.2.0.0/16",
        "link add vethpod type veth peer name vethfar",
        "link set vethpod up",
        "route add 10.3.0.0/16 dev vethpod",
        "addr add 10.4.0.1/32 dev lo",
    ):
        routed.on_node(*command.split())
    targets = ("10.1.1.1", "10.2.1.1", "10.3.1.1", "10.4.0.1", "192.168.0.2", "192.168.0.255")

    assert ways(routed, *targets) == dict.fromkeys(targets, "")


def test_a_way_that_there_is_only_by_an_announced_address_is_not_told(routed: Wire) -> None:
    routed.on_node("addr", "add", "10.9.0.91/16", "dev", "eth1")

    assert ways(routed, "10.9.1.1") == {"10.9.1.1": "eth1"}
    assert ways(routed, "10.9.1.1", leave_out=("10.9.0.91",)) == {}


def test_nothing_is_asked_where_nothing_is_named() -> None:
    assert read_ways((), ()) == ()
    assert read_ways(("127.0.0.1",), ()) == (Way(to="127.0.0.1"),)
