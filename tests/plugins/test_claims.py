from collections import Counter
from socket import inet_aton

from hypothesis import given
from hypothesis import strategies as st

from porter.plugins.layer2.announcer import arp, claims
from porter.plugins.layer2.announcer.arp import Frame
from porter.plugins.layer2.announcer.claims import Claim, Step
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


def step(claim: Claim, responder: Responder, repeat: float = 0.0) -> Step:
    return claim.step(responder, repeat=repeat, jitter=0.5)


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


def test_an_address_that_another_host_has_is_asked_for_again_ever_more_seldom() -> None:
    responder, claim = claimed()
    pauses = []
    rivals = []

    for _ in range(10):
        step(claim, responder)
        responder.hear(Frame(MAC, STRANGER, arp.REPLY, STRANGER, ADDRESS, MAC, arp.NO_ADDRESS).pack())
        ended = step(claim, responder)
        pauses.append(ended.again)
        rivals.append(ended.rival)

    assert pauses == [0.375, 0.75, 1.5, 3, 6, 12, 24, 48, 48, 48]
    assert rivals == [None, *[STRANGER] * 9]  # the first answer may be a peer's that is just letting go
    assert responder.hear(question()) is None
    assert not responder.held


def test_an_address_that_the_other_host_gave_up_is_taken() -> None:
    responder, claim = claimed()
    step(claim, responder)
    responder.hear(Frame(MAC, STRANGER, arp.REPLY, STRANGER, ADDRESS, MAC, arp.NO_ADDRESS).pack())
    step(claim, responder)

    assert any(step(claim, responder).taken for _ in range(4))


def test_once_taken_a_rival_is_waited_for_as_shortly_as_at_first() -> None:
    responder, claim = claimed()
    for _ in range(3):
        step(claim, responder)
        responder.hear(Frame(MAC, STRANGER, arp.REPLY, STRANGER, ADDRESS, MAC, arp.NO_ADDRESS).pack())
        step(claim, responder)
    while not step(claim, responder).taken:
        pass

    claim.begin(responder)  # the NIC was away
    step(claim, responder)
    responder.hear(Frame(MAC, STRANGER, arp.REPLY, STRANGER, ADDRESS, MAC, arp.NO_ADDRESS).pack())

    assert step(claim, responder) == Step(again=0.375)


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
