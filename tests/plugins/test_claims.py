from collections import Counter
from collections.abc import Collection
from socket import inet_aton

from hypothesis import given
from hypothesis import strategies as st

from porter.plugins.layer2.announcer import arp, claims
from porter.plugins.layer2.announcer.arp import Frame
from porter.plugins.layer2.announcer.claims import Claim, Dispute, Step
from porter.plugins.layer2.announcer.responder import (
    CLAIMED,
    MALFORMED,
    NO_STATION,
    NOT_FOR_US,
    NOT_OURS,
    OWN_MAC,
    Responder,
)
from tests.plugins.test_arp_packets import FRAMES

MAC, CLIENT, STRANGER = (bytes.fromhex(f"0200000000{each}") for each in ("01", "02", "03"))
ADDRESS, OTHER, ASKER = inet_aton("192.168.0.91"), inet_aton("192.168.0.92"), inet_aton("192.168.0.50")


def claimed() -> tuple[Responder, Claim]:
    responder = Responder(MAC)
    claim = Claim(ADDRESS)
    claim.begin(responder)
    return responder, claim


def held() -> tuple[Responder, Claim]:
    responder, claim = claimed()
    while not step(claim, responder).taken:
        pass
    return responder, claim


def step(claim: Claim, responder: Responder, repeat: float = 0.0, *, peers: Collection[bytes] = ()) -> Step:
    return claim.step(responder, repeat=repeat, jitter=0.5, peers=frozenset(peers))


def refused(claim: Claim, responder: Responder, rival: bytes, *, peers: Collection[bytes] = ()) -> Step:
    """A probe that another host answers, and what follows from it."""
    step(claim, responder, peers=peers)
    responder.hear(Frame(MAC, rival, arp.REPLY, rival, ADDRESS, MAC, arp.NO_ADDRESS).pack())
    return step(claim, responder, peers=peers)


def question(target: bytes = ADDRESS, sender: bytes = ASKER, mac: bytes = CLIENT) -> bytes:
    return arp.question(target, mac=mac, sender=sender).pack()


def test_an_address_is_probed_three_times_then_held_then_announced_three_times() -> None:
    responder, claim = claimed()

    steps = [step(claim, responder) for _ in range(6)]

    probe = arp.probe(ADDRESS, mac=MAC).pack()
    both = (arp.gratuitous_request(ADDRESS, mac=MAC).pack(), arp.gratuitous_reply(ADDRESS, mac=MAC).pack())
    assert [each.frames for each in steps] == [(probe,), (probe,), (probe,), both, both, both]
    assert [each.again for each in steps] == [0.1, 0.1, 0.1, 1.1, 1.1, None]
    assert [each.taken for each in steps] == [False, False, False, True, False, False]


def test_nothing_is_answered_before_the_probes_stayed_unanswered() -> None:
    responder, claim = claimed()

    answers = []
    while not step(claim, responder).taken:
        answers.append(responder.hear(question()))

    assert answers == [None, None, None]
    assert responder.hear(question()) is not None


def test_an_address_that_a_stranger_has_is_asked_for_again_ever_more_seldom() -> None:
    responder, claim = claimed()

    steps = [refused(claim, responder, STRANGER) for _ in range(9)]

    assert [each.again for each in steps] == [0.375, 0.75, 1.5, 3, 6, 12, 22.5, 22.5, 22.5]
    assert [each.rival for each in steps] == [None, *[STRANGER] * 8]  # the first may be a peer that is just letting go
    assert claim.waiting
    assert responder.hear(question()) is None
    assert not responder.held


def test_an_address_that_a_peer_has_is_asked_for_again_within_a_second_however_long_it_has_it() -> None:
    responder, claim = claimed()

    steps = [refused(claim, responder, STRANGER, peers=[STRANGER]) for _ in range(9)]

    assert [each.again for each in steps] == [0.375, *[0.75] * 8]
    assert claims.LONGEST_WAIT_FOR_A_PEER * 2 <= 1.0  # with the longest jitter


def test_a_stranger_that_turns_out_to_be_a_peer_is_waited_for_as_a_peer() -> None:
    responder, claim = claimed()
    for _ in range(6):
        refused(claim, responder, STRANGER)

    assert refused(claim, responder, STRANGER, peers=[STRANGER]).again == 0.75


def test_an_address_that_the_other_host_gave_up_is_taken() -> None:
    responder, claim = claimed()
    step(claim, responder)
    responder.hear(Frame(MAC, STRANGER, arp.REPLY, STRANGER, ADDRESS, MAC, arp.NO_ADDRESS).pack())
    step(claim, responder)

    assert any(step(claim, responder).taken for _ in range(4))


def test_once_taken_a_rival_is_waited_for_as_shortly_as_at_first() -> None:
    responder, claim = claimed()
    for _ in range(3):
        refused(claim, responder, STRANGER)
    while not step(claim, responder).taken:
        pass

    claim.begin(responder)  # the NIC was away

    assert refused(claim, responder, STRANGER) == Step(again=0.375)


def test_another_hosts_probe_for_the_same_address_is_a_rival_too() -> None:
    # RFC 5227, 2.1.1: a probe from another hardware address for the address that is being probed
    responder, claim = claimed()
    step(claim, responder)

    responder.hear(arp.probe(ADDRESS, mac=STRANGER).pack())

    assert step(claim, responder).again == 0.375


