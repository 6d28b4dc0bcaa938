"""Why is this Service as it is? The gates in order, and every pool and node that was considered."""

from collections.abc import Iterator

import msgspec

from porter.model import keys
from porter.model.addresses import Address, Family, parse_address
from porter.model.assignment import Assignment
from porter.model.names import EipName, NodeName, ServiceKey
from porter.model.objects import Service
from porter.model.reasons import Reason
from porter.reconciler.eligibility import judge_nodes
from porter.reconciler.explaining.case import Case
from porter.reconciler.explaining.gates import Gate, first_closed, gates_of, missing
from porter.reconciler.explaining.history import When
from porter.reconciler.explaining.pool_findings import PoolFinding, find_pools
from porter.reconciler.explaining.unknown import unknown
from porter.reconciler.ownership import why_not_ours
from porter.reconciler.wishes import families_of, wish_of


class NodeFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One node as a candidate for the address."""

    node: NodeName
    eligible: bool
    reason: Reason
    sentence: str


class FamilyExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """A Service's address in one family."""

    family: Family
    verdict: str
    """In one sentence: what keeps it from traffic, or that nothing does."""
    reachable: bool | None
    """Whether all gates are passed; None where only another node's log can say so."""
    address: str | None = None
    eip: EipName | None = None
    protocol: str | None = None
    nodes: tuple[NodeName, ...] = ()
    since: When | None = None
    """The last change of address or nodes."""
    gates: tuple[Gate, ...]
    sharers: tuple[ServiceKey, ...] = ()
    """The other Services that have the same address."""
    candidates: tuple[NodeFinding, ...] = ()
    pools: tuple[PoolFinding, ...] = ()


class ServiceExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one Service. One block a family, the primary one first."""

    service: ServiceKey
    notes: tuple[str, ...] = ()
    """What else is worth knowing, a sentence each."""
    families: tuple[FamilyExplanation, ...]


def explain_service(case: Case, key: ServiceKey) -> ServiceExplanation:
    """Explain one Service. Raises UnknownError for one that is not there."""
    service = case.world.services.get(key)
    if service is None:
        raise unknown("Service", key, case.world.services)
    ours = why_not_ours(service, case.world.options.load_balancer_class)
    if ours is not None:
        gate = Gate(name="ours", passed=False, sentence=ours.sentence)
        blocks = [_block(families_of(service)[0], (gate,), None)]
    else:
        assignments = case.assignments_of(service)
        blocks = [_family(case, service, family, assignments.get(family)) for family in families_of(service)]
    return ServiceExplanation(service=key, notes=tuple(_notes(case, service)), families=tuple(blocks))


def _family(case: Case, service: Service, family: Family, assignment: Assignment | None) -> FamilyExplanation:
    block = _block(family, tuple(gates_of(case, service, assignment)), assignment)
    if assignment is None:
        return block
    address = assignment.ip
    found = case.holders(address) if address is not None else []
    return msgspec.structs.replace(
        block,
        since=case.history.since((service.key, family)) if case.history is not None else None,
        sharers=tuple(other.key for other in found if other.key != service.key),
        candidates=_candidates(case, found, assignment, address) if address is not None else (),
        pools=find_pools(case, service, family, assignment),
    )


def _block(family: Family, gates: tuple[Gate, ...], assignment: Assignment | None) -> FamilyExplanation:
    closed = first_closed(gates)
    block = FamilyExplanation(
        family=family,
        verdict=_verdict(gates, closed, assignment),
        reachable=False if closed is not None else gates[-1].passed,
        gates=gates,
    )
    if assignment is None:
        return block
    return msgspec.structs.replace(
        block,
        address=assignment.address,
        eip=assignment.eip,
        protocol=assignment.protocol,
        nodes=assignment.nodes,
    )


def _verdict(gates: tuple[Gate, ...], closed: Gate | None, assignment: Assignment | None) -> str:
    if closed is not None:
        return f"Traffic cannot reach it: {closed.sentence}"
    assert assignment is not None
    owners = ", ".join(assignment.nodes)
    if gates[-1].passed is None:
        return f"Nothing stands in its way: {owners} is to answer for {assignment.address}"
    return f"All gates are passed: {owners} answers for {assignment.address}"


def _candidates(
    case: Case,
    holders: list[Service],
    assignment: Assignment,
    address: Address,
) -> tuple[NodeFinding, ...]:
    eip = case.world.eips.get(assignment.eip) if assignment.eip is not None else None
    return tuple(
        NodeFinding(
            node=candidate.node,
            eligible=candidate.verdict.reason is Reason.NODE_ELIGIBLE,
            reason=candidate.verdict.reason,
            sentence=candidate.verdict.sentence,
        )
        for candidate in judge_nodes(case.world, holders, eip, address)
    )


def _notes(case: Case, service: Service) -> Iterator[str]:
    if not case.world.complete and case.assignments_of(service):
        yield f"what was decided before stands until all is listed again; still missing: {missing(case.world)}"
    annotated, in_spec = service.wanted_address, service.load_balancer_ip
    if annotated and in_spec and parse_address(in_spec) not in wish_of(service).addresses:
        key = keys.wanted_address(service.keys)
        yield f"the annotation {key} asks for {annotated} and spec.loadBalancerIP for {in_spec}: the annotation wins"
    for assignment in case.assignments_of(service).values():
        if assignment.address is not None and service.wanted_protocol not in (None, assignment.protocol):
            kept, asked = assignment.address, service.wanted_protocol
            now = f"its protocol is {assignment.protocol or 'none'} since Eip {assignment.eip} was edited"
            yield f"it keeps {kept} and asks for protocol {asked}: {now}"
    if service.ip_family_policy == "PreferDualStack" and len(service.ip_families) == 1:
        yield f"ipFamilyPolicy is PreferDualStack, and the cluster gave it {service.ip_families[0]} only"
