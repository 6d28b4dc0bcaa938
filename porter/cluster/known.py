"""What an agent knows of its cluster before it has asked: the state that its log folds to."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Protocol

from porter.model.names import EipName, NodeName, ServiceKey
from porter.model.objects import Agent, Cluster, Eip, Endpoints, Namespace, Node, Service


class Known(Protocol):
    """Everything known, so that the first lists tell only the differences. The reconciler's World is one; only read."""

    @property
    def services(self) -> Mapping[ServiceKey, Service]:
        """Services by `namespace/name`."""

    @property
    def eips(self) -> Mapping[EipName, Eip]:
        """Eips by name."""

    @property
    def nodes(self) -> Mapping[NodeName, Node]:
        """Nodes by name."""

    @property
    def slices(self) -> Mapping[str, Endpoints]:
        """EndpointSlices by `namespace/name`."""

    @property
    def namespaces(self) -> Mapping[str, Namespace]:
        """Namespaces by name."""

    @property
    def agents(self) -> Mapping[NodeName, Agent]:
        """Agents by their node."""

    @property
    def silent(self) -> AbstractSet[NodeName]:
        """The nodes whose agents are silent."""

    @property
    def cluster(self) -> Cluster:
        """What holds for the whole cluster."""

    @property
    def leader(self) -> NodeName | None:
        """The node whose agent leads."""
