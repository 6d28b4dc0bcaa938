"""Which frames reach the announcer, and what becomes of them: each is answered, or counted with a reason."""

import array
import os
import random
import signal
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from socket import inet_aton, inet_ntoa

import pytest

from porter.plugins.layer2.announcer import arp, bpf, filter  # noqa: A004 - the module says what it is
from porter.plugins.layer2.announcer.arp import Frame
from porter.plugins.layer2.announcer.bpf import Program
from porter.plugins.layer2.announcer.messages import Counters
from tests.plugins.bench import ADDRESS, ASKER, CLIENT, NODE, STRANGER, Bench, on
from tests.plugins.netns import inside, ip, settle, wire

pytestmark = pytest.mark.root
GOOD = arp.question(ADDRESS, mac=CLIENT, sender=ASKER).pack()
TAG_100 = b"\x81\x00\x00\x64"  # IEEE 802.1Q, VLAN 100


def counters(bench: Bench) -> Counters:
    found = bench.announcing.counters(5)
    assert found is not None
    return found


def scattered(count: int) -> list[str]:
    """Addresses none of which has a neighbour, the last of them at the end of the subnet."""
    return [inet_ntoa((0x0A000001 + 3 * number).to_bytes(4, "big")) for number in range(count)]


def test_while_the_set_changes_every_request_for_a_held_address_is_answered_and_no_other_is_heard(bench: Bench) -> None:
    bench.hold_quietly("192.168.0.91")
    foreign = arp.question(inet_aton("192.168.7.7"), mac=CLIENT, sender=ASKER).pack()
    asked = 0
    over = threading.Event()

    def change() -> None:
        crowd = scattered(600)
        for turn in range(100):
            bench.announcing.want(on("eth0", "192.168.0.91", *crowd[turn : turn + 500]))
            time.sleep(0.01)
        over.set()

    thread = threading.Thread(target=change)
    thread.start()
    answers = 0
    while not over.is_set():
        for _ in range(10):
            bench.send(GOOD)
            bench.send(foreign)
            asked += 1
        answers += len(bench.replies(0.002))
    thread.join()
    answers += len(bench.replies(0.5))

    assert asked > 500
    assert answers == asked
    assert counters(bench).dropped == {}


def test_beyond_two_thousand_addresses_what_lies_between_is_heard_and_not_answered(bench: Bench) -> None:
    owned = scattered(3500)
    bench.hold(*owned)
    between = [(int.from_bytes(inet_aton(each), "big") + 1).to_bytes(4, "big") for each in owned[:-1]]

    for address in between:
        bench.send(arp.question(address, mac=CLIENT, sender=ASKER))

    assert bench.replies(0.5) == []
    assert set(counters(bench).dropped) == {"not-ours"}
    assert 0 < counters(bench).dropped["not-ours"] < len(between)
    for each in random.Random(3).sample(owned, 50):
        assert bench.ask(inet_aton(each)) is not None


def test_where_the_kernel_has_little_room_for_filters_a_coarser_one_is_taken() -> None:
    with wire() as made:
        ip("netns", "exec", made.node, "sysctl", "-qw", "net.core.optmem_max=20480")  # what it was before Linux 6.7
        bench = Bench(made)
        try:
            for count in (1500, 1600):  # the second must fit beside the first
                bench.announcing.want(on("eth0", *scattered(count)))
                settle(lambda count=count: bench.host.count("announced") == count, 10)  # type: ignore[misc]

            assert bench.host.count("failed") == 0
            assert bench.ask(inet_aton(scattered(1600)[-1])) is not None
        finally:
            bench.announcing.stop()


def test_what_the_buffer_had_no_room_for_is_counted(bench: Bench) -> None:
    bench.hold("192.168.0.91")
    pid = bench.announcing.pid
    assert pid is not None
    sent = 40_000

    os.kill(pid, signal.SIGSTOP)
    for _ in range(sent):
        bench.send(GOOD)
    os.kill(pid, signal.SIGCONT)

    settle(lambda: counters(bench).answered + counters(bench).dropped.get("kernel", 0) == sent, 20)
    assert counters(bench).dropped["kernel"] > 0
    assert counters(bench).answered > 1000  # SO_RCVBUF: the default has room for some 300


