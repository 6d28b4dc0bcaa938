"""IPv6 on the wire: what is said, byte by byte, and what is not; and that a Linux kernel believes it."""

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from socket import AF_INET6, SOCK_DGRAM, inet_ntop, socket

import pytest

from porter.model.names import NodeName
from porter.plugins.layer2.announcer import ndp
from tests.plugins.bench import CLIENT, NODE, STRANGER, Bench, on
from tests.plugins.netns import Wire, inside, ip, settle, wire
from tests.plugins.test_answering_on_the_wire import wake_ups
from tests.plugins.test_ndp_packets import ALL_NODES_MAC, GROUP, GROUP_MAC, ipv6

pytestmark = pytest.mark.root
TEXT, OTHER_TEXT = "2001:db8::91", "2001:db8::92"
ADDRESS, OTHER, ASKER = ipv6(TEXT), ipv6(OTHER_TEXT), ipv6("2001:db8::50")
RIVAL = STRANGER.hex(":")
ALL_NODES = ndp.ALL_NODES
BURST_OVER = 3.0
PROBE = ndp.probe(ADDRESS, mac=NODE).pack()
ANNOUNCEMENT = ndp.unsolicited(ADDRESS, mac=NODE).pack()


class Bench6(Bench):
    """A node with an announcer, and a client that hears IPv6."""

    def __init__(self, made: Wire) -> None:
        super().__init__(made)
        self.client = made.capture(ethertype=ndp.ETHERTYPE)

    def asked(self, target: bytes = ADDRESS) -> bytes | None:
        """Ask who has the address, and return the first answer to us alone."""
        self.client.send(ndp.question(target, mac=CLIENT, sender=ASKER).pack())
        try:
            return self.client.first(0.4, where=lambda frame: frame[:6] == CLIENT)
        except TimeoutError:
            return None


@pytest.fixture
def bench() -> Iterator[Bench6]:
    with wire() as made:
        ready = Bench6(made)
        try:
            yield ready
        finally:
            ready.announcing.stop()


@pytest.fixture(scope="module")
def shared() -> Iterator[Bench6]:
    """One that holds the address for several tests, each of which leaves it as it was."""
    with wire() as made:
        ready = Bench6(made)
        try:
            ready.hold_quietly(TEXT)
            yield ready
        finally:
            ready.announcing.stop()


@pytest.fixture
def quiet(shared: Bench6) -> Bench6:
    """The address is held, and all is said."""
    assert shared.client.heard(0.05) == []
    return shared


def test_taking_an_address_is_three_probes_then_three_announcements_that_override(bench: Bench6) -> None:
    bench.announcing.want(on("eth0", TEXT))
    heard = bench.client.heard(BURST_OVER + 0.5)

    # RFC 4862, 5.4.2: from nobody, to the solicited nodes' group, without the sender's MAC
    ether = GROUP_MAC + NODE + b"\x86\xdd"
    header = b"\x60\x00\x00\x00" + b"\x00\x18" + b"\x3a\xff" + bytes(16) + GROUP
    assert heard[0][:56] == ether + header + b"\x87\x00"
    assert heard[0][58:] == bytes(4) + ADDRESS
    # RFC 4861, 7.2.6: to all nodes, override and not solicited, with our MAC
    ether = ALL_NODES_MAC + NODE + b"\x86\xdd"
    header = b"\x60\x00\x00\x00" + b"\x00\x20" + b"\x3a\xff" + ADDRESS + ALL_NODES
    assert heard[3][:56] == ether + header + b"\x88\x00"
    assert heard[3][58:] == b"\x20\x00\x00\x00" + ADDRESS + b"\x02\x01" + NODE
    assert heard == [PROBE] * 3 + [ANNOUNCEMENT] * 3
    assert bench.host.reports == [("announced", TEXT, "eth0", NODE.hex(":"))]


