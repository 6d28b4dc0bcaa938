"""Decide everything anew from a world: the addresses, their nodes, and the state of every pool. Pure."""

from collections.abc import Mapping

import msgspec

from porter.model.addresses import Address, family_of
from porter.model.assignment import Assignment, PoolState
from porter.model.names import EipName, NodeName
from porter.model.objects import Eip, Service
from porter.model.protocol import ProtocolRules
from porter.model.reasons import Reason, Verdict
from porter.reconciler.allocation import Allocation
from porter.reconciler.election import Ownership, elect
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
    for address in sorted(
        allocation.holders, key=lambda address: (_is_second(world, allocation, address), address.version, int(address))
    ):
        owners[address] = _owner(world, rules, allocation, reserved, address, owners=owners)
    assignments = {slot: _assignment(slot, claim, owners) for slot, claim in allocation.claims.items()}
    return Decisions(assignments=assignments, pools={pool.eip.name: pool.state for pool in pools})


def _owner(
    world: World,
    rules: Rules,
    allocation: Allocation,
    reserved: Reserved,
    address: Address,
    *,
    owners: Mapping[Address, Ownership],
) -> Ownership:
    holders = [world.services[key] for key in allocation.holders[address]]
    claim = allocation.claims[holders[0].key, family_of(address)]
    eip: Eip | None = world.eips.get(claim.eip) if claim.eip is not None else None
    why = reserved.why(address, None)
    if why is not None:
        return Ownership(nodes=(), verdict=Verdict(reason=Reason.ADDRESS_RESERVED, detail=why))
    protocol = rules.protocols.get(claim.protocol or rules.fallback_protocol)
    return elect(
        world,
        holders,
        eip,
        address,
        protocol,
        beside=_beside(holders[0], allocation, owners),
        honour_exclude_label=world.options.honour_exclude_label,
    )


def _is_second(world: World, allocation: Allocation, address: Address) -> bool:
    """Tell whether the oldest holder of the address has another one, in the family that it names first."""
    holder = world.services[allocation.holders[address][0]]
    primary = families_of(holder)[0]
    return primary != family_of(address) and allocation.claims[holder.key, primary].address is not None


def _beside(holder: Service, allocation: Allocation, owners: Mapping[Address, Ownership]) -> NodeName | None:
    """Return the node of the holder's first address: one node is written on a Service, so its second one goes there."""
    first = allocation.claims[holder.key, families_of(holder)[0]].address
    owner = owners.get(first) if first is not None else None
    return owner.nodes[0] if owner is not None and len(owner.nodes) == 1 else None


def _assignment(slot: Slot, claim: Claim, owners: Mapping[Address, Ownership]) -> Assignment:
    service, family = slot
    if claim.address is None:
        return Assignment(service=service, family=family, reason=claim.reason)
    owner = owners[claim.address]
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
