"""The roles that every cluster has, as a table: what the administrator, everybody, and readers may do.

As in k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy, cut down to the kinds that are served here.
"""

from __future__ import annotations

from porter.lab.apiserver.objects import Json
from porter.lab.apiserver.rbac import GROUP

_ABOUT: Json = {
    "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
    "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
}
_READ = ["get", "list", "watch"]
_CHANGE = ["create", "delete", "deletecollection", "patch", "update"]
_PLAIN: tuple[tuple[str, list[str]], ...] = (
    ("", ["configmaps", "endpoints", "pods", "serviceaccounts", "services"]),
    ("apps", ["daemonsets", "deployments", "deployments/scale", "replicasets", "replicasets/scale"]),
)
_SEEN: tuple[tuple[str, list[str]], ...] = (
    *_PLAIN,
    ("", ["events", "namespaces", "pods/status", "services/status"]),
    ("apps", ["controllerrevisions", "daemonsets/status", "deployments/status", "replicasets/status"]),
    ("discovery.k8s.io", ["endpointslices"]),
)
_PUBLIC = ["/healthz", "/livez", "/readyz", "/version", "/version/"]
_TOLD = ["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", *_PUBLIC]
_SELF = [
    {
        "verbs": ["create"],
        "apiGroups": ["authorization.k8s.io"],
        "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
    },
    {"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]},
]
_BOUND = {
    "cluster-admin": ["system:masters"],
    "system:basic-user": ["system:authenticated"],
    "system:discovery": ["system:authenticated"],
    "system:public-info-viewer": ["system:authenticated", "system:unauthenticated"],
}


def cluster_roles() -> list[Json]:
    """The ClusterRoles."""
    view = [_rule(_READ, group, resources) for group, resources in _SEEN]
    edit = [_rule(_CHANGE, group, resources) for group, resources in _PLAIN]
    edit += [_rule([*_READ, *_CHANGE], "", ["secrets"]), _rule([*_READ, *_CHANGE], "coordination.k8s.io", ["leases"])]
    edit.append(_rule(["create"], "", ["serviceaccounts/token"]))
    admin = [_rule([*_READ, *_CHANGE], GROUP, ["roles", "rolebindings"])]
    admin.append(_rule(["create"], "authorization.k8s.io", ["localsubjectaccessreviews"]))
    everything = [_rule(["*"], "*", ["*"]), {"verbs": ["*"], "nonResourceURLs": ["*"]}]
    return [
        _role("cluster-admin", everything),
        _role("system:basic-user", _SELF),
        _role("system:discovery", [{"verbs": ["get"], "nonResourceURLs": _TOLD}]),
        _role("system:public-info-viewer", [{"verbs": ["get"], "nonResourceURLs": _PUBLIC}]),
        _role("system:aggregate-to-view", view, part_of="view"),
        _role("system:aggregate-to-edit", edit, part_of="edit"),
        _role("system:aggregate-to-admin", admin, part_of="admin"),
        _whole("view", "view", part_of="edit"),
        _whole("edit", "edit", part_of="admin"),
        _whole("admin", "admin"),
    ]


def cluster_bindings() -> list[Json]:
    """The ClusterRoleBindings."""
    return [
        {
            "metadata": {"name": name, **_ABOUT},
            "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": GROUP, "kind": "Group", "name": group} for group in groups],
        }
        for name, groups in _BOUND.items()
    ]


def _rule(verbs: list[str], group: str, resources: list[str]) -> Json:
    return {"verbs": verbs, "apiGroups": [group], "resources": resources}


def _role(name: str, rules: list[Json], *, part_of: str = "") -> Json:
    labels = dict(_ABOUT["labels"])
    if part_of:
        labels[f"{GROUP}/aggregate-to-{part_of}"] = "true"
    return {"metadata": {"name": name, **_ABOUT, "labels": labels}, "rules": rules}


def _whole(name: str, of: str, *, part_of: str = "") -> Json:
    """A role that is the sum of others."""
    selector = {"matchLabels": {f"{GROUP}/aggregate-to-{of}": "true"}}
    return _role(name, [], part_of=part_of) | {"aggregationRule": {"clusterRoleSelectors": [selector]}}
