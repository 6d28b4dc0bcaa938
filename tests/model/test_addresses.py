"""Addresses and ranges: text in, values out; what cannot be read is refused in words. (COMPAT: Eip, `address`)"""

import pickle
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from porter.model.addresses import (
    AddressRange,
    InvalidRangeError,
    edges,
    family_of,
    parse_address,
    parse_network,
    parse_range,
)

RANGES = {
    "one address": ("192.168.0.91", "192.168.0.91", "192.168.0.91", 1, "192.168.0.91"),
    "one IPv6 address": ("fd00::1", "fd00::1", "fd00::1", 1, "fd00::1"),
    "first-last": ("192.168.0.91-192.168.0.100", "192.168.0.91", "192.168.0.100", 10, "192.168.0.91-192.168.0.100"),
    "first equals last": ("10.0.0.1-10.0.0.1", "10.0.0.1", "10.0.0.1", 1, "10.0.0.1"),
    "IPv6 first-last": ("fd00::a-fd00::1f", "fd00::a", "fd00::1f", 22, "fd00::a-fd00::1f"),
    "CIDR": ("192.168.0.96/28", "192.168.0.96", "192.168.0.111", 16, "192.168.0.96/28"),
    "CIDR with host bits": ("192.168.0.101/28", "192.168.0.96", "192.168.0.111", 16, "192.168.0.96/28"),
    "CIDR of one": ("10.0.0.1/32", "10.0.0.1", "10.0.0.1", 1, "10.0.0.1/32"),
    "IPv6 CIDR": ("fd00::/120", "fd00::", "fd00::ff", 256, "fd00::/120"),
    "2^120 addresses": ("fd00::/8", "fd00::", f"fdff{':ffff' * 7}", 2**120, "fd00::/8"),
    "the whole of IPv4": ("0.0.0.0/0", "0.0.0.0", "255.255.255.255", 2**32, "0.0.0.0/0"),
    "spaces around": ("  192.168.0.91  ", "192.168.0.91", "192.168.0.91", 1, "192.168.0.91"),
    "spaces around the dash": ("10.0.0.1 - 10.0.0.3", "10.0.0.1", "10.0.0.3", 3, "10.0.0.1-10.0.0.3"),
    "spaces around the slash": (" 10.0.0.0 / 24 ", "10.0.0.0", "10.0.0.255", 256, "10.0.0.0/24"),
    "tab and newline": ("\t10.0.0.1-10.0.0.3\n", "10.0.0.1", "10.0.0.3", 3, "10.0.0.1-10.0.0.3"),
}
REFUSED = {
    "empty": ("", "spec.address is empty; write an address, a CIDR or first-last"),
    "only spaces": ("  ", "spec.address is empty; write an address, a CIDR or first-last"),
    "mixed": ("10.0.0.1-fd00::1", "spec.address '10.0.0.1-fd00::1' mixes IPv4 and IPv6"),
    "reversed": ("10.0.0.9-10.0.0.1", "spec.address '10.0.0.9-10.0.0.1' is reversed: 10.0.0.9 comes after 10.0.0.1"),
    "reversed by text only": ("10.0.0.10-10.0.0.9", "is reversed: 10.0.0.10 comes after 10.0.0.9"),
    "three parts": ("10.0.0.1-10.0.0.2-10.0.0.3", "has 3 parts; a range is first-last"),
    "no last": ("10.0.0.1-", "'' in spec.address '10.0.0.1-' is not an IP address"),
    "short last": ("10.0.0.1-9", "'9' in spec.address '10.0.0.1-9' is not an IP address"),
    "not an address": ("pool.example.com", "is not an IP address"),
    "number too large": ("192.168.0.300", "'192.168.0.300' in spec.address '192.168.0.300' is not an IP address"),
    "leading zero": ("192.168.0.091", "is not an IP address"),
    "a bare number": ("3232235611", "is not an IP address"),
    "Unicode digits": ("\N{ARABIC-INDIC DIGIT ONE}0.0.0.1", "is not an IP address"),
    "scoped": ("fe80::1%eth0", "is not an IP address"),
    "prefix too long": ("10.0.0.0/33", "spec.address '10.0.0.0/33' is not a CIDR such as 192.168.0.96/28"),
    "negative prefix": ("10.0.0.0/-1", "is not a CIDR"),
    "empty prefix": ("10.0.0.0/", "is not a CIDR"),
    "range of CIDRs": ("10.0.0.0/24-10.0.1.0/24", "is not a CIDR"),
    "scoped CIDR": ("fe80::1%eth0/64", "is not a CIDR"),
    "space inside a CIDR": ("10.0.0 .0/24", "is not a CIDR"),
    "list": ("10.0.0.1,10.0.0.2", "is not an IP address"),
}


@pytest.mark.parametrize(("text", "first", "last", "size", "shown"), RANGES.values(), ids=RANGES.keys())
def test_a_range_is_read(text: str, first: str, last: str, size: int, shown: str) -> None:
    found = parse_range(text)

    assert (str(found.first_address), str(found.last_address), found.size) == (first, last, size)
    assert str(found) == shown