def test_counts_outlive_the_nic(bench: Bench) -> None:
    bench.hold("192.168.0.91")
    assert bench.ask() is not None
    bench.send(arp.gratuitous_request(ADDRESS, mac=NODE))
    settle(lambda: counters(bench).dropped == {"own-mac": 1})

    bench.wire.disconnect()
    settle(lambda: bench.host.count("failed") == 1)

    assert (counters(bench).answered, counters(bench).dropped) == (1, {"own-mac": 1})


def bad_frames(count: int) -> list[tuple[bytes, str | None]]:
    """Bad frames, each with the reason for which it is dropped, or None where the filter stops it already."""
    chance = random.Random(7)

    def flipped(first: int, end: int) -> bytes:
        frame = bytearray(GOOD)
        frame[chance.randrange(first, end)] ^= chance.randrange(1, 256)
        return bytes(frame)

    kinds: list[tuple[Callable[[], bytes], str | None]] = [
        (lambda: GOOD[: chance.randrange(14, 42)], None),  # short: the last byte of the target is not there
        (lambda: flipped(14, 16), None),  # hardware other than Ethernet
        (lambda: flipped(16, 18), None),  # another family than IPv4
        (lambda: flipped(18, 20), None),  # lengths other than 6 and 4
        (lambda: GOOD[:20] + b"\x00" + bytes([chance.randrange(3, 256)]) + GOOD[22:], None),  # another operation
        (lambda: GOOD[:12] + TAG_100 + GOOD[12:], None),
        (lambda: STRANGER + GOOD[6:], None),  # to another station
        (lambda: GOOD + chance.randbytes(chance.randrange(87, 1400)), "oversized"),
        (lambda: arp.question(ADDRESS, mac=NODE, sender=ASKER).pack(), "own-mac"),
        (lambda: GOOD[:6] + NODE + GOOD[12:], "own-mac"),
        (lambda: GOOD[:22] + NODE + GOOD[28:], "own-mac"),
        (lambda: GOOD[:22] + bytes(6) + GOOD[28:], "no-station"),
        (lambda: GOOD[:22] + b"\x01" + chance.randbytes(5) + GOOD[28:], "no-station"),
        (lambda: Frame(NODE, CLIENT, arp.REPLY, NODE, ADDRESS, CLIENT, ASKER).pack(), "own-mac"),
    ]
    return [(make(), reason) for make, reason in chance.choices(kinds, k=count)]


def test_bad_frames_by_the_hundred_thousand_are_no_answer_and_no_harm_and_counted(bench: Bench) -> None:
    bench.hold_quietly("192.168.0.91")
    pid = bench.announcing.pid
    frames = bad_frames(100_000)

    expected: Counter[str] = Counter()
    for at, (frame, reason) in enumerate(frames):
        bench.send(frame)
        expected.update([] if reason is None else [reason])
        if at % 4000 == 0:  # so that no buffer runs over, however slow the machine is
            settle(lambda: counters(bench).dropped == expected)

    assert bench.client.heard(0.5) == []
    assert counters(bench).dropped == expected
    assert min(expected.values()) > 5000
    assert counters(bench).answered == 0
    assert bench.ask() is not None
    assert bench.announcing.pid == pid
    assert bench.host.claims == []


def test_a_tag_beside_the_frame_keeps_it_out_as_well() -> None:
    # A socket for all protocols sees tagged frames before the kernel takes their tag for good, as from a NIC that
    # strips tags itself.
    with wire() as made:
        client = made.capture()
        hearing = inside(made.node, lambda: everything(filter.program([ADDRESS])))
        plain = inside(made.node, lambda: everything(filter.program([ADDRESS])[6:]))
        with hearing, plain:
            for tag in (TAG_100, b"\x81\x00\xe0\x00", b""):
                client.send(GOOD[:12] + tag + GOOD[12:])

            assert heard(plain) == 3  # else this would show nothing: the tag is beside the frame, not in it
            assert heard(hearing) == 2  # without a tag, and with a priority


def everything(program: Program) -> socket.socket:
    connection = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    packed = array.array("B", bpf.pack(program))
    connection.setsockopt(socket.SOL_SOCKET, 26, struct.pack("@HP", len(program), packed.buffer_info()[0]))
    connection.bind(("eth0", 0x0003))
    return connection


def heard(connection: socket.socket) -> int:
    connection.settimeout(0.2)
    count = 0
    try:
        while connection.recv(128):
            count += 1
    except TimeoutError:
        return count
    return count
