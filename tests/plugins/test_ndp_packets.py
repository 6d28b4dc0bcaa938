from collections.abc import Callable
from socket import AF_INET6, inet_pton

import pytest
from hypothesis import given
from hypothesis import strategies as st

from porter.plugins.layer2.announcer import ndp, ndp_plain
from porter.plugins.layer2.announcer.ndp import Advertisement, MalformedPacketError, Option, Packet, Solicitation


def ipv6(text: str) -> bytes:
    return inet_pton(AF_INET6, text)


NODE, CLIENT = bytes.fromhex("020000000101"), bytes.fromhex("020000000202")
ADDRESS, ASKER = ipv6("2001:db8::91"), ipv6("2001:db8::50")
GROUP, GROUP_MAC = ipv6("ff02::1:ff00:91"), bytes.fromhex("3333ff000091")
ALL_NODES_MAC = bytes.fromhex("333300000001")

# Captured between two Linux kernels (6.18) over a veth pair; the node's announces with ndisc_notify=1
CAPTURED_PROBE = bytes.fromhex(
    "3333ff000091 020000000101 86dd 60000000 0020 3a ff"
    "00000000000000000000000000000000 ff0200000000000000000001ff000091"
    "87 00 e5e6 00000000 20010db8000000000000000000000091 0e01 441fb6da5ce3",
)
CAPTURED_QUESTION = bytes.fromhex(
    "3333ff000091 020000000202 86dd 60000000 0020 3a ff"
    "20010db8000000000000000000000050 ff0200000000000000000001ff000091"
    "87 00 18b9 00000000 20010db8000000000000000000000091 0101 020000000202",
)
CAPTURED_ANSWER = bytes.fromhex(
    "020000000202 020000000101 86dd 60000000 0020 3a ff"
    "20010db8000000000000000000000091 20010db8000000000000000000000050"
    "88 00 8805 60000000 20010db8000000000000000000000091 0201 020000000101",
)
CAPTURED_ANNOUNCEMENT = bytes.fromhex(
    "333300000001 020000000101 86dd 60000000 0020 3a ff"
    "20010db8000000000000000000000091 ff020000000000000000000000000001"
    "88 00 f70a 20000000 20010db8000000000000000000000091 0201 020000000101",
)
CAPTURED_PROBE_OF_ANOTHER = bytes.fromhex(
    "3333ff000091 020000000202 86dd 60000000 0020 3a ff"
    "00000000000000000000000000000000 ff0200000000000000000001ff000091"
    "87 00 431e 00000000 20010db8000000000000000000000091 0e01 571d9d480640",
)
CAPTURED = (CAPTURED_PROBE, CAPTURED_QUESTION, CAPTURED_ANSWER, CAPTURED_ANNOUNCEMENT, CAPTURED_PROBE_OF_ANOTHER)

MACS = st.binary(min_size=6, max_size=6)
UNICAST = st.binary(min_size=16, max_size=16).filter(lambda address: address[0] != 0xFF and any(address))
GROUPS = st.binary(min_size=15, max_size=15).map(lambda rest: b"\xff" + rest)
OPTIONS = st.lists(
    st.one_of(
        st.builds(Option, st.sampled_from([ndp.SOURCE_MAC, ndp.TARGET_MAC]), MACS),
        st.builds(
            lambda kind, units, fill: Option(kind, bytes([fill]) * (8 * units - 2)),
            st.integers(3, 255),
            st.integers(1, 4),
            st.integers(0, 255),
        ),
    ),
    max_size=4,
).map(tuple)
SOLICITATIONS = st.builds(
    Solicitation,
    destination=MACS,
    source=MACS,
    sender=UNICAST,
    receiver=st.one_of(UNICAST, GROUPS),
    target=UNICAST,
    options=OPTIONS,
)
PROBES = st.builds(ndp.probe, UNICAST, mac=MACS)
ADVERTISEMENTS = st.builds(
    Advertisement,
    destination=MACS,
    source=MACS,
    sender=UNICAST,
    receiver=UNICAST,
    target=UNICAST,
    router=st.booleans(),
    solicited=st.booleans(),
    override=st.booleans(),
    options=OPTIONS,
)
PACKETS = st.one_of(SOLICITATIONS, PROBES, ADVERTISEMENTS)


