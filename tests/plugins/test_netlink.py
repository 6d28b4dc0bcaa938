"""Addresses that are read by hand are those that pyroute2 reads."""

from collections.abc import Iterator

import pytest
from pyroute2 import IPRoute

from porter.plugins.netlink import Fields, fields_of, read_tables
from tests.plugins.netns import Wire, batch, inside, ip, wire

pytestmark = pytest.mark.root

KEPT = {"family", "prefixlen", "flags", "index", "IFA_ADDRESS", "IFA_LOCAL", "IFA_FLAGS"}


@pytest.fixture
def node() -> Iterator[Wire]:
    with wire() as made:
        # without an address of the link's own, whose flags change while the kernel asks whether it is the only one
        for setting in ("addr_gen_mode=1", "disable_ipv6=0"):
            ip("netns", "exec", made.node, "sysctl", "-qw", f"net.ipv6.conf.eth0.{setting}")
        made.on_node("link", "add", "kube-ipvs0", "type", "bridge")
        lines = [f"addr add 10.{1 + n // 250}.{n % 250}.1/32 dev kube-ipvs0" for n in range(1500)]  # some answers long
        lines += ["addr add 192.168.0.2/24 brd + dev eth0 label eth0:1", "addr add 10.9.0.1 peer 10.9.0.2/30 dev eth0"]
        lines += ["addr add 2001:db8::2/64 dev eth0 nodad", "addr add ::ffff:10.9.9.9/128 dev eth0 nodad", ""]
        batch(made.node, "\n".join(lines))
        yield made


def by_pyroute2() -> list[Fields]:
    with IPRoute() as netlink:
        return [{key: value for key, value in fields_of(each).items() if key in KEPT} for each in netlink.get_addr()]


def ordered(addresses: list[Fields]) -> list[str]:
    return sorted(str(sorted(each.items())) for each in addresses)


def test_addresses_are_read_as_pyroute2_reads_them(node: Wire) -> None:
    expected = inside(node.node, by_pyroute2)

    found = inside(node.node, lambda: read_tables(lambda _: True).addresses)

    assert len(found) > 1500
    assert ordered(found) == ordered(expected)


def test_addresses_of_links_without_interest_are_passed_over(node: Wire) -> None:
    tables = inside(node.node, lambda: read_tables(lambda link: link["IFLA_IFNAME"] == "eth0"))

    own = {link["index"] for link in tables.links if link["IFLA_IFNAME"] == "eth0"}
    assert {each["index"] for each in tables.addresses} == own
    assert {"192.168.0.2", "10.9.0.1"} <= {each.get("IFA_LOCAL") for each in tables.addresses}
