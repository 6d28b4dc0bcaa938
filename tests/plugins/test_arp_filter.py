import random
import struct
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from porter.plugins.layer2.announcer import arp, filter  # noqa: A004 - the module says what it is
from porter.plugins.layer2.announcer.arp import Frame
from porter.plugins.layer2.announcer.bpf import Instruction, Program, coarser, ranges
from tests.plugins import bpf

MAC = bytes.fromhex("020000000202")
TO_US, BROADCAST, MULTICAST, OTHER_HOST, OUTGOING = range(5)


def packed(number: int) -> bytes:
    return struct.pack("!I", number)


def request(target: int, sender: int = 1) -> bytes:
    return arp.question(packed(target), mac=MAC, sender=packed(sender)).pack()


def reply(sender: int, target: int = 1) -> bytes:
    return Frame(MAC, MAC, arp.REPLY, MAC, packed(sender), MAC, packed(target)).pack()


def passes(program: Program, frame: bytes, packet_type: int = BROADCAST) -> bool:
    return bpf.run(program, frame, packet_type)[0] > 0


def scattered(count: int) -> list[int]:
    """Addresses none of which has a neighbour."""
    return random.Random(count).sample(range(0x0A000000, 0x0B000000, 2), count)


# A crowded world: addresses close to each other, so that ranges, gaps and edges come up all the time.
CROWD = st.sets(st.integers(0x0A000000, 0x0A000040) | st.integers(0, 0xFFFFFFFF), max_size=60)
NEAR = st.integers(0x0A000000 - 2, 0x0A000042)


@given(CROWD, NEAR, NEAR, st.sampled_from([arp.REQUEST, arp.REPLY]))
def test_exactly_the_frames_that_concern_an_owned_address_pass(
    owned: set[int], target: int, sender: int, operation: int
) -> None:
    program = filter.program(map(packed, owned))
    bpf.check(program)

    frame = request(target, sender) if operation == arp.REQUEST else reply(sender, target)

    assert passes(program, frame) == (sender in owned or (operation == arp.REQUEST and target in owned))


@given(CROWD)
def test_every_owned_address_and_neither_of_its_neighbours_is_asked_for(owned: set[int]) -> None:
    program = filter.program(map(packed, owned))

    for address in owned:
        for near in (address - 1, address, address + 1):
            if 0 <= near <= 0xFFFFFFFF:
                assert passes(program, request(near, sender=0x7F000001)) == (near in owned or 0x7F000001 in owned)


@given(CROWD, st.binary(max_size=60), st.integers(0, 7))
def test_what_is_no_arp_of_ours_never_passes(owned: set[int], data: bytes, packet_type: int) -> None:
    program = filter.program(map(packed, owned))

    if passes(program, data, packet_type):
        heard = arp.parse(data)
        assert packet_type <= MULTICAST
        assert {heard.sender, heard.target} & {packed(each) for each in owned}


@pytest.mark.parametrize(
    ("packet_type", "passing"),
    [(TO_US, True), (BROADCAST, True), (MULTICAST, True), (OTHER_HOST, False), (OUTGOING, False)],
)
def test_only_frames_to_us_and_to_all_pass(packet_type: int, passing: bool) -> None:  # noqa: FBT001 - an example
    # A frame of a VLAN reaches the parent's socket with its tag stripped, as PACKET_OTHERHOST.
    assert passes(filter.program([packed(7)]), request(7), packet_type) is passing


@pytest.mark.parametrize(("tag", "passing"), [(None, True), (0, True), (0xE000, True), (1, False), (0xE064, False)])
def test_only_the_tag_of_a_vlan_keeps_a_frame_out_and_not_a_priority(tag: int | None, passing: bool) -> None:  # noqa: FBT001 - an example
    # IEEE 802.1Q: three bits of priority, one more, and twelve of the VLAN's id; id 0 is no VLAN
    assert (bpf.run(filter.program([packed(7)]), request(7), BROADCAST, tag)[0] > 0) is passing


@pytest.mark.parametrize("at", range(12, 22))
def test_a_frame_with_a_wrong_header_never_passes(at: int) -> None:
    frame = bytearray(request(7))
    frame[at] ^= 0x40

    assert not passes(filter.program([packed(7)]), bytes(frame))


def test_nothing_passes_where_nothing_is_owned() -> None:
    assert filter.program([]) == (Instruction(6, 0, 0, 0),)


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 100, 500, 1000, 2000])
def test_up_to_two_thousand_scattered_addresses_the_search_is_exact_and_short(count: int) -> None:
    owned = scattered(count)
    program = filter.program(map(packed, owned))
    bpf.check(program)

    assert all(passes(program, request(each)) for each in owned)
    assert not any(passes(program, request(each + 1)) for each in owned)
    assert max(bpf.run(program, request(each + 1))[1] for each in owned) < 90


@pytest.mark.parametrize("count", [2600, 5000, 20_000])
def test_beyond_that_no_owned_address_is_missed(count: int) -> None:
    owned = scattered(count)
    program = filter.program(map(packed, owned))
    bpf.check(program)

    assert all(passes(program, request(each)) for each in owned)
    assert all(passes(program, reply(each)) for each in owned)
    assert not passes(program, request(0xC0A80001, sender=0xC0A80002))


@pytest.mark.parametrize("limit", [128, 512, 1024, 4096])
@pytest.mark.parametrize("count", [1, 40, 150, 700, 5000])
def test_a_shorter_program_misses_no_owned_address_either(count: int, limit: int) -> None:
    owned = scattered(count)
    program = filter.program(map(packed, owned), limit=limit)
    bpf.check(program)

    assert len(program) <= limit
    assert all(passes(program, request(each)) for each in owned)


def test_ten_thousand_neighbours_are_one_range() -> None:
    program = filter.program(packed(number) for number in range(0x0A000000, 0x0A000000 + 10_000))

    assert len(program) < 40
    assert not passes(program, request(0x0A000000 + 10_000))


def test_a_program_is_made_in_milliseconds() -> None:
    owned: Sequence[bytes] = list(map(packed, scattered(10_000)))
    began = time.monotonic()

    filter.program(owned)

    assert time.monotonic() - began < 2


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 3)), max_size=40), st.integers(1, 20))
def test_coarser_ranges_cover_what_the_finer_did(spans: list[tuple[int, int]], most: int) -> None:
    owned = {first + more for first, length in spans for more in range(length + 1)}
    fine = ranges(map(packed, owned))

    coarse = coarser(fine, most)

    assert len(coarse) <= most
    assert all(any(first <= each <= last for first, last in coarse) for each in owned)
    assert coarse == sorted(coarse)
