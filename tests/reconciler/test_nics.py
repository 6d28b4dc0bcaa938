"""Which NIC of a node announces an address, in order of preference. (COMPAT: Eip `interface`, Node annotation)"""

from typing import Any

import pytest

from porter.model.addresses import parse_address
from porter.model.objects import Nic, Way
from porter.model.reasons import Reason
from porter.reconciler.nics import can_reach_targets, choose_nic
from tests.worlds import agent, eip, nic, node, world_of

ETH0 = nic("eth0", "192.168.0.11/24", "fd00::11/64", gateways=("192.168.0.1",))
ETH1 = nic("eth1", "10.0.0.11/8")
ETH2 = nic("eth2", "10.1.0.11/16", gateways=("fe80::1",))
BARE = nic("bare")
ALL = (BARE, ETH0, ETH1, ETH2)

CHOSEN: dict[str, tuple[tuple[Nic, ...], dict[str, Any], str | None, str, str]] = {
    "the subnet that holds the address": (ALL, {}, None, "192.168.0.91", "eth0"),
    "the subnet, IPv6": (ALL, {}, None, "fd00::91", "eth0"),
    "the narrower of two subnets": (ALL, {}, None, "10.1.0.91", "eth2"),
    "the wider where the narrower does not hold it": (ALL, {}, None, "10.2.0.91", "eth1"),
    "of equal subnets the first": ((nic("a", "10.0.0.1/8"), nic("b", "10.0.0.2/8")), {}, None, "10.0.0.9", "a"),
    "the only NIC, though outside its subnet": ((ETH1,), {}, None, "192.168.0.91", "eth1"),
    "the only NIC, without an address": ((BARE,), {}, None, "192.168.0.91", "bare"),
    "spec.interface before the subnet": (ALL, {"interface": "eth1"}, None, "192.168.0.91", "eth1"),
    "the annotation before spec.interface": (ALL, {"interface": "eth1"}, "10.1.0.11", "192.168.0.91", "eth2"),
    "the annotation before the subnet": (ALL, {}, "10.0.0.11", "192.168.0.91", "eth1"),
    "an IPv6 annotation": (ALL, {}, "fd00::11", "10.0.0.91", "eth0"),
    "can_reach by a subnet": (ALL, {"interface": "can_reach:10.1.2.3"}, None, "192.168.0.91", "eth2"),
    "can_reach by the default gateway": (ALL, {"interface": "can_reach:8.8.8.8"}, None, "10.0.0.91", "eth0"),
    "can_reach by the IPv6 gateway": (ALL, {"interface": "can_reach:2001:db8::1"}, None, "10.0.0.91", "eth2"),
    "the only NIC that does ARP": ((nic("a", arp=False), BARE), {}, None, "192.168.0.91", "bare"),
    "can_reach with a space": (ALL, {"interface": "can_reach: 10.1.2.3"}, None, "192.168.0.91", "eth2"),
}
MISSING: dict[str, tuple[tuple[Nic, ...], dict[str, Any], str | None, Reason, str]] = {
    "no such interface": (
        (ETH0, ETH1),
        {"interface": "eth9"},
        None,
        Reason.NIC_MISSING,
        "no interface 'eth9' on this node. Available: eth0, eth1",
    ),
    "no NIC at all": ((), {"interface": "eth0"}, None, Reason.NIC_MISSING, "Available: none"),
    "an annotation that no NIC carries": (
        ALL,
        {"interface": "eth0"},
        "10.9.9.9",
        Reason.NIC_MISSING,
        "no NIC carries 10.9.9.9, which the Node's annotation names",
    ),
    "an annotation that is no address": (ALL, {}, "eth0", Reason.NIC_MISSING, "no NIC carries eth0"),
    "can_reach what nothing reaches": (
        (ETH1,),
        {"interface": "can_reach:8.8.8.8"},
        None,
        Reason.NIC_MISSING,
        "no NIC reaches 8.8.8.8",
    ),
    "can_reach what is no address": (
        ALL,
        {"interface": "can_reach:router"},
        None,
        Reason.NIC_MISSING,
        "no NIC reaches router",
    ),
    "two NICs, none beside the address": (
        (ETH1, BARE),
        {},
        None,
        Reason.NIC_MISSING,
        "no NIC's subnet holds it; name one in spec.interface of the Eip",
    ),
    "a host address is no subnet": (
        (nic("lo", "192.168.0.91/32"), BARE),
        {},
        None,
        Reason.NIC_MISSING,
        "no NIC's subnet holds it",
    ),
    "chosen, and down": ((nic("eth0", "192.168.0.11/24", up=False), ETH1), {}, None, Reason.NIC_DOWN, "eth0 is down"),
    "chosen, and without ARP": (
        (nic("eth0", "192.168.0.11/24", arp=False), ETH1),
        {},
        None,
        Reason.NIC_NO_ARP,
        "NIC eth0 does no ARP",
    ),
    "chosen, and without carrier": (
        (nic("eth0", "192.168.0.11/24", carrier=False), ETH1),
        {},
        None,
        Reason.NIC_NO_CARRIER,
        "NIC eth0 has no carrier",
    ),
}


