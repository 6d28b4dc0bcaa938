"""Which links are NICs of clients, for kinds that not every kernel has; from messages as net/core/rtnetlink.c makes."""

from typing import Any

import pytest
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from porter.model.objects import Nic
from porter.plugins.netlink import Fields, Tables, fields_of
from porter.plugins.nics import nics_of

# linux/if.h
UP, BROADCAST, NOARP, RUNNING, PROMISC = 0x1, 0x2, 0x80, 0x40, 0x100
MASTER, SLAVE, MULTICAST, LOWER_UP, DORMANT = 0x400, 0x800, 0x1000, 0x10000, 0x20000
WELL = UP | BROADCAST | RUNNING | MULTICAST | LOWER_UP
LOOPBACK, TUNNEL = 772, 776  # ARPHRD_LOOPBACK, ARPHRD_SIT of linux/if_arp.h


def link(
    index: int,
    name: str,
    kind: str = "",
    *,
    slave: str = "",
    master: int = 0,
    below: int = 0,
    flags: int = WELL,
    hardware: int = 1,
) -> Fields:
    """An RTM_NEWLINK, through bytes as it comes from the kernel."""
    attributes: list[tuple[str, Any]] = [("IFLA_IFNAME", name), ("IFLA_ADDRESS", f"52:54:00:00:00:{index:02x}")]
    attributes += [("IFLA_LINK", below)] if below else []
    attributes += [("IFLA_MASTER", master)] if master else []
    info = [("IFLA_INFO_KIND", kind)] if kind else []
    info += [("IFLA_INFO_SLAVE_KIND", slave)] if slave else []
    attributes += [("IFLA_LINKINFO", {"attrs": info})] if info else []
    message = ifinfmsg()
    message.update({"family": 0, "ifi_type": hardware, "index": index, "flags": flags, "attrs": attributes})
    message["header"]["type"] = 16  # RTM_NEWLINK
    message.encode()
    read = ifinfmsg(message.data)
    read.decode()
    return fields_of(read)


def address(index: int, text: str, length: int) -> Fields:
    return {"family": 2, "index": index, "IFA_LOCAL": text, "IFA_ADDRESS": text, "prefixlen": length, "IFA_FLAGS": 0x80}


def nics(*links: Fields, addresses: tuple[Fields, ...] = ()) -> dict[str, Nic]:
    return {nic.name: nic for nic in nics_of(Tables([*links], [*addresses], []))}


def test_a_bond_is_a_nic_and_its_slaves_are_none() -> None:
    found = nics(
        link(2, "eno1", slave="bond", master=4, flags=WELL | SLAVE),
        link(3, "eno2", slave="bond", master=4, flags=(WELL | SLAVE) & ~LOWER_UP),
        link(4, "bond0", "bond", flags=WELL | MASTER),
        addresses=(address(4, "192.168.0.2", 24),),
    )

    assert found == {"bond0": Nic(name="bond0", mac="52:54:00:00:00:04", networks=("192.168.0.2/24",))}


@pytest.mark.parametrize("kind", ["bond", "bridge", "team", "openvswitch"])
def test_a_slave_is_no_nic_even_with_an_address(kind: str) -> None:
    # of a bond that was made while the address was there: it is the master's segment all the same
    found = nics(
        link(2, "eno1", slave=kind, master=4, flags=WELL | SLAVE),
        link(4, "top0", kind),
        addresses=(address(2, "192.168.0.2", 24),),
    )

    assert list(found) == ["top0"]


def test_a_port_of_a_vrf_is_a_nic_for_itself() -> None:
    found = nics(
        link(2, "eno1", slave="vrf", master=9),
        link(9, "vrf-blue", "vrf", flags=UP | NOARP | MASTER | LOWER_UP | RUNNING),
        addresses=(address(2, "10.0.0.2", 8),),
    )

    assert found["eno1"].networks == ("10.0.0.2/8",)
    assert found["eno1"].arp


def test_a_vlan_is_a_nic_of_its_own_beside_the_one_below() -> None:
    found = nics(
        link(2, "eno1", slave="bond", master=4, flags=WELL | SLAVE),
        link(4, "bond0", "bond"),
        link(5, "bond0.100", "vlan", below=4),
        link(6, "br0", "bridge"),
        link(7, "bond0.200", "vlan", below=4, slave="bridge", master=6),
        addresses=(address(5, "10.1.0.2", 16), address(6, "10.2.0.2", 16)),
    )

    assert {name: nic.networks for name, nic in found.items()} == {
        "bond0": (),
        "bond0.100": ("10.1.0.2/16",),
        "br0": ("10.2.0.2/16",),
    }


def test_a_macvlan_is_a_nic() -> None:
    assert list(nics(link(2, "eno1"), link(5, "mac0", "macvlan", below=2))) == ["eno1", "mac0"]


@pytest.mark.parametrize(
    "kind", ["dummy", "vxlan", "geneve", "gretap", "wireguard", "ifb", "erspan", "ip6gretap", "nlmon"]
)
def test_what_leads_to_no_segment_of_clients_is_no_nic(kind: str) -> None:
    found = nics(link(2, "some0", kind), addresses=(address(2, "10.0.0.2", 8),))

    assert found == {}


def test_what_is_no_ethernet_is_no_nic() -> None:
    assert nics(link(1, "lo", hardware=LOOPBACK), link(2, "sit0", "sit", hardware=TUNNEL)) == {}


@pytest.mark.parametrize(
    ("flags", "up", "carrier", "arp"),
    [
        pytest.param(WELL, True, True, True, id="well"),
        pytest.param(BROADCAST | MULTICAST, False, False, True, id="down"),
        pytest.param(UP | BROADCAST | MULTICAST, True, False, True, id="no carrier"),
        pytest.param(UP | BROADCAST | MULTICAST | LOWER_UP | DORMANT, True, False, True, id="not let in by 802.1X"),
        pytest.param(UP | BROADCAST | RUNNING, True, False, True, id="the carrier has just gone"),
        pytest.param(WELL | NOARP, True, True, False, id="NOARP"),
        pytest.param(WELL | PROMISC, True, True, True, id="promiscuous"),
    ],
)
def test_the_state_of_a_nic_is(flags: int, up: bool, carrier: bool, arp: bool) -> None:  # noqa: FBT001
    nic = nics(link(2, "eth0", flags=flags))["eth0"]

    assert (nic.up, nic.carrier, nic.arp) == (up, carrier, arp)