def test_a_question_is_answered_to_the_asker_alone(quiet: Bench6) -> None:
    quiet.send(ndp.question(ADDRESS, mac=CLIENT, sender=ASKER).pack())
    heard = quiet.client.heard(0.3)

    # RFC 4861, 7.2.4: solicited and override, with our MAC
    header = b"\x60\x00\x00\x00" + b"\x00\x20" + b"\x3a\xff" + ADDRESS + ASKER
    assert len(heard) == 1
    assert heard[0][:56] == CLIENT + NODE + b"\x86\xdd" + header + b"\x88\x00"
    assert heard[0][58:] == b"\x60\x00\x00\x00" + ADDRESS + b"\x02\x01" + NODE
    assert isinstance(ndp.parse(heard[0]), ndp.Advertisement)


def test_a_neighbour_that_makes_sure_is_answered(quiet: Bench6) -> None:
    # RFC 4861, 7.3.3: a probe of reachability is sent to the neighbour alone
    asked = ndp.question(ADDRESS, mac=CLIENT, sender=ASKER)._replace(destination=NODE, receiver=ADDRESS)
    quiet.send(asked.pack())

    assert quiet.client.heard(0.3) == [ndp.answer(asked, NODE).pack()]


def test_anothers_probe_for_an_owned_address_is_answered_to_all_nodes(quiet: Bench6) -> None:
    quiet.send(ndp.probe(ADDRESS, mac=STRANGER).pack())

    assert quiet.client.heard(0.3) == [ANNOUNCEMENT]
    assert quiet.host.claims == []


def test_nothing_else_is_answered(bench: Bench6) -> None:
    bench.hold_quietly(TEXT)
    good = ndp.question(ADDRESS, mac=CLIENT, sender=ASKER)
    tagged = good.pack()
    tagged = tagged[:12] + b"\x81\x00\x00\x64" + tagged[12:]  # IEEE 802.1Q, VLAN 100

    for frame in (
        ndp.question(OTHER, mac=CLIENT, sender=ASKER).pack(),
        good._replace(destination=STRANGER).pack(),  # to another station
        good._replace(options=(ndp.Option(ndp.SOURCE_MAC, NODE),)).pack(),  # with our own MAC
        good.pack()[:-1] + b"\x00",  # damaged
        good.pack()[:80],  # cut short
        ndp.unsolicited(OTHER, mac=STRANGER).pack(),
        tagged,
    ):
        bench.send(frame)

    assert bench.client.heard(0.5) == []
    counters = bench.announcing.counters(2)
    assert counters is not None
    assert (counters.answered, counters.dropped) == (0, {"own-mac": 1, "malformed": 2})
    assert bench.asked() is not None


def test_a_flood_for_other_addresses_of_the_same_group_does_not_wake_the_announcer(quiet: Bench6) -> None:
    threads = Path(f"/proc/{quiet.announcing.pid}/task")
    before = wake_ups(threads)

    for number in range(1, 5_000):
        other = ipv6(f"2001:db8:0:{number:x}::91")  # RFC 4291, 2.7.1: its last 24 bits are the owned one's
        quiet.send(ndp.question(other, mac=CLIENT, sender=ASKER).pack())

    assert wake_ups(threads) == before
    assert quiet.asked() is not None
    settle(lambda: wake_ups(threads) > before)


def test_bad_frames_by_the_ten_thousand_are_no_answer_and_no_harm_and_counted(bench: Bench6) -> None:
    bench.hold_quietly(TEXT)
    pid, chance = bench.announcing.pid, random.Random(6)
    good = ndp.question(ADDRESS, mac=CLIENT, sender=ASKER).pack()
    frames = []
    for _ in range(20_000):
        frame = bytearray(good + bytes(chance.choice((0, 0, 8, 1400))))
        at = chance.randrange(56, 86)  # what the filter looks at is right, and the checksum is not
        if at not in range(62, 78):
            frame[at] ^= chance.randrange(1, 255)
            frames.append(bytes(frame[: chance.choice((len(frame), 81))]))

    for at, bad in enumerate(frames):
        bench.send(bad)
        if at % 1000 == 0:
            assert bench.client.heard(0.001) == []

    assert bench.client.heard(0.5) == []
    counters = bench.announcing.counters(5)
    assert counters is not None
    assert (counters.answered, counters.dropped) == (0, {"malformed": len(frames)})
    assert bench.asked() is not None
    assert bench.announcing.pid == pid
    assert bench.host.claims == []


