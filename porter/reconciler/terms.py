"""The terms on which addresses are given: what each rule says of one Service, one address or one pool.

Said once, for deciding anew and for deciding only what an entry touches. Nothing here knows who has what.
"""

from collections.abc import Mapping, Sequence

import msgspec

from porter.model.addresses import Address, Family, family_of
from porter.model.names import EipName, ServiceKey
from porter.model.objects import Service
from porter.model.reasons import Reason, Verdict
from porter.reconciler.nics import shortened
from porter.reconciler.pools import Pool, Pools
from porter.reconciler.wishes import families_of, wish_of

Slot = tuple[ServiceKey, Family]
"""One Service in one family: what gets one address."""
Age = tuple[str, str]
"""Creation time, then name: sorts the older Service first."""


class Claim(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one Service gets in one family: an address with its pool, or the reason why it waits."""

    reason: Verdict
    address: Address | None = None
    eip: EipName | None = None
    protocol: str | None = None


class Route(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where a Service that holds nothing may get an address in one family.

    One wanted address of one pool; or the lowest free of the first pool with room; or, with neither, a refusal.
    """

    wanted: Address | None = None
    pools: tuple[Pool, ...] = ()
    """Best first. Of a wanted address the pool that holds it."""
    refusals: tuple[Verdict, ...] = ()
    """What other pools, or the one of a wanted address, say: none of them will do as things are."""
    refusal: Verdict | None = None
    """Why there is no way at all; not given when that depends on which pools are full."""


def age_of(service: Service) -> Age:
    """Return what sorts the older Service first."""
    return (service.created, service.key)


def kept_claim(service: Service, held: Address, pools: Pools) -> Claim | None:
    """Return the claim of a Service to the address in its status, or None when it has no right to it, or no wish.

    Whether an older Service has the address too is not asked here.
    """
    pool = _pool_of_held(service, held, pools)
    if pool is None and service.written_eip is None:
        return None  # neither in a pool nor given by Porter: another program's address
    if not _still_asked_for(service, held, pool):
        return None
    eip = pool.eip.name if pool is not None else service.written_eip
    protocol = pool.eip.protocol if pool is not None else service.wanted_protocol
    return Claim(reason=Verdict(reason=Reason.HELD), address=held, eip=eip, protocol=protocol)


def _pool_of_held(service: Service, held: Address, pools: Pools) -> Pool | None:
    """Return the pool that the Service names, or its label (the range may have changed), else the one around it."""
    around = pools.holding(held)
    if around is not None and around.eip.name == service.wanted_eip:
        return around
    if service.written_eip is None:
        return around
    written = pools.get(service.written_eip)
    elsewhere = written is not None and written.range is not None and written.range.family != family_of(held)
    if written is None or elsewhere:
        # Its pool is gone, or the one label for two families names the pool of the other one. A pool around the address
        # takes it in, unless the Service asks for the very one that its label names: then it stays as it is.
        return None if service.written_eip == service.wanted_eip else around
    return written


def _still_asked_for(service: Service, held: Address, pool: Pool | None) -> bool:
    """Tell whether the Service still asks for what it has: its pool's fate alone never takes an address away."""
    wish = wish_of(service)
    if held not in wish.addresses and wish.concerns(family_of(held), families_of(service)):
        return False
    if not _protocol_stays(service, pool):
        return False
    if service.wanted_eip is None:
        return True
    return service.wanted_eip == (pool.eip.name if pool is not None else service.written_eip)


def _protocol_stays(service: Service, pool: Pool | None) -> bool:
    """Tell whether the Service asks for no other protocol than when it got its address.

    What it asked for then is written on it. So an edit of the Eip's protocol, which takes nothing away, is told from a
    Service that asks for another protocol, which gives its address up.
    """
    wanted = service.wanted_protocol
    if wanted is None or (pool is not None and pool.eip.protocol == wanted):
        return True
    if service.written_protocol is not None:
        return service.written_protocol == wanted
    return pool is None


def route_of(service: Service, family: Family, pools: Pools) -> Route:
    """Return the way by which the Service may get an address in this family."""
    wish = wish_of(service)
    if wish.invalid:
        return Route(refusal=Verdict(reason=Reason.ADDRESS_INVALID, detail=wish.invalid))
    if wish.concerns(family, families_of(service)):
        return _wanted_route(service, family, wish.of(family), pools)
    if service.wanted_eip is not None:
        named = pools.get(EipName(service.wanted_eip))
        if named is None:
            return Route(refusal=Verdict(reason=Reason.POOL_UNKNOWN, detail=service.wanted_eip))
        return _open_route(service, family, (named,))
    candidates = pools.for_namespace(service, family)
    if candidates:
        return _open_route(service, family, candidates)
    elsewhere = pools.bound_elsewhere(service, family)
    if elsewhere:
        detail = shortened([pool.eip.name for pool in elsewhere])
        return Route(refusal=Verdict(reason=Reason.NAMESPACE_NOT_BOUND, detail=detail))
    wanted = f" of protocol {service.wanted_protocol}" if service.wanted_protocol else ""
    detail = f"namespace {service.namespace} may use no {family} Eip{wanted}"
    return Route(refusal=Verdict(reason=Reason.NO_POOL, detail=detail))


def _wanted_route(service: Service, family: Family, address: Address | None, pools: Pools) -> Route:
    if address is None:
        return Route(refusal=Verdict(reason=Reason.FAMILY_MISMATCH, detail=f"it names no {family} address"))
    pool = pools.holding(address)
    if pool is None or service.wanted_eip not in (None, pool.eip.name):
        return Route(wanted=address, refusal=Verdict(reason=Reason.ADDRESS_OUTSIDE, detail=str(address)))
    refusal = refusal_of(service, family, pool)
    if refusal is not None:
        return Route(wanted=address, refusal=refusal)
    return Route(wanted=address, pools=(pool,))


def _open_route(service: Service, family: Family, candidates: Sequence[Pool]) -> Route:
    judged = [(pool, refusal_of(service, family, pool)) for pool in candidates]
    return Route(
        pools=tuple(pool for pool, refusal in judged if refusal is None),
        refusals=tuple(refusal for _, refusal in judged if refusal is not None),
    )


def refusal_of(service: Service, family: Family, pool: Pool) -> Verdict | None:
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


def waiting_claim(route: Route) -> Claim:
    """Return the claim of a Service that gets nothing on its route, all of whose pools are full.

    Of one pool its own reason, of several full ones that they are full, else all in short.
    """
    if route.refusal is not None:
        return Claim(reason=route.refusal)
    if route.pools:
        return Claim(
            reason=Verdict(reason=Reason.POOL_EXHAUSTED, detail=shortened([p.eip.name for p in route.pools], by=", "))
        )
    if len(route.refusals) == 1:
        return Claim(reason=route.refusals[0])
    sentences = [verdict.sentence for verdict in route.refusals]
    return Claim(reason=Verdict(reason=Reason.NO_POOL, detail=shortened(sentences)))


def given_claim(address: Address, pool: Pool, *, reason: Reason, detail: str = "") -> Claim:
    """Return the claim of a Service that is given an address of a pool."""
    verdict = Verdict(reason=reason, detail=detail or pool.eip.name)
    return Claim(reason=verdict, address=address, eip=pool.eip.name, protocol=pool.eip.protocol)


def both_or_neither(claims: Mapping[Family, Claim]) -> Mapping[Family, Claim]:
    """Return the claims of a Service that needs both families and keeps neither: where one waits, both do."""
    missing = next(((family, claim) for family, claim in claims.items() if claim.address is None), None)
    if missing is None:
        return claims
    family, waiting = missing
    held_back = Verdict(reason=Reason.OTHER_FAMILY_MISSING, detail=f"{family} address: {waiting.reason.sentence}")
    return {family: claim if claim.address is None else Claim(reason=held_back) for family, claim in claims.items()}


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


def sharing_problem(holders: Sequence[Service], other: Service, address: Address) -> Verdict | None:
    """Return why a Service cannot have an address because of those who have it, the oldest first, or None."""
    for holder in holders:
        why = why_not_shared(holder, other, address)
        if why is not None:
            return Verdict(reason=Reason.ADDRESS_IN_USE, detail=f"{holder.key}, {why}")
    return None
