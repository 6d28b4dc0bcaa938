"""May this node announce this address? One question, one answer with its reason, for every node of the cluster."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from operator import attrgetter

import msgspec

from porter.model.addresses import Address
from porter.model.assignment import Candidate
from porter.model.names import NodeName, ServiceKey
from porter.model.objects import Eip, Node, Service
from porter.model.reasons import Reason, Verdict
from porter.reconciler.nics import choose_nic
from porter.reconciler.world import World

_NODE = attrgetter("node")


class Serving(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where the endpoints of a Service are."""

    anywhere: bool
    nodes: frozenset[NodeName]


def serving_of(world: World, service: ServiceKey) -> Serving:
    """Return the nodes with endpoints that take traffic: ready ones; only if there are none, terminating ones.

    The rule is kube-proxy's own for `externalTrafficPolicy: Local` (KEP-1669), so that owner and traffic agree.
    """
    slices = world.endpoints_of(service)
    if len(slices) == 1:  # of nearly all
        nodes = frozenset(slices[0].ready or slices[0].serving)
        return Serving(anywhere=bool(nodes) or slices[0].unplaced, nodes=nodes)
    ready: set[NodeName] = set()
    terminating: set[NodeName] = set()
    unplaced = False
    for endpoints in slices:
        ready.update(endpoints.ready)
        terminating.update(endpoints.serving)
        unplaced |= endpoints.unplaced
    nodes = frozenset(ready or terminating)
    return Serving(anywhere=bool(nodes) or unplaced, nodes=nodes)


class Poll:
    """What an election knows of the nodes: who may, and, asked for only when it matters, who may not and why."""

    def __init__(self, eligible: tuple[NodeName, ...], refused: Callable[[], tuple[Candidate, ...]]) -> None:
        """`refused` is asked at most once. Both are sorted by name."""
        self.eligible = eligible
        self._ask = refused
        self._refused: tuple[Candidate, ...] | None = None

    @property
    def refused(self) -> tuple[Candidate, ...]:
        """Who may not, each with its reason, sorted by name; as it is when it is first asked for."""
        if self._refused is None:
            self._refused = self._ask()
        return self._refused

    def why_not(self, node: NodeName) -> Verdict:
        """Return why a node may not."""
        refused = self.refused
        at = bisect_left(refused, node, key=_NODE)
        if at < len(refused) and refused[at].node == node:
            return refused[at].verdict
        return Verdict(reason=Reason.NODE_UNKNOWN)


def poll_of(candidates: Sequence[Candidate]) -> Poll:
    """Part judged candidates, sorted by name, into those who may and those who may not."""
    eligible = tuple(c.node for c in candidates if c.verdict.reason is Reason.NODE_ELIGIBLE)
    return Poll(eligible, lambda: tuple(c for c in candidates if c.verdict.reason is not Reason.NODE_ELIGIBLE))


def judge_nodes(
    world: World,
    services: Sequence[Service],
    eip: Eip | None,
    address: Address,
) -> list[Candidate]:
    """Judge every known node for an address that these Services have (several when it is shared), sorted by name."""
    local = local_nodes(services, [serving_of(world, service.key) for service in services])
    names = sorted(world.nodes.keys() | world.agents.keys())
    return [
        Candidate(
            node=name,
            verdict=of_itself(world, name) or of_nic(world, name, eip, address) or of_endpoints(name, local),
        )
        for name in names
    ]


def local_nodes(services: Sequence[Service], serving: Sequence[Serving]) -> list[frozenset[NodeName]]:
    """Return where the endpoints are of each Service whose policy is `Local`; `serving` says it of all of them."""
    return [one.nodes for service, one in zip(services, serving, strict=True) if service.policy == "Local"]


def of_itself(world: World, name: NodeName) -> Verdict | None:
    """Return why a node may announce nothing at all, or None."""
    honour = world.options.honour_exclude_label
    return _of_node(world.nodes.get(name), honour_exclude_label=honour) or _of_agent(world, name)


def _of_node(node: Node | None, *, honour_exclude_label: bool) -> Verdict | None:
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
    return None


def _of_agent(world: World, name: NodeName) -> Verdict | None:
    agent = world.agents.get(name)
    if agent is None:
        return Verdict(reason=Reason.AGENT_MISSING)
    if agent.leaving:
        return Verdict(reason=Reason.AGENT_LEAVING)
    if name in world.silent:
        return Verdict(reason=Reason.AGENT_SILENT)
    return None


def of_nic(world: World, name: NodeName, eip: Eip | None, address: Address) -> Verdict | None:
    """Return why a node that is well in itself has no NIC for the address, or None."""
    choice = choose_nic(world.agents[name], world.nodes.get(name), eip, address)
    return choice.verdict if choice.nic is None else None


def of_endpoints(name: NodeName, local: Sequence[frozenset[NodeName]]) -> Verdict:
    """Judge by the nodes that serve, for each Service whose policy is `Local`."""
    everywhere = all(name in nodes for nodes in local)
    return Verdict(reason=Reason.NODE_ELIGIBLE if everywhere else Reason.NO_LOCAL_ENDPOINT)
