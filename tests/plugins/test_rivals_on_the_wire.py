"""Another host has, or claims, an address of this node: what is asked, answered and said, by the frames on the wire."""

import contextlib
import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from porter.model.names import NodeName
from porter.plugins.layer2.announcer import arp
from porter.plugins.layer2.announcer.arp import Frame
from tests.plugins.bench import ADDRESS, ASKER, CLIENT, NODE, OTHER, STRANGER, Bench, on
from tests.plugins.netns import settle

pytestmark = pytest.mark.root
RIVAL = STRANGER.hex(":")
PEERS = {RIVAL: NodeName("node2")}


@contextlib.contextmanager
def rival(bench: Bench) -> Iterator[list[float]]:
    """A host that answers every probe, until the block is over. Gives the times of the probes."""
    asked: list[float] = []
    over = threading.Event()

    def answer() -> None:
        while not over.is_set():
            for frame in bench.client.heard(0.02):
                if arp.parse(frame).is_probe and not over.is_set():
                    bench.send(arp.answer(arp.parse(frame), STRANGER))
                    asked.append(time.monotonic())

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield asked
    finally:
        over.set()
        thread.join()


def silent_until(bench: Bench) -> float:
    """Seconds from now until the address is announced."""
    began = time.monotonic()
    settle(lambda: bench.host.count("announced") == 1, 60)
    return time.monotonic() - began


def test_an_address_that_a_stranger_has_is_not_announced_until_it_is_given_up(bench: Bench) -> None:
    with rival(bench):
        bench.announcing.want(on("eth0", "192.168.0.91"))
        settle(lambda: bench.host.count("failed") > 0)
        assert bench.host.count("announced") == 0

    sentence = f"another host answers for 192.168.0.91 on eth0: {RIVAL}. It is asked again"
    assert bench.host.reports[0] == ("failed", "192.168.0.91", sentence)
    assert bench.host.claims[0] == ("192.168.0.91", "eth0", RIVAL, False)
    assert bench.ask() is None
    settle(lambda: bench.host.count("announced") == 1, 10)
    assert bench.ask() is not None


def test_an_address_that_a_peer_held_for_long_is_taken_within_two_seconds_of_its_silence(bench: Bench) -> None:
    bench.host.peers = PEERS
    with rival(bench) as asked:
        bench.announcing.want(on("eth0", "192.168.0.91"))
        settle(lambda: len(asked) >= 10, 20)

    assert silent_until(bench) < 2
    assert bench.ask() is not None
    sentence = f"node node2 still answers for 192.168.0.91 on eth0: {RIVAL}. It is asked again"
    assert bench.host.reports[0] == ("failed", "192.168.0.91", sentence)
    gaps = [later - sooner for sooner, later in itertools.pairwise(asked[3:])]
    assert min(gaps) > 0.4
    assert max(gaps) < 1.5


def test_a_stranger_is_asked_at_once_when_the_set_is_applied_again(bench: Bench) -> None:
    with rival(bench) as asked:
        bench.announcing.want(on("eth0", "192.168.0.91"))
        settle(lambda: bench.host.count("failed") == 4, 20)  # now it would be asked again in 4 to 8 seconds
        before = len(asked)

        began = time.monotonic()
        while time.monotonic() < began + 3:
            bench.announcing.want(on("eth0", "192.168.0.91"))
            time.sleep(0.02)
        assert before + 2 <= len(asked) <= before + 4  # at most once a second, however often it is applied

    bench.announcing.want(on("eth0", "192.168.0.91"))
    assert silent_until(bench) < 2


def test_a_claim_on_a_held_address_is_countered_with_one_announcement_and_told_once(bench: Bench) -> None:
    bench.hold_quietly("192.168.0.91", "192.168.0.92")

    for _ in range(50):
        bench.send(arp.gratuitous_request(ADDRESS, mac=STRANGER))
        bench.send(arp.gratuitous_reply(ADDRESS, mac=STRANGER))
        bench.send(arp.question(OTHER, mac=STRANGER, sender=ADDRESS))
    heard = [frame for frame in bench.client.heard(1.0) if arp.parse(frame).is_gratuitous]

    assert heard == [arp.gratuitous_request(ADDRESS, mac=NODE).pack()]
    assert bench.host.claims == [("192.168.0.91", "eth0", RIVAL, True)]
    assert bench.host.count("withdrawn") == 0
    assert bench.ask() is not None


def test_a_second_host_that_claims_is_told_too_and_not_countered_so_soon(bench: Bench) -> None:
    bench.hold_quietly("192.168.0.91")

    bench.send(arp.gratuitous_request(ADDRESS, mac=STRANGER))
    bench.send(arp.gratuitous_request(ADDRESS, mac=CLIENT))
    heard = bench.client.heard(1.0)

    assert heard == [arp.gratuitous_request(ADDRESS, mac=NODE).pack()]
    assert bench.host.claims == [
        ("192.168.0.91", "eth0", RIVAL, True),
        ("192.168.0.91", "eth0", CLIENT.hex(":"), False),
    ]


def test_who_asks_or_probes_for_a_held_address_does_not_claim_it(bench: Bench) -> None:
    bench.hold_quietly("192.168.0.91")

    bench.send(arp.probe(ADDRESS, mac=STRANGER))
    bench.send(arp.question(ADDRESS, mac=STRANGER, sender=ASKER))

    assert len(bench.client.heard(0.5)) == 2  # an answer to each
    assert bench.host.claims == []


def test_an_answer_that_came_while_the_announcer_stood_still_is_heard_before_the_address_is_taken(
    bench: Bench,
) -> None:
    # As under a limit of CPU: the answer is waiting when both threads go on, and the one that takes may be the first.
    for _ in range(8):
        bench.announcing.want(on("eth0", "192.168.0.91"))
        for _ in range(3):
            bench.client.first(2, where=is_probe)
        pid = bench.announcing.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        bench.send(Frame(NODE, STRANGER, arp.REPLY, STRANGER, ADDRESS, NODE, bytes(4)))
        time.sleep(0.15)
        os.kill(pid, signal.SIGCONT)

        assert not [frame for frame in bench.client.heard(0.2) if not is_probe(frame) and not is_strangers(frame)]
        bench.announcing.want([])
        bench.client.heard(0.1)


def is_probe(frame: bytes) -> bool:
    return arp.parse(frame).is_probe


def is_strangers(frame: bytes) -> bool:
    return arp.parse(frame).sender_mac == STRANGER
