"""Layer 2 with real sockets in network namespaces: what is announced is asserted by the frames that a client hears."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from socket import inet_aton, inet_ntoa

import pytest

from porter.events.entries import Announced, Applied, Withdrawn
from porter.model.assignment import Announcement
from porter.model.names import EipName, NodeName, ServiceKey
from porter.model.objects import Nic
from porter.plugins.layer2.announcer import arp
from porter.plugins.layer2.announcer.arp import Frame
from porter.plugins.layer2.announcing import Announcing
from porter.plugins.layer2.plugin import Layer2
from porter.plugins.registry import Registry
from porter.plugins.runner import Runner
from tests.plugins.netns import Capture, Wire, inside, settle, wire

pytestmark = pytest.mark.root

NODE, CLIENT, STRANGER = (bytes.fromhex(each) for each in ("020000000101", "020000000202", "020000000303"))
ADDRESS, OTHER, ASKER = inet_aton("192.168.0.91"), inet_aton("192.168.0.92"), inet_aton("192.168.0.50")
WEB = ServiceKey("default/web")
BURST_OVER = 3.0  # seconds: three probes, then announcements at 0, 1.1 and 2.2


def on(nic: str, *addresses: str) -> list[Announcement]:
    return [Announcement(address=each, nic=nic, services=(WEB,), eip=EipName("edge")) for each in addresses]


class Host:
    node = NodeName("node1")
    gratuitous_interval = 0.0

    def __init__(self, *nics: Nic) -> None:
        self.nics: Sequence[Nic] = nics
        self.reports: list[tuple[str, ...]] = []

    def announced(self, announcement: Announcement, *, mac: str) -> None:
        self.reports.append(("announced", announcement.address, announcement.nic, mac))

    def withdrawn(self, address: str, *, nic: str) -> None:
        self.reports.append(("withdrawn", address, nic))

    def failed(self, address: str, error: str) -> None:
        self.reports.append(("failed", address, error))

    def count(self, kind: str) -> int:
        return sum(1 for each in self.reports if each[0] == kind)


class Bench:
    """A node with an announcer, and a client that listens."""

    def __init__(self, made: Wire, *nics: Nic) -> None:
        self.wire = made
        self.host = Host(*nics)
        self.client = made.capture()
        self.announcing = inside(made.node, lambda: Announcing(self.host))

    def hold(self, *addresses: str, nic: str = "eth0") -> None:
        """Announce these, and wait until they are held. The burst goes on."""
        self.announcing.want(on(nic, *addresses))
        settle(lambda: self.host.count("announced") >= len(addresses))

    def hold_quietly(self, *addresses: str) -> None:
        """Announce these, and let the burst go by: what is heard from now on is news."""
        self.hold(*addresses)
        self.client.heard(BURST_OVER - 0.4)

    def ask(self, target: bytes = ADDRESS, client: Capture | None = None) -> Frame | None:
        """Ask who has the address, as a kernel does, and return the first reply."""
        client = client or self.client
        client.send(arp.question(target, mac=CLIENT, sender=ASKER).pack())
        try:
            return arp.parse(client.first(0.4, where=is_reply))
        except TimeoutError:
            return None

    def replies(self, seconds: float) -> list[bytes]:
        """Every answer to one station within the time; gratuitous frames go to all."""
        return [frame for frame in self.client.heard(seconds) if is_reply(frame)]

    def send(self, frame: Frame | bytes) -> None:
        self.client.send(frame if isinstance(frame, bytes) else frame.pack())


@pytest.fixture
def bench() -> Iterator[Bench]:
    with wire() as made:
        ready = Bench(made)
        try:
            yield ready
        finally:
            ready.announcing.stop()


def is_reply(frame: bytes) -> bool:
    return frame[20:22] == b"\x00\x02" and frame[0:6] != arp.BROADCAST


def test_taking_an_address_is_three_probes_then_both_gratuitous_forms_three_times(bench: Bench) -> None:
    bench.announcing.want(on("eth0", "192.168.0.91"))
    heard = bench.client.heard(BURST_OVER + 1.5)

    probe = arp.probe(ADDRESS, mac=NODE).pack()
    both = [arp.gratuitous_request(ADDRESS, mac=NODE).pack(), arp.gratuitous_reply(ADDRESS, mac=NODE).pack()]
    assert heard == [probe, probe, probe, *both, *both, *both]
    assert bench.host.reports == [("announced", "192.168.0.91", "eth0", "02:00:00:00:01:01")]


def test_a_request_for_an_owned_address_is_answered_as_rfc_826_says(bench: Bench) -> None:
    bench.hold_quietly("192.168.0.91")

    bench.send(arp.question(ADDRESS, mac=CLIENT, sender=ASKER))
    heard = bench.client.heard(0.3)

    header = CLIENT + NODE + b"\x08\x06" + b"\x00\x01" + b"\x08\x00" + b"\x06\x04" + b"\x00\x02"
    assert heard == [header + NODE + ADDRESS + CLIENT + ASKER]


def test_nothing_else_is_answered(bench: Bench) -> None:
    bench.hold("192.168.0.91")
    tagged = arp.question(ADDRESS, mac=CLIENT, sender=ASKER).pack()
    tagged = tagged[:12] + b"\x81\x00\x00\x64" + tagged[12:]  # IEEE 802.1Q, VLAN 100

    for frame in (
        arp.question(OTHER, mac=CLIENT, sender=ASKER),
        arp.question(ADDRESS, mac=CLIENT, sender=ASKER)._replace(destination=STRANGER),  # to another station
        arp.gratuitous_request(ADDRESS, mac=STRANGER),
        arp.gratuitous_reply(ADDRESS, mac=STRANGER),
        arp.question(ADDRESS, mac=NODE, sender=ASKER),
        tagged,
    ):
        bench.send(frame)

    assert bench.replies(0.5) == []
    counters = bench.announcing.counters(2)
    assert counters is not None
    assert counters.answered == 0
    # what does not concern an owned address, or another station or VLAN, never woke the announcer
    assert counters.dropped == {"claimed": 2, "own-mac": 1}
    assert bench.ask() is not None


def test_anothers_probe_is_answered_so_that_it_learns_that_the_address_is_taken(bench: Bench) -> None:
    bench.hold("192.168.0.91")

    bench.send(arp.probe(ADDRESS, mac=STRANGER))

    assert bench.replies(0.3) == [Frame(STRANGER, NODE, arp.REPLY, NODE, ADDRESS, STRANGER, arp.NO_ADDRESS).pack()]


def test_a_lost_address_is_silent_and_the_others_are_not_disturbed(bench: Bench) -> None:
    bench.hold("192.168.0.91", "192.168.0.92")
    assert bench.ask(ADDRESS) is not None

    bench.announcing.want(on("eth0", "192.168.0.92"))
    settle(lambda: bench.host.count("withdrawn") == 1)

    assert bench.ask(ADDRESS) is None
    assert bench.ask(OTHER) is not None
    assert bench.host.reports[-1] == ("withdrawn", "192.168.0.91", "eth0")
    assert bench.replies(0.3) == []


def test_an_unchanged_set_is_no_frame_and_no_report(bench: Bench) -> None:
    bench.hold_quietly("192.168.0.91", "192.168.0.92")
    reports = list(bench.host.reports)

    for _ in range(100):
        bench.announcing.want(on("eth0", "192.168.0.91", "192.168.0.92"))
    heard = bench.client.heard(1.5)

    assert heard == []
    assert bench.host.reports == reports
    assert bench.ask() is not None


def test_only_the_new_address_of_a_grown_set_is_announced(bench: Bench) -> None:
    bench.hold_quietly("192.168.0.91")

    bench.announcing.want(on("eth0", "192.168.0.91", "192.168.0.92"))
    heard = bench.client.heard(BURST_OVER)

    assert {arp.parse(frame).target for frame in heard} == {OTHER}
    assert len(heard) == 9


def test_when_the_nic_comes_up_again_its_addresses_are_probed_and_announced_again(bench: Bench) -> None:
    bench.hold_quietly("192.168.0.91")

    bench.wire.on_node("link", "set", "eth0", "down")
    settle(lambda: bench.host.reports[-1] == ("failed", "192.168.0.91", "NIC eth0 is down"))
    bench.wire.on_node("link", "set", "eth0", "up")
    settle(lambda: bench.host.count("announced") == 2)
    heard = bench.client.heard(BURST_OVER)

    assert len(heard) == 9
    assert ("withdrawn", "192.168.0.91", "eth0") in bench.host.reports
    assert bench.ask() is not None


def test_a_nic_made_again_under_its_name_is_answered_on_anew_with_its_new_mac(bench: Bench) -> None:
    bench.hold("192.168.0.91")

    bench.wire.disconnect()
    sentence = "no interface 'eth0' on this node; Eip 'edge' names it. Available: none"
    settle(lambda: bench.host.reports[-1] == ("failed", "192.168.0.91", sentence))
    bench.wire.connect(mac="02:00:00:00:01:77")
    again = bench.wire.capture()
    settle(lambda: bench.host.reports[-1] == ("announced", "192.168.0.91", "eth0", "02:00:00:00:01:77"))

    answer = bench.ask(client=again)
    assert answer is not None
    assert answer.sender_mac == bytes.fromhex("020000000177")


@contextlib.contextmanager
def held_up(process: int | None) -> Iterator[None]:
    """What happens in the block is seen by the process only when all of it is over."""
    assert process is not None
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def test_a_link_that_was_down_for_a_moment_is_probed_and_announced_again(bench: Bench) -> None:
    # Meanwhile another node may have taken the address over.
    bench.hold_quietly("192.168.0.91")

    with held_up(bench.announcing.pid):
        bench.wire.on_node("link", "set", "eth0", "down")
        bench.wire.on_node("link", "set", "eth0", "up")
    heard = bench.client.heard(BURST_OVER)

    assert len(heard) == 9
    assert arp.parse(heard[0]).is_probe


def test_a_nic_made_again_in_a_moment_is_answered_on_anew(bench: Bench) -> None:
    bench.hold("192.168.0.91")

    with held_up(bench.announcing.pid):
        bench.wire.disconnect()
        bench.wire.connect()
    again = bench.wire.capture()
    again.first(where=lambda frame: arp.parse(frame).is_gratuitous)

    assert bench.ask(client=again) is not None


def test_a_changed_mac_is_announced_at_once_and_answered_with(bench: Bench) -> None:
    bench.hold_quietly("192.168.0.91")

    bench.wire.on_node("link", "set", "eth0", "address", "02:00:00:00:01:88")
    heard = bench.client.heard(BURST_OVER)

    mac = bytes.fromhex("020000000188")
    both = [arp.gratuitous_request(ADDRESS, mac=mac).pack(), arp.gratuitous_reply(ADDRESS, mac=mac).pack()]
    assert heard == both * 3
    answer = bench.ask()
    assert answer is not None
    assert answer.sender_mac == mac


def test_an_address_that_a_stranger_has_is_not_announced_until_it_is_given_up(bench: Bench) -> None:
    stranger_answers = threading.Event()
    stranger_answers.set()

    def answer_probes() -> None:
        while stranger_answers.is_set():
            for frame in bench.client.heard(0.02):
                if arp.parse(frame).is_probe and stranger_answers.is_set():
                    bench.send(arp.answer(arp.parse(frame), STRANGER))

    thread = threading.Thread(target=answer_probes)
    thread.start()
    try:
        bench.announcing.want(on("eth0", "192.168.0.91"))
        settle(lambda: bench.host.count("failed") > 0)
    finally:
        stranger_answers.clear()
        thread.join()

    sentence = "another host answers for 192.168.0.91 on eth0: 02:00:00:00:03:03. It is asked again"
    assert bench.host.reports[0] == ("failed", "192.168.0.91", sentence)
    assert bench.host.count("announced") == 0
    assert bench.ask() is None
    settle(lambda: bench.host.count("announced") == 1, 10)
    assert bench.ask() is not None


def test_a_killed_announcer_is_silent_and_then_started_again_with_everything(bench: Bench) -> None:
    bench.hold("192.168.0.91")
    pid = bench.announcing.pid
    assert pid is not None

    os.kill(pid, signal.SIGKILL)
    settle(lambda: bench.host.count("announced") == 2)

    assert ("withdrawn", "192.168.0.91", "eth0") in bench.host.reports
    assert ("failed", "192.168.0.91", "the announcer ended (signal 9); it is started again") in bench.host.reports
    assert bench.announcing.pid != pid
    assert bench.ask() is not None


AGENT = """
import os, sys, time
from porter.plugins.layer2.announcing import Announcing
from tests.plugins.test_layer2_on_the_wire import Host, on
announcing = Announcing(Host())
announcing.want(on("eth0", "192.168.0.91"))
while announcing.pid is None: time.sleep(0.01)
heir = os.fork() if sys.argv[1] == "fork" else 0
if heir or sys.argv[1] != "fork":
    print(announcing.pid, heir, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("heir", ["none", "fork"])
def test_when_the_agent_is_killed_nobody_answers_any_more(heir: str) -> None:
    # A fork of the agent holds the agent's end of the socket open: the announcer must not take it for the agent.
    with wire() as made:
        client = made.capture()
        agent = subprocess.Popen(
            ["ip", "netns", "exec", made.node, sys.executable, "-c", AGENT, heir],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
        )
        assert agent.stdout is not None
        try:
            announcer, fork = map(int, agent.stdout.readline().split())
            client.first(10, where=lambda frame: arp.parse(frame).is_gratuitous)
        finally:
            agent.kill()
            agent.wait()
            agent.stdout.close()

        settle(lambda: not running(announcer))
        client.heard(0.1)
        client.send(arp.question(ADDRESS, mac=CLIENT, sender=ASKER).pack())
        assert client.heard(0.5) == []
        if fork:
            assert running(fork)
            os.kill(fork, signal.SIGKILL)


def running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_after_stop_nothing_is_answered_and_no_process_is_left(bench: Bench) -> None:
    bench.hold("192.168.0.91")
    pid = bench.announcing.pid
    assert pid is not None

    bench.announcing.stop()

    assert not running(pid)
    assert bench.host.reports[-1] == ("withdrawn", "192.168.0.91", "eth0")
    assert bench.ask() is None
    bench.announcing.stop()


def test_an_address_is_answered_only_on_its_own_nic() -> None:
    with wire("eth0", "eth1") as made:
        bench = Bench(made)
        second = made.capture("eth1")
        try:
            bench.announcing.want([*on("eth0", "192.168.0.91"), *on("eth1", "192.168.0.92")])
            settle(lambda: bench.host.count("announced") == 2)
            bench.client.heard(BURST_OVER)
            second.heard(0.1)

            assert bench.ask(ADDRESS) is not None
            assert bench.ask(OTHER) is None
            assert bench.ask(ADDRESS, second) is None
            answer = bench.ask(OTHER, second)
            assert answer is not None
            assert answer.sender_mac == bytes.fromhex("020000000102")
        finally:
            bench.announcing.stop()


def test_what_must_never_be_announced_is_refused_whatever_is_asked_for() -> None:
    with wire() as made:
        made.on_node("addr", "add", "192.168.0.2/24", "dev", "eth0")
        nic = Nic(name="eth0", mac="", networks=("192.168.0.3/24",), gateways=("192.168.0.1",))
        bench = Bench(made, nic)
        try:
            bench.announcing.want(on("eth0", "192.168.0.1", "192.168.0.2", "192.168.0.3", "fd00::1"))
            settle(lambda: bench.host.count("failed") == 4)

            assert sorted(bench.host.reports) == [
                (
                    "failed",
                    "192.168.0.1",
                    "192.168.0.1 is an address of this node or its gateway, and is never announced",
                ),
                ("failed", "192.168.0.2", "192.168.0.2 is the address of NIC eth0 itself, and is never announced"),
                (
                    "failed",
                    "192.168.0.3",
                    "192.168.0.3 is an address of this node or its gateway, and is never announced",
                ),
                (
                    "failed",
                    "fd00::1",
                    "fd00::1 is IPv6, which layer 2 cannot announce yet: only ARP is spoken, not NDP",
                ),
            ]
            assert bench.client.heard(0.5) == []
            assert bench.ask(inet_aton("192.168.0.1")) is None
        finally:
            bench.announcing.stop()


def test_a_nic_that_does_not_exist_fails_in_words_until_it_comes() -> None:
    with wire("eth0", "eth1") as made:
        bench = Bench(made, Nic(name="eth1", mac=""), Nic(name="eth0", mac=""))
        try:
            bench.announcing.want(on("eth9", "192.168.0.91"))
            settle(lambda: bool(bench.host.reports))
            sentence = "no interface 'eth9' on this node; Eip 'edge' names it. Available: eth0, eth1"
            assert bench.host.reports == [("failed", "192.168.0.91", sentence)]

            made.connect("eth9", "02:00:00:00:01:99")
            settle(lambda: bench.host.reports[-1] == ("announced", "192.168.0.91", "eth9", "02:00:00:00:01:99"))
        finally:
            bench.announcing.stop()


def test_a_thousand_addresses_are_all_answered_within_two_seconds_and_none_of_their_frames_is_lost(
    bench: Bench,
) -> None:
    addresses = [inet_ntoa((0x0A000000 + 7 * number).to_bytes(4, "big")) for number in range(1000)]
    began = time.monotonic()

    bench.announcing.want(on("eth0", *addresses))
    settle(lambda: bench.host.count("announced") == 1000)
    assert time.monotonic() - began < 2
    heard = bench.client.heard(BURST_OVER + 1)

    said = [arp.parse(frame) for frame in heard]
    assert len([each for each in said if each.is_probe]) == 3000
    assert len([each for each in said if each.is_gratuitous]) == 6000
    for address in random.Random(1).sample(addresses, 50):
        assert bench.ask(inet_aton(address)) is not None


def test_malformed_frames_by_the_thousands_are_no_answer_and_no_harm(bench: Bench) -> None:
    bench.hold("192.168.0.91")
    chance = random.Random(7)
    good = arp.question(ADDRESS, mac=CLIENT, sender=ASKER).pack()
    sent = 0
    for _ in range(20_000):
        frame = bytearray(good)
        frame[chance.randrange(14, 22)] ^= chance.randrange(1, 256)  # never a request or reply for IPv4 again
        if chance.random() < 0.5:
            frame = bytearray(good[: chance.randrange(14, 42)])
        if frame[20:22] == b"\x00\x02":
            continue
        bench.send(bytes(frame))
        sent += 1

    assert sent > 15_000
    assert bench.replies(0.3) == []
    assert bench.ask() is not None
    counters = bench.announcing.counters(2)
    assert counters is not None
    assert counters.answered == 1


def test_the_announcer_keeps_no_right_but_raw_sockets(bench: Bench) -> None:
    bench.hold("192.168.0.91")

    status = Path(f"/proc/{bench.announcing.pid}/status").read_text()

    rights = {line.split(":")[0]: line.split()[1] for line in status.splitlines() if line.startswith(("Cap", "NoNew"))}
    assert {rights[name] for name in ("CapPrm", "CapEff", "CapBnd")} == {"0000000000002000"}
    assert rights["NoNewPrivs"] == "1"


def test_a_flood_for_other_addresses_does_not_wake_the_announcer(bench: Bench) -> None:
    bench.hold_quietly("192.168.0.91")
    status = Path(f"/proc/{bench.announcing.pid}/status")
    before = wake_ups(status)

    for number in range(10_000):
        bench.send(arp.question((0x0A000000 + number).to_bytes(4, "big"), mac=CLIENT, sender=ASKER))

    assert wake_ups(status) == before
    assert bench.ask() is not None
    assert wake_ups(status) > before


def wake_ups(status: Path) -> int:
    line = next(line for line in status.read_text().splitlines() if line.startswith("voluntary_ctxt_switches"))
    return int(line.split()[1])


def test_gratuitous_frames_are_repeated_where_the_host_says_so() -> None:
    with wire() as made:
        bench = Bench(made)
        bench.host.gratuitous_interval = 1.5
        try:
            bench.hold_quietly("192.168.0.91")
            heard = bench.client.heard(4)

            assert 4 <= len(heard) <= 6
            assert all(arp.parse(frame).is_gratuitous for frame in heard)
        finally:
            bench.announcing.stop()


def test_in_the_runner_what_is_announced_becomes_entries() -> None:
    with wire() as made:
        reports: list[Applied] = []
        runner = inside(made.node, lambda: in_the_runner(reports))
        client = made.capture()
        try:
            for _ in range(10):
                runner.apply({"layer2": on("eth0", "192.168.0.91")})
            client.first(where=lambda frame: arp.parse(frame).is_gratuitous)
            settle(lambda: bool(reports))
            runner.again()
        finally:
            runner.stop(5)

        mac = "02:00:00:00:01:01"
        assert reports == [
            Announced(address="192.168.0.91", protocol="layer2", nic="eth0", mac=mac, services=(WEB,)),
            Withdrawn(address="192.168.0.91", protocol="layer2", nic="eth0"),
        ]
        assert runner.failures == {}


def in_the_runner(reports: list[Applied]) -> Runner:
    runner = Runner(Registry.of(Layer2()), node=NodeName("node1"), nics=tuple, report=reports.append)
    runner.start()
    return runner
