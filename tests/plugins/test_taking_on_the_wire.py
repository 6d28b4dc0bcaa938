"""When an address, a link or a NIC comes or changes: exactly which frames a client hears."""

import contextlib
import os
import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from socket import inet_aton, inet_ntoa

import pytest

from porter.model.objects import Nic
from porter.plugins.layer2.announcer import arp
from tests.plugins.bench import (
    ADDRESS,
    ASKER,
    BURST_OVER,
    CLIENT,
    NODE,
    OTHER,
    Bench,
    is_reply,
    on,
)
from tests.plugins.netns import batch, lost_news, settle, wire

pytestmark = pytest.mark.root


def test_taking_an_address_is_three_probes_then_both_gratuitous_forms_three_times(bench: Bench) -> None:
    bench.announcing.want(on("eth0", "192.168.0.91"))
    heard = bench.client.heard(BURST_OVER + 1.5)

    probe = arp.probe(ADDRESS, mac=NODE).pack()
    both = [arp.gratuitous_request(ADDRESS, mac=NODE).pack(), arp.gratuitous_reply(ADDRESS, mac=NODE).pack()]
    assert heard == [probe, probe, probe, *both, *both, *both]
    assert bench.host.reports == [("announced", "192.168.0.91", "eth0", "02:00:00:00:01:01")]


def test_an_unchanged_set_is_no_frame_and_no_report(bench: Bench) -> None:
    bench.hold_quietly("192.168.0.91", "192.168.0.92")
    reports = list(bench.host.reports)

    for _ in range(1000):
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
    threads = Path(f"/proc/{bench.announcing.pid}/task")
    settle(lambda: len(list(threads.iterdir())) == 2)  # who answered on the old one has gone


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


def too_much_news(namespace: str) -> None:
    """More than a socket has room for, none of it of the NIC: what comes then is lost."""
    batch(namespace, "link add br0 type bridge\n" + "link set br0 up\nlink set br0 down\n" * 3000)


def test_a_link_that_was_down_while_the_kernel_lost_the_news_is_probed_and_announced_again(bench: Bench) -> None:
    bench.hold_quietly("192.168.0.91")

    with held_up(bench.announcing.pid):
        too_much_news(bench.wire.node)
        before = lost_news(bench.wire.node)
        bench.wire.on_node("link", "set", "eth0", "down")
        bench.wire.on_node("link", "set", "eth0", "up")
        assert lost_news(bench.wire.node) > before > 0
    heard = bench.client.heard(BURST_OVER)

    assert len(heard) == 9
    assert arp.parse(heard[0]).is_probe


def test_a_link_that_was_up_while_the_kernel_lost_the_news_is_answered_on_without_a_word(bench: Bench) -> None:
    bench.hold_quietly("192.168.0.91")

    with held_up(bench.announcing.pid):
        too_much_news(bench.wire.node)
        assert lost_news(bench.wire.node) > 0

    assert bench.ask() is not None
    assert bench.client.heard(1.0) == []
    assert bench.host.count("announced") == 1


def test_a_nic_made_again_in_a_moment_is_answered_on_anew(bench: Bench) -> None:
    bench.hold("192.168.0.91")

    with held_up(bench.announcing.pid):
        bench.wire.disconnect()
        bench.wire.connect()
    again = bench.wire.capture()
    again.first(where=lambda frame: arp.parse(frame).is_gratuitous)

    assert bench.ask(client=again) is not None


def test_on_a_nic_made_again_nothing_is_answered_before_it_is_asked_for(bench: Bench) -> None:
    crowd = [inet_ntoa((0x0A000001 + 3 * number).to_bytes(4, "big")) for number in range(3000)]
    bench.announcing.want(on("eth0", *crowd))
    settle(lambda: bench.host.count("announced") == len(crowd), 60)
    last = inet_aton(crowd[-1])

    with held_up(bench.announcing.pid):
        bench.wire.disconnect()
        bench.wire.connect(mac="02:00:00:00:09:09")
        again = bench.wire.capture()
    heard: list[bytes] = []
    while not any(arp.parse(frame).is_probe and arp.parse(frame).target == last for frame in heard):
        again.send(arp.question(last, mac=CLIENT, sender=ASKER).pack())
        heard += again.heard(0.001)

    assert [frame for frame in heard if is_reply(frame)] == []


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


def test_a_raw_socket_that_was_not_to_be_had_is_asked_for_again_until_it_is(bench: Bench) -> None:
    bench.wire.connect("eth1", "02:00:00:00:01:02")
    bench.hold("192.168.0.91")
    announcer = bench.announcing.pid
    assert announcer is not None
    limits = resource.prlimit(announcer, resource.RLIMIT_NOFILE)
    resource.prlimit(announcer, resource.RLIMIT_NOFILE, (0, limits[1]))

    bench.announcing.want(on("eth0", "192.168.0.91") + on("eth1", "192.168.0.92"))
    settle(lambda: bench.host.count("failed") == 1)
    time.sleep(0.7)  # it was tried once more meanwhile, which is no news
    resource.prlimit(announcer, resource.RLIMIT_NOFILE, limits)
    settle(lambda: bench.host.count("announced") == 2)

    sentence = "no raw socket on eth1: Too many open files. It is tried again"
    assert [each for each in bench.host.reports if each[0] == "failed"] == [("failed", "192.168.0.92", sentence)]
    assert bench.announcing.pid == announcer
