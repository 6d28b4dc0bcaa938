"""The shortest way from a few objects to what is explained about them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from porter.events.entries import AgentStarted, Applied, Recorded
from porter.model.names import EipName, NodeName, ServiceKey
from porter.reconciler.explaining.case import Case
from porter.reconciler.explaining.eip import EipExplanation, explain_eip
from porter.reconciler.explaining.gates import Gate
from porter.reconciler.explaining.history import History
from porter.reconciler.explaining.node import NodeExplanation, explain_node
from porter.reconciler.explaining.pool_findings import PoolFinding
from porter.reconciler.explaining.service import FamilyExplanation, ServiceExplanation, explain_service
from tests.worlds import Thing, folded

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def case_of(*things: Thing, on: str = "node1", done: Sequence[Applied] = ()) -> Case:
    """Return the case of a world as the log of one node tells it, with what that node has done."""
    history = History()
    entries = [AgentStarted(node=NodeName(on), porter="1.0", schema="1"), *done]
    for _ in history.follow(Recorded(seq, NOON, entry) for seq, entry in enumerate(entries, 1)):
        pass
    return Case.of(folded(*things), history)


def service_of(case: Case, key: str = "default/web") -> ServiceExplanation:
    return explain_service(case, ServiceKey(key))


def block_of(case: Case, key: str = "default/web") -> FamilyExplanation:
    """Return the block of a Service's primary family."""
    return service_of(case, key).families[0]


def gates_of(block: FamilyExplanation) -> dict[str, bool | None]:
    return {gate.name: gate.passed for gate in block.gates}


def gate(block: FamilyExplanation, name: str) -> Gate:
    return next(gate for gate in block.gates if gate.name == name)


def pools_of(block: FamilyExplanation) -> dict[str, str]:
    return {finding.eip: finding.status for finding in block.pools}


def finding(block: FamilyExplanation, name: str) -> PoolFinding:
    return next(finding for finding in block.pools if finding.eip == name)


def eip_of(case: Case, name: str = "pool") -> EipExplanation:
    return explain_eip(case, EipName(name))


def node_of(case: Case, name: str) -> NodeExplanation:
    return explain_node(case, NodeName(name))
