"""Protocols for tests, as small as real ones can be: a single owner, all nodes, a stub, and three that misbehave."""

from collections.abc import Callable, Sequence

import msgspec

from porter.model.names import NodeName
from porter.model.objects import Eip
from porter.model.protocol import PlacementRequest
from porter.reconciler.rendezvous import winner

Placement = Callable[[PlacementRequest], Sequence[NodeName]]


class Protocol(msgspec.Struct, frozen=True, kw_only=True):
    """A `ProtocolRules` made of its parts."""

    name: str
    placement: Placement
    stub: str | None = None
    stable: bool = False
    problems: tuple[str, ...] = ()

    def validate(self, eip: Eip) -> Sequence[str]:
        if eip.interface == "raise!":
            raise RuntimeError("judging went wrong")
        return self.problems

    def place(self, request: PlacementRequest) -> Sequence[NodeName]:
        return self.placement(request)


def one_node(request: PlacementRequest) -> Sequence[NodeName]:
    """Stay on the node that has it, else choose one by rendezvous hashing."""
    return (request.current or winner(request.address, request.eligible),)


def all_nodes(request: PlacementRequest) -> Sequence[NodeName]:
    return request.eligible


def raising(request: PlacementRequest) -> Sequence[NodeName]:
    raise RuntimeError(f"cannot place {request.address}")


SINGLE = Protocol(name="layer2", placement=one_node, stable=True)
EVERYWHERE = Protocol(name="everywhere", placement=all_nodes)
STUB = Protocol(name="stub", placement=all_nodes, stub="it is not written yet")
REFUSING = Protocol(name="refusing", placement=one_node, problems=("it wants an interface", "it wants IPv6"))
BROKEN = Protocol(name="broken", placement=raising)
