import threading
import time
from collections.abc import Iterator

import pytest

from porter.model.objects import Nic
from porter.plugins.nics import NicWatcher, read_nics
from tests.plugins.netns import Wire, inside, ip, settle, wire

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
        Nic(name="eth0", mac=MAC, networks=("10.0.0.2/8", "192.168.0.2/24"), gateways=("192.168.0.1",)),
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


def test_a_nic_that_does_no_arp_is_left_out(node: Wire) -> None:
    node.on_node("link", "set", "eth0", "arp", "off")

    assert read(node) == ()


def test_reading_often_leaves_no_descriptor_behind(node: Wire) -> None:
    from pathlib import Path  # noqa: PLC0415

    descriptors = Path("/proc/self/fd")
    read(node)
    before = len(list(descriptors.iterdir()))

    for _ in range(50):
        read(node)

    assert len(list(descriptors.iterdir())) <= before


class Changes:
    def __init__(self, node: Wire) -> None:
        self.count = 0
        self.watcher = NicWatcher(self._changed)
        inside(node.node, self.watcher.start)

    def _changed(self) -> None:
        self.count += 1


@pytest.fixture
def changes(node: Wire) -> Iterator[Changes]:
    # the watcher's socket belongs to the namespace of the thread that makes it
    made = inside(node.node, lambda: Changes(node))
    yield made
    made.watcher.stop()


@pytest.mark.parametrize(
    "command",
    ["link set eth0 down", "addr add 192.168.0.7/24 dev eth0", "route add default via 192.168.0.1", "link del eth0"],
)
def test_a_change_is_told_soon(node: Wire, changes: Changes, command: str) -> None:
    node.on_node(*command.split())

    settle(lambda: changes.count > 0, 1)


def test_changes_that_come_together_are_told_together(node: Wire, changes: Changes) -> None:
    lines = "".join(f"addr add 10.0.{each}.1/24 dev eth0\n" for each in range(200))
    import subprocess  # noqa: PLC0415

    subprocess.run(["ip", "-n", node.node, "-batch", "-"], input=lines, text=True, check=True, timeout=20)
    settle(lambda: changes.count > 0)
    time.sleep(0.3)

    assert changes.count <= 4
    assert len(read(node)[0].networks) == 201


def test_a_change_that_could_not_be_handled_is_told_again(node: Wire, caplog: pytest.LogCaptureFixture) -> None:
    told: list[bool] = []

    def failing_once() -> None:
        told.append(True)
        if len(told) == 1:
            raise OSError("the log is gone")

    watcher = inside(node.node, lambda: NicWatcher(failing_once))
    inside(node.node, watcher.start)
    try:
        node.on_node("link", "set", "eth0", "down")
        settle(lambda: len(told) == 2)
    finally:
        watcher.stop()

    assert "the log is gone" in caplog.text


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


def test_an_unchanged_node_is_no_call(changes: Changes) -> None:
    time.sleep(0.5)

    assert changes.count == 0


def test_after_stop_nothing_is_told_and_no_thread_is_left(node: Wire, changes: Changes) -> None:
    changes.watcher.stop()
    changes.watcher.stop()
    node.on_node("link", "set", "eth0", "down")
    time.sleep(0.2)

    assert changes.count == 0
    assert not [thread for thread in threading.enumerate() if thread.name == "nic watcher"]
