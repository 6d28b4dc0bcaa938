"""Roles and their bindings as objects: defaults and what is wrong with them. Who may do what is told in access.py.

As k8s.io/kubernetes/pkg/apis/rbac/validation.
"""

from __future__ import annotations

from collections.abc import Iterator

from porter.lab.apiserver.behaviour import Behaviour
from porter.lab.apiserver.errors import FieldError, required, unsupported, wrong
from porter.lab.apiserver.objects import Json, section
from porter.lab.apiserver.rbac import GROUP

_SUBJECTS = ("ServiceAccount", "User", "Group")


class RoleBehaviour(Behaviour):
    """A role is a list of rules; one of a namespace has none for paths."""

    def __init__(self, *, clusterwide: bool) -> None:
        self._clusterwide = clusterwide

    def validate(self, obj: Json, old: Json | None) -> Iterator[FieldError]:
        """What is wrong with it."""
        del old
        for index, rule in enumerate(obj.get("rules") or []):
            yield from self._rule_errors(rule, f"rules[{index}]")

    def _rule_errors(self, rule: Json, where: str) -> Iterator[FieldError]:
        if not rule.get("verbs"):
            yield required(f"{where}.verbs", "verbs must contain at least one value")
        paths = rule.get("nonResourceURLs")
        if paths:
            if not self._clusterwide:
                why = "namespaced rules cannot apply to non-resource URLs"
                yield wrong(f"{where}.nonResourceURLs", paths, why)
            if any(rule.get(key) for key in ("apiGroups", "resources", "resourceNames")):
                why = "rules cannot apply to both regular resources and non-resource URLs"
                yield wrong(f"{where}.nonResourceURLs", paths, why)
            return
        if not rule.get("apiGroups"):
            yield required(f"{where}.apiGroups", "resource rules must supply at least one api group")
        if not rule.get("resources"):
            yield required(f"{where}.resources", "resource rules must supply at least one resource")


class BindingBehaviour(Behaviour):
    """A role binding names one role, for ever."""

    def __init__(self, *, clusterwide: bool) -> None:
        self._roles = ("ClusterRole",) if clusterwide else ("Role", "ClusterRole")
        self._clusterwide = clusterwide

    def default(self, obj: Json, old: Json | None) -> None:
        """Fill in what was left out."""
        del old
        section(obj, "roleRef").setdefault("apiGroup", GROUP)
        for subject in obj.get("subjects", []):
            if subject.get("kind") in ("User", "Group"):
                subject.setdefault("apiGroup", GROUP)

    def validate(self, obj: Json, old: Json | None) -> Iterator[FieldError]:
        """What is wrong with it."""
        role = obj["roleRef"]
        if old is not None and role != old["roleRef"]:
            yield wrong("roleRef", role, "cannot change roleRef")
        if role["apiGroup"] != GROUP:
            yield unsupported("roleRef.apiGroup", role["apiGroup"], (GROUP,))
        if role.get("kind") not in self._roles:
            yield unsupported("roleRef.kind", role.get("kind", ""), self._roles)
        if not role.get("name"):
            yield required("roleRef.name")
        for index, subject in enumerate(obj.get("subjects") or []):
            yield from self._subject_errors(subject, f"subjects[{index}]")

    def _subject_errors(self, subject: Json, where: str) -> Iterator[FieldError]:
        kind = subject.get("kind", "")
        if not subject.get("name"):
            yield required(f"{where}.name")
        if kind not in _SUBJECTS:
            yield unsupported(f"{where}.kind", kind, _SUBJECTS)
            return
        group = "" if kind == "ServiceAccount" else GROUP
        if subject.get("apiGroup", "") != group:
            yield unsupported(f"{where}.apiGroup", subject.get("apiGroup"), (group,))
        if kind == "ServiceAccount" and self._clusterwide and not subject.get("namespace"):
            yield required(f"{where}.namespace")
