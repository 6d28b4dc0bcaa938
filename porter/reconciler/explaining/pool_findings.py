"""Every Eip as a source for one Service's address: chosen, able, or not, with the reason."""

from dataclasses import dataclass
from typing import Literal

import msgspec

from porter.model.addresses import Family
from porter.model.assignment import Assignment
from porter.model.names import EipName
from porter.model.objects import Service
from porter.model.reasons import Reason, Verdict
from porter.reconciler.explaining.case import Case
from porter.reconciler.explaining.room import room_in
from porter.reconciler.nics import shortened
from porter.reconciler.pools import Pool
from porter.reconciler.terms import Route, refusal_of, route_of

PoolStatus = Literal[
    "chosen",
    "able",
    "full",
    "disabled",
    "not-ready",
    "other-namespace",
    "other-protocol",
    "other-family",
    "other-wanted",
    "not-preferred",
    "address-refused",
]

_STATUS: dict[Reason, PoolStatus] = {
    Reason.POOL_NOT_READY: "not-ready",
    Reason.POOL_DISABLED: "disabled",
    Reason.PROTOCOL_MISMATCH: "other-protocol",
    Reason.FAMILY_MISMATCH: "other-family",
}


class PoolFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One pool as a source for the Service's address."""

    eip: EipName
    status: PoolStatus
    sentence: str


def find_pools(case: Case, service: Service, family: Family, assignment: Assignment) -> tuple[PoolFinding, ...]:
    """Judge every pool: the chosen one first, then those that would serve, the best first, then the others by name."""
    route = route_of(service, family, case.pools)
    judge = _Judge(case=case, service=service, family=family, assignment=assignment, route=route)
    best_first = [pool.eip.name for pool in route.pools]
    findings = [judge.find(pool) for pool in case.pools]
    if assignment.eip is not None and case.pools.get(assignment.eip) is None:
        sentence = "the Eip is gone; the Service keeps its address until it releases it"
        findings.append(PoolFinding(eip=assignment.eip, status="chosen", sentence=sentence))

    def rank(finding: PoolFinding) -> tuple[bool, int, str]:
        place = best_first.index(finding.eip) if finding.eip in best_first else len(best_first)
        return (finding.status != "chosen", place, finding.eip)

    return tuple(sorted(findings, key=rank))


@dataclass(frozen=True, kw_only=True)
class _Judge:
    """Judges pools for one Service in one family."""

    case: Case
    service: Service
    family: Family
    assignment: Assignment
    route: Route

    def find(self, pool: Pool) -> PoolFinding:
        status, sentence = self._judge(pool)
        return PoolFinding(eip=pool.eip.name, status=status, sentence=sentence)

    def _judge(self, pool: Pool) -> tuple[PoolStatus, str]:
        service, route = self.service, self.route
        if pool.eip.name == self.assignment.eip:
            return "chosen", _chosen(pool, self.assignment)
        if service.wanted_eip not in (None, pool.eip.name):
            return "other-wanted", f"not the one asked for: the Service names Eip {service.wanted_eip}"
        if not pool.ready:
            return "not-ready", f"not ready: {pool.verdict.sentence}"
        refusal = refusal_of(service, self.family, pool)
        if refusal is not None:
            return _STATUS[refusal.reason], refusal.sentence
        if route.refusal is not None and route.refusal.reason in (Reason.ADDRESS_INVALID, Reason.FAMILY_MISMATCH):
            return "address-refused", route.refusal.sentence
        if route.wanted is not None and pool not in route.pools:
            return "other-wanted", f"the wanted address {route.wanted} is not in it"
        if route.wanted is not None:
            return "address-refused", self.assignment.reason.sentence
        if pool not in route.pools:
            return self._not_on_the_way(pool)
        if room_in(self.case, pool).free == 0:
            return "full", Verdict(reason=Reason.POOL_EXHAUSTED, detail=pool.eip.name).sentence
        return "able", "it has room, and another was chosen"

    def _not_on_the_way(self, pool: Pool) -> tuple[PoolStatus, str]:
        """Say why a pool that is well is not one of those for the Service's namespace."""
        pools, namespace = self.case.pools, self.service.namespace
        if pool.bound and not pools.is_bound_to(pool, namespace):
            return "other-namespace", Verdict(reason=Reason.NAMESPACE_NOT_BOUND, detail=pool.eip.name).sentence
        preferred = pools.for_namespace(self.service, self.family)
        names = shortened([other.eip.name for other in preferred])
        if any(pools.is_bound_to(other, namespace) for other in preferred):
            return "not-preferred", f"namespace {namespace} has Eips of its own: {names}"
        return "not-preferred", f"it is not the default Eip; that is {names}"


def _chosen(pool: Pool, assignment: Assignment) -> str:
    address = assignment.ip
    assert address is not None
    sentence = assignment.reason.sentence
    if pool.range is None or address not in pool.range:
        return f"{sentence}; {address} is outside its range now, and is kept until it is released"
    if not pool.ready:
        return f"{sentence}; the Eip is not ready: {pool.verdict.sentence}"
    if pool.eip.disable:
        return f"{sentence}; the Eip is disabled for others (spec.disable)"
    return sentence
