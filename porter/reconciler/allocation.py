"""Who has which address.

First, whoever rightly holds an address keeps it: it is in the Service's status, and no older Service has it. Then the
others are served, older Services first (creation time, then name), so that the order of arrival never decides. The
result depends on nothing but the world: no memory of earlier rounds, and so no disagreement between nodes.
"""

from collections.abc import Iterator, Sequence

import msgspec

from porter.model.addresses import Address, AddressRange, Family, family_of
from porter.model.names import EipName, ServiceKey
from porter.model.objects import Service
from porter.model.reasons import Reason, Verdict
from porter.reconciler.nics import shortened
from porter.reconciler.pools import Pool, Pools
from porter.reconciler.reserved import Reserved
from porter.reconciler.wishes import Wish, families_of, held_addresses, wish_of

Slot = tuple[ServiceKey, Family]


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What one Service gets in one family: an address with its pool, or the reason why it waits."""

    reason: Verdict
    address: Address | None = None
    eip: EipName | None = None
    protocol: str | None = None


class Allocation:
    """The addresses of all Services of a world. Built whole, then read."""

    def __init__(self, services: Sequence[Service], pools: Pools, reserved: Reserved) -> None:
        """`services` are those that are Porter's."""
        self._pools = pools
        self._reserved = reserved
        self._services = {service.key: service for service in services}
        self.claims: dict[Slot, Claim] = {}
        self.holders: dict[Address, list[ServiceKey]] = {}
        """Who has each address, the oldest first; more than one when it is shared."""
        waiting: list[tuple[Service, Family]] = []
        for service in sorted(services, key=_age):
            held = held_addresses(service)
            families = families_of(service)
            waiting.extend(
                (service, family) for family in families if not self._keep(service, family, held.get(family))
            )
        for service, family in waiting:
            self._serve(service, family)

    def _keep(self, service: Service, family: Family, held: Address | None) -> bool:
        if held is None:
            return False
        pool = self._pool_of_held(service, held)
        if pool is None and service.written_eip is None:
            return False  # neither in a pool nor given by Porter: another program's address
        if not self._still_asked_for(service, held, pool):
            return False
        if self._sharing_problem(service, held) is not None:
            return False
        eip = pool.eip.name if pool is not None else service.written_eip
        protocol = pool.eip.protocol if pool is not None else service.wanted_protocol
        self._give(
            service,
            family,
            Claim(reason=Verdict(reason=Reason.HELD), address=held, eip=eip, protocol=protocol),
        )
        return True

    def _pool_of_held(self, service: Service, held: Address) -> Pool | None:
        """Return the pool that the Service names, or its label (the range may have changed), else the one around it."""
        around = self._pools.holding(held)
        if around is not None and around.eip.name == service.wanted_eip:
            return around
        written = self._pools.get(service.written_eip) if service.written_eip is not None else None
        if written is None or (written.range is not None and written.range.family != family_of(held)):
            return around  # one label for two families: it names the pool of the other one
        return written

    def _still_asked_for(self, service: Service, held: Address, pool: Pool | None) -> bool:
        """Tell whether the Service still asks for what it has: its pool's fate alone never takes an address away."""
        wish = wish_of(service)
        if held not in wish.addresses and wish.concerns(family_of(held), families_of(service)):
            return False
        if service.wanted_protocol is not None and pool is not None and pool.eip.protocol != service.wanted_protocol:
            return False
        if service.wanted_eip is None or service.wanted_eip == service.written_eip:
            return True
        return pool is not None and pool.eip.name == service.wanted_eip

    def _serve(self, service: Service, family: Family) -> None:
        wish = wish_of(service)
        if wish.invalid:
            claim = Claim(reason=Verdict(reason=Reason.ADDRESS_INVALID, detail=wish.invalid))
        elif wish.concerns(family, families_of(service)):
            claim = self._serve_wish(service, family, wish)
        elif service.wanted_eip is not None:
            claim = self._serve_from(service, family, self._named(service), named=service.wanted_eip)
        else:
            claim = self._serve_from(service, family, self._pools.for_namespace(service, family), named=None)
        self._give(service, family, claim)

    def _named(self, service: Service) -> Sequence[Pool]:
        assert service.wanted_eip is not None
        pool = self._pools.get(EipName(service.wanted_eip))
        return () if pool is None else (pool,)

    def _serve_wish(self, service: Service, family: Family, wish: Wish) -> Claim:
        address = wish.of(family)
        if address is None:
            return Claim(reason=Verdict(reason=Reason.FAMILY_MISMATCH, detail=f"it names no {family} address"))
        pool = self._pools.holding(address)
        if pool is None or service.wanted_eip not in (None, pool.eip.name):
            return Claim(reason=Verdict(reason=Reason.ADDRESS_OUTSIDE, detail=str(address)))
        refusal = self._refusal(service, family, pool)
        if refusal is not None:
            return Claim(reason=refusal)
        why = self._reserved.why(address, pool.eip)
        if why is not None:
            return Claim(reason=Verdict(reason=Reason.ADDRESS_RESERVED, detail=why))
        problem = self._sharing_problem(service, address)
        if problem is not None:
            return Claim(reason=problem)
        sharers = self.holders.get(address)
        if sharers:
            reason = Verdict(reason=Reason.SHARED, detail=", ".join(sharers))
        else:
            reason = Verdict(reason=Reason.WANTED_ADDRESS, detail=pool.eip.name)
        return Claim(reason=reason, address=address, eip=pool.eip.name, protocol=pool.eip.protocol)

    def _serve_from(self, service: Service, family: Family, pools: Sequence[Pool], *, named: str | None) -> Claim:
        refusals: list[tuple[Pool, Verdict]] = []
        for pool in pools:
            refusal = self._refusal(service, family, pool)
            if refusal is None:
                address = self._lowest_free(pool)
                if address is not None:
                    reason = Verdict(reason=Reason.FIRST_FREE, detail=pool.eip.name)
                    return Claim(reason=reason, address=address, eip=pool.eip.name, protocol=pool.eip.protocol)
                refusal = Verdict(reason=Reason.POOL_EXHAUSTED, detail=pool.eip.name)
            refusals.append((pool, refusal))
        if named is not None and not refusals:
            return Claim(reason=Verdict(reason=Reason.POOL_UNKNOWN, detail=named))
        elsewhere = self._pools.bound_elsewhere(service, family)
        if elsewhere and not refusals:
            detail = shortened([pool.eip.name for pool in elsewhere])
            return Claim(reason=Verdict(reason=Reason.NAMESPACE_NOT_BOUND, detail=detail))
        return Claim(reason=_summary(service, family, refusals))

    def _refusal(self, service: Service, family: Family, pool: Pool) -> Verdict | None:
        """Return why this pool cannot serve the Service at all, room aside."""
        if not pool.ready:
            return Verdict(reason=Reason.POOL_NOT_READY, detail=f"{pool.eip.name}: {pool.verdict.sentence}")
        if pool.eip.disable:
            return Verdict(reason=Reason.POOL_DISABLED, detail=pool.eip.name)
        if service.wanted_protocol not in (None, pool.eip.protocol):
            detail = f"{service.wanted_protocol}, and Eip {pool.eip.name} is of protocol {pool.eip.protocol}"
            return Verdict(reason=Reason.PROTOCOL_MISMATCH, detail=detail)
        assert pool.range is not None
        if pool.range.family != family:
            detail = f"{family} is wanted, and Eip {pool.eip.name} holds {pool.range.family}"
            return Verdict(reason=Reason.FAMILY_MISMATCH, detail=detail)
        return None

    def _lowest_free(self, pool: Pool) -> Address | None:
        assert pool.range is not None
        for address in _ascending(pool.range, self._reserved):
            if address not in self.holders and self._reserved.why(address, pool.eip) is None:
                return address
        return None

    def _sharing_problem(self, service: Service, address: Address) -> Verdict | None:
        """Return why the Service cannot have an address because of those who have it, or None."""
        for key in self.holders.get(address, ()):
            why = why_not_shared(self._services[key], service, address)
            if why is not None:
                return Verdict(reason=Reason.ADDRESS_IN_USE, detail=f"{key}, {why}")
        return None

    def _give(self, service: Service, family: Family, claim: Claim) -> None:
        self.claims[service.key, family] = claim
        if claim.address is not None:
            self.holders.setdefault(claim.address, []).append(service.key)


