"""How much room a pool has, counted without enumerating it: a pool of 2^120 addresses costs as much as its holders."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_network

import msgspec

from porter.model.addresses import AddressRange
from porter.reconciler.explaining.case import Case
from porter.reconciler.pools import Pool

_Span = tuple[int, int]
"""First and last number."""


class ReservedRange(msgspec.Struct, frozen=True, kw_only=True):
    """An address, or a network, that the pool holds and never hands out."""

    range: str
    sentence: str


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """A pool counted. `free` is what is neither used nor reserved; an address may be both of these."""

    size: int
    used: int
    """Distinct addresses in the range that Services have."""
    reserved: int
    free: int


def reserved_in(case: Case, pool: Pool) -> Sequence[ReservedRange]:
    """Return what is reserved in a pool, in order of address."""
    if pool.range is None:
        return ()
    within = case.reserved.within(pool.range, pool.eip)
    return [ReservedRange(range=shown, sentence=why) for shown, why in within]


def room_in(case: Case, pool: Pool) -> Room:
    """Count a pool. One whose range cannot be read has no room."""
    if pool.range is None:
        return Room(size=0, used=0, reserved=0, free=0)
    used = [(int(address), int(address)) for address in case.held if address in pool.range]
    reserved = [_clipped(one.range, pool.range) for one in reserved_in(case, pool)]
    return Room(
        size=pool.range.size,
        used=len(used),
        reserved=_covered(reserved),
        free=pool.range.size - _covered([*used, *reserved]),
    )


def _clipped(shown: str, pool: AddressRange) -> _Span:
    network = ip_network(shown)
    return (max(int(network.network_address), pool.first), min(int(network.broadcast_address), pool.last))


def _covered(spans: Iterable[_Span]) -> int:
    """Count the numbers that lie in at least one span."""
    covered, done = 0, -1
    for first, last in sorted(spans):
        covered += max(0, last - max(first - 1, done))
        done = max(done, last)
    return covered
