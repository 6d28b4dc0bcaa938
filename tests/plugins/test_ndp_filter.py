import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from porter.plugins.layer2.announcer import ndp, ndp_filter
from porter.plugins.layer2.announcer.bpf import Instruction, Program
from porter.plugins.layer2.announcer.ndp import MalformedPacketError
from tests.plugins import bpf

MAC = bytes.fromhex("020000000202")
NETWORKS = [
    bytes.fromhex(each) for each in ("20010db8000000000000a000", "20010db8000000000000b000", "fd00" + 10 * "00")
]
ELSEWHERE = bytes.fromhex("20010db8 0000000c 00000000 00000001")
MULTICAST, OTHER_HOST = 2, 3


def question(target: bytes, sender: bytes = ELSEWHERE) -> bytes:
    return ndp.question(target, mac=MAC, sender=sender).pack()


def told(address: bytes) -> bytes:
    return ndp.unsolicited(address, mac=MAC).pack()


def passes(program: Program, frame: bytes, packet_type: int = MULTICAST) -> bool:
    return bpf.run(program, frame, packet_type)[0] > 0


def crowd(networks: int, each: int) -> list[bytes]:
    """Addresses in so many networks of 96 bits, none of which has a neighbour."""
    chance = random.Random(networks * each)
    found = []
    for number in range(networks):
        network = struct.pack("!III", 0x20010DB8, number, chance.getrandbits(32))
        found += [network + struct.pack("!I", word) for word in chance.sample(range(0, 1 << 24, 2), each)]
    return found


# A crowded world: neighbours in the same and in other networks, so that every word of an address decides at times.
ADDRESSES = st.builds(
    lambda network, word: network + struct.pack("!I", word), st.sampled_from(NETWORKS), st.integers(0, 40)
)
OWNED = st.sets(ADDRESSES, max_size=40)


@given(OWNED, ADDRESSES, ADDRESSES, st.booleans())
def test_exactly_the_frames_that_concern_an_owned_address_pass(
    owned: set[bytes],
    target: bytes,
    sender: bytes,
    asked: bool,  # noqa: FBT001
) -> None:
    program = ndp_filter.program(owned)
    bpf.check(program)

    if asked:
        assert passes(program, question(target, sender)) == (target in owned or sender in owned)
    else:
        assert passes(program, told(target)) == (target in owned)


@given(OWNED.filter(bool), st.integers(0, 15), st.integers(1, 255))
def test_an_address_that_differs_in_any_byte_is_another(owned: set[bytes], at: int, change: int) -> None:
    program = ndp_filter.program(owned)
    address = bytearray(min(owned))
    address[at] ^= change

    assert passes(program, told(bytes(address))) == (bytes(address) in owned)


@given(OWNED, st.binary(max_size=100), st.integers(0, 7))
def test_what_is_no_frame_of_ours_never_passes(owned: set[bytes], data: bytes, packet_type: int) -> None:
    assert not passes(ndp_filter.program(owned), data, packet_type)


@given(OWNED.filter(bool))
def test_a_probe_of_another_passes(owned: set[bytes]) -> None:
    assert passes(ndp_filter.program(owned), ndp.probe(min(owned), mac=MAC).pack())


def test_only_frames_to_us_and_to_groups_pass() -> None:
    program = ndp_filter.program([ELSEWHERE])

    assert [kind for kind in range(5) if passes(program, told(ELSEWHERE), kind)] == [0, 1, MULTICAST]
    assert bpf.run(program, told(ELSEWHERE), MULTICAST, 100)[0] == 0  # of a VLAN


@pytest.mark.parametrize(("at", "value"), [(12, 0x08), (20, 0), (20, 59), (21, 254), (54, 133), (54, 137), (55, 1)])
def test_a_frame_with_another_header_never_passes(at: int, value: int) -> None:
    frame = bytearray(question(ELSEWHERE))
    frame[at] = value

    assert passes(ndp_filter.program([ELSEWHERE]), question(ELSEWHERE))
    assert not passes(ndp_filter.program([ELSEWHERE]), bytes(frame))


def test_nothing_passes_where_nothing_is_owned() -> None:
    assert ndp_filter.program([]) == (Instruction(6, 0, 0, 0),)


@pytest.mark.parametrize("limit", [128, 512, 4096])
@pytest.mark.parametrize(("networks", "each"), [(1, 1), (1, 900), (1, 5000), (3, 400), (200, 1), (1000, 1), (40, 200)])
def test_a_program_fits_and_misses_no_owned_address(networks: int, each: int, limit: int) -> None:
    owned = crowd(networks, each)
    program = ndp_filter.program(owned, limit=limit)
    bpf.check(program)

    assert len(program) <= limit
    assert all(passes(program, told(address)) and passes(program, question(address)) for address in owned)


@pytest.mark.parametrize(("networks", "each"), [(1, 900), (3, 400), (200, 1)])
def test_with_room_it_is_exact(networks: int, each: int) -> None:
    owned = crowd(networks, each)
    program = ndp_filter.program(owned)

    beside = [address[:-1] + bytes((address[-1] ^ 1,)) for address in owned]
    assert not any(passes(program, told(address)) for address in beside)


def test_in_one_network_a_coarse_program_still_knows_the_network() -> None:
    owned = crowd(1, 5000)
    program = ndp_filter.program(owned)

    assert not any(passes(program, told(bytes((0xFD, *address[1:])))) for address in owned[:100])


def test_a_refused_frame_costs_few_instructions() -> None:
    program = ndp_filter.program(crowd(1, 1000))

    assert bpf.run(program, question(ELSEWHERE), MULTICAST)[1] < 40


def test_what_passes_by_its_header_is_read_or_refused() -> None:
    frame = question(ELSEWHERE)[:-1] + b"\x00"

    assert passes(ndp_filter.program([ELSEWHERE]), frame)
    with pytest.raises(MalformedPacketError):  # its checksum is wrong
        ndp.parse(frame)
