"""Asking a segment by ARP who answers for a pool's addresses: what goes over the wire, and what is made of it."""

import ctypes
import socket
import struct
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address

import pytest

from porter.check.machine import check_raw_sockets
from porter.check.pools import case_of
from porter.check.scan import Plan, ask, check_strangers, plan_of
from porter.events.entries import RESOURCES
from porter.model.names import EipName, NodeName
from porter.model.objects import Agent, Eip, Endpoints, Nic, Node, Service
from porter.plugins.layer2.announcer import arp
from porter.plugins.registry import Registry
from porter.reconciler.decide import Rules
from porter.reconciler.explaining.case import Case
from porter.reconciler.world import World
from tests.check.cluster import surveyed
from tests.plugins.netns import Wire, inside, ip, wire

OURS, THEIRS = "02:00:00:00:01:01", "02:00:00:00:02:02"
NODE = NodeName("node1")


def world(address: str, *, holder: str | None = None) -> World:
    nic = Nic(name="eth0", mac=OURS, networks=("203.0.113.2/24",), gateways=("203.0.113.1",))
    other = Nic(name="eth0", mac="02:00:00:00:01:03", networks=("203.0.113.3/24",))
    made = World(
        eips={EipName("edge"): Eip(name=EipName("edge"), uid="e", created="t0", address=address, protocol="layer2")},
        nodes={NodeName(name): Node(name=NodeName(name)) for name in ("node1", "node2")},
        agents={
            NODE: Agent(node=NODE, nics=(nic,)),
            NodeName("node2"): Agent(node=NodeName("node2"), nics=(other,)),
        },
        listed=set(RESOURCES),
    )
    if holder is not None:
        service = Service(
            namespace="default",
            name="web",
            uid="s",
            created="t0",
            type="LoadBalancer",
            claimed_by="porter",
            addresses=(holder,),
        )
        made.services[service.key] = service
        made._put_slice(Endpoints(namespace="default", name="web-1", service="web", ready=(NODE,)))
    return made


def case(address: str, *, holder: str | None = None) -> Case:
    return case_of(surveyed(world(address, holder=holder)), Rules(protocols=Registry.discover().rules))


def judged(made: Case, plan: Plan, heard: dict[IPv4Address, frozenset[str]]) -> list[tuple[str, str]]:
    return [(one.level, one.what) for one in check_strangers(surveyed(made.world), made, plan, heard)]


def test_what_is_never_handed_out_is_not_asked_for() -> None:
    plan = plan_of(case("203.0.113.0/29"), NODE, limit=100)

    assert [str(one) for one in plan.addresses["eth0"]] == ["203.0.113.4", "203.0.113.5", "203.0.113.6"]
    assert plan.left_out == 0


def test_the_bound_is_kept_and_what_is_left_out_is_counted() -> None:
    plan = plan_of(case("203.0.113.64/26"), NODE, limit=10)

    assert plan.total == 10
    assert plan.left_out == 62 - 10  # without the pool's network and broadcast addresses
    assert judged(case("203.0.113.64/26"), plan, {}) == [
        ("unknown", "asked for 10 addresses on eth0; 52 more are beyond the bound (--scan-limit)")
    ]


def test_a_vast_pool_in_a_reserved_range_is_passed_over_at_once() -> None:
    plan = plan_of(case("224.0.0.0-240.0.0.5"), NODE, limit=1024)

    assert plan.total == 0


ADDRESS = IPv4Address("203.0.113.91")


@pytest.mark.parametrize(
    ("holder", "macs", "expected"),
    [
        (None, {THEIRS}, [("warning", f"a host that is no node ({THEIRS}) answers for 203.0.113.91")]),
        (
            "203.0.113.91",
            {THEIRS},
            [("fault", f"a host that is no node ({THEIRS}) answers for 203.0.113.91, which default/web has")],
        ),
        ("203.0.113.91", {OURS}, []),
        ("203.0.113.91", {OURS, "02:00:00:00:01:03"}, [("fault", "node1, node2 answer for 203.0.113.91")]),
        (None, {OURS}, [("fault", "node1 answers for 203.0.113.91")]),
    ],
    ids=["a stranger", "a stranger for a held one", "its owner", "two nodes", "a node for a free one"],
)
def test_who_answers_is_judged(holder: str | None, macs: set[str], expected: list[tuple[str, str]]) -> None:
    made = case("203.0.113.91", holder=holder)
    plan = plan_of(made, NODE, limit=10)

    assert judged(made, plan, {ADDRESS: frozenset(macs)}) == expected


@pytest.fixture
def segment() -> Iterator[Wire]:
    with wire() as made:
        yield made


@pytest.mark.root
def test_every_address_is_asked_for_twice_by_probes_and_answers_are_heard(segment: Wire) -> None:
    ip("-n", segment.client, "addr", "add", "203.0.113.93/24", "dev", "eth0")
    capture = segment.capture()
    plan = Plan(addresses={"eth0": tuple(IPv4Address(f"203.0.113.{n}") for n in (91, 92, 93))}, left_out=0)
    progress: list[tuple[int, int]] = []

    heard = inside(segment.node, lambda: ask(plan, lambda done, total: progress.append((done, total))))

    assert heard == {IPv4Address("203.0.113.93"): frozenset({THEIRS})}
    sent = [arp.parse(frame) for frame in capture.heard(0.2)]
    assert [str(IPv4Address(one.target)) for one in sent] == [f"203.0.113.{n}" for n in (91, 92, 93)] * 2
    assert all(one.is_probe and one.sender_mac.hex(":") == OURS for one in sent), "a cache would have changed"
    assert progress[-1] == (6, 6)


@pytest.mark.root
def test_a_capability_that_is_only_permitted_is_taken_up(segment: Wire) -> None:
    """As in an agent's pod, where the interpreter's file has it permitted and not effective."""
    ip("-n", segment.client, "addr", "add", "203.0.113.93/24", "dev", "eth0")
    address = IPv4Address("203.0.113.93")

    def scan() -> tuple[list[tuple[str, str]], Mapping[IPv4Address, frozenset[str]]]:
        leave_only_permitted()
        with pytest.raises(PermissionError):
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        heard = ask(Plan(addresses={"eth0": (address,)}, left_out=0), lambda _done, _total: None)
        leave_only_permitted()
        return [(one.level, one.what) for one in check_raw_sockets()], heard

    told, heard = inside(segment.node, scan)

    assert heard == {address: frozenset({THEIRS})}
    assert told == [("ok", "a raw socket can be opened: CAP_NET_RAW is permitted, and the announcer takes it up")]


def leave_only_permitted() -> None:
    """Put no capability of this thread into effect, and keep them all permitted."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = ctypes.create_string_buffer(struct.pack("=Ii", 0x20080522, 0), 8)
    held = ctypes.create_string_buffer(24)
    assert libc.capget(header, held) == 0
    _, permitted, inheritable, _, more, more_inheritable = struct.unpack("=6I", held.raw)
    assert libc.capset(header, struct.pack("=6I", 0, permitted, inheritable, 0, more, more_inheritable)) == 0


@pytest.mark.root
def test_a_nic_that_is_not_there_is_an_error_of_the_system(segment: Wire) -> None:
    plan = Plan(addresses={"eth9": (ADDRESS,)}, left_out=0)

    with pytest.raises(OSError, match="No such device"):
        inside(segment.node, lambda: ask(plan, lambda _done, _total: None))