@pytest.mark.parametrize("frame", CAPTURED, ids=["probe", "question", "answer", "announcement", "probe of another"])
def test_a_captured_frame_is_read_and_packs_to_the_same_bytes(frame: bytes) -> None:
    assert ndp.parse(frame).pack() == frame


def test_what_the_captured_frames_say() -> None:
    assert ndp.parse(CAPTURED_QUESTION) == Solicitation(
        destination=GROUP_MAC,
        source=CLIENT,
        sender=ASKER,
        receiver=GROUP,
        target=ADDRESS,
        options=(Option(ndp.SOURCE_MAC, CLIENT),),
    )
    assert ndp.parse(CAPTURED_ANSWER) == Advertisement(
        destination=CLIENT,
        source=NODE,
        sender=ADDRESS,
        receiver=ASKER,
        target=ADDRESS,
        router=False,
        solicited=True,
        override=True,
        options=(Option(ndp.TARGET_MAC, NODE),),
    )


def test_every_frame_that_we_make_is_the_kernels_own_byte_by_byte() -> None:
    asked, probed = ndp.parse(CAPTURED_QUESTION), ndp.parse(CAPTURED_PROBE_OF_ANOTHER)
    assert isinstance(asked, Solicitation)
    assert isinstance(probed, Solicitation)
    nonce = Option(14, bytes.fromhex("441fb6da5ce3"))  # RFC 7527, 4.1: random, and none of ours

    assert ndp.answer(asked, NODE).pack() == CAPTURED_ANSWER
    assert ndp.answer(probed, NODE).pack() == CAPTURED_ANNOUNCEMENT  # RFC 4861, 7.2.4: to all nodes, not solicited
    assert ndp.unsolicited(ADDRESS, mac=NODE).pack() == CAPTURED_ANNOUNCEMENT
    assert ndp.question(ADDRESS, mac=CLIENT, sender=ASKER).pack() == CAPTURED_QUESTION
    assert ndp.probe(ADDRESS, mac=NODE)._replace(options=(nonce,)).pack() == CAPTURED_PROBE