def choose(nics: tuple[Nic, ...], fields: dict[str, Any], written: str | None, text: str) -> Any:
    address = parse_address(text)
    assert address is not None
    return choose_nic(
        agent("node1", *nics), node("node1", layer2_address=written), eip("pool", text, **fields), address
    )


@pytest.mark.parametrize(("nics", "fields", "written", "address", "expected"), CHOSEN.values(), ids=CHOSEN.keys())
def test_the_nic_is(
    nics: tuple[Nic, ...], fields: dict[str, Any], written: str | None, address: str, expected: str
) -> None:
    assert choose(nics, fields, written, address).nic.name == expected


@pytest.mark.parametrize(("nics", "fields", "written", "reason", "sentence"), MISSING.values(), ids=MISSING.keys())
def test_there_is_no_nic(
    nics: tuple[Nic, ...], fields: dict[str, Any], written: str | None, reason: Reason, sentence: str
) -> None:
    choice = choose(nics, fields, written, "192.168.0.91")

    assert choice.nic is None
    assert choice.verdict.reason is reason
    assert sentence in choice.verdict.sentence


def test_a_kept_address_without_an_eip_goes_by_the_subnet() -> None:
    address = parse_address("192.168.0.91")
    assert address is not None

    choice = choose_nic(agent("node1", *ALL), None, None, address)

    assert choice.nic == ETH0


@pytest.mark.parametrize(
    ("ways", "expected"),
    [
        pytest.param((), "eth0", id="not asked yet: by the default gateway"),
        pytest.param((Way(to="8.8.8.8", nic="eth1"),), "eth1", id="a static route over another NIC"),
        pytest.param((Way(to="8.8.4.4", nic="eth1"),), "eth0", id="asked for another"),
        pytest.param((Way(to="8.8.8.8"),), None, id="no NIC"),
        pytest.param((Way(to="8.8.8.8", nic="eth7"),), None, id="a NIC that is not there"),
    ],
)
def test_can_reach_is_what_the_nodes_kernel_says(ways: tuple[Way, ...], expected: str | None) -> None:
    address = parse_address("192.168.0.91")
    assert address is not None
    pool = eip("pool", "192.168.0.91", interface="can_reach:8.8.8.8")

    choice = choose_nic(agent("node1", *ALL, ways=ways), None, pool, address)

    assert (choice.nic.name if choice.nic is not None else None) == expected
    assert choice.nic is not None or choice.verdict.sentence == "no NIC reaches 8.8.8.8"


def test_a_way_of_before_a_subnet_is_the_kernels() -> None:
    address = parse_address("192.168.0.91")
    assert address is not None
    pool = eip("pool", "192.168.0.91", interface="can_reach:192.168.0.7")

    choice = choose_nic(agent("node1", *ALL, ways=(Way(to="192.168.0.7", nic="eth1"),)), None, pool, address)

    assert choice.nic == ETH1


def test_every_agent_asks_for_what_eips_name_and_for_nothing_else() -> None:
    world = world_of(
        eip("a", "192.168.0.91", interface="can_reach: 10.1.2.3"),
        eip("b", "192.168.0.92", interface="can_reach:10.1.2.3"),
        eip("c", "192.168.0.93", interface="can_reach:2001:DB8::0001"),
        eip("d", "192.168.0.94", interface="can_reach:router"),
        eip("e", "192.168.0.95", interface="eth0"),
        eip("f", "192.168.0.96"),
        eip("g", "192.168.0.97", interface="10.9.9.9"),
    )

    assert can_reach_targets(world) == {"10.1.2.3", "2001:db8::1"}
