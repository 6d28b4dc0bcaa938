"""Decide everything anew from a world: the addresses, their nodes, and the state of every pool. Pure."""

from collections.abc import Mapping

import msgspec

from porter.model.addresses import Address, family_of
from porter.model.assignment import Assignment, PoolState
from porter.model.names import EipName
from porter.model.objects import Eip
from porter.model.protocol import ProtocolRules
from porter.model.reasons import Reason, Verdict
from porter.reconciler.allocation import Allocation, Claim, Slot
from porter.reconciler.election import Ownership, elect
from porter.reconciler.ownership import why_not_ours
from porter.reconciler.pools import Pools
from porter.reconciler.reserved import Reserved
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
    owners = {
        address: _owner(world, rules, allocation, reserved, address)
        for address in sorted(allocation.holders, key=lambda address: (address.version, int(address)))
    }
    assignments = {slot: _assignment(slot, claim, owners) for slot, claim in allocation.claims.items()}
    return Decisions(assignments=assignments, pools={pool.eip.name: pool.state for pool in pools})


def _owner(
    world: World,
    rules: Rules,
    allocation: Allocation,
    reserved: Reserved,
    address: Address,
) -> Ownership:
    holders = [world.services[key] for key in allocation.holders[address]]
    claim = allocation.claims[holders[0].key, family_of(address)]
    eip: Eip | None = world.eips.get(claim.eip) if claim.eip is not None else None
    why = reserved.why(address, None)
    if why is not None:
        return Ownership(nodes=(), verdict=Verdict(reason=Reason.ADDRESS_RESERVED, detail=why))
    protocol = rules.protocols.get(claim.protocol or rules.fallback_protocol)
    return elect(world, holders, eip, address, protocol, honour_exclude_label=world.options.honour_exclude_label)


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