@pytest.mark.parametrize(("text", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_a_range_is_refused_in_words(text: str, sentence: str) -> None:
    with pytest.raises(InvalidRangeError) as refusal:
        parse_range(text)

    assert sentence in str(refusal.value)


def test_a_huge_text_is_refused_in_a_short_sentence() -> None:
    with pytest.raises(InvalidRangeError, match="too long to be addresses") as refusal:
        parse_range("1" * 10_000_000)

    assert len(str(refusal.value)) < 300


@given(st.text())
def test_any_text_is_a_range_or_refused(text: str) -> None:
    try:
        found = parse_range(text)
    except InvalidRangeError as refusal:
        assert str(refusal)  # noqa: PT017 - either outcome is right, and no third
        return
    assert found.size >= 1


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6), st.integers(min_value=0, max_value=2**33))
def test_a_range_survives_being_written_and_read_again(first: IPv4Address | IPv6Address, size: int) -> None:
    last = type(first)(min(int(first) + size, 2**first.max_prefixlen - 1))

    written = parse_range(f"{first}-{last}")

    assert parse_range(str(written)) == written


@given(st.ip_addresses(v=4), st.integers(0, 32), st.ip_addresses(v=4))
def test_a_cidr_holds_what_its_network_holds(base: IPv4Address, prefix: int, other: IPv4Address) -> None:
    network = ip_network(f"{base}/{prefix}", strict=False)

    found = parse_range(f"{base}/{prefix}")

    assert base in found
    assert (other in found) == (other in network)
    assert found.size == network.num_addresses


def test_an_address_of_the_other_family_is_in_no_range() -> None:
    assert IPv6Address(int(IPv4Address("10.0.0.1"))) not in parse_range("10.0.0.0/8")


OVERLAPS = {
    "the same": ("10.0.0.1-10.0.0.5", "10.0.0.1-10.0.0.5", True),
    "inside": ("10.0.0.0/24", "10.0.0.7", True),
    "one address in common": ("10.0.0.1-10.0.0.5", "10.0.0.5-10.0.0.9", True),
    "side by side": ("10.0.0.1-10.0.0.5", "10.0.0.6-10.0.0.9", False),
    "far apart": ("10.0.0.1", "10.1.0.1", False),
    "other family with the same numbers": ("10.0.0.1", "::a00:1", False),
}


@pytest.mark.parametrize(("one", "other", "expected"), OVERLAPS.values(), ids=OVERLAPS.keys())
def test_ranges_overlap_when_they_have_an_address_in_common(one: str, other: str, *, expected: bool) -> None:
    assert parse_range(one).overlaps(parse_range(other)) is expected
    assert parse_range(other).overlaps(parse_range(one)) is expected


@pytest.mark.parametrize(
    "text", ["", "x", "1", "10.0.0.1/32", "fe80::1%1", "1" * 5000, "10.0.0.1\x00", "\N{FULLWIDTH DIGIT ONE}.1.1.1"]
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert parse_address(text) is None


def test_an_address_may_have_spaces_around() -> None:
    assert parse_address(" 10.0.0.1\n") == IPv4Address("10.0.0.1")


@pytest.mark.parametrize(("text", "known"), [("10.0.0.9/24", True), ("10.0.0.9", True), ("x", False), ("", False)])
def test_a_network_is_read_or_none(text: str, *, known: bool) -> None:
    assert (parse_network(text) is not None) is known


EDGES = {
    "/24": ("10.0.0.0/24", ["10.0.0.0", "10.0.0.255"]),
    "/30": ("10.0.0.0/30", ["10.0.0.0", "10.0.0.3"]),
    "/31 (RFC 3021)": ("10.0.0.0/31", []),
    "/32": ("10.0.0.0/32", []),
    "IPv6 /64": ("fd00::/64", ["fd00::"]),
    "/127 (RFC 6164)": ("fd00::/127", []),
    "/128": ("fd00::/128", []),
}


@pytest.mark.parametrize(("network", "expected"), EDGES.values(), ids=EDGES.keys())
def test_the_edges_of_a_subnet_are_no_hosts(network: str, expected: list[str]) -> None:
    assert [str(address) for address in edges(ip_network(network))] == expected


def test_a_family_has_the_name_that_a_service_gives_it() -> None:
    assert family_of(IPv4Address("10.0.0.1")) == parse_range("10.0.0.1").family == "IPv4"
    assert family_of(IPv6Address("fd00::1")) == parse_range("fd00::1").family == "IPv6"


def test_a_range_is_three_numbers_whatever_its_size() -> None:
    assert parse_range("::/0") == AddressRange(version=6, first=0, last=2**128 - 1, network="::/0")


@pytest.mark.parametrize("text", ["192.168.0.91", "2001:db8::91"])
def test_an_address_of_ours_is_found_where_one_of_the_standard_library_is_the_key(text: str) -> None:
    plain, ours = ip_address(text), parse_address(text)
    assert ours is not None

    assert ours == plain
    assert {plain: 1}[ours] == {ours: 1}[plain] == 1
    assert str(ours) == f"{ours}" == str(plain)
    assert str(ours + 1) == str(plain + 1)
    assert hash(ours + 1) == hash(plain + 1)
    assert pickle.loads(pickle.dumps(ours)) == plain
    assert parse_address(f" {plain.exploded} ") is ours
