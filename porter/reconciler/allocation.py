"""Who has which address, decided anew and whole: short enough to be seen to be right.

First, whoever rightly holds an address keeps it: it is in the Service's status, and no older Service has it. Then the
others are served, older Services first (creation time, then name), so that the order of arrival never decides. The
result depends on nothing but the world: no memory of earlier rounds, and so no disagreement between nodes.
"""

from collections.abc import Iterator, Mapping, Sequence

from porter.model.addresses import Address, AddressRange, Family
from porter.model.names import ServiceKey
from porter.model.objects import Service
from porter.model.reasons import Reason, Verdict
from porter.reconciler.nics import shortened
from porter.reconciler.pools import Pool, Pools
from porter.reconciler.reserved import Reserved
from porter.reconciler.terms import (
    Claim,
    Route,
    Slot,
    age_of,
    both_or_neither,
    given_claim,
    kept_claim,
    route_of,
    sharing_problem,
    waiting_claim,
)
from porter.reconciler.wishes import families_of, held_addresses, needs_both


class Allocation:
    """The addresses of all Services of a world. Built whole, then read."""

    def __init__(self, services: Sequence[Service], pools: Pools, reserved: Reserved) -> None:
        """`services` are those that are Porter's."""
        self._pools = pools
        self._reserved = reserved
        self._services = {service.key: service for service in services}
        self.claims: dict[Slot, Claim] = {}
        self.holders: dict[Address, list[ServiceKey]] = {}
        """Who has each address: who kept it before who was given it, the older first; several when it is shared."""
        waiting: list[tuple[Service, list[Family]]] = []
        for service in sorted(services, key=age_of):
            held = held_addresses(service)
            families = families_of(service)
            open_families = [family for family in families if not self._keep(service, family, held.get(family))]
            waiting.append((service, open_families))
        for service, families in waiting:
            claims: Mapping[Family, Claim] = {
                family: self._serve(service, route_of(service, family, pools)) for family in families
            }
            if needs_both(service) and len(families) > 1:
                claims = both_or_neither(claims)
            for family, claim in claims.items():
                self._give(service, family, claim)

    def _keep(self, service: Service, family: Family, held: Address | None) -> bool:
        claim = kept_claim(service, held, self._pools) if held is not None else None
        if held is None or claim is None or self._sharing_problem(service, held) is not None:
            return False
        self._give(service, family, claim)
        return True

    def _serve(self, service: Service, route: Route) -> Claim:
        if route.refusal is not None:
            return waiting_claim(route)
        if route.wanted is not None:
            return self._serve_wish(service, route.wanted, route.pools[0])
        for pool in route.pools:
            address = self._lowest_free(pool)
            if address is not None:
                return given_claim(address, pool, reason=Reason.FIRST_FREE)
        return waiting_claim(route)

    def _serve_wish(self, service: Service, address: Address, pool: Pool) -> Claim:
        why = self._reserved.why(address, pool.eip)
        if why is not None:
            return Claim(reason=Verdict(reason=Reason.ADDRESS_RESERVED, detail=why))
        problem = self._sharing_problem(service, address)
        if problem is not None:
            return Claim(reason=problem)
        sharers = shortened(self.holders.get(address, ()), by=", ")
        reason = Reason.SHARED if sharers else Reason.WANTED_ADDRESS
        return given_claim(address, pool, reason=reason, detail=sharers)

    def _lowest_free(self, pool: Pool) -> Address | None:
        assert pool.range is not None
        for address in _ascending(pool.range, self._reserved):
            if address not in self.holders and self._reserved.why(address, pool.eip) is None:
                return address
        return None

    def _sharing_problem(self, service: Service, address: Address) -> Verdict | None:
        holders = [self._services[key] for key in self.holders.get(address, ())]
        return sharing_problem(holders, service, address)

    def _give(self, service: Service, family: Family, claim: Claim) -> None:
        self.claims[service.key, family] = claim
        if claim.address is not None:
            self.holders.setdefault(claim.address, []).append(service.key)


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
