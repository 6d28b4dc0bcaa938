from collections import Counter
from collections.abc import Collection
from socket import inet_aton

import pytest
from hypothesis import given
from hypothesis import strategies as st

from porter.plugins.layer2.announcer import arp, claims
from porter.plugins.layer2.announcer.arp import Frame
from porter.plugins.layer2.announcer.arp_responder import ArpResponder
from porter.plugins.layer2.announcer.claims import Claim, Dispute, Step
from porter.plugins.layer2.announcer.family import Table
from porter.plugins.layer2.announcer.hearsay import Hearsay
from porter.plugins.layer2.announcer.holdings import Holdings
from porter.plugins.layer2.announcer.ipv4 import Ipv4
from porter.plugins.layer2.announcer.responder import (
    CLAIMED,
    MALFORMED,
    NO_STATION,
    NOT_FOR_US,
    NOT_OURS,
    OVERSIZED,
    OWN_MAC,
)
from tests.plugins.test_arp_packets import FRAMES

MAC, CLIENT, STRANGER = (bytes.fromhex(f"0200000000{each}") for each in ("01", "02", "03"))
ADDRESS, OTHER, ASKER = inet_aton("192.168.0.91"), inet_aton("192.168.0.92"), inet_aton("192.168.0.50")


class Side:
    """Both halves of a segment: what the main thread holds, and who answers from its table."""

    def __init__(self) -> None:
        self.holdings = Holdings(Ipv4(), MAC)
        self.responder = ArpResponder()

    def hear(self, frame: bytes) -> bytes | None:
        table = self.holdings.news()
        if table is not None:
            self.responder.replace(table)
        return self.responder.hear(frame)


def claimed() -> tuple[Side, Claim]:
    side = Side()
    claim = Claim(ADDRESS)
    claim.begin(side.holdings)
    return side, claim


def held() -> tuple[Side, Claim]:
    side, claim = claimed()
    while not step(claim, side).taken:
        pass
    return side, claim


def step(claim: Claim, side: Side, repeat: float = 0.0, *, peers: Collection[bytes] = ()) -> Step:
    side.holdings.hear(side.responder.take())
    return claim.step(side.holdings, repeat=repeat, jitter=0.5, peers=frozenset(peers))


def refused(claim: Claim, side: Side, rival: bytes, *, peers: Collection[bytes] = ()) -> Step:
    """A probe that another host answers, and what follows from it."""
    step(claim, side, peers=peers)
    side.hear(Frame(MAC, rival, arp.REPLY, rival, ADDRESS, MAC, arp.NO_ADDRESS).pack())
    return step(claim, side, peers=peers)


def question(target: bytes = ADDRESS, sender: bytes = ASKER, mac: bytes = CLIENT) -> bytes:
    return arp.question(target, mac=mac, sender=sender).pack()


def test_an_address_is_probed_three_times_then_held_then_announced_three_times() -> None:
    side, claim = claimed()

    steps = [step(claim, side) for _ in range(6)]

    probe = arp.probe(ADDRESS, mac=MAC).pack()
    both = (arp.gratuitous_request(ADDRESS, mac=MAC).pack(), arp.gratuitous_reply(ADDRESS, mac=MAC).pack())
    assert [each.frames for each in steps] == [(probe,), (probe,), (probe,), both, both, both]
    assert [each.again for each in steps] == [0.1, 0.1, 0.1, 1.1, 1.1, None]
    assert [each.taken for each in steps] == [False, False, False, True, False, False]


def test_a_probe_that_did_not_go_out_does_not_count() -> None:
    side, claim = claimed()

    step(claim, side)
    turn = claim.turn
    claim.unsaid()
    steps = [step(claim, side) for _ in range(4)]

    assert [each.taken for each in steps] == [False, False, False, True]
    assert claim.turn == turn + 1  # what was planned is void


def test_nothing_is_answered_before_the_probes_stayed_unanswered() -> None:
    side, claim = claimed()

    answers = []
    while not step(claim, side).taken:
        answers.append(side.hear(question()))

    assert answers == [None, None, None]
    assert side.hear(question()) is not None