def test_what_is_lost_is_silent_and_the_others_are_not_disturbed(bench: Bench6) -> None:
    bench.hold(TEXT, OTHER_TEXT)
    assert bench.asked(ADDRESS) is not None

    bench.announcing.want(on("eth0", OTHER_TEXT))
    settle(lambda: bench.host.count("withdrawn") == 1)

    assert bench.asked(ADDRESS) is None
    assert bench.asked(OTHER) is not None


def test_ipv4_and_ipv6_are_answered_side_by_side(bench: Bench6) -> None:
    ear = bench.wire.capture()
    bench.announcing.want(on("eth0", "192.168.0.91", TEXT))
    settle(lambda: bench.host.count("announced") == 2)

    assert bench.asked() is not None
    assert Bench.ask(bench, client=ear) is not None


def test_an_unchanged_set_is_no_frame(quiet: Bench6) -> None:
    for _ in range(100):
        quiet.announcing.want(on("eth0", TEXT))

    assert quiet.client.heard(0.5) == []


def test_an_address_that_another_has_is_not_announced_until_it_is_given_up(bench: Bench6) -> None:
    bench.announcing.want(on("eth0", TEXT))
    answer = ndp.answer(ndp.probe(ADDRESS, mac=NODE), STRANGER).pack()  # RFC 4861, 7.2.4: to all nodes
    while bench.host.count("failed") == 0:
        assert bench.client.first(5, where=lambda frame: frame[54] == ndp.SOLICITATION) == PROBE
        bench.send(answer)

    sentence = f"another host answers for {TEXT} on eth0: {RIVAL}. It is asked again"
    assert bench.host.reports[0] == ("failed", TEXT, sentence)
    assert bench.host.claims[0] == (TEXT, "eth0", RIVAL, False)
    assert bench.asked() is None
    settle(lambda: bench.host.count("announced") == 1, 10)
    assert bench.asked() is not None


def test_of_two_that_look_for_duplicates_at_once_neither_takes_the_address_at_once(bench: Bench6) -> None:
    # RFC 4862, 5.4.3: another's probe for the same address, while ours is under way
    bench.announcing.want(on("eth0", TEXT))
    bench.client.first(5)
    bench.send(ndp.probe(ADDRESS, mac=STRANGER).pack())

    assert ANNOUNCEMENT not in bench.client.heard(0.35)
    settle(lambda: bench.host.count("announced") == 1, 10)


def test_a_claim_on_a_held_address_is_countered_with_one_announcement_and_told_once(bench: Bench6) -> None:
    bench.host.peers = {"02:00:00:00:09:09": NodeName("node2")}
    bench.hold_quietly(TEXT)

    for _ in range(20):
        bench.send(ndp.unsolicited(ADDRESS, mac=STRANGER).pack())
        bench.send(ndp.question(OTHER, mac=STRANGER, sender=ADDRESS).pack())
    heard = bench.client.heard(0.8)

    assert heard == [ANNOUNCEMENT]
    assert bench.host.claims == [(TEXT, "eth0", RIVAL, True)]
    assert bench.host.count("withdrawn") == 0
    assert bench.asked() is not None


def test_the_nodes_own_addresses_are_refused(bench: Bench6) -> None:
    switch_on_ipv6(bench.wire.node, "eth0")
    bench.wire.on_node("addr", "add", f"{TEXT}/64", "dev", "eth0", "nodad")

    bench.announcing.want(on("eth0", TEXT))
    settle(lambda: bench.host.count("failed") == 1)

    assert bench.host.reports == [
        ("failed", TEXT, f"{TEXT} is this node's own, on NIC eth0, and is never announced"),
    ]


