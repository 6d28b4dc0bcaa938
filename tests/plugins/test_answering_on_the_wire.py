"""What is answered, byte by byte, and what is not; asserted by the frames that a client hears."""

from pathlib import Path

import pytest

from porter.plugins.layer2.announcer import arp
from porter.plugins.layer2.announcer.arp import Frame
from tests.plugins.bench import ADDRESS, ASKER, BURST_OVER, CLIENT, NODE, OTHER, STRANGER, Bench, on
from tests.plugins.netns import settle, wire

pytestmark = pytest.mark.root


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


def test_a_flood_for_other_addresses_does_not_wake_the_announcer(bench: Bench) -> None:
    bench.hold_quietly("192.168.0.91")
    threads = Path(f"/proc/{bench.announcing.pid}/task")
    before = wake_ups(threads)

    for number in range(10_000):
        bench.send(arp.question((0x0A000000 + number).to_bytes(4, "big"), mac=CLIENT, sender=ASKER))

    assert wake_ups(threads) == before
    assert bench.ask() is not None
    settle(lambda: wake_ups(threads) > before)  # counted when it has gone back to sleep


def wake_ups(threads: Path) -> int:
    """How often a thread that answers went to sleep, for which it must have been awake.

    A frame wakes one of these first. The main thread is woken by its agent, now and then.
    """
    answering = [each for each in threads.iterdir() if each.name != threads.parent.name]
    lines = [line for each in answering for line in (each / "status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))


def test_what_a_device_upon_the_nic_takes_from_it_is_not_answered(bench: Bench) -> None:
    """A macvlan, which more kernels have than a VLAN; the kernel hands both their frames in the same way."""
    mac = bytes.fromhex("020000000a0a")
    device = ["link", "eth0", "name", "up0", "address", mac.hex(":"), "type", "macvlan", "mode", "bridge"]
    bench.wire.on_node("link", "add", *device)
    bench.wire.on_node("link", "set", "up0", "up")
    bench.hold_quietly("192.168.0.91")

    question = arp.question(ADDRESS, mac=CLIENT, sender=ASKER)._replace(destination=mac).pack()
    bench.send(question)
    bench.send(arp.question(ADDRESS, mac=CLIENT, sender=ASKER).pack())

    assert len(bench.replies(0.5)) == 1  # to the second, which is for the NIC itself
