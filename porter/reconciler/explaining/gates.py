"""The gates between a Service and an answer on the wire, in order. The first that is not passed says what to mend."""

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from porter.events.entries import RESOURCES
from porter.model.assignment import Assignment
from porter.model.objects import Service
from porter.reconciler.announcing import is_published
from porter.reconciler.explaining.case import Case
from porter.reconciler.world import World

GateName = Literal["ours", "address", "published", "owner", "announced"]


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """One condition on the way. `passed` is None where this log cannot say: another node's does."""

    name: GateName
    passed: bool | None
    sentence: str


def first_closed(gates: Sequence[Gate]) -> Gate | None:
    """Return the first gate that is not passed, None when none is known to be closed."""
    return next((gate for gate in gates if gate.passed is False), None)


def gates_of(case: Case, service: Service, assignment: Assignment | None) -> Iterator[Gate]:
    """Return the gates of a Service of Porter's in one family, up to where the next one cannot be asked."""
    yield Gate(name="ours", passed=True, sentence="a LoadBalancer Service of Porter's")
    if assignment is None:
        sentence = f"nothing is decided until all is listed; still missing: {missing(case.world)}"
        yield Gate(name="address", passed=False, sentence=sentence)
        return
    if assignment.address is None:
        yield Gate(name="address", passed=False, sentence=assignment.reason.sentence)
        return
    pool = f" of Eip {assignment.eip}" if assignment.eip else ""
    yield Gate(name="address", passed=True, sentence=f"{assignment.address}{pool}: {assignment.reason.sentence}")
    published = is_published(case.world, assignment)
    yield Gate(
        name="published",
        passed=published,
        sentence="the Service in the API carries it" if published else _unpublished(case, service, assignment),
    )
    assert assignment.placement is not None
    why = assignment.placement.sentence
    owners = ", ".join(assignment.nodes)
    yield Gate(name="owner", passed=bool(owners), sentence=f"{owners}: {why}" if owners else why)
    if published and owners:
        yield _announced(case, assignment)


def missing(world: World) -> str:
    """Name the kinds that were not listed yet."""
    return ", ".join(sorted(set(RESOURCES) - set(world.listed)))


def _unpublished(case: Case, service: Service, assignment: Assignment) -> str:
    leader = case.world.leader
    shown = ", ".join(service.addresses)
    carries = f"the Service in the API carries {shown}, not {assignment.address}" if shown else ""
    carries = carries or f"the Service in the API does not carry {assignment.address} yet"
    failed = case.history.unwritten(service.key) if case.history is not None else None
    if leader is None:
        return f"{carries}; no agent leads, and so none writes it"
    if failed is not None:
        return f"{carries}; writing it failed: {failed}"
    return f"{carries}; the leader {leader} writes it"


def _announced(case: Case, assignment: Assignment) -> Gate:
    assert assignment.address is not None
    passed, sentence = answers(case, assignment)
    others = [node for node in assignment.nodes if case.history is None or node != case.history.node]
    if passed is not None and others:
        sentence += f"; {_whose_log(others)}"
    return Gate(name="announced", passed=passed, sentence=sentence)


def answers(case: Case, assignment: Assignment) -> tuple[bool | None, str]:
    """Tell whether this log's node answers for an address that it owns, and say so; None: another log knows."""
    history = case.history
    assert assignment.address is not None
    if history is None:
        return None, f"{', '.join(assignment.nodes)} would answer for it"
    if history.node is None or history.node not in assignment.nodes:
        return None, _whose_log(assignment.nodes)
    protocol = case.protocol_of(assignment)
    answering = history.answering(protocol, assignment.address)
    if answering is not None:
        mac = f" with {answering.mac}" if answering.mac else ""
        return True, f"{history.node} answers on {answering.nic}{mac} since entry {answering.since.seq}"
    failure = history.failure(protocol, assignment.address)
    if failure is not None:
        return False, f"{history.node} cannot announce {assignment.address}: {failure}"
    return False, f"{history.node} has not begun to answer for {assignment.address}"


def _whose_log(nodes: Sequence[str]) -> str:
    knows = "answer for it, their logs know" if len(nodes) > 1 else "answers for it, its log knows"
    shown = ", ".join(nodes[:3]) + (f" and {len(nodes) - 3} more" if len(nodes) > 3 else "")  # noqa: PLR2004 - names
    return f"whether {shown} {knows}"
