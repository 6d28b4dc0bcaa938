"""Other addresses: nothing of the old ones is left, and everything lies where it lay, seen from the others."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from porter.events.redaction.addresses import LITERAL, Addresses

MACS = {"52:54:00:12:34:56": "02:10:00:00:00:01"}
NETWORKS = [
    "10.0.0.0/16",
    "10.96.0.0/12",
    "10.1.2.0/24",
    "192.168.0.0/24",
    "100.64.0.0/10",
    "2001:db8::/48",
    "fd00::/64",
]


def others(texts: list[str], *asked: str) -> list[str]:
    """Return what stands for the asked addresses in a log that has these texts."""
    addresses = Addresses()
    for text in texts:
        addresses.add(text)
    addresses.settle()
    return [addresses.other(ip_address(one), MACS) for one in asked]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(NETWORKS), min_size=1, unique=True), st.data())
def test_structure_stays_and_no_address_does(networks: list[str], data: st.DataObject) -> None:
    hosts = []
    for text in networks:
        network = ip_network(text)
        picked = data.draw(st.lists(st.integers(0, network.num_addresses - 1), min_size=1, max_size=3))
        hosts += [network[number] for number in picked]

    found = [ip_address(one) for one in others([*networks, *map(str, hosts)], *map(str, hosts))]

    for host, other in zip(hosts, found, strict=True):
        assert not any(other in ip_network(text) for text in networks)
        for neighbour, moved in zip(hosts, found, strict=True):
            if host.version == neighbour.version:
                assert (int(host) < int(neighbour)) == (int(other) < int(moved))
                for length in range(8, host.max_prefixlen + 1, 4):
                    shared = any(ip_network(text).prefixlen <= length and host in ip_network(text) for text in networks)
                    together = neighbour in ip_network((host, length), strict=False)
                    if shared:
                        assert together == (moved in ip_network((other, length), strict=False))


@pytest.mark.parametrize(
    "text", ["127.0.0.1", "224.0.0.18", "255.255.255.255", "0.0.0.0", "169.254.1.1", "::1", "ff02::1"]
)
def test_special_addresses_stay(text: str) -> None:
    assert others([text, "10.0.0.1"], text) == [text]


def test_a_mac_inside_an_address_is_exchanged_too() -> None:
    made_of_mac = "fd00::5054:ff:fe12:3456"
    link_local = "fe80::5054:ff:fe12:3456"

    assert others([made_of_mac, link_local], made_of_mac, link_local) == [
        "2001:db8::10:ff:fe00:1",
        "fe80::10:ff:fe00:1",
    ]


def test_link_local_addresses_are_numbered() -> None:
    assert others(["fe80::dead", "fe80::beef"], "fe80::beef", "fe80::dead") == ["fe80::1", "fe80::2"]


def test_a_range_over_half_of_everything_moves_by_its_ends() -> None:
    addresses = Addresses()
    addresses.add_range("1.2.3.4-200.1.2.3")
    addresses.settle()

    first, last = (ip_address(addresses.other(ip_address(one), MACS)) for one in ("1.2.3.4", "200.1.2.3"))

    assert (str(first), str(last)) == ("10.0.0.4", "10.0.1.3")


def test_an_address_that_was_not_in_the_log_becomes_nobodys() -> None:
    assert others(["10.0.0.1"], "192.0.2.1") == ["0.0.0.0"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at 10.0.0.1: refused", ["10.0.0.1"]),
        ("10.0.0.1-10.0.0.9", ["10.0.0.1", "10.0.0.9"]),
        ("10.0.0.1:6443/x and 10.0.0.0/24.", ["10.0.0.1", "10.0.0.0"]),
        ("fd00::1: refused, fd00::/64", ["fd00::1", "fd00::"]),
        ("[::ffff:10.0.0.1]:80", ["::ffff:10.0.0.1"]),
        ("Porter 1.2.3.4.5", []),
    ],
)
def test_addresses_are_found_in_sentences(text: str, expected: list[str]) -> None:
    assert [found[0] for found in LITERAL.finditer(text)] == expected
