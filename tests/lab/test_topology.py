from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

import pytest

from porter.lab import topology
from porter.lab.errors import LabError


def plan(**changes: Any) -> dict[str, Any]:
    whole = {
        "gateway": "10.0.0.1/24",
        "nodes": [{"name": "a", "nics": [{"name": "eth0", "address": "10.0.0.2/24"}]}],
        "client": {"name": "client", "nics": [{"name": "eth0", "address": "10.0.0.9/24"}]},
    }
    return {**whole, **changes}


def test_the_default_network_is_the_guides() -> None:
    guide = topology.guide(3)

    assert [str(node.address) for node in guide.nodes] == ["192.168.0.2/24", "192.168.0.3/24", "192.168.0.4/24"]
    assert [nic.name for nic in guide.nodes[0].nics] == ["eth0", "eth1"]
    assert str(guide.nodes[0].nic("eth1").address) == "192.168.1.2/24"
    assert guide.pods_of("node2") == (IPv4Network("10.244.2.0/24"),)


def test_no_host_of_the_largest_network_is_in_the_guides_pool() -> None:
    hosts = topology.guide(topology.MOST_NODES).hosts

    assert not [h for h in hosts if 91 <= int(h.address.ip) & 255 <= 100]


def test_orion_has_one_nic_with_carrier() -> None:
    orion = topology.load("orion").node("orion")

    assert {nic.name: nic.carrier for nic in orion.nics} == {
        "enp3s0f0": True,
        "enp3s0f1": False,
        "enp4s0f0": False,
        "enp4s0f1": False,
    }


def host(name: str, address: str, segment: str) -> dict[str, Any]:
    return {"name": name, "nics": [{"name": "eth0", "address": address, "segment": segment}]}


def six(address: str | None = "2001:db8::2/64", **changes: Any) -> dict[str, Any]:
    """A dual-stack network of one node and a client without IPv6."""
    node = {"name": "a", "nics": [{"name": "eth0", "address": "10.0.0.2/24", "ipv6": address}]}
    return plan(nodes=[node], ipv6={"gateway": "2001:db8::1/64", **changes})


def alone(**node: Any) -> dict[str, Any]:
    """A network of IPv6 alone."""
    a = {"name": "a", "nics": [{"name": "eth0", "ipv6": "2001:db8::2/64"}], **node}
    client = {"name": "client", "nics": [{"name": "eth0", "ipv6": "2001:db8::9/64"}]}
    return {"nodes": [a], "client": client, "ipv6": {"gateway": "2001:db8::1/64"}}


def test_the_guides_network_has_the_same_numbers_in_ipv6() -> None:
    guide = topology.guide(2, families=("IPv4", "IPv6"))

    assert [str(nic.ipv6) for host in guide.hosts for nic in host.nics] == [
        "2001:db8::2/64",
        "2001:db8:1::2/64",
        "2001:db8::3/64",
        "2001:db8::200/64",
    ]
    assert guide.pods_of("node2") == (IPv4Network("10.244.2.0/24"), IPv6Network("fd00:10:244:2::/64"))
    assert guide.service_ranges == "10.233.0.0/18,fd00:10:233::/112"
    assert topology.guide(2).service_ranges == "10.233.0.0/18"


def test_the_guides_network_can_be_of_ipv6_alone() -> None:
    both, alone = topology.guide(2, families=("IPv4", "IPv6")), topology.guide(2, families=("IPv6",))

    assert [nic.addresses for host in alone.hosts for nic in host.nics] == [
        (nic.ipv6,) for host in both.hosts for nic in host.nics
    ]
    assert (alone.families, str(alone.server)) == (("IPv6",), "2001:db8::1")
    assert alone.pods_of("node2") == (IPv6Network("fd00:10:244:2::/64"),)
    assert alone.service_ranges == "fd00:10:233::/112"


def test_a_host_that_is_no_node_may_have_ipv4_alone() -> None:
    made = topology.parse(six())

    assert [len(made.node("a").addresses), len(made.client.addresses)] == [2, 1]


