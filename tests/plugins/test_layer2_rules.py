import pytest

from porter.model.names import EipName, NodeName
from porter.model.objects import Eip
from porter.model.protocol import PlacementRequest
from porter.plugins.api import Counting
from porter.plugins.layer2.plugin import Layer2
from porter.reconciler.decide import Rules
from porter.reconciler.rendezvous import winner
from tests.worlds import decided, nodes, served, service

NODES = (NodeName("node1"), NodeName("node2"), NodeName("node3"))


def eip(interface: str | None = None, address: str = "192.168.0.91") -> Eip:
    return Eip(
        name=EipName("edge"),
        uid="1",
        created="2024-01-01T00:00:00Z",
        address=address,
        protocol="layer2",
        interface=interface,
    )


@pytest.mark.parametrize(
    "interface",
    [None, "eth0", "enp3s0f0", "bond0.100", "fifteen-letters", "can_reach:192.168.0.1", "can_reach:fd00::1"],
)
def test_an_interface_that_can_be_one_is_taken(interface: str | None) -> None:
    assert Layer2().validate(eip(interface)) == ()


@pytest.mark.parametrize(
    ("interface", "sentence"),
    [
        ("sixteen-letters!", "is no NIC's name: Linux allows 1 to 15 bytes"),
        ("", "is no NIC's name: Linux allows 1 to 15 bytes"),
        ("eth/0", "holds a slash, a colon or a space"),
        ("eth 0", "holds a slash, a colon or a space"),
        ("..", "holds a slash, a colon or a space"),
        ("lo", "nobody can be reached there"),
        ("can_reach:", "'' is not an IP address"),
        ("can_reach:gateway", "'gateway' is not an IP address"),
        ("can_reach:192.168.0.0/24", "'192.168.0.0/24' is not an IP address"),
    ],
)
def test_an_interface_that_can_be_none_is_refused_in_one_sentence(interface: str, sentence: str) -> None:
    (fault,) = Layer2().validate(eip(interface))

    assert sentence in fault
    assert repr(interface) in fault


@pytest.mark.parametrize(
    "address", ["192.168.0.91", "192.168.0.0/24", "fd00::91", "fd00::/120", " FD00::91 ", "nonsense"]
)
def test_a_pool_of_either_family_is_taken_and_one_of_nothing_is_not_its_to_judge(address: str) -> None:
    assert Layer2().validate(eip(address=address)) == ()


def test_a_pool_of_ipv6_is_ready_and_its_address_has_one_owner() -> None:
    things = [
        *nodes(),
        eip(address="fd00::/120", interface="eth0"),
        *served(service("default/web", ip_families=("IPv6",))),
    ]
    found = decided(*things, rules=Rules(protocols={"layer2": Layer2()}))

    (state,), (assignment,) = found.pools.values(), found.assignments.values()
    assert state.ready
    assert (assignment.address, len(assignment.nodes)) == ("fd00::1", 1)


def test_an_address_stays_on_its_node_while_that_is_eligible() -> None:
    request = PlacementRequest(address="192.168.0.91", eligible=NODES, current=NODES[2])

    assert Layer2().place(request) == (NODES[2],)


@pytest.mark.parametrize("current", [None, NodeName("gone")])
def test_an_address_without_a_node_goes_to_the_winner(current: NodeName | None) -> None:
    request = PlacementRequest(address="192.168.0.91", eligible=NODES, current=current)

    assert Layer2().place(request) == (winner("192.168.0.91", NODES),)


def test_without_an_eligible_node_there_is_none() -> None:
    assert Layer2().place(PlacementRequest(address="192.168.0.91", eligible=())) == ()


def test_nothing_is_counted_before_start() -> None:
    layer2 = Layer2()

    assert isinstance(layer2, Counting)
    assert layer2.counters() == {}


def test_stop_is_safe_before_start_and_twice() -> None:
    layer2 = Layer2()

    layer2.stop()
    layer2.stop()
