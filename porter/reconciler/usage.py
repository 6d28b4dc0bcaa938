"""How full the pools are, and what in them is never handed out: what an Eip's status tells. Derived, never stored."""

from collections.abc import Iterable, Mapping
from ipaddress import ip_network

import msgspec

from porter.model.addresses import Address, AddressRange, in_order
from porter.model.assignment import PoolState
from porter.model.names import EipName, ServiceKey
from porter.reconciler.decide import Decisions, Rules
from porter.reconciler.nics import beyond_subnets
from porter.reconciler.pools import Pools
from porter.reconciler.reserved import Reserved
from porter.reconciler.world import World


class PoolUsage(msgspec.Struct, frozen=True, kw_only=True):
    """One Eip: its range (None when that cannot be read), its holders, and what is reserved in it with the reasons."""

    state: PoolState
    range: AddressRange | None
    used: Mapping[str, tuple[ServiceKey, ...]]
    """Address to holders, in order of address; addresses that were kept when the range changed included."""
    reserved: tuple[tuple[str, str], ...]
    full: bool
    """No further address could be given out."""
    beyond: str
    """That it lies outside the subnets of the NICs that would announce it, in words; empty when it does not."""


def usage_of(world: World, decisions: Decisions, rules: Rules) -> Mapping[EipName, PoolUsage]:
    """Return the usage of every pool that is Porter's business, by name."""
    holders: dict[EipName, dict[Address, list[ServiceKey]]] = {}
    for (service, _), assignment in sorted(decisions.assignments.items()):
        address = assignment.ip
        if address is not None and assignment.eip is not None:
            holders.setdefault(assignment.eip, {}).setdefault(address, []).append(service)
    reserved = Reserved(world)
    found: dict[EipName, PoolUsage] = {}
    for pool in Pools(world, rules.protocols):
        if pool.eip.foreign:
            continue
        used = holders.get(pool.eip.name, {})
        kept_back = tuple(reserved.within(pool.range, pool.eip)) if pool.range is not None else ()
        found[pool.eip.name] = PoolUsage(
            state=pool.state,
            range=pool.range,
            used={str(address): tuple(used[address]) for address in sorted(used, key=in_order)},
            reserved=kept_back,
            beyond=beyond_subnets(pool.eip, pool.range, world) if pool.range is not None and pool.ready else "",
            full=pool.range is not None and _is_full(pool.range, used, [shown for shown, _ in kept_back]),
        )
    return found


def _is_full(pool: AddressRange, used: Iterable[Address], reserved: Iterable[str]) -> bool:
    """Count numbers, not addresses: a pool may hold 2^120 of them."""
    taken = sorted(
        [(int(address), int(address)) for address in used if address in pool] + [_bounds(shown) for shown in reserved],
    )
    free_from = pool.first
    for first, last in taken:
        if first > free_from:
            return False
        free_from = max(free_from, last + 1)
    return free_from > pool.last


def _bounds(shown: str) -> tuple[int, int]:
    """Return the first and last number of a reserved address or network."""
    network = ip_network(shown)
    return (int(network.network_address), int(network.broadcast_address))
