"""The built-in kinds, as one table. It only says what exists; how a kind behaves is told in its own module."""

from __future__ import annotations

from typing import Any

from porter.lab.apiserver.kinds import ALL_VERBS, Kind

_EVENT_FIELDS = frozenset(
    {
        f"involvedObject.{part}"
        for part in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
    }
    | {"reason", "reportingComponent", "source", "type"}
)
_POD_FIELDS = frozenset(
    {"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork"}
    | {"status.phase", "status.podIP", "status.nominatedNodeName"}
)


def _kind(api_version: str, name: str, plural: str, short: str = "", **more: Any) -> Kind:
    group, _, version = api_version.rpartition("/")
    return Kind(
        group=group,
        version=version,
        name=name,
        plural=plural,
        singular=name.lower(),
        list_name=f"{name}List",
        short=tuple(short.split()),
        **more,
    )


_ALL = ("all",)
_WORKLOAD: dict[str, Any] = {"categories": _ALL, "status": True, "generation": True}
_REVIEW: dict[str, Any] = {"namespaced": False, "verbs": ("create",)}
_AUTHORIZATION = "authorization.k8s.io/v1"
_RBAC = "rbac.authorization.k8s.io/v1"

BUILTIN: tuple[Kind, ...] = (
    _kind("v1", "ConfigMap", "configmaps", "cm"),
    _kind("v1", "Endpoints", "endpoints", "ep", create_on_update=True),
    _kind("v1", "Event", "events", "ev", fields=_EVENT_FIELDS, create_on_update=True),
    _kind(
        "v1",
        "Namespace",
        "namespaces",
        "ns",
        namespaced=False,
        status=True,
        label_name=True,
        verbs=tuple(verb for verb in ALL_VERBS if verb != "deletecollection"),
        fields=frozenset({"status.phase"}),
    ),
    _kind("v1", "Node", "nodes", "no", namespaced=False, status=True, fields=frozenset({"spec.unschedulable"})),
    _kind(
        "v1",
        "Pod",
        "pods",
        "po",
        categories=_ALL,
        status=True,
        returns_deleted=True,
        generation=True,
        fields=_POD_FIELDS,
    ),
    _kind("v1", "Secret", "secrets", fields=frozenset({"type"})),
    _kind(
        "v1",
        "Service",
        "services",
        "svc",
        categories=_ALL,
        status=True,
        returns_deleted=True,
        create_on_update=True,
        label_name=True,
        fields=frozenset({"spec.clusterIP", "spec.type"}),
    ),
    _kind("v1", "ServiceAccount", "serviceaccounts", "sa", returns_deleted=True, token=True),
    _kind("apps/v1", "DaemonSet", "daemonsets", "ds", **_WORKLOAD),
    _kind("apps/v1", "Deployment", "deployments", "deploy", scale=True, **_WORKLOAD),
    _kind("apps/v1", "ReplicaSet", "replicasets", "rs", scale=True, fields=frozenset({"status.replicas"}), **_WORKLOAD),
    _kind("apps/v1", "ControllerRevision", "controllerrevisions"),
    _kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", generation=True),
    _kind("coordination.k8s.io/v1", "Lease", "leases", create_on_update=True, unconditional=False),
    _kind("networking.k8s.io/v1", "ServiceCIDR", "servicecidrs", namespaced=False, status=True),
    _kind(_RBAC, "ClusterRole", "clusterroles", namespaced=False, any_name=True),
    _kind(_RBAC, "ClusterRoleBinding", "clusterrolebindings", namespaced=False, any_name=True),
    _kind(_RBAC, "Role", "roles", any_name=True),
    _kind(_RBAC, "RoleBinding", "rolebindings", any_name=True),
    _kind(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        "crd crds",
        categories=("api-extensions",),
        namespaced=False,
        status=True,
        generation=True,
        unconditional=False,
    ),
    _kind(_AUTHORIZATION, "LocalSubjectAccessReview", "localsubjectaccessreviews", verbs=("create",)),
    _kind(_AUTHORIZATION, "SelfSubjectAccessReview", "selfsubjectaccessreviews", **_REVIEW),
    _kind(_AUTHORIZATION, "SelfSubjectRulesReview", "selfsubjectrulesreviews", **_REVIEW),
    _kind(_AUTHORIZATION, "SubjectAccessReview", "subjectaccessreviews", **_REVIEW),
    _kind("authentication.k8s.io/v1", "SelfSubjectReview", "selfsubjectreviews", **_REVIEW),
    _kind("authentication.k8s.io/v1", "TokenReview", "tokenreviews", **_REVIEW),
)
