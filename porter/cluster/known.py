"""What an agent knows of its cluster before it has asked: the state that its log folds to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from porter.model.names import EipName, NodeName, ServiceKey
from porter.model.objects import Agent, Cluster, Eip, Endpoints, Namespace, Node, Service


@dataclass(frozen=True, kw_only=True)
class Known:
    """Everything known, so that the first lists tell only the differences."""

    services: Mapping[ServiceKey, Service] = field(default_factory=dict)
    eips: Mapping[EipName, Eip] = field(default_factory=dict)
    nodes: Mapping[NodeName, Node] = field(default_factory=dict)
    endpoints: Mapping[str, Endpoints] = field(default_factory=dict)
    namespaces: Mapping[str, Namespace] = field(default_factory=dict)
    agents: Mapping[NodeName, Agent] = field(default_factory=dict)
    silent: frozenset[NodeName] = frozenset()
    cluster: Cluster | None = None
    leader: NodeName | None = None
