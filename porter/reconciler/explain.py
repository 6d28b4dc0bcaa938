"""Why is this Service as it is? An explanation is a value: the gates in order, and everything that was considered."""

from collections.abc import Sequence

import msgspec

from porter.events.entries import RESOURCES
from porter.model.addresses import parse_address
from porter.model.assignment import Assignment
from porter.model.names import EipName, NodeName, ServiceKey
from porter.model.objects import Service
from porter.model.reasons import Reason, Verdict
from porter.reconciler.announcing import is_published
from porter.reconciler.eligibility import judge_nodes
from porter.reconciler.fold import Reconciler
from porter.reconciler.ownership import why_not_ours
from porter.reconciler.pools import Pools
from porter.reconciler.wishes import families_of


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """One condition on the way from a Service to an answer on the wire."""

    name: str
    passed: bool
    sentence: str


class NodeFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One node as a candidate for the address."""

    node: NodeName
    eligible: bool
    reason: Reason
    sentence: str


class PoolFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One pool as a source for the Service's address."""

    eip: EipName
    chosen: bool
    sentence: str


class FamilyExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """A Service's address in one family."""

    family: str
    address: str | None
    eip: str | None
    protocol: str | None
    nodes: tuple[NodeName, ...]
    gates: tuple[Gate, ...]
    candidates: tuple[NodeFinding, ...]
    pools: tuple[PoolFinding, ...]

    @property
    def first_failing(self) -> Gate | None:
        """The first gate that is not passed, None when traffic can flow."""
        return next((gate for gate in self.gates if not gate.passed), None)


class ServiceExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one Service."""

    service: ServiceKey
    known: bool
    families: tuple[FamilyExplanation, ...]


def explain_service(reconciler: Reconciler, key: ServiceKey) -> ServiceExplanation:
    """Explain one Service in the state that the reconciler is in. Never raises for a Service that is not there."""
    service = reconciler.world.services.get(key)
    if service is None:
        gate = Gate(name="ours", passed=False, sentence="the log knows no such LoadBalancer Service")
        return ServiceExplanation(service=key, known=False, families=(_unowned("IPv4", (gate,)),))
    ours = why_not_ours(service, reconciler.world.options.load_balancer_class)
    if ours is not None:
        gate = Gate(name="ours", passed=False, sentence=ours.sentence)
        return ServiceExplanation(service=key, known=True, families=(_unowned("IPv4", (gate,)),))
    by_family = {assignment.family: assignment for assignment in reconciler.assignments_of(key)}
    families = tuple(_family(reconciler, service, family, by_family.get(family)) for family in families_of(service))
    return ServiceExplanation(service=key, known=True, families=families)


def _unowned(family: str, gates: tuple[Gate, ...]) -> FamilyExplanation:
    return FamilyExplanation(
        family=family,
        address=None,
        eip=None,
        protocol=None,
        nodes=(),
        gates=gates,
        candidates=(),
        pools=(),
    )


def _family(reconciler: Reconciler, service: Service, family: str, assignment: Assignment | None) -> FamilyExplanation:
    gates = [Gate(name="ours", passed=True, sentence="a LoadBalancer Service of Porter's")]
    if assignment is None:
        waiting = sorted(set(RESOURCES) - set(reconciler.world.listed))
        sentence = f"nothing is decided until all is listed; still missing: {', '.join(waiting)}"
        gates.append(Gate(name="address", passed=False, sentence=sentence))
        return _unowned(family, tuple(gates))
    gates.append(
        Gate(name="address", passed=assignment.address is not None, sentence=_address_sentence(assignment)),
    )
    if assignment.address is not None:
        gates.extend(_later_gates(reconciler, assignment))
    return FamilyExplanation(
        family=family,
        address=assignment.address,
        eip=assignment.eip,
        protocol=assignment.protocol,
        nodes=assignment.nodes,
        gates=tuple(gates),
        candidates=_candidates(reconciler, service, assignment),
        pools=_pools(reconciler, service, assignment),
    )


def _address_sentence(assignment: Assignment) -> str:
    if assignment.address is None:
        return assignment.reason.sentence
    pool = f" of Eip {assignment.eip}" if assignment.eip else ""
    return f"{assignment.address}{pool}: {assignment.reason.sentence}"


def _later_gates(reconciler: Reconciler, assignment: Assignment) -> Sequence[Gate]:
    published = is_published(reconciler.world, assignment)
    assert assignment.placement is not None
    owner = ", ".join(assignment.nodes) or "nobody"
    said = "the Service in the API carries it" if published else "the Service in the API does not carry it yet"
    leader = reconciler.world.leader
    writer = f"; the leader {leader} writes it" if leader else "; no agent leads, and so none writes it"
    return (
        Gate(name="published", passed=published, sentence=said if published else said + writer),
        Gate(
            name="owner",
            passed=bool(assignment.nodes),
            sentence=f"{owner}: {assignment.placement.sentence}",
        ),
    )


def _candidates(reconciler: Reconciler, service: Service, assignment: Assignment) -> tuple[NodeFinding, ...]:
    address = parse_address(assignment.address) if assignment.address is not None else None
    if address is None:
        return ()
    world = reconciler.world
    eip = world.eips.get(assignment.eip) if assignment.eip is not None else None
    judged = judge_nodes(
        world,
        [service],
        eip,
        address,
    )
    return tuple(
        NodeFinding(
            node=candidate.node,
            eligible=candidate.verdict.reason is Reason.NODE_ELIGIBLE,
            reason=candidate.verdict.reason,
            sentence=candidate.verdict.sentence,
        )
        for candidate in judged
    )


def _pools(reconciler: Reconciler, service: Service, assignment: Assignment) -> tuple[PoolFinding, ...]:
    pools = Pools(reconciler.world, reconciler.rules.protocols)
    usable = {pool.eip.name for pool in pools.for_namespace(service, assignment.family)}
    findings = []
    for pool in pools:
        chosen = pool.eip.name == assignment.eip
        verdict = pool.verdict
        if not chosen and pool.ready and pool.eip.disable:
            verdict = Verdict(reason=Reason.POOL_DISABLED, detail=pool.eip.name)
        elif not chosen and pool.ready and service.wanted_protocol not in (None, pool.eip.protocol):
            verdict = Verdict(reason=Reason.PROTOCOL_MISMATCH, detail=str(service.wanted_protocol))
        elif not chosen and pool.ready and pool.eip.name not in usable:
            verdict = Verdict(reason=Reason.NAMESPACE_NOT_BOUND, detail=pool.eip.name)
        findings.append(PoolFinding(eip=pool.eip.name, chosen=chosen, sentence=verdict.sentence))
    return tuple(findings)
