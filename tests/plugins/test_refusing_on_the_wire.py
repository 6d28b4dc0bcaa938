"""The last line of defence: what is never announced, whatever the announcer is told."""

from socket import inet_aton

import pytest

from porter.model.objects import Nic
from tests.plugins.bench import ADDRESS, Bench, on
from tests.plugins.netns import ip, settle, wire

pytestmark = pytest.mark.root


def test_what_must_never_be_announced_is_refused_whatever_is_asked_for() -> None:
    with wire() as made:
        made.on_node("addr", "add", "192.168.0.2/24", "dev", "eth0")
        nic = Nic(name="eth0", mac="", networks=("192.168.0.3/24",), gateways=("192.168.0.1", "fd00::1"))
        bench = Bench(made, nic)
        try:
            bench.announcing.want(on("eth0", "192.168.0.1", "192.168.0.2", "192.168.0.3", "fd00::1", "fd00::1%eth0"))
            settle(lambda: bench.host.count("failed") == 5)

            assert sorted(bench.host.reports) == [
                (
                    "failed",
                    "192.168.0.1",
                    "192.168.0.1 is never announced: an address of this node or its gateway",
                ),
                ("failed", "192.168.0.2", "192.168.0.2 is this node's own, on NIC eth0, and is never announced"),
                (
                    "failed",
                    "192.168.0.3",
                    "192.168.0.3 is never announced: an address of this node or its gateway",
                ),
                ("failed", "fd00::1", "fd00::1 is never announced: an address of this node or its gateway"),
                ("failed", "fd00::1%eth0", "fd00::1%eth0 is no IP address"),
            ]
            assert bench.client.heard(0.5) == []
            assert bench.ask(inet_aton("192.168.0.1")) is None
        finally:
            bench.announcing.stop()


def test_what_no_host_can_have_is_refused(bench: Bench) -> None:
    addresses = ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.5", "240.0.0.1", "255.255.255.255"]
    addresses += ["::", "::1", "ff02::1"]

    bench.announcing.want(on("eth0", *addresses))
    settle(lambda: bench.host.count("failed") == len(addresses))

    assert bench.client.heard(0.5) == []
    assert bench.host.count("announced") == 0


def test_other_nodes_addresses_and_the_api_servers_are_refused_whatever_is_asked_for() -> None:
    with wire() as made:
        bench = Bench(made)
        bench.host.forbidden = {
            "192.168.0.12": "address of node node2",
            "192.168.0.20": "address of the API server",
        }
        try:
            bench.announcing.want(on("eth0", "192.168.0.12", "192.168.0.20"))
            settle(lambda: bench.host.count("failed") == 2)

            assert bench.host.reports == [
                ("failed", "192.168.0.12", "192.168.0.12 is never announced: address of node node2"),
                ("failed", "192.168.0.20", "192.168.0.20 is never announced: address of the API server"),
            ]
            assert bench.client.heard(0.5) == []
        finally:
            bench.announcing.stop()


def test_an_address_that_becomes_forbidden_while_it_is_held_is_let_go(bench: Bench) -> None:
    bench.hold("192.168.0.91")

    bench.host.forbidden = {"192.168.0.91": "address of node node2"}
    bench.announcing.want(on("eth0", "192.168.0.91"))
    settle(lambda: bench.host.count("failed") == 1)

    assert bench.host.reports[-2:] == [
        ("withdrawn", "192.168.0.91", "eth0"),
        ("failed", "192.168.0.91", "192.168.0.91 is never announced: address of node node2"),
    ]
    assert bench.ask() is None


def test_the_nodes_own_address_on_another_nic_is_refused_though_the_agent_does_not_know_it() -> None:
    with wire("eth0", "eth1") as made:
        ip("netns", "exec", made.node, "sysctl", "-qw", "net.ipv6.conf.eth1.disable_ipv6=0")
        made.on_node("addr", "add", "192.168.0.92/32", "dev", "eth1")  # lent, as kube-proxy does
        for address in ("192.168.0.10/24", "192.168.0.91/24", "fd00::91/64"):
            made.on_node("addr", "add", address, "dev", "eth1")
        bench = Bench(made)
        try:
            bench.announcing.want(on("eth0", "192.168.0.91", "192.168.0.92", "fd00::91"))
            settle(lambda: bench.host.count("failed") == 2 and bench.host.count("announced") == 1)

            assert sorted(bench.host.reports) == [
                ("announced", "192.168.0.92", "eth0", "02:00:00:00:01:01"),
                ("failed", "192.168.0.91", "192.168.0.91 is this node's own, on NIC eth1, and is never announced"),
                ("failed", "fd00::91", "fd00::91 is this node's own, on NIC eth1, and is never announced"),
            ]
        finally:
            bench.announcing.stop()


def test_an_address_that_becomes_the_nodes_own_while_it_is_held_is_let_go_and_taken_again_after(bench: Bench) -> None:
    bench.hold("192.168.0.91")

    bench.wire.on_node("addr", "add", "192.168.0.91/24", "dev", "lo")
    settle(lambda: bench.host.count("failed") == 1)
    sentence = "192.168.0.91 is this node's own, on NIC lo, and is never announced"
    assert bench.host.reports[-2:] == [("withdrawn", "192.168.0.91", "eth0"), ("failed", "192.168.0.91", sentence)]
    bench.wire.on_node("addr", "del", "192.168.0.91/24", "dev", "lo")
    settle(lambda: bench.host.count("announced") == 2)

    assert bench.ask(ADDRESS) is not None
