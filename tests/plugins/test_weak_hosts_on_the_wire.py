"""A peer whose kernel has the address on another NIC and answers for it: strictARP is missing there, and it is noticed."""

from collections.abc import Iterator

import pytest

from porter.model.names import NodeName
from porter.model.objects import Nic
from porter.plugins.layer2.announcer import arp, ndp
from tests.plugins.bench import ADDRESS, ASKER, CLIENT, NODE, Bench, is_reply, on
from tests.plugins.netns import Wire, ip, settle, wire

pytestmark = pytest.mark.root
PEER = CLIENT.hex(":")
QUESTION = arp.probe(ADDRESS, mac=NODE).pack()


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A node with an announcer; the client is the NIC of another node."""
    with wire() as made:
        ip("-n", made.client, "link", "add", "kube-ipvs0", "type", "bridge")  # a dummy, where the kernel has it
        made_bench = Bench(made)
        made_bench.host.peers = {PEER: NodeName("node2")}
        try:
            yield made_bench
        finally:
            made_bench.announcing.stop()


def bind(made: Wire) -> None:
    """As kube-proxy in mode IPVS does on every node."""
    ip("-n", made.client, "addr", "add", "192.168.0.91/32", "dev", "kube-ipvs0")


def strict(made: Wire) -> None:
    """As its strictARP does."""
    ip("netns", "exec", made.client, "sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=1")


def test_a_kernel_that_answers_for_a_held_address_is_noticed_by_a_question_for_it(bench: Bench) -> None:
    bench.host.weak_peers = {PEER}
    bench.hold("192.168.0.91")
    bind(bench.wire)

    settle(lambda: bool(bench.host.claims))

    assert bench.host.claims == [("192.168.0.91", "eth0", PEER, True)]
    assert bench.host.count("withdrawn") == 0


def test_the_question_is_one_frame_and_comes_after_the_announcements(bench: Bench) -> None:
    bench.host.weak_peers = {PEER}
    bench.hold("192.168.0.91")
    strict(bench.wire)
    bind(bench.wire)

    heard = bench.client.heard(4.5)

    assert heard.count(QUESTION) - heard[:3].count(QUESTION) == 1
    assert heard[-1] == QUESTION
    assert bench.host.claims == []


def test_where_no_kernel_is_weak_nothing_is_asked(bench: Bench) -> None:
    bench.hold("192.168.0.91")
    bind(bench.wire)

    heard = bench.client.heard(4.5)

    assert QUESTION not in heard[3:]
    assert bench.host.claims == []


def test_a_peer_that_becomes_weak_later_is_noticed_too(bench: Bench) -> None:
    bench.hold_quietly("192.168.0.91")
    bind(bench.wire)
    assert bench.host.claims == []

    bench.host.weak_peers = {PEER}
    for _ in range(3):
        bench.announcing.want(on("eth0", "192.168.0.91"))
    settle(lambda: bench.host.claims == [("192.168.0.91", "eth0", PEER, True)])

    assert bench.client.heard(2.5).count(QUESTION) == 1
    bench.host.forbidden = {"192.168.0.12": "address of node node2"}  # other news about peers
    bench.announcing.want(on("eth0", "192.168.0.91"))
    assert bench.client.heard(2.0) == []


def test_of_ipv6_nothing_is_asked_since_no_kernel_answers_for_another_nic(bench: Bench) -> None:
    bench.host.weak_peers = {PEER}
    ear = bench.wire.capture(ethertype=ndp.ETHERTYPE)

    bench.hold("2001:db8::91")

    assert [frame[54] for frame in ear.heard(4.5)] == [ndp.SOLICITATION] * 3 + [ndp.ADVERTISEMENT] * 3


def test_a_kernel_that_answers_before_the_address_is_taken_is_told_with_the_cure(bench: Bench) -> None:
    bench.host.weak_peers = {PEER}
    bind(bench.wire)

    bench.announcing.want(on("eth0", "192.168.0.91"))
    settle(lambda: bench.host.count("failed") > 0, 10)

    told = bench.host.reports[0][2]
    assert told.startswith(f"node node2 still answers for 192.168.0.91 on eth0: {PEER}. It is asked again. Its kernel")
    assert "arp_ignore is 0" in told
    assert "set strictARP: true in kube-proxy's configuration (kubectl edit configmap kube-proxy" in told
    strict(bench.wire)
    settle(lambda: bench.host.count("announced") == 1, 10)


def test_the_nodes_own_kernel_on_its_other_nic_keeps_nobody_from_taking_the_address_and_is_told() -> None:
    with wire("eth0", "eth1") as made:
        ip("-n", made.client, "link", "add", "segment", "type", "bridge")
        for nic in ("eth0", "eth1"):
            ip("-n", made.client, "link", "set", nic, "master", "segment")
        ip("-n", made.client, "link", "set", "segment", "up")
        made.on_node("link", "add", "kube-ipvs0", "type", "bridge")
        made.on_node("addr", "add", "192.168.0.91/32", "dev", "kube-ipvs0")
        other, third = "02:00:00:00:01:02", "02:00:00:00:01:03"
        nics = [Nic(name=f"eth{at}", mac=mac) for at, mac in enumerate((NODE.hex(":"), other, third))]
        bench = Bench(made, *nics, client=made.capture("segment"))
        try:
            bench.host.yields_to_strangers = True
            bench.hold("192.168.0.91")
            settle(lambda: bench.host.claims == [("192.168.0.91", "eth0", other, True)])
            bench.send(arp.gratuitous_request(ADDRESS, mac=bytes.fromhex(third.replace(":", ""))))
            settle(lambda: bench.host.claims[1:] == [("192.168.0.91", "eth0", third, False)])

            bench.send(arp.question(ADDRESS, mac=CLIENT, sender=ASKER))
            bench.client.first(where=lambda frame: is_reply(frame) and arp.parse(frame).sender_mac == NODE)
            assert [each[0] for each in bench.host.reports] == ["announced"]
        finally:
            bench.announcing.stop()