def test_an_address_that_a_stranger_has_is_asked_for_again_ever_more_seldom() -> None:
    side, claim = claimed()

    steps = [refused(claim, side, STRANGER) for _ in range(9)]

    assert [each.again for each in steps] == [0.375, 0.75, 1.5, 3, 6, 12, 22.5, 22.5, 22.5]
    assert [each.rival for each in steps] == [None, *[STRANGER] * 8]  # the first may be a peer that is just letting go
    assert claim.waiting
    assert side.hear(question()) is None
    assert not side.holdings.held


def test_an_address_that_a_peer_has_is_asked_for_again_within_a_second_however_long_it_has_it() -> None:
    side, claim = claimed()

    steps = [refused(claim, side, STRANGER, peers=[STRANGER]) for _ in range(9)]

    assert [each.again for each in steps] == pytest.approx([0.15, 0.3, 0.6, *[0.75] * 6])
    assert [each.rival for each in steps] == [None] * 3 + [STRANGER] * 6  # one that is just letting go is no news
    assert claims.LONGEST_WAIT_FOR_A_PEER * 2 <= 1.0  # with the longest jitter


def test_a_stranger_that_turns_out_to_be_a_peer_is_waited_for_as_a_peer() -> None:
    side, claim = claimed()
    for _ in range(6):
        refused(claim, side, STRANGER)

    assert refused(claim, side, STRANGER, peers=[STRANGER]).again == 0.75


@pytest.mark.parametrize(("peers", "probes"), [([STRANGER], 1), ([], 3)])
def test_after_a_peer_one_question_is_enough_and_after_a_stranger_it_is_not(peers: list[bytes], probes: int) -> None:
    side, claim = claimed()
    refused(claim, side, STRANGER, peers=peers)

    steps = [step(claim, side, peers=peers) for _ in range(probes + 1)]

    assert [each.taken for each in steps] == [False] * probes + [True]


def test_what_was_handed_over_is_asked_for_in_full_when_the_nic_was_away() -> None:
    side = Side()
    claim = Claim(ADDRESS)
    claim.begin(side.holdings, handed_over=True)
    assert [step(claim, side).taken for _ in range(2)] == [False, True]

    claim.begin(side.holdings)

    assert [step(claim, side).taken for _ in range(4)] == [False, False, False, True]


def test_who_gives_way_to_a_stranger_is_silent_and_asks_again_later() -> None:
    side, claim = held()

    assert claim.give_way(side.holdings, STRANGER, jitter=0.5) == Step(again=0.75, rival=STRANGER)
    assert side.hear(question()) is None
    assert [step(claim, side).taken for _ in range(4)] == [False, False, False, True]


def test_an_address_that_the_other_host_gave_up_is_taken() -> None:
    side, claim = claimed()
    step(claim, side)
    side.hear(Frame(MAC, STRANGER, arp.REPLY, STRANGER, ADDRESS, MAC, arp.NO_ADDRESS).pack())
    step(claim, side)

    assert any(step(claim, side).taken for _ in range(4))


def test_once_taken_a_rival_is_waited_for_as_shortly_as_at_first() -> None:
    side, claim = claimed()
    for _ in range(3):
        refused(claim, side, STRANGER)
    while not step(claim, side).taken:
        pass

    claim.begin(side.holdings)  # the NIC was away

    assert refused(claim, side, STRANGER) == Step(again=0.375)


def test_another_hosts_probe_for_the_same_address_is_a_rival_too() -> None:
    # RFC 5227, 2.1.1: a probe from another hardware address for the address that is being probed
    side, claim = claimed()
    step(claim, side)

    side.hear(arp.probe(ADDRESS, mac=STRANGER).pack())

    assert step(claim, side).again == 0.375


def test_our_own_probe_coming_back_is_no_rival() -> None:
    side, claim = claimed()

    for _ in range(3):
        (frame,) = step(claim, side).frames
        side.hear(frame)

    assert step(claim, side).taken


def test_announcements_are_repeated_only_where_that_is_asked_for() -> None:
    side, claim = held()

    assert [step(claim, side, repeat=60).again for _ in range(4)] == [1.1, 60, 60, 60]


