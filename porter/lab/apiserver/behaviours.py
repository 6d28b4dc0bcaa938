"""Which kind behaves how: the one place that knows the behaviour of every built-in kind."""

from __future__ import annotations

from collections.abc import Mapping

from porter.lab.apiserver.behaviour import Behaviour
from porter.lab.apiserver.config import ConfigMapBehaviour, SecretBehaviour
from porter.lab.apiserver.crd import DefinitionBehaviour
from porter.lab.apiserver.objects import Clock
from porter.lab.apiserver.roles_and_bindings import BindingBehaviour, RoleBehaviour
from porter.lab.apiserver.services import ServiceBehaviour
from porter.lab.apiserver.simple import (
    EndpointSliceBehaviour,
    EventBehaviour,
    LeaseBehaviour,
    NamespaceBehaviour,
    NodeBehaviour,
)
from porter.lab.apiserver.workloads import PodBehaviour, TemplateBehaviour


def behaviours(services: ServiceBehaviour, now: Clock) -> Mapping[str, Behaviour]:
    """The behaviour of each kind that has one, by the kind's name."""
    return {
        "ClusterRole": RoleBehaviour(clusterwide=True),
        "ClusterRoleBinding": BindingBehaviour(clusterwide=True),
        "ConfigMap": ConfigMapBehaviour(),
        "CustomResourceDefinition": DefinitionBehaviour(now),
        "DaemonSet": TemplateBehaviour("DaemonSet"),
        "Deployment": TemplateBehaviour("Deployment"),
        "EndpointSlice": EndpointSliceBehaviour(),
        "Event": EventBehaviour(),
        "Lease": LeaseBehaviour(),
        "Namespace": NamespaceBehaviour(),
        "Node": NodeBehaviour(),
        "Pod": PodBehaviour(),
        "ReplicaSet": TemplateBehaviour("ReplicaSet"),
        "Role": RoleBehaviour(clusterwide=False),
        "RoleBinding": BindingBehaviour(clusterwide=False),
        "Secret": SecretBehaviour(),
        "Service": services,
    }
