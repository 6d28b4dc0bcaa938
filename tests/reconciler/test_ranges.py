"""Which of several ranges holds an address: the same as looking at one range after the other, only sooner."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from porter.model.addresses import Address, AddressRange, parse_range
from porter.reconciler.ranges import EarliestRanges

_NUMBERS = st.integers(0, 40)  # few, so that ranges touch, hold and cut one another


@st.composite
def ranges(draw: st.DrawFn) -> AddressRange:
    first, last = sorted((draw(_NUMBERS), draw(_NUMBERS)))
    return AddressRange(version=draw(st.sampled_from((4, 6))), first=first, last=last)


def noted(added: Sequence[AddressRange]) -> EarliestRanges[int]:
    found = EarliestRanges[int]()
    for place, addresses in enumerate(added):
        found.add(addresses, place)
    return found


@given(st.lists(ranges(), max_size=12), _NUMBERS, st.sampled_from((IPv4Address, IPv6Address)))
def test_the_holder_of_an_address_is_the_first_that_a_plain_search_finds(
    added: list[AddressRange],
    number: int,
    family: type[Address],
) -> None:
    plain = [place for place, addresses in enumerate(added) if family(number) in addresses]

    assert noted(added).holding(family(number)) == (plain[0] if plain else None)


@given(st.lists(ranges(), max_size=12), ranges())
def test_the_earliest_overlap_is_the_first_that_a_plain_comparison_finds(
    added: list[AddressRange],
    asked: AddressRange,
) -> None:
    plain = [place for place, addresses in enumerate(added) if addresses.overlaps(asked)]

    assert noted(added).overlapping(asked) == (plain[0] if plain else None)


@pytest.mark.parametrize(
    ("address", "place"),
    [("10.0.0.5", 0), ("10.0.0.4", 1), ("10.0.0.6", 1), ("10.0.0.255", 1), ("10.0.1.0", 2), ("9.255.255.255", 2)],
)
def test_a_later_range_gets_what_is_left_around_earlier_ones(address: str, place: int) -> None:
    found = noted([parse_range("10.0.0.5"), parse_range("10.0.0.0/24"), parse_range("9.0.0.0-11.0.0.0")])

    assert found.holding(IPv4Address(address)) == place


def test_a_number_of_the_other_family_is_another_address() -> None:
    found = noted([parse_range("0.0.0.1-0.0.0.9")])

    assert found.holding(IPv6Address(5)) is None
    assert found.overlapping(parse_range("::1-::9")) is None
