"""An address goes from one node to another, or to a stranger that insists: who answers when, by the frames heard."""

import contextlib
import threading
import time
from collections.abc import Iterator

import msgspec
import pytest

from porter.model.names import NodeName
from porter.plugins.layer2.announcer import arp
from porter.plugins.layer2.announcer.arp import Frame
from tests.plugins.bench import ADDRESS, ASKER, BURST_OVER, CLIENT, NODE, STRANGER, Bench, is_reply, on
from tests.plugins.netns import Capture, ip, settle, wire

pytestmark = pytest.mark.root
RIVAL = STRANGER.hex(":")
PEERS = {RIVAL: NodeName("node2")}
FROM_PEER = [msgspec.structs.replace(each, comes_from=NodeName("node2")) for each in on("eth0", "192.168.0.91")]
PROBE = arp.probe(ADDRESS, mac=NODE).pack()
BOTH = [arp.gratuitous_request(ADDRESS, mac=NODE).pack(), arp.gratuitous_reply(ADDRESS, mac=NODE).pack()]
CLAIM = arp.gratuitous_request(ADDRESS, mac=STRANGER)
DEFENCE = arp.gratuitous_request(ADDRESS, mac=NODE).pack()


def test_what_a_peer_had_until_now_is_taken_after_one_question(bench: Bench) -> None:
    bench.announcing.want(FROM_PEER)
    assert bench.client.heard(BURST_OVER + 0.2) == [PROBE, *BOTH * 3]
    bench.announcing.want(on("eth0", "192.168.0.91"))  # now the API names this node

    assert bench.client.heard(1.2) == []
    assert bench.host.count("announced") == 1 + 1  # told again, which the host takes for nothing new
    assert bench.host.count("withdrawn") == 0


def test_after_the_link_was_away_a_peers_word_is_worth_nothing(bench: Bench) -> None:
    bench.announcing.want(FROM_PEER)
    settle(lambda: bench.host.count("announced") == 1)

    bench.wire.on_node("link", "set", "eth0", "down")
    settle(lambda: bench.host.count("failed") == 1)
    bench.wire.on_node("link", "set", "eth0", "up")

    assert bench.client.heard(1.0)[-5:] == [PROBE, PROBE, PROBE, *BOTH]


def test_an_address_that_is_given_up_is_silent_before_anybody_is_told(bench: Bench) -> None:
    bench.hold_quietly("192.168.0.91")
    withdrawn_at: list[int] = []
    host_withdrawn = bench.host.withdrawn

    def note(address: str, *, nic: str) -> None:
        withdrawn_at.append(asked)
        host_withdrawn(address, nic=nic)

    bench.host.withdrawn = note  # type: ignore[method-assign]
    asked = answered = 0
    while asked < 3000:
        if asked == 1000:
            time.sleep(0.1)  # what waits in the socket when it is given up is not answered
            bench.announcing.want([])
        asked += 1
        bench.send(Frame(arp.BROADCAST, CLIENT, arp.REQUEST, CLIENT, asked.to_bytes(4), arp.NO_MAC, ADDRESS))
        time.sleep(0.0002)
    answers = [int.from_bytes(arp.parse(frame).target) for frame in bench.replies(0.3)]

    assert len(withdrawn_at) == 1
    assert answers
    answered = max(answers)
    assert answers == list(range(1, answered + 1))  # all, and then none
    assert 1000 <= answered <= withdrawn_at[0]


def test_an_address_that_is_wanted_again_is_asked_for_and_announced_as_a_new_one(bench: Bench) -> None:
    bench.hold_quietly("192.168.0.91")
    bench.announcing.want([])
    settle(lambda: bench.host.count("withdrawn") == 1)
    assert bench.client.heard(1.2) == []  # losing is silence, and nothing else

    bench.announcing.want(on("eth0", "192.168.0.91"))

    assert bench.client.heard(BURST_OVER + 0.2) == [PROBE, PROBE, PROBE, *BOTH * 3]


def test_a_peer_that_claims_is_told_once_and_gets_the_address_when_the_decision_names_it(bench: Bench) -> None:
    bench.host.peers = PEERS
    bench.host.yields_to_strangers = True
    bench.hold_quietly("192.168.0.91")

    for _ in range(20):
        bench.send(CLAIM)
    assert bench.client.heard(0.5) == [DEFENCE]
    assert bench.ask() is not None
    bench.announcing.want([])
    settle(lambda: bench.host.count("withdrawn") == 1)
    for _ in range(20):
        bench.send(CLAIM)
        bench.send(arp.question(ADDRESS, mac=CLIENT, sender=ASKER))

    assert bench.client.heard(0.5) == []
    assert bench.host.claims == [("192.168.0.91", "eth0", RIVAL, True)]


