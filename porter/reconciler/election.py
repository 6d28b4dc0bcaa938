"""Which nodes announce an address: the one written on the Service while it may, else as the protocol places it.

Nothing is remembered between decisions: the node written on the Service is the only memory, and every agent reads the
same. So agents that saw the same world by different ways agree without talking.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from porter.model.addresses import Address
from porter.model.assignment import Candidate
from porter.model.names import NodeName
from porter.model.objects import Service
from porter.model.protocol import PlacementRequest, ProtocolRules
from porter.model.reasons import Reason, Verdict
from porter.model.text import fit_to_show
from porter.reconciler.eligibility import Poll
from porter.reconciler.nics import shortened
from porter.reconciler.reserved import Reserved

STICKY: Final = Verdict(reason=Reason.STICKY)


class Ownership(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The nodes that announce an address, why, and every node that may not with its reason."""

    nodes: tuple[NodeName, ...]
    verdict: Verdict
    poll: Poll | None = None

    @property
    def refused(self) -> tuple[Candidate, ...]:
        """Who may not announce it, each with its reason."""
        return self.poll.refused if self.poll is not None else ()


def own(
    reserved: Reserved,
    holders: Sequence[Service],
    address: Address,
    protocol: ProtocolRules | None,
    *,
    is_served: bool,
    poll: Callable[[], Poll],
    beside: NodeName | None,
) -> Ownership:
    """Say who announces an address that these Services have, the oldest first. The nodes are asked for if need be.

    `is_served`: any of them has an endpoint that takes traffic.
    """
    why = reserved.why(address, None)
    if why is not None:
        return Ownership(nodes=(), verdict=Verdict(reason=Reason.ADDRESS_RESERVED, detail=why))
    if protocol is not None and protocol.stub is not None:
        return Ownership(nodes=(), verdict=Verdict(reason=Reason.PROTOCOL_STUB, detail=protocol.name))
    if not is_served:
        return Ownership(nodes=(), verdict=Verdict(reason=Reason.NO_ENDPOINT))
    return elect(holders, address, protocol, poll(), beside=beside)


def elect(
    services: Sequence[Service],
    address: Address,
    protocol: ProtocolRules | None,
    poll: Poll,
    *,
    beside: NodeName | None = None,
) -> Ownership:
    """Elect the nodes for an address that these Services have, the oldest first.

    `beside` is the node of their other address, if they have one: while no node is written, this one goes there too.
    """
    if protocol is None:
        return Ownership(nodes=(), verdict=Verdict(reason=Reason.NO_ELIGIBLE_NODE, detail="no plugin for its protocol"))
    if not poll.eligible:
        verdict = Verdict(reason=Reason.NO_ELIGIBLE_NODE, detail=_why_nobody(poll.refused))
        return Ownership(nodes=(), verdict=verdict, poll=poll)
    written = _written_on(services)
    current = written if written in poll.eligible else beside if beside in poll.eligible else None
    request = PlacementRequest(address=str(address), eligible=poll.eligible, current=current)
    nodes = place(protocol, request)
    if isinstance(nodes, Verdict):
        return Ownership(nodes=(), verdict=nodes, poll=poll)
    return Ownership(nodes=nodes, verdict=_why(nodes, written, request, poll, protocol), poll=poll)


def _written_on(services: Sequence[Service]) -> NodeName | None:
    for service in services:
        if service.written_node is not None:
            return service.written_node
    return None


def place(protocol: ProtocolRules, request: PlacementRequest) -> tuple[NodeName, ...] | Verdict:
    """Ask the protocol for its nodes. What it may not choose, or a fault of its own, leaves the address unannounced."""
    try:
        nodes = tuple(protocol.place(request))
        if len(nodes) > 1:
            nodes = tuple(sorted(set(nodes)))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a third party's code: its fault must stay on this address
        detail = f"protocol {protocol.name} failed to place it: {type(error).__name__}: {fit_to_show(str(error))}"
        return Verdict(reason=Reason.NO_ELIGIBLE_NODE, detail=detail)
    if not nodes or not all(map(request.eligible.__contains__, nodes)):
        chosen = ", ".join(map(str, nodes)) or "none"
        detail = f"protocol {protocol.name} placed it on {chosen}, not on an eligible node"
        return Verdict(reason=Reason.NO_ELIGIBLE_NODE, detail=detail)
    return nodes


def _why(
    nodes: tuple[NodeName, ...],
    written: NodeName | None,
    request: PlacementRequest,
    poll: Poll,
    protocol: ProtocolRules,
) -> Verdict:
    if len(nodes) > 1:
        return Verdict(reason=Reason.PLACED, detail=f"{protocol.name} on {len(nodes)} nodes")
    if written in nodes:
        return STICKY
    if written in request.eligible:
        return Verdict(reason=Reason.PLACED, detail=f"{protocol.name}, although {written} may still announce it")
    if written is not None:
        return Verdict(reason=Reason.MOVED, detail=f"{written}: {poll.why_not(written).sentence}")
    if request.current in nodes:
        return Verdict(reason=Reason.PLACED, detail=f"{protocol.name} beside the Service's other address")
    return Verdict(reason=Reason.ELECTED, detail=shortened(list(request.eligible)))


def _why_nobody(refused: Sequence[Candidate]) -> str:
    sentences = {candidate.verdict.sentence for candidate in refused}
    if not refused:
        return "the cluster has no nodes"
    if len(sentences) == 1 and len(refused) > 1:
        return f"of all {len(refused)} nodes: {sentences.pop()}"
    return shortened([f"{candidate.node}: {candidate.verdict.sentence}" for candidate in refused])