def why_not_shared(holder: Service, other: Service, address: Address) -> str | None:
    """Return why two Services cannot share an address, or None: both ask for it, ports differ, traffic goes anywhere.

    `Cluster` on both sides, or the same pods behind both, so that one owner node suits both.
    """
    if address not in wish_of(holder).addresses:
        return "which does not ask for it by name, and so does not share it"
    if address not in wish_of(other).addresses:
        return "and this Service does not ask for it by name"
    common = sorted({(p.protocol, p.port) for p in holder.ports} & {(p.protocol, p.port) for p in other.ports})
    if common:
        return f"and both use port {common[0][1]}/{common[0][0]}"
    everywhere = holder.policy == other.policy == "Cluster"
    same_pods = bool(holder.selector) and holder.selector == other.selector and holder.namespace == other.namespace
    if not everywhere and not same_pods:
        return "and externalTrafficPolicy Local is shared only by Services that select the same pods"
    return None


def _age(service: Service) -> tuple[str, str]:
    return (service.created, service.key)


def _ascending(addresses: AddressRange, reserved: Reserved) -> Iterator[Address]:
    number = addresses.first
    while number <= addresses.last:
        address = addresses.address(number)
        end = reserved.beyond(address)
        if end is not None:
            number = end + 1
            continue
        yield address
        number += 1


def _summary(service: Service, family: Family, refusals: Sequence[tuple[Pool, Verdict]]) -> Verdict:
    """Choose the reason to show: of one pool its own, of several full ones that they are full, else all in short."""
    if not refusals:
        wanted = f" of protocol {service.wanted_protocol}" if service.wanted_protocol else ""
        return Verdict(reason=Reason.NO_POOL, detail=f"namespace {service.namespace} may use no {family} Eip{wanted}")
    if len(refusals) == 1:
        return refusals[0][1]
    full = [pool.eip.name for pool, verdict in refusals if verdict.reason is Reason.POOL_EXHAUSTED]
    if full:
        return Verdict(reason=Reason.POOL_EXHAUSTED, detail=", ".join(full))
    return Verdict(reason=Reason.NO_POOL, detail="; ".join(verdict.sentence for _, verdict in refusals[:4]))