def test_a_frame_made_by_hand_as_rfc_4861_says() -> None:
    # 4.4: type 136, code 0, checksum, R S O and 29 reserved bits, target, target link-layer address
    message = b"\x88\x00\x00\x00\xe0\x00\x00\x00" + ADDRESS + b"\x02\x01" + NODE
    words = ASKER + ADDRESS + b"\x00\x00\x00\x20\x00\x00\x00\x3a" + message  # RFC 8200, 8.1
    total = sum(int.from_bytes(words[at : at + 2], "big") for at in range(0, len(words), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    check = (~total & 0xFFFF).to_bytes(2, "big")
    head = CLIENT + NODE + b"\x86\xdd" + b"\x60\x00\x00\x00\x00\x20\x3a\xff" + ASKER + ADDRESS

    made = Advertisement(
        destination=CLIENT,
        source=NODE,
        sender=ASKER,
        receiver=ADDRESS,
        target=ADDRESS,
        router=True,
        solicited=True,
        override=True,
        options=(Option(ndp.TARGET_MAC, NODE),),
    )
    assert made.pack() == head + message[:2] + check + message[4:]


@pytest.mark.parametrize(
    ("flags", "router", "solicited", "override"),
    [(0x80, True, False, False), (0x40, False, True, False), (0x20, False, False, True)],
)
def test_each_flag_is_read(flags: int, router: bool, solicited: bool, override: bool) -> None:  # noqa: FBT001
    heard = ndp.parse(changed(CAPTURED_ANSWER, 58, flags))

    assert isinstance(heard, Advertisement)
    assert (heard.router, heard.solicited, heard.override) == (router, solicited, override)


def test_groups_and_their_ethernet_addresses() -> None:
    # RFC 4291, 2.7.1: of 4037::01:800:200E:8C6C it is FF02::1:FF0E:8C6C; RFC 2464, 7
    assert ndp.solicited_node(ipv6("4037::1:800:200e:8c6c")) == ipv6("ff02::1:ff0e:8c6c")
    assert ndp.multicast_mac(GROUP) == GROUP_MAC
    assert ipv6("ff02::1") == ndp.ALL_NODES


def test_without_an_option_the_mac_is_the_frames() -> None:
    asked = ndp.question(ADDRESS, mac=CLIENT, sender=ASKER)
    other = bytes.fromhex("020000000303")

    assert asked._replace(source=other).mac == CLIENT
    assert asked._replace(source=other, options=()).mac == other
    assert ndp.unsolicited(ADDRESS, mac=NODE)._replace(source=other).mac == NODE
    assert ndp.unsolicited(ADDRESS, mac=NODE)._replace(source=other, options=()).mac == other


def changed(frame: bytes, at: int, *values: int) -> bytes:
    """The frame with other bytes at a place, and the checksum that fits: all else about it is right."""
    data = bytearray(frame)
    data[at : at + len(values)] = bytes(values)
    data[56:58] = bytes(2)
    data[56:58] = ndp.checksum(bytes(data[22:38]), bytes(data[38:54]), bytes(data[54:])).to_bytes(2, "big")
    return bytes(data)


def test_a_frame_with_the_right_checksum_is_read_again() -> None:
    assert changed(CAPTURED_ANSWER, 0, CAPTURED_ANSWER[0]) == CAPTURED_ANSWER


def with_options(frame: bytes, options: bytes) -> bytes:
    data = frame[:18] + (24 + len(options)).to_bytes(2, "big") + frame[20:78] + options
    return changed(data, 0, data[0])


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(changed(CAPTURED_QUESTION, 21, 254), id="hop limit 254, question"),
        pytest.param(changed(CAPTURED_ANSWER, 21, 64), id="hop limit 64, answer"),
        pytest.param(changed(CAPTURED_QUESTION, 55, 1), id="code 1, question"),
        pytest.param(changed(CAPTURED_ANSWER, 55, 1), id="code 1, answer"),
        pytest.param(changed(CAPTURED_QUESTION, 62, 0xFF), id="a group as the target of a question"),
        pytest.param(changed(CAPTURED_ANSWER, 62, 0xFF), id="a group as the target of an answer"),
        pytest.param(changed(CAPTURED_QUESTION, 22, 0xFF), id="from a group"),
        pytest.param(changed(CAPTURED_QUESTION, 79, 0), id="an option of no length, question"),
        pytest.param(changed(CAPTURED_ANSWER, 79, 0), id="an option of no length, answer"),
        pytest.param(changed(CAPTURED_ANSWER, 79, 2), id="an option beyond the end"),
        pytest.param(with_options(CAPTURED_ANSWER, b"\x0e"), id="half an option's head"),
        pytest.param(with_options(CAPTURED_QUESTION, b"\x01\x02" + bytes(14)), id="a MAC of 14 bytes"),
        pytest.param(with_options(CAPTURED_PROBE, b"\x01\x01" + CLIENT), id="a probe that tells a MAC"),
        pytest.param(changed(CAPTURED_PROBE, 38, *ipv6("ff02::1")), id="a probe to all nodes"),
        pytest.param(changed(CAPTURED_PROBE, 38, *ADDRESS), id="a probe to the address itself"),
        pytest.param(changed(CAPTURED_ANNOUNCEMENT, 58, 0x60), id="a solicited answer to a group"),
        pytest.param(changed(CAPTURED_QUESTION, 54, 133), id="a router solicitation"),
        pytest.param(changed(CAPTURED_QUESTION, 20, 0), id="hop-by-hop options"),
        pytest.param(changed(CAPTURED_QUESTION, 14, 0x40), id="version 4"),
        pytest.param(changed(CAPTURED_QUESTION, 12, 0x08, 0x06), id="ARP"),
        pytest.param(CAPTURED_QUESTION[:-1], id="cut short"),
        pytest.param(changed(CAPTURED_QUESTION, 18, 0, 23), id="an ICMP length of 23"),
        pytest.param(CAPTURED_QUESTION[:-1] + b"\x03", id="damaged"),
    ],
)
def test_what_rfc_4861_has_one_discard_is_refused(frame: bytes) -> None:
    with pytest.raises(MalformedPacketError):
        ndp.parse(frame)


@pytest.mark.parametrize("frame", CAPTURED, ids=["probe", "question", "answer", "announcement", "probe of another"])
def test_every_truncation_is_refused_and_every_damaged_byte_of_the_message_too(frame: bytes) -> None:
    for length in range(len(frame)):
        with pytest.raises(MalformedPacketError):
            ndp.parse(frame[:length])
    for at in range(22, len(frame)):
        with pytest.raises(MalformedPacketError):
            ndp.parse(frame[:at] + bytes([frame[at] ^ 0x10]) + frame[at + 1 :])