def test_a_nic_that_comes_late_is_probed_announced_and_listened_on(bench: Bench6) -> None:
    bench.wire.disconnect()
    bench.announcing.want(on("eth0", TEXT))
    settle(lambda: bench.host.count("failed") == 1)

    bench.wire.connect()
    again = bench.wire.capture(ethertype=ndp.ETHERTYPE)

    settle(lambda: bench.host.count("announced") == 1)
    assert groups(bench.wire).items() >= both(ADDRESS).items()
    again.send(ndp.question(ADDRESS, mac=CLIENT, sender=ASKER).pack())
    assert again.first(1, where=lambda frame: frame[:6] == CLIENT)


def groups(made: Wire, nic: str = "eth0") -> dict[str, int]:
    """The groups that a NIC of the node listens to, as MACs and as IPv6 addresses, and for how many."""
    shown = subprocess.run(
        ["ip", "-n", made.node, "maddr", "show", "dev", nic], check=True, capture_output=True, text=True, timeout=20
    )
    rows = [line.split() for line in shown.stdout.splitlines()]
    found = {row[1]: int(row[row.index("users") + 1]) if "users" in row else 1 for row in rows if row[0] == "link"}
    return found | {row[1]: 1 for row in rows if row[0] == "inet6"}


def switch_on_ipv6(namespace: str, nic: str) -> None:
    ip("netns", "exec", namespace, "sysctl", "-qw", f"net.ipv6.conf.{nic}.disable_ipv6=0")


def test_the_groups_of_owned_addresses_are_joined_and_left_again(bench: Bench6) -> None:
    before = groups(bench.wire)

    bench.hold(TEXT, OTHER_TEXT)
    joined = groups(bench.wire)
    bench.announcing.want(on("eth0", TEXT))
    settle(lambda: bench.host.count("withdrawn") == 1)

    # each twice on the NIC: for the IPv6 group, and for the packet socket, which needs no IPv6 in the kernel
    assert joined == before | both(ADDRESS) | both(OTHER)
    settle(lambda: groups(bench.wire) == before | both(ADDRESS))
    bench.announcing.stop()
    settle(lambda: groups(bench.wire) == before)


def both(address: bytes) -> dict[str, int]:
    group = ndp.solicited_node(address)
    return {ndp.multicast_mac(group).hex(":"): 2, inet_ntop(AF_INET6, group): 1}


def test_where_ipv6_is_on_switches_are_told_of_the_groups(bench: Bench6) -> None:
    switch_on_ipv6(bench.wire.node, "eth0")

    bench.announcing.want(on("eth0", TEXT))

    # RFC 3810, 5.2: a report of type 143, behind a hop-by-hop option, names the group
    def names_it(frame: bytes) -> bool:
        return frame[20] == 0 and frame[62] == 143 and GROUP in frame[62:]

    assert bench.client.first(5, where=names_it)
    settle(lambda: bench.host.count("announced") == 1)
    assert inet_ntop(AF_INET6, GROUP) in groups(bench.wire)


def test_hundreds_of_groups_find_room(bench: Bench6) -> None:
    # a socket has room for some 300 of them, as it was before Linux 6.7
    ip("netns", "exec", bench.wire.node, "sysctl", "-qw", "net.core.optmem_max=20480")
    many = [f"2001:db8::{number:x}" for number in range(0x1000, 0x1000 + 600)]

    bench.hold(*many)

    assert {inet_ntop(AF_INET6, ndp.solicited_node(ipv6(each))) for each in many} <= groups(bench.wire).keys()


# --------------------------------------------------------------------------- what a Linux kernel makes of it


@pytest.fixture
def peer() -> Iterator[Wire]:
    """A node with two NICs on one segment, and on it a client whose kernel has 2001:db8::50."""
    with wire("eth0", "eth1") as made:
        switch_on_ipv6(made.client, "all")
        for command in (
            "link add br0 type bridge",
            "link set eth0 master br0",
            "link set eth1 master br0",
            "link set br0 up",
            "-6 addr add 2001:db8::50/64 dev br0 nodad",
        ):
            ip("-n", made.client, *command.split())
        yield made


