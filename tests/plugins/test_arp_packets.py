from socket import inet_aton

import pytest
from hypothesis import given
from hypothesis import strategies as st

from porter.plugins.layer2.announcer import arp
from porter.plugins.layer2.announcer.arp import Frame, MalformedFrameError
from porter.plugins.layer2.announcer.arp_responder import ArpResponder
from porter.plugins.layer2.announcer.family import Table

MAC, OTHER = bytes.fromhex("525400000001"), bytes.fromhex("020000000202")
ADDRESS, ASKER = inet_aton("192.168.0.91"), inet_aton("192.168.0.50")

MACS = st.binary(min_size=6, max_size=6)
ADDRESSES = st.binary(min_size=4, max_size=4)
FRAMES = st.builds(
    Frame,
    destination=MACS,
    source=MACS,
    operation=st.sampled_from([arp.REQUEST, arp.REPLY]),
    sender_mac=MACS,
    sender=ADDRESSES,
    target_mac=MACS,
    target=ADDRESSES,
)

# RFC 826: hardware 1, protocol 0x0800, lengths 6 and 4; captured between two Linux kernels over a veth pair
CAPTURED_REQUEST = bytes.fromhex(
    "ffffffffffff020000000202080600010800060400010200000002 02c0a80032000000000000c0a8005b".replace(" ", ""),
)
CAPTURED_REPLY = bytes.fromhex(
    "0200000002025254000000010806000108000604000252540000000 1c0a8005b020000000202c0a80032".replace(" ", "")
)


def test_a_captured_request_is_read() -> None:
    heard = arp.parse(CAPTURED_REQUEST)

    assert heard == Frame(arp.BROADCAST, OTHER, arp.REQUEST, OTHER, ASKER, arp.NO_MAC, ADDRESS)
    assert not heard.is_probe
    assert not heard.is_gratuitous


def test_the_answer_to_it_is_the_kernels_own_byte_by_byte() -> None:
    assert arp.answer(arp.parse(CAPTURED_REQUEST), MAC).pack() == CAPTURED_REPLY


def test_a_padded_frame_reads_as_the_bare_one() -> None:
    assert arp.parse(CAPTURED_REPLY + bytes(18)) == arp.parse(CAPTURED_REPLY)


def test_a_probe_is_a_request_from_nobody() -> None:
    # RFC 5227, 2.1.1: sender IP all zero, target MAC ignored and should be all zero
    sent = arp.probe(ADDRESS, mac=MAC)

    assert sent == Frame(arp.BROADCAST, MAC, arp.REQUEST, MAC, bytes(4), bytes(6), ADDRESS)
    assert sent.is_probe


def test_the_two_gratuitous_forms() -> None:
    # RFC 5227, 2.3; RFC 5944, 4.6
    request, reply = arp.gratuitous_request(ADDRESS, mac=MAC), arp.gratuitous_reply(ADDRESS, mac=MAC)

    assert request == Frame(arp.BROADCAST, MAC, arp.REQUEST, MAC, ADDRESS, bytes(6), ADDRESS)
    assert reply == Frame(arp.BROADCAST, MAC, arp.REPLY, MAC, ADDRESS, MAC, ADDRESS)
    assert request.is_gratuitous
    assert reply.is_gratuitous


@given(FRAMES, st.binary(max_size=30))
def test_what_is_packed_is_parsed_again(frame: Frame, padding: bytes) -> None:
    assert arp.parse(frame.pack() + padding) == frame
    assert len(frame.pack()) == 42


@given(FRAMES, MACS, st.binary(max_size=18))
def test_the_fast_answer_is_the_plain_one(request: Frame, mac: bytes, padding: bytes) -> None:
    request = request._replace(operation=arp.REQUEST)
    responder = ArpResponder()
    responder.replace(Table(mac, frozenset({request.target})))

    answer = responder.hear(request.pack() + padding)

    assert answer in {None, arp.answer(request, mac).pack()}
    if arp.is_station(request.sender_mac) and mac not in request and not request.is_gratuitous:
        assert answer is not None


@given(st.binary(max_size=80))
def test_any_bytes_parse_or_are_refused(data: bytes) -> None:
    try:
        heard = arp.parse(data)
    except MalformedFrameError:
        return
    assert heard.pack() == data[:42]


@given(FRAMES, st.integers(0, 41), st.integers(1, 255))
def test_a_damaged_header_is_refused_and_a_damaged_address_is_another_frame(frame: Frame, at: int, change: int) -> None:
    damaged = bytearray(frame.pack())
    damaged[at] ^= change

    try:
        heard = arp.parse(bytes(damaged))
    except MalformedFrameError:
        assert 12 <= at < 22
    else:
        assert heard != frame
        assert at not in range(12, 20)


@pytest.mark.parametrize("length", range(42))
def test_a_truncated_frame_is_refused(length: int) -> None:
    with pytest.raises(MalformedFrameError, match="short"):
        arp.parse(CAPTURED_REQUEST[:length])


@pytest.mark.parametrize(
    ("mac", "station"),
    [("000000000000", False), ("ffffffffffff", False), ("01005e000001", False), ("020000000202", True)],
)
def test_only_a_station_is_answered(mac: str, station: bool) -> None:  # noqa: FBT001 - an example
    assert arp.is_station(bytes.fromhex(mac)) is station