def test_a_changed_mac_is_announced_anew_without_a_probe() -> None:
    side, claim = held()
    side.holdings.mac = STRANGER
    claim.announce_again()

    frames = [frame for _ in range(3) for frame in step(claim, side).frames]

    assert len(frames) == 6
    assert all(arp.parse(frame).sender_mac == STRANGER for frame in frames)
    assert ADDRESS in side.holdings.held


def test_a_claim_of_another_host_is_countered_once_in_ten_seconds_and_each_host_is_news_once() -> None:
    # RFC 5227, 2.4 (b): one announcement, and none within DEFEND_INTERVAL of the last
    side, claim = held()
    defence = (arp.gratuitous_request(ADDRESS, mac=MAC).pack(),)

    disputes = [
        claim.dispute(rival, side.holdings, now=at) for rival, at in [(STRANGER, 0), (STRANGER, 9.9), (CLIENT, 9.9)]
    ]

    assert disputes == [
        Dispute(defence, news=True),
        Dispute(insists=True),
        Dispute(news=True, insists=True),
    ]
    assert claim.dispute(STRANGER, side.holdings, now=10) == Dispute(defence)


def test_a_host_that_makes_up_macs_is_news_a_few_times_only() -> None:
    side, claim = held()

    disputes = [claim.dispute(b"\x02" + number.to_bytes(5), side.holdings, now=0) for number in range(1000)]

    assert sum(each.news for each in disputes) == claims.MOST_CLAIMANTS
    assert sum(len(each.frames) for each in disputes) == 1


def test_who_claims_a_held_address_is_remembered_until_it_is_given_up() -> None:
    side, _ = held()

    side.hear(arp.gratuitous_request(ADDRESS, mac=STRANGER).pack())
    assert side.responder.has_news
    side.holdings.forget(ADDRESS)
    side.hear(question(OTHER))

    assert not side.responder.has_news


def test_a_request_is_answered_to_the_asker_alone() -> None:
    side, _ = held()

    assert side.hear(question()) == Frame(CLIENT, MAC, arp.REPLY, MAC, ADDRESS, CLIENT, ASKER).pack()
    assert side.responder.answered == 1


def test_another_hosts_probe_for_a_held_address_is_answered() -> None:
    # RFC 5227, 1.1: that is how a newcomer learns that the address is taken
    side, _ = held()

    assert side.hear(arp.probe(ADDRESS, mac=STRANGER).pack()) is not None


DROPPED = {
    "another address": (question(OTHER), NOT_OURS),
    "our own MAC": (question(mac=MAC), OWN_MAC),
    "our own MAC as the frame's source": (question()[:6] + MAC + question()[12:], OWN_MAC),
    "no sender's MAC": (question(mac=bytes(6)), NO_STATION),
    "a group's MAC": (question(mac=bytes.fromhex("01005e000001")), NO_STATION),
    "our gratuitous request": (arp.gratuitous_request(ADDRESS, mac=MAC).pack(), OWN_MAC),
    "a stranger's gratuitous request": (arp.gratuitous_request(ADDRESS, mac=STRANGER).pack(), CLAIMED),
    "a stranger's gratuitous reply": (arp.gratuitous_reply(ADDRESS, mac=STRANGER).pack(), CLAIMED),
    "a stranger who asks as us": (question(OTHER, sender=ADDRESS, mac=STRANGER), CLAIMED),
    "a reply to us": (Frame(MAC, CLIENT, arp.REPLY, CLIENT, ASKER, MAC, ADDRESS).pack(), NOT_FOR_US),
    "a longer frame than any ARP has": (question().ljust(129, b"\0"), OVERSIZED),
    "a short frame": (question()[:41], MALFORMED),
    "IPv6's": (question().replace(b"\x08\x06\x00\x01\x08\x00", b"\x08\x06\x00\x01\x86\xdd"), MALFORMED),
}


def test_every_frame_that_is_not_answered_has_a_reason() -> None:
    for frame, reason in DROPPED.values():
        side, _ = held()

        assert side.hear(frame) is None
        assert side.responder.dropped == Counter([reason])