def sends(made: Wire) -> None:
    """Have the client's kernel send something to the address."""

    def send() -> None:
        with socket(AF_INET6, SOCK_DGRAM) as connection:
            connection.sendto(b"hello", (TEXT, 9))

    inside(made.client, send)


def neighbour(made: Wire) -> tuple[str, str]:
    """What the client's kernel believes: MAC and state."""
    shown = subprocess.run(
        ["ip", "-6", "-n", made.client, "neigh", "show", TEXT], check=True, capture_output=True, text=True, timeout=20
    )
    words = shown.stdout.split()
    return (words[words.index("lladdr") + 1] if "lladdr" in words else "", words[-1] if words else "")


def test_a_kernel_resolves_the_address_and_follows_when_it_moves(peer: Wire) -> None:
    bench = Bench(peer)
    try:
        bench.hold(TEXT)
        sends(peer)
        settle(lambda: neighbour(peer) == ("02:00:00:00:01:01", "REACHABLE"))

        bench.announcing.want(on("eth1", TEXT))
        # no question is asked meanwhile: the unsolicited advertisement alone overrides (RFC 4861, 7.2.5)
        settle(lambda: neighbour(peer)[0] == "02:00:00:00:01:02")
        assert neighbour(peer)[1] == "STALE"

        sends(peer)
        settle(lambda: neighbour(peer) == ("02:00:00:00:01:02", "REACHABLE"), 10)
    finally:
        bench.announcing.stop()


def test_behind_a_switch_that_passes_groups_to_members_only_a_kernel_resolves_the_address(peer: Wire) -> None:
    # RFC 4541, 3: a switch that watches for MLD; here a bridge that floods no group that nobody joined
    for command in (
        "link add port type veth peer name host",
        "link set port master br0 up",
        "link set host up",
        "-6 addr del 2001:db8::50/64 dev br0",
        "-6 addr add 2001:db8::50/64 dev host nodad",
        "link set br0 type bridge mcast_query_response_interval 50",
        "link set eth0 type bridge_slave mcast_flood off",
        "link set eth1 type bridge_slave mcast_flood off",
    ):
        ip("-n", peer.client, *command.split())
    switch_on_ipv6(peer.node, "eth0")
    bench = Bench(peer)
    try:
        bench.hold_quietly(TEXT)  # an announcement would do for whoever asks meanwhile
        # it watches once it has asked itself, for which it needs an address: by now it has one
        ip("-n", peer.client, "link", "set", "br0", "type", "bridge", "mcast_querier", "1")

        def is_resolved() -> bool:
            sends(peer)
            return neighbour(peer)[0] == "02:00:00:00:01:01"

        settle(is_resolved, 15)
    finally:
        bench.announcing.stop()


def test_a_kernel_that_wants_the_address_itself_finds_that_it_is_taken(peer: Wire) -> None:
    bench = Bench(peer)
    try:
        bench.hold(TEXT)

        ip("-n", peer.client, "-6", "addr", "add", f"{TEXT}/64", "dev", "br0")

        settle(lambda: "dadfailed" in flags_of(peer))
    finally:
        bench.announcing.stop()


def flags_of(made: Wire) -> str:
    command = ["ip", "-6", "-n", made.client, "addr", "show", "dev", "br0", "to", TEXT]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout


def test_an_address_that_a_kernel_has_is_not_taken(peer: Wire) -> None:
    ip("-n", peer.client, "-6", "addr", "add", f"{TEXT}/64", "dev", "br0", "nodad")
    bench = Bench(peer)
    try:
        bench.announcing.want(on("eth0", TEXT))
        settle(lambda: bench.host.count("failed") > 0, 10)

        assert "another host answers" in bench.host.reports[0][2]
        assert bench.host.count("announced") == 0
    finally:
        bench.announcing.stop()