def test_a_stranger_that_insists_gets_the_address_where_that_is_wished(bench: Bench) -> None:
    # RFC 5227, 2.4 (b): defend once; when the next conflict comes within DEFEND_INTERVAL, cease
    bench.host.yields_to_strangers = True
    bench.hold_quietly("192.168.0.91")

    bench.send(CLAIM)
    assert bench.client.heard(0.3) == [DEFENCE]
    assert bench.ask() is not None
    bench.send(CLAIM)
    settle(lambda: bench.host.count("failed") == 1)

    sentence = f"another host answers for 192.168.0.91 on eth0: {RIVAL}. It is asked again"
    assert bench.host.reports[-2:] == [("withdrawn", "192.168.0.91", "eth0"), ("failed", "192.168.0.91", sentence)]
    assert bench.host.claims == [("192.168.0.91", "eth0", RIVAL, True), ("192.168.0.91", "eth0", RIVAL, False)]
    heard = bench.client.heard(4)  # the stranger is silent: the address is taken again, as RFC 5227, 2.1 says
    assert heard[:4] == [PROBE, PROBE, PROBE, BOTH[0]]
    assert bench.host.count("announced") == 2


def test_who_does_not_yield_goes_on_answering_a_stranger_that_insists(bench: Bench) -> None:
    bench.hold_quietly("192.168.0.91")

    for _ in range(5):
        bench.send(CLAIM)
        bench.client.heard(0.02)

    assert bench.ask() is not None
    assert bench.host.count("failed") == 0


@contextlib.contextmanager
def two_nodes() -> Iterator[tuple[Bench, Bench, Capture]]:
    """Two nodes with an announcer each, and a client, behind one bridge."""
    with wire() as here, wire() as there:
        there.on_node("link", "set", "eth0", "address", "02:00:00:00:03:03")
        ip("-n", there.client, "link", "set", "eth0", "netns", here.client, "name", "eth1")
        ip("-n", here.client, "link", "add", "br0", "type", "bridge", "forward_delay", "0")
        for nic in ("eth0", "eth1", "br0"):
            if nic != "br0":
                ip("-n", here.client, "link", "set", nic, "master", "br0")
            ip("-n", here.client, "link", "set", nic, "up")
        client = here.capture("br0")
        first, second = Bench(here, client=client), Bench(there, client=client)
        try:
            yield first, second, client
        finally:
            first.announcing.stop()
            second.announcing.stop()


def test_between_two_nodes_an_address_moves_without_an_answer_from_both() -> None:
    with two_nodes() as (old, new, client):
        new.host.peers = {NODE.hex(":"): NodeName("node1")}
        old.announcing.want(on("eth0", "192.168.0.91"))
        settle(lambda: old.host.count("announced") == 1)
        client.heard(0.5)
        mac = client.mac
        over = threading.Event()

        def decide() -> None:  # the agent of the new node is a little faster
            new.announcing.want([msgspec.structs.replace(FROM_PEER[0], comes_from=NodeName("node1"))])
            time.sleep(0.4)
            old.announcing.want([])
            settle(lambda: new.host.count("announced") == 1)
            time.sleep(0.3)
            over.set()

        thread = threading.Thread(target=decide)
        thread.start()
        heard: list[bytes] = []
        while not over.is_set():
            client.send(arp.question(ADDRESS, mac=mac, sender=ASKER).pack())
            heard += client.heard(0.005)
        thread.join()

    answers = [frame[6:12] for frame in heard if is_reply(frame) and frame[0:6] == mac]
    moved = answers.index(STRANGER)
    assert set(answers[:moved]) == {NODE}
    assert set(answers[moved:]) == {STRANGER}
    # Once the old node is silent, one question suffices.
    told = next(at for at, frame in enumerate(heard) if frame[6:12] == STRANGER and arp.parse(frame).is_gratuitous)
    last = max(at for at, frame in enumerate(heard) if frame[6:12] == NODE)
    asked = [frame for frame in heard[last:told] if arp.parse(frame).is_probe]
    assert last < told
    assert len(asked) <= 2
