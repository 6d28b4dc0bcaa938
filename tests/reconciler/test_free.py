"""The lowest free number of a range, against the plainest way to say it: go through them all and take the first."""

from collections.abc import Iterable
from ipaddress import ip_address

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from porter.model.addresses import AddressRange, parse_range
from porter.reconciler.free import Blocks, FreeNumbers

examples = settings(max_examples=300, deadline=None, phases=set(Phase) - {Phase.explain})

FIRST = int(ip_address("10.0.0.0"))
SPAN = 24

steps = st.lists(st.tuples(st.sampled_from(["take", "take lowest", "release", "ask"]), st.integers(-2, SPAN)))
"""What is done, and with which number, counted from the first of the range; some lie outside it."""
blocks = st.lists(st.tuples(st.integers(-3, SPAN), st.integers(0, 6)), max_size=3).map(
    lambda found: sorted((at, at + length) for at, length in found)
)
"""Reserved ranges, first and last number, that may overlap, touch, and reach beyond both ends."""


def lowest_of(first: int, last: int, taken: set[int], closed: Blocks) -> int | None:
    """Return the lowest free number, found by looking at every one."""
    for number in range(first, last + 1):
        if number not in taken and not any(low <= number <= high for low, high in closed):
            return number
    return None


@examples
@given(size=st.integers(1, SPAN), closed=blocks, done=steps)
def test_the_lowest_free_number_is_the_one_that_looking_at_all_finds(
    size: int, closed: Blocks, done: list[tuple[str, int]]
) -> None:
    addresses = parse_range(f"{ip_address(FIRST)}-{ip_address(FIRST + size - 1)}")
    closed = [(FIRST + low, FIRST + high) for low, high in closed]
    free, taken = FreeNumbers(addresses, closed), set[int]()

    for step, at in done:
        number = FIRST + at
        if step == "take lowest":
            number = free.lowest() or number
        if step.startswith("take"):
            free.take(number)
            taken.add(number)
        elif step == "release":
            free.release(number)
            taken.discard(number)

        if step != "release":  # several releases in a row, and then the question, are a case of their own
            assert free.lowest() == lowest_of(FIRST, FIRST + size - 1, taken, closed)
    assert free.lowest() == lowest_of(FIRST, FIRST + size - 1, taken, closed)


def filled(addresses: AddressRange, count: int, closed: Blocks = ()) -> FreeNumbers:
    """Return the numbers of a range of which the lowest so many were taken one after the other."""
    free = FreeNumbers(addresses, closed)
    for _ in range(count):
        number = free.lowest()
        assert number is not None
        free.take(number)
    return free


def offsets(free: FreeNumbers, addresses: AddressRange, count: int) -> Iterable[int | None]:
    """Take the lowest so many times; yield each as counted from the first number of the range."""
    for _ in range(count):
        number = free.lowest()
        yield None if number is None else number - addresses.first
        if number is not None:
            free.take(number)


VAST = {"a /8": "10.0.0.0/8", "2^120 addresses": "fd00::/8"}


@pytest.mark.parametrize("text", VAST.values(), ids=VAST.keys())
def test_a_vast_range_is_answered_for_at_once(text: str) -> None:
    addresses = parse_range(text)
    half = addresses.first + (addresses.last - addresses.first) // 2
    free = filled(addresses, 100, [(addresses.first + 50, half)])

    assert free.lowest() == half + 51
    free.release(half + 7)
    assert free.lowest() == half + 7
    free.release(addresses.first + 49)
    assert free.lowest() == addresses.first + 49


@pytest.mark.parametrize("text", VAST.values(), ids=VAST.keys())
def test_a_vast_range_that_is_reserved_whole_has_nothing_free(text: str) -> None:
    addresses = parse_range(text)

    assert FreeNumbers(addresses, [(addresses.first, addresses.last)]).lowest() is None


RELEASES = {
    "nothing": ([], [5, 6, 7]),
    "below the last one given": ([2], [2, 5, 6]),
    "in falling order": ([4, 1, 3], [1, 3, 4]),
    "one twice": ([2, 2], [2, 5, 6]),
    "one that nobody has": ([9], [5, 6, 7]),
    "one outside the range": ([-1, 300], [5, 6, 7]),
    "all": ([0, 1, 2, 3, 4], [0, 1, 2]),
}


@pytest.mark.parametrize(("released", "then"), RELEASES.values(), ids=RELEASES.keys())
def test_of_five_that_were_given_released_comes_back(released: list[int], then: list[int]) -> None:
    addresses = parse_range("10.0.0.0/24")
    free = filled(addresses, 5)

    for at in released:
        free.release(addresses.first + at)

    assert list(offsets(free, addresses, 3)) == then


def test_a_number_that_was_released_and_taken_again_is_not_given_twice() -> None:
    addresses = parse_range("10.0.0.0-10.0.0.2")
    free = filled(addresses, 3)
    for _ in range(3):
        free.release(addresses.first + 1)
        free.take(addresses.first + 1)

    assert free.lowest() is None
    free.release(addresses.first + 1)
    assert list(offsets(free, addresses, 2)) == [1, None]


def test_a_number_that_is_taken_twice_is_free_after_one_release() -> None:
    addresses = parse_range("10.0.0.0/30")
    free = filled(addresses, 1)
    free.take(addresses.first)

    free.release(addresses.first)

    assert free.lowest() == addresses.first


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_reserved_number_stays_so_when_it_is_released(at: int) -> None:
    addresses = parse_range("10.0.0.0/29")
    free = filled(addresses, 3, [(addresses.first + 1, addresses.first + 3)])
    free.take(addresses.first + at)

    free.release(addresses.first + at)

    assert free.lowest() == addresses.first + 6


@pytest.mark.parametrize("at", [-1, 8])
def test_a_number_outside_the_range_is_not_free_when_it_is_released(at: int) -> None:
    addresses = parse_range("10.0.0.0/29")
    free = filled(addresses, 8)
    free.take(addresses.first + at)

    free.release(addresses.first + at)

    assert free.lowest() is None
