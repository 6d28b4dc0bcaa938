"""What is supposed to happen, as the entries that would be observed then, folded into a copy of the world."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias, assert_never

import msgspec

from porter.errors import PorterError
from porter.events.entries import AgentSilent, EipObserved, EndpointsObserved, NodeObserved, Observed
from porter.model.names import EipName, NodeName
from porter.reconciler.book import Book
from porter.reconciler.explaining.case import Case
from porter.reconciler.explaining.gates import missing
from porter.reconciler.explaining.unknown import unknown
from porter.reconciler.world import World


class NodeLost(msgspec.Struct, frozen=True):
    """A node falls silent for good: its agent, and its pods with it."""

    node: NodeName

    @property
    def sentence(self) -> str:
        """What is supposed, in words."""
        return f"{self.node} is lost: its agent is silent, it is not Ready, its endpoints are gone"


class NodeDrained(msgspec.Struct, frozen=True):
    """A node's pods are evicted. Its agent belongs to a DaemonSet, which draining leaves alone."""

    node: NodeName

    @property
    def sentence(self) -> str:
        """What is supposed, in words."""
        return f"{self.node} is drained: its endpoints are gone, and none has started elsewhere; its agent stays"


class PoolDisabled(msgspec.Struct, frozen=True):
    """An Eip is disabled."""

    eip: EipName

    @property
    def sentence(self) -> str:
        """What is supposed, in words."""
        return f"Eip {self.eip} is disabled: it hands out no further address"


Hypothesis: TypeAlias = NodeLost | NodeDrained | PoolDisabled


def suppose(case: Case, hypotheses: Sequence[Hypothesis]) -> Case:
    """Return the case that would be if all this happened. The given case is left as it is.

    Raises UnknownError for a node or an Eip that is not there, and PorterError while not everything was listed yet.
    """
    if not case.world.complete:
        raise PorterError(
            f"nothing can be supposed before all is listed; still missing at that moment: {missing(case.world)}",
        )
    world = _copy_of(case.world)
    for hypothesis in hypotheses:
        for entry in _entries(hypothesis, world):
            world.apply(entry)
    book = Book(world, case.rules)
    book.rebuild()
    return Case(world, book.decisions, case.rules)


def _entries(hypothesis: Hypothesis, world: World) -> list[Observed]:
    match hypothesis:
        case NodeLost(node=name):
            _check_node(name, world)
            return [AgentSilent(node=name, seconds=0.0), *_not_ready(name, world), *_without_endpoints(name, world)]
        case NodeDrained(node=name):
            _check_node(name, world)
            return list(_without_endpoints(name, world))
        case PoolDisabled(eip=eip_name):
            eip = world.eips.get(eip_name)
            if eip is None:
                raise unknown("Eip", eip_name, world.eips)
            return [EipObserved(eip=msgspec.structs.replace(eip, disable=True))]
        case _:
            assert_never(hypothesis)


def _check_node(name: NodeName, world: World) -> None:
    if name not in world.nodes and name not in world.agents:
        raise unknown("Node", name, world.nodes.keys() | world.agents.keys())


def _not_ready(name: NodeName, world: World) -> Iterator[Observed]:
    node = world.nodes.get(name)
    if node is not None:
        yield NodeObserved(node=msgspec.structs.replace(node, ready=False))


def _without_endpoints(name: NodeName, world: World) -> Iterator[Observed]:
    for _, endpoints in sorted(world.slices.items()):
        if name in endpoints.ready or name in endpoints.serving:
            yield EndpointsObserved(
                endpoints=msgspec.structs.replace(
                    endpoints,
                    ready=tuple(node for node in endpoints.ready if node != name),
                    serving=tuple(node for node in endpoints.serving if node != name),
                ),
            )


def _copy_of(world: World) -> World:
    """Copy what `World.apply` changes: the containers, and the sets inside them. The objects are frozen."""
    return World(**{name: _copied(getattr(world, name)) for name in world.__struct_fields__})


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    return set(value) if isinstance(value, set) else value
