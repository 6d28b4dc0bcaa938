"""May this node announce this address? One question, one answer with its reason, for every node of the cluster."""

from collections.abc import Sequence

import msgspec

from porter.model.addresses import Address
from porter.model.assignment import Candidate
from porter.model.names import NodeName
from porter.model.objects import Eip, Service
from porter.model.reasons import Reason, Verdict
from porter.reconciler.nics import choose_nic
from porter.reconciler.world import World


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """Where the endpoints of a Service are."""

    anywhere: bool
    nodes: frozenset[NodeName]


def serving_of(world: World, service: Service) -> Serving:
    """Return the nodes with endpoints that take traffic: ready ones; only if there are none, terminating ones.

    The rule is kube-proxy's own for `externalTrafficPolicy: Local` (KEP-1669), so that owner and traffic agree.
    """
    ready: set[NodeName] = set()
    terminating: set[NodeName] = set()
    unplaced = False
    for endpoints in world.endpoints_of(service.key):
        ready.update(endpoints.ready)
        terminating.update(endpoints.serving)
        unplaced |= endpoints.unplaced
    nodes = frozenset(ready or terminating)
    return Serving(anywhere=bool(nodes) or unplaced, nodes=nodes)


def judge_nodes(
    world: World,
    services: Sequence[Service],
    eip: Eip | None,
    address: Address,
    *,
    honour_exclude_label: bool,
) -> list[Candidate]:
    """Judge every known node for an address that these Services have (several when it is shared), sorted by name."""
    local = [serving_of(world, service).nodes for service in services if service.policy == "Local"]
    names = sorted(world.nodes.keys() | world.agents.keys())
    return [
        Candidate(node=name, verdict=_judge(world, name, local, eip, address, honour_exclude_label)) for name in names
    ]


def _judge(
    world: World,
    name: NodeName,
    local: Sequence[frozenset[NodeName]],
    eip: Eip | None,
    address: Address,
    honour_exclude_label: bool,  # noqa: FBT001 - private, one caller
) -> Verdict:
    node = world.nodes.get(name)
    if node is None:
        return Verdict(reason=Reason.NODE_UNKNOWN)
    if node.deleting:
        return Verdict(reason=Reason.NODE_DELETING)
    if not node.ready:
        return Verdict(reason=Reason.NODE_NOT_READY)
    if node.network_unavailable:
        return Verdict(reason=Reason.NODE_NETWORK_UNAVAILABLE)
    if node.excluded and honour_exclude_label:
        return Verdict(reason=Reason.NODE_EXCLUDED)
    agent = world.agents.get(name)
    if agent is None:
        return Verdict(reason=Reason.AGENT_MISSING)
    if agent.leaving:
        return Verdict(reason=Reason.AGENT_LEAVING)
    if name in world.silent:
        return Verdict(reason=Reason.AGENT_SILENT)
    choice = choose_nic(agent, node, eip, address)
    if choice.nic is None:
        return choice.verdict
    if any(name not in nodes for nodes in local):
        return Verdict(reason=Reason.NO_LOCAL_ENDPOINT)
    return Verdict(reason=Reason.NODE_ELIGIBLE)
