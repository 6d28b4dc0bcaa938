"""Why is this Eip as it is? Its state, its room, who holds its addresses, what is reserved, and who waits for it."""

from collections.abc import Iterator

import msgspec

from porter.model.addresses import Family
from porter.model.names import EipName, NodeName, ServiceKey
from porter.model.objects import Service
from porter.model.reasons import Reason, Verdict
from porter.reconciler.explaining.case import Case
from porter.reconciler.explaining.room import ReservedRange, Room, reserved_in, room_in
from porter.reconciler.explaining.unknown import unknown
from porter.reconciler.nics import beyond_subnets
from porter.reconciler.pools import Pool
from porter.reconciler.terms import age_of, route_of
from porter.reconciler.wishes import families_of


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """One address of the pool and who has it."""

    address: str
    services: tuple[ServiceKey, ...]
    """Several where they share it, the oldest first."""
    nodes: tuple[NodeName, ...]
    """Who announces it; empty when nobody may."""
    in_range: bool
    """False for an address that is kept though the Eip's range has changed."""


class Waiter(msgspec.Struct, frozen=True, kw_only=True):
    """A Service that would take an address of this pool."""

    service: ServiceKey
    family: Family
    created: str
    wants: str | None
    """The address that it asks for by name."""
    sentence: str
    """Why it waits."""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """The addresses that the pool names."""

    first: str
    last: str
    family: Family


class EipExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one Eip."""

    eip: EipName
    verdict: str
    """In one sentence: whether it hands out addresses, and if not, why."""
    address: str
    """`spec.address`, as written."""
    protocol: str
    interface: str | None
    ready: bool
    reason: Reason
    sentence: str
    """Why it is, or is not, ready."""
    warning: str
    """What is no fault and yet may surprise: it lies outside the subnets of the NICs. Empty for nothing."""
    disabled: bool
    default: bool
    priority: int
    namespaces: tuple[str, ...]
    namespace_selector: tuple[tuple[str, str], ...]
    range: Span | None
    """None when `spec.address` cannot be read."""
    room: Room
    holders: tuple[Holder, ...]
    reserved: tuple[ReservedRange, ...]
    waiting: tuple[Waiter, ...]
    """In the order in which they are served."""


def explain_eip(case: Case, name: EipName) -> EipExplanation:
    """Explain one Eip. Raises UnknownError for one that is not there. Costs what it holds, not what it could hold."""
    pool = case.pools.get(name)
    if pool is None:
        raise unknown("Eip", name, case.world.eips)
    eip = pool.eip
    room = room_in(case, pool)
    return EipExplanation(
        eip=name,
        verdict=_verdict(pool, room),
        address=eip.address,
        protocol=eip.protocol,
        interface=eip.interface,
        ready=pool.ready,
        reason=pool.verdict.reason,
        sentence=pool.verdict.sentence,
        warning=beyond_subnets(eip, pool.range, case.world) if pool.range is not None and pool.ready else "",
        disabled=eip.disable,
        default=eip.default,
        priority=eip.priority,
        namespaces=eip.namespaces,
        namespace_selector=eip.namespace_selector,
        range=_span(pool),
        room=room,
        holders=tuple(_holders(case, pool)),
        reserved=tuple(reserved_in(case, pool)),
        waiting=tuple(_waiting(case, pool)),
    )


def _verdict(pool: Pool, room: Room) -> str:
    if not pool.ready:
        return f"It hands out no address: {pool.verdict.sentence}"
    for closed, reason in ((pool.eip.disable, Reason.POOL_DISABLED), (room.free == 0, Reason.POOL_EXHAUSTED)):
        if closed:
            return f"It hands out no address: {Verdict(reason=reason, detail=pool.eip.name).sentence}"
    return "It hands out addresses"


def _span(pool: Pool) -> Span | None:
    if pool.range is None:
        return None
    return Span(first=str(pool.range.first_address), last=str(pool.range.last_address), family=pool.range.family)


def _holders(case: Case, pool: Pool) -> Iterator[Holder]:
    for address, assignments in case.held.items():
        if assignments[0].eip == pool.eip.name:
            yield Holder(
                address=str(address),
                services=tuple(one.service for one in assignments),
                nodes=assignments[0].nodes,
                in_range=pool.range is not None and address in pool.range,
            )


def _waiting(case: Case, pool: Pool) -> Iterator[Waiter]:
    waiting = [(case.world.services[a.service], a) for a in case.decisions.assignments.values() if a.address is None]
    # The order of porter.reconciler.seats: age, then the family's place in the Service's own order.
    waiting.sort(key=lambda item: (age_of(item[0]), families_of(item[0]).index(item[1].family)))
    for service, assignment in waiting:
        route = route_of(service, assignment.family, case.pools)
        if route.wanted is not None:
            concerns = pool.range is not None and route.wanted in pool.range
        else:
            concerns = pool in route.pools or _asks_for(case, service, assignment.family, pool)
        if concerns:
            yield Waiter(
                service=service.key,
                family=assignment.family,
                created=service.created,
                wants=str(route.wanted) if route.wanted is not None else None,
                sentence=assignment.reason.sentence,
            )


def _asks_for(case: Case, service: Service, family: Family, pool: Pool) -> bool:
    """Tell whether the Service would use this pool if only the pool were well: by name, or by its namespace."""
    if service.wanted_eip is not None:
        return service.wanted_eip == pool.eip.name
    return pool in case.pools.for_namespace(service, family)