@pytest.mark.parametrize(
    "one",
    [
        topology.guide(4),
        topology.load("orion"),
        topology.guide(2, families=("IPv4", "IPv6")),
        topology.guide(2, families=("IPv6",)),
    ],
    ids=["guide", "orion", "dual stack", "IPv6 alone"],
)
def test_a_topology_survives_the_state_file(one: topology.Topology) -> None:
    assert topology.parse(topology.plain(one)) == one


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        pytest.param({}, "missing required field `nodes`", id="empty"),
        pytest.param(plan(gateway=None), "it needs a 'gateway', or 'ipv6' with one", id="no router"),
        pytest.param(
            alone(nics=[{"name": "eth0", "address": "10.0.0.2/24", "ipv6": "2001:db8::2/64"}]),
            "a has an address of IPv4, but the network has no 'gateway'",
            id="IPv4 without a router",
        ),
        pytest.param(alone(nics=[{"name": "eth0"}]), "the first NIC of a needs 'ipv6'", id="IPv6 alone, and not there"),
        pytest.param(
            {**alone(), "client": {"name": "c", "nics": [{"name": "eth0"}]}},
            "the first NIC of c needs 'ipv6'",
            id="a client without an address",
        ),
        pytest.param(
            {**alone(), "routes": {"br2": "10.8.0.1/24"}}, "'routes' are of IPv4, of which", id="routes of IPv4"
        ),
        pytest.param("nodes", "Expected `object`", id="not a mapping"),
        pytest.param(plan(nodes=[]), "it has no nodes", id="no nodes"),
        pytest.param(plan(gateway="10.0.0.300"), "10.0.0.300", id="no address"),
        pytest.param(plan(client=plan()["nodes"][0]), "two hosts are called 'a'", id="twice"),
        pytest.param(plan(extra=1), "unknown field `extra`", id="unknown field"),
        pytest.param(plan(gateway="10.0.0.2/24"), "the same address 10.0.0.2", id="address twice"),
        pytest.param(plan(gateway="10.9.0.1/24"), "outside the gateway's 10.9.0.0/24", id="elsewhere"),
        pytest.param(
            plan(nodes=[{"name": "a", "nics": [{"name": "a name that is long", "address": "10.0.0.2/24"}]}]),
            "cannot be a NIC name",
            id="long NIC name",
        ),
        pytest.param(plan(nodes=[{"name": "a", "nics": []}]), "a has no NICs", id="no NICs"),
        pytest.param(plan(mac_age=0), "mac_age is 0; it must be at least 1 second", id="no memory"),
        pytest.param(plan(routes={"br0": "10.0.1.1/24"}), "'routes' is for the other segments", id="two gateways"),
        pytest.param(
            plan(client=host("c", "10.8.0.9/24", "br2")), "c is on br2, where the router has no address", id="no route"
        ),
        pytest.param(
            plan(client=host("c", "10.8.0.9/24", "br2"), routes={"br2": "10.9.0.1/24"}),
            "c has 10.8.0.9/24, outside the gateway's 10.9.0.0/24",
            id="another subnet",
        ),
        pytest.param(
            plan(nodes=[host("a", "10.8.0.9/24", "br2")], routes={"br2": "10.8.0.1/24"}),
            "the first NIC of node a must be on br0",
            id="a node behind the router",
        ),
        pytest.param({**six(), "ipv6": None}, "the network has no 'ipv6' with a gateway", id="IPv6 without a router"),
        pytest.param(six(None), "the first NIC of a needs 'ipv6', as the network has IPv6", id="a node without IPv6"),
        pytest.param(six("2001:db8:9::2/64"), "a has 2001:db8:9::2/64, outside", id="another subnet of IPv6"),
        pytest.param(six("2001:db8::1/64"), "a and the gateway have the same address 2001:db8::1", id="IPv6 twice"),
        pytest.param(six(pods="fd00::/64"), "the pods' range fd00::/64 has no /64 for each of 1 nodes", id="no room"),
        pytest.param(six(routes={"a bridge": "2001:db8:1::1/64"}), "'a bridge' of routes cannot", id="no segment"),
        pytest.param(six("192.168.0.2/24"), "in '192.168.0.2' - at `$.nodes[0].nics[0].ipv6`", id="IPv4 for IPv6"),
    ],
)
def test_a_faulty_topology_is_refused_in_one_sentence(data: Any, complaint: str) -> None:
    with pytest.raises(LabError) as caught:
        topology.parse(data)

    assert complaint in caught.value.message
    assert "\n" not in caught.value.message


def test_a_topology_file_is_read_and_its_faults_name_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("gateway: [", encoding="utf-8")

    with pytest.raises(LabError, match=r"mine\.yaml is not YAML"):
        topology.load(str(file))
    with pytest.raises(LabError, match="Shipped ones: orion"):
        topology.load(str(tmp_path / "none.yaml"))


def test_asking_for_what_is_not_there_names_what_is() -> None:
    guide = topology.guide(2)

    with pytest.raises(LabError, match="It has: node1, node2, client"):
        guide.host("node3")
    with pytest.raises(LabError, match="'client' is the client, not a node"):
        guide.node("client")
    with pytest.raises(LabError, match="It has: eth0"):
        guide.node("node2").nic("eth9")
    with pytest.raises(LabError, match="ask for 1 to 89"):
        topology.guide(0)
