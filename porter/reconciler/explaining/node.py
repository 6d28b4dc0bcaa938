"""Why is this node as it is? Whether it may announce at all, what it owns, and why it may not have the rest."""

from collections.abc import Iterable, Iterator

import msgspec

from porter.model.addresses import Address
from porter.model.assignment import Assignment
from porter.model.names import EipName, NodeName, ServiceKey
from porter.model.objects import Agent, Nic, Way
from porter.model.reasons import Reason, Verdict
from porter.reconciler.announcing import is_published
from porter.reconciler.eligibility import local_nodes, of_endpoints, of_itself, of_nic, serving_of
from porter.reconciler.explaining.case import Case
from porter.reconciler.explaining.gates import answers
from porter.reconciler.explaining.unknown import unknown
from porter.reconciler.nics import choose_nic


class Owned(msgspec.Struct, frozen=True, kw_only=True):
    """One address that the node owns."""

    address: str
    services: tuple[ServiceKey, ...]
    eip: EipName | None
    protocol: str
    nic: str | None
    published: bool
    announced: bool | None
    """None where only another node's log can say so."""
    sentence: str
    """Whether it answers for it, in words."""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """One address that the node does not own."""

    address: str
    services: tuple[ServiceKey, ...]
    nodes: tuple[NodeName, ...]
    """Who owns it."""
    sentence: str


class RefusedGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The addresses that the node does not own for one reason. `node-eligible`: it may, and another node has them."""

    reason: Reason
    count: int
    addresses: tuple[Refused, ...]


class NodeExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one node."""

    node: NodeName
    verdict: str
    """In one sentence: whether it may announce addresses, and if not, why."""
    eligible: bool
    """In itself; each address asks for more: a NIC, and for `Local` an endpoint."""
    reason: Reason
    sentence: str
    nic_address: str | None
    """What the Node's annotation says about which NIC to use."""
    nics: tuple[Nic, ...]
    ways: tuple[Way, ...]
    """Over which of them its kernel reaches what Eips name after `can_reach:`."""
    owns: tuple[Owned, ...]
    others: tuple[RefusedGroup, ...]
    """Why it does not own the rest, the largest group first."""


def explain_node(case: Case, name: NodeName) -> NodeExplanation:
    """Explain one node. Raises UnknownError when there is neither such a Node nor an agent of that name."""
    world = case.world
    if name not in world.nodes and name not in world.agents:
        raise unknown("Node", name, world.nodes.keys() | world.agents.keys())
    agent, node = world.agents.get(name), world.nodes.get(name)
    refusal = of_itself(world, name)
    verdict = refusal or Verdict(reason=Reason.NODE_ELIGIBLE)
    owns = tuple(_owned(case, name, agent, address, held) for address, held in _all(case, name, owned=True))
    said = "It may announce addresses" if refusal is None else f"It may announce no address: {verdict.sentence}"
    return NodeExplanation(
        node=name,
        verdict=said,
        eligible=refusal is None,
        reason=verdict.reason,
        sentence=verdict.sentence,
        nic_address=node.layer2_address if node is not None else None,
        nics=agent.nics if agent is not None else (),
        ways=agent.ways if agent is not None else (),
        owns=owns,
        others=tuple(_grouped(_others(case, name))),
    )


def _all(case: Case, node: NodeName, *, owned: bool) -> Iterator[tuple[Address, list[Assignment]]]:
    return ((address, held) for address, held in case.held.items() if (node in held[0].nodes) is owned)


def _owned(case: Case, node: NodeName, agent: Agent | None, address: Address, held: list[Assignment]) -> Owned:
    first = held[0]
    eip = case.world.eips.get(first.eip) if first.eip is not None else None
    nic = choose_nic(agent, case.world.nodes.get(node), eip, address).nic if agent is not None else None
    published = any(is_published(case.world, one) for one in held)
    announced, sentence = answers(case, msgspec.structs.replace(first, nodes=(node,)))
    if not published:
        announced, sentence = False, "the Service in the API does not carry it yet"
    return Owned(
        address=str(address),
        services=tuple(one.service for one in held),
        eip=first.eip,
        protocol=case.protocol_of(first),
        nic=nic.name if nic is not None else None,
        published=published,
        announced=announced,
        sentence=sentence,
    )


def _others(case: Case, node: NodeName) -> Iterator[tuple[Reason, Refused]]:
    for address, held in _all(case, node, owned=False):
        verdict = _why_not(case, node, address, held[0])
        yield (
            verdict.reason,
            Refused(
                address=str(address),
                services=tuple(one.service for one in held),
                nodes=held[0].nodes,
                sentence=verdict.sentence,
            ),
        )


def _why_not(case: Case, node: NodeName, address: Address, assignment: Assignment) -> Verdict:
    placement = assignment.placement
    assert placement is not None
    if not assignment.nodes and placement.reason is not Reason.NO_ELIGIBLE_NODE:
        return placement  # no node was asked: the address has no endpoint, is reserved, or its protocol is a stub
    eip = case.world.eips.get(assignment.eip) if assignment.eip is not None else None
    holders = case.holders(address)
    local = local_nodes(holders, [serving_of(case.world, holder.key) for holder in holders])
    return of_itself(case.world, node) or of_nic(case.world, node, eip, address) or of_endpoints(node, local)


def _grouped(others: Iterable[tuple[Reason, Refused]]) -> list[RefusedGroup]:
    found: dict[Reason, list[Refused]] = {}
    for reason, refused in others:
        found.setdefault(reason, []).append(refused)
    groups = [
        RefusedGroup(reason=reason, count=len(refused), addresses=tuple(refused)) for reason, refused in found.items()
    ]
    return sorted(groups, key=lambda group: (-group.count, group.reason))
