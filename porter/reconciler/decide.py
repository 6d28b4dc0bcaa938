"""Decide everything anew from a world: the addresses, their nodes, and the state of every pool. Pure.

The measure of the book, which decides only what an entry touches: the tests hold the two equal. An agent runs the book.
"""

from collections.abc import Mapping

import msgspec

from porter.model.addresses import Address, family_of
from porter.model.assignment import Assignment, PoolState
from porter.model.names import EipName, NodeName
from porter.model.objects import Eip
from porter.model.protocol import ProtocolRules
from porter.reconciler.allocation import Allocation
from porter.reconciler.election import Ownership, own
from porter.reconciler.eligibility import judge_nodes, poll_of, serving_of
from porter.reconciler.ownership import why_not_ours
from porter.reconciler.pools import Pools
from porter.reconciler.reserved import Reserved
from porter.reconciler.terms import Claim, Slot
from porter.reconciler.wishes import families_of
from porter.reconciler.world import World


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What decisions rest on besides the world."""

    protocols: Mapping[str, ProtocolRules]
    fallback_protocol: str = "layer2"
    """Who announces an address that is kept though its Eip is gone, when the Service names no protocol."""


class Decisions(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that follows from a world."""

    assignments: Mapping[Slot, Assignment] = {}
    pools: Mapping[EipName, PoolState] = {}


def decide(world: World, rules: Rules) -> Decisions:
    """Decide everything. The same world and rules give the same decisions, always."""
    pools = Pools(world, rules.protocols)
    reserved = Reserved(world)
    ours = [s for s in world.services.values() if why_not_ours(s, world.options.load_balancer_class) is None]
    allocation = Allocation(ours, pools, reserved)
    owners: dict[Address, Ownership] = {}
    seconds = [address for address in allocation.holders if _is_second(world, allocation, address)]
    for address in allocation.holders.keys() - set(seconds):
        owners[address] = _owner(world, rules, allocation, reserved, address, beside=None)
    for address in seconds:
        beside = _beside(world, allocation, address, owners)
        owners[address] = _owner(world, rules, allocation, reserved, address, beside=beside)
    assignments = {
        slot: assignment_of(slot, claim, owners.get(claim.address) if claim.address is not None else None)
        for slot, claim in allocation.claims.items()
    }
    return Decisions(assignments=assignments, pools={pool.eip.name: pool.state for pool in pools})


def _owner(
    world: World,
    rules: Rules,
    allocation: Allocation,
    reserved: Reserved,
    address: Address,
    *,
    beside: NodeName | None,
) -> Ownership:
    holders = [world.services[key] for key in allocation.holders[address]]
    claim = allocation.claims[holders[0].key, family_of(address)]
    eip: Eip | None = world.eips.get(claim.eip) if claim.eip is not None else None
    return own(
        reserved,
        holders,
        address,
        rules.protocols.get(claim.protocol or rules.fallback_protocol),
        is_served=any(serving_of(world, holder.key).anywhere for holder in holders),
        poll=lambda: poll_of(judge_nodes(world, holders, eip, address)),
        beside=beside,
    )


def _first_of_holder(world: World, allocation: Allocation, address: Address) -> Address | None:
    """Return the address that the oldest holder has in the family that it names first."""
    holder = world.services[allocation.holders[address][0]]
    return allocation.claims[holder.key, families_of(holder)[0]].address


def _is_second(world: World, allocation: Allocation, address: Address) -> bool:
    """Tell whether the oldest holder of the address has another one, in the family that it names first."""
    return _first_of_holder(world, allocation, address) not in (None, address)


def _beside(
    world: World,
    allocation: Allocation,
    address: Address,
    owners: Mapping[Address, Ownership],
) -> NodeName | None:
    """Return the node of the holder's first address: one node is written on a Service, so its second one goes there."""
    first = _first_of_holder(world, allocation, address)
    if first is None or _is_second(world, allocation, first):
        return None
    owner = owners[first]
    return owner.nodes[0] if len(owner.nodes) == 1 else None


def assignment_of(slot: Slot, claim: Claim, owner: Ownership | None) -> Assignment:
    """Put together what a slot has and who announces it; `owner` is None where there is no address."""
    service, family = slot
    if claim.address is None or owner is None:
        return Assignment(service=service, family=family, reason=claim.reason)
    return Assignment(
        service=service,
        family=family,
        address=str(claim.address),
        eip=claim.eip,
        protocol=claim.protocol,
        nodes=owner.nodes,
        reason=claim.reason,
        placement=owner.verdict,
        candidates=owner.refused,
    )