@pytest.mark.parametrize("change", [(14, 0x6F, 0xFF, 0xFF, 0xFF), (59, 0xFF, 0xFF, 0xFF)])
def test_what_is_reserved_or_of_a_class_is_not_read(change: tuple[int, ...]) -> None:
    assert ndp.parse(changed(CAPTURED_QUESTION, *change)) == ndp.parse(CAPTURED_QUESTION)


def test_padding_is_not_read() -> None:
    assert ndp.parse(CAPTURED_ANSWER + b"\x02\x01padding") == ndp.parse(CAPTURED_ANSWER)


@given(PACKETS, st.binary(max_size=30))
def test_what_is_packed_is_parsed_again(packet: Packet, padding: bytes) -> None:
    assert ndp.parse(packet.pack() + padding) == packet


def read_or_refused(data: bytes, parse: Callable[[bytes], Packet]) -> bool:
    """Whether the bytes were read: then what was read packs to what reads the same."""
    try:
        heard = parse(data)
    except MalformedPacketError:
        return False
    assert parse(heard.pack()) == heard
    return True


@given(st.binary(max_size=200))
def test_any_bytes_parse_or_are_refused(data: bytes) -> None:
    read_or_refused(data, ndp.parse)


@given(PACKETS, st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4), st.integers(0, 40))
def test_any_changed_bytes_with_the_right_checksum_parse_or_are_refused(
    packet: Packet,
    changes: list[tuple[int, int]],
    cut: int,
) -> None:
    data = packet.pack()
    for at, value in changes:
        data = changed(data, at % len(data), value)

    assert read_or_refused(data, ndp.parse) or changes
    read_or_refused(data[: len(data) - cut], ndp.parse)


PLAIN = st.builds(ndp.question, UNICAST, mac=MACS, sender=UNICAST)


@given(PLAIN, MACS)
def test_the_fast_answer_is_the_plain_one(question: Solicitation, mac: bytes) -> None:
    frame = question.pack()

    assert ndp_plain.is_plain(frame)
    assert ndp_plain.Answers(mac).to(frame) == ndp.answer(question, mac).pack()


@given(PLAIN, st.lists(st.tuples(st.integers(0, 85), st.integers(0, 255)), max_size=3), st.booleans())
def test_what_is_plain_is_a_valid_question(
    question: Solicitation,
    changes: list[tuple[int, int]],
    repaired: bool,  # noqa: FBT001
) -> None:
    data = bytearray(question.pack())
    for at, value in changes:
        data[at] = value
    frame = changed(bytes(data), 0, data[0]) if repaired else bytes(data)

    if ndp_plain.is_plain(frame):
        heard = ndp.parse(frame)
        assert isinstance(heard, Solicitation)
        assert not heard.is_probe
        assert heard.mac == frame[ndp_plain.MAC]
        assert (heard.source, heard.sender, heard.target) == (
            frame[ndp_plain.SOURCE],
            frame[ndp_plain.SENDER],
            frame[ndp_plain.TARGET],
        )


@pytest.mark.parametrize(("at", "value"), [(13, 0x06), (14, 0x40), (19, 24), (20, 59), (21, 64), (54, 136), (55, 1)])
def test_a_frame_with_another_header_is_not_plain(at: int, value: int) -> None:
    assert ndp_plain.is_plain(CAPTURED_QUESTION)
    assert not ndp_plain.is_plain(changed(CAPTURED_QUESTION, at, value))


@pytest.mark.parametrize(
    "frame",
    [
        changed(CAPTURED_QUESTION, 62, 0xFF),
        changed(CAPTURED_QUESTION, 22, 0xFF),
        changed(CAPTURED_QUESTION, 22, *bytes(16)),
        changed(CAPTURED_QUESTION, 78, 14),
        changed(CAPTURED_QUESTION, 79, 2),
        CAPTURED_QUESTION[:-1] + b"\x03",
        CAPTURED_QUESTION + b"\x00",
    ],
    ids=["about a group", "from a group", "from nobody", "a nonce", "a long option", "damaged", "padded"],
)
def test_what_is_no_plain_question_is_read_slowly(frame: bytes) -> None:
    assert not ndp_plain.is_plain(frame)