def test_our_own_probe_coming_back_is_no_rival() -> None:
    responder, claim = claimed()

    for _ in range(3):
        (frame,) = step(claim, responder).frames
        responder.hear(frame)

    assert step(claim, responder).taken


def test_announcements_are_repeated_only_where_that_is_asked_for() -> None:
    responder, claim = held()

    assert [step(claim, responder, repeat=60).again for _ in range(4)] == [1.1, 60, 60, 60]


def test_a_changed_mac_is_announced_anew_without_a_probe() -> None:
    responder, claim = held()
    responder.mac = STRANGER
    claim.announce_again()

    frames = [frame for _ in range(3) for frame in step(claim, responder).frames]

    assert len(frames) == 6
    assert all(arp.parse(frame).sender_mac == STRANGER for frame in frames)
    assert ADDRESS in responder.held


def test_a_claim_of_another_host_is_countered_once_in_ten_seconds_and_each_host_is_news_once() -> None:
    # RFC 5227, 2.4 (b): one announcement, and none within DEFEND_INTERVAL of the last
    _, claim = held()
    defence = (arp.gratuitous_request(ADDRESS, mac=MAC).pack(),)

    disputes = [claim.dispute(rival, mac=MAC, now=at) for rival, at in [(STRANGER, 0), (STRANGER, 9.9), (CLIENT, 9.9)]]

    assert disputes == [Dispute(defence, news=True), Dispute(), Dispute(news=True)]
    assert claim.dispute(STRANGER, mac=MAC, now=10) == Dispute(defence)


def test_a_host_that_makes_up_macs_is_news_a_few_times_only() -> None:
    _, claim = held()

    disputes = [claim.dispute(b"\x02" + number.to_bytes(5), mac=MAC, now=0) for number in range(1000)]

    assert sum(each.news for each in disputes) == claims.MOST_CLAIMANTS
    assert sum(len(each.frames) for each in disputes) == 1


def test_who_claims_a_held_address_is_remembered_until_it_is_given_up() -> None:
    responder, _ = held()

    responder.hear(arp.gratuitous_request(ADDRESS, mac=STRANGER).pack())
    assert responder.disputed == {ADDRESS: STRANGER}
    responder.forget(ADDRESS)

    assert responder.disputed == {}


def test_a_request_is_answered_to_the_asker_alone() -> None:
    responder, _ = held()

    assert responder.hear(question()) == Frame(CLIENT, MAC, arp.REPLY, MAC, ADDRESS, CLIENT, ASKER).pack()
    assert responder.answered == 1


def test_another_hosts_probe_for_a_held_address_is_answered() -> None:
    # RFC 5227, 1.1: that is how a newcomer learns that the address is taken
    responder, _ = held()

    assert responder.hear(arp.probe(ADDRESS, mac=STRANGER).pack()) is not None


DROPPED = {
    "another address": (question(OTHER), NOT_OURS),
    "our own MAC": (question(mac=MAC), OWN_MAC),
    "no sender's MAC": (question(mac=bytes(6)), NO_STATION),
    "a group's MAC": (question(mac=bytes.fromhex("01005e000001")), NO_STATION),
    "our gratuitous request": (arp.gratuitous_request(ADDRESS, mac=MAC).pack(), OWN_MAC),
    "a stranger's gratuitous request": (arp.gratuitous_request(ADDRESS, mac=STRANGER).pack(), CLAIMED),
    "a stranger's gratuitous reply": (arp.gratuitous_reply(ADDRESS, mac=STRANGER).pack(), CLAIMED),
    "a stranger who asks as us": (question(OTHER, sender=ADDRESS, mac=STRANGER), CLAIMED),
    "a reply to us": (Frame(MAC, CLIENT, arp.REPLY, CLIENT, ASKER, MAC, ADDRESS).pack(), NOT_FOR_US),
    "a short frame": (question()[:41], MALFORMED),
    "IPv6's": (question().replace(b"\x08\x06\x00\x01\x08\x00", b"\x08\x06\x00\x01\x86\xdd"), MALFORMED),
}


def test_every_frame_that_is_not_answered_has_a_reason() -> None:
    for frame, reason in DROPPED.values():
        responder, _ = held()

        assert responder.hear(frame) is None
        assert responder.dropped == Counter([reason])


@given(
    st.lists(
        FRAMES.map(Frame.pack)
        | st.binary(max_size=60)
        | st.sampled_from([question(), *(f for f, _ in DROPPED.values())])
    )
)
def test_whatever_is_heard_only_requests_for_held_addresses_are_answered(frames: list[bytes]) -> None:
    responder, _ = held()

    for frame in frames:
        answer = responder.hear(frame)
        if answer is not None:
            heard, said = arp.parse(frame), arp.parse(answer)
            assert (heard.operation, heard.target) == (arp.REQUEST, ADDRESS)
            assert said == Frame(heard.sender_mac, MAC, arp.REPLY, MAC, ADDRESS, heard.sender_mac, heard.sender)

    assert responder.answered + responder.dropped.total() == len(frames)
    assert responder.held == {ADDRESS}


def test_the_numbers_are_what_linux_needs() -> None:
    # net.ipv4.neigh.default.locktime is one second: a change within it is ignored
    assert claims.ANNOUNCEMENT_GAP > 1.0