@given(
    st.lists(
        FRAMES.map(Frame.pack)
        | st.binary(max_size=60)
        | st.sampled_from([question(), *(f for f, _ in DROPPED.values())])
    )
)
def test_whatever_is_heard_only_requests_for_held_addresses_are_answered(frames: list[bytes]) -> None:
    side, _ = held()

    for frame in frames:
        answer = side.hear(frame)
        if answer is not None:
            heard, said = arp.parse(frame), arp.parse(answer)
            assert (heard.operation, heard.target) == (arp.REQUEST, ADDRESS)
            assert said == Frame(heard.sender_mac, MAC, arp.REPLY, MAC, ADDRESS, heard.sender_mac, heard.sender)

    assert side.responder.answered + side.responder.dropped.total() == len(frames)
    assert side.holdings.held == {ADDRESS}


def test_the_numbers_are_what_linux_needs() -> None:
    # net.ipv4.neigh.default.locktime is one second: a change within it is ignored
    assert claims.ANNOUNCEMENT_GAP > 1.0


def test_in_doubt_an_address_is_asked_for_once_after_all_was_said() -> None:
    side, claim = held()
    claim.doubt()

    said = [step(claim, side) for _ in range(claims.ANNOUNCEMENTS)]

    assert [len(each.frames) for each in said] == [2, 2, 1]
    assert [each.again for each in said] == [claims.ANNOUNCEMENT_GAP, claims.ANNOUNCEMENT_GAP, None]
    assert said[-1].frames == (arp.probe(ADDRESS, mac=MAC).pack(),)
    assert ADDRESS in side.holdings.held


def test_a_doubt_that_comes_late_is_one_question_and_the_repetitions_go_on() -> None:
    side, claim = held()
    while step(claim, side, repeat=30.0).again != 30.0:
        pass
    claim.doubt()

    asked, repeated = step(claim, side, repeat=30.0), step(claim, side, repeat=30.0)

    assert (asked.frames, asked.again) == ((arp.probe(ADDRESS, mac=MAC).pack(),), 30.0)
    assert len(repeated.frames) == 2


def test_what_is_probed_anew_is_in_no_doubt_any_more() -> None:
    side, claim = held()
    claim.doubt()
    claim.begin(side.holdings)
    while not step(claim, side).taken:
        pass

    assert [len(step(claim, side).frames) for _ in range(2)] == [2, 2]
    assert step(claim, side).frames != (arp.probe(ADDRESS, mac=MAC).pack(),)


def test_a_rival_that_was_heard_as_the_address_was_taken_disputes_it() -> None:
    hearsay = Hearsay()
    hearsay.rival(ADDRESS, STRANGER)

    hearsay.keep_to(Table(mac=MAC, held=frozenset({ADDRESS})))

    assert hearsay.take().disputed == {ADDRESS: [STRANGER]}


def test_who_asks_for_one_held_address_from_another_claims_that() -> None:
    side, _ = held()
    side.holdings.hold(OTHER)

    assert side.hear(question(ADDRESS, sender=OTHER, mac=STRANGER)) is None

    assert side.responder.take().disputed == {OTHER: [STRANGER]}


def test_who_asks_for_a_held_address_from_one_that_is_probed_has_that() -> None:
    side, _ = held()
    side.holdings.probe(OTHER)

    assert side.hear(question(ADDRESS, sender=OTHER, mac=STRANGER)) is None

    assert side.responder.take().rivals == {OTHER: STRANGER}


def test_what_the_nodes_own_kernel_answers_is_no_rival_and_is_told_once_the_address_is_held() -> None:
    side, claim = claimed()
    side.holdings.own = frozenset([MAC, CLIENT])
    answer = Frame(MAC, CLIENT, arp.REPLY, CLIENT, ADDRESS, MAC, arp.NO_ADDRESS).pack()
    step(claim, side)
    side.hear(answer)

    assert not side.responder.has_news  # nobody is woken for that
    assert side.hear(arp.probe(ADDRESS, mac=CLIENT).pack()) is None
    assert [step(claim, side).taken for _ in range(3)] == [False, False, True]
    side.responder.replace(side.holdings.table())
    assert side.responder.take() == ({}, {ADDRESS: [CLIENT]})
    assert side.hear(question()) is not None  # it asks as anybody
    side.hear(answer)
    assert side.responder.take() == ({}, {ADDRESS: [CLIENT]})
    assert side.responder.dropped == {CLAIMED: 2, NOT_OURS: 1}
