"""Who may do what: every request is held to the roles and bindings that are stored, and noted when it was allowed.

The group system:masters may do everything. Nothing is cached that a change of a role or binding would make wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from porter.lab.apiserver.changes import Change
from porter.lab.apiserver.errors import not_allowed
from porter.lab.apiserver.identities import MASTERS, Identity
from porter.lab.apiserver.objects import Json, labels, name_of, namespace_of
from porter.lab.apiserver.rbac import GROUP, Attributes, Right, granted, rights
from porter.lab.apiserver.store import Key, Resource, Store

_CLUSTER_ROLES, _ROLES = Resource(GROUP, "clusterroles"), Resource(GROUP, "roles")
_CLUSTER_BINDINGS, _BINDINGS = Resource(GROUP, "clusterrolebindings"), Resource(GROUP, "rolebindings")
_SHIPPED = "kubernetes.io/bootstrapping"  # the label of the roles that every cluster has


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Whether a request is allowed, and why as the API says it; by which right, where a role grants it."""

    allowed: bool
    reason: str = ""
    right: Right | None = None


_MASTERS_MAY = Verdict(allowed=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Bound:
    """A role that a user has: its rules, and the sentence that says from where."""

    role: str
    rules: list[Json]
    because: str
    shipped: bool


class Access:
    """The authorizer of one store. Called from the server's loop only."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._found: dict[tuple[str, tuple[str, ...], str], tuple[list[_Bound], list[str]]] = {}
        self._used: dict[str, set[Right]] = {}

    def follow(self, resource: Resource, change: Change) -> None:
        """Forget what was found when a role or binding changes."""
        del change
        if resource.group == GROUP:
            self._found.clear()

    def require(self, who: Identity, asked: Attributes) -> Verdict:
        """The verdict on a request that is made; refused when it is not allowed, noted when it is."""
        verdict = self.verdict(who, asked)
        if not verdict.allowed:
            raise not_allowed(who.name, asked, verdict.reason)
        if verdict.right is not None:
            self._used.setdefault(who.name, set()).add(verdict.right)
        return verdict

    def verdict(self, who: Identity, asked: Attributes) -> Verdict:
        """Whether somebody may do something."""
        if MASTERS in who.groups:
            return _MASTERS_MAY
        found, missing = self._bound(who, asked.namespace if asked.resource else "")
        for bound in found:
            for rule in bound.rules:
                if right := granted(rule, asked, bound.role):
                    return Verdict(allowed=True, reason=f"RBAC: allowed by {bound.because}", right=right)
        if not missing:
            return Verdict(allowed=False)
        said = missing[0] if len(missing) == 1 else f"[{', '.join(missing)}]"
        return Verdict(allowed=False, reason=f"RBAC: {said}")

    def rules(self, who: Identity, namespace: str) -> list[Json]:
        """The rules that somebody has in a namespace."""
        return [rule for bound in self._bound(who, namespace)[0] for rule in bound.rules]

    def used(self, user: str) -> set[Right]:
        """The rights by which requests of a user have been allowed until now."""
        return set(self._used.get(user, ()))

    def unused(self, who: Identity) -> list[Right]:
        """What roles grant to somebody and no request has needed until now; roles that every cluster has aside."""
        namespaces = {"", *(namespace_of(binding) for binding in self._store.all(_BINDINGS))}
        granted_ = {
            right
            for namespace in namespaces
            for bound in self._bound(who, namespace)[0]
            if not bound.shipped
            for rule in bound.rules
            for right in rights(rule, bound.role)
        }
        return sorted(granted_ - self._used.get(who.name, set()))

    def _bound(self, who: Identity, namespace: str) -> tuple[list[_Bound], list[str]]:
        """The roles of a user that count in a namespace, and what was said of roles that are not there."""
        place = (who.name, who.groups, namespace)
        if place not in self._found:
            found, missing = [], []
            for binding, because in self._bindings(who, namespace):
                reference = binding["roleRef"]
                clusterwide = reference["kind"] == "ClusterRole"
                key = Key("" if clusterwide else namespace, reference["name"])
                role = self._store.get(_CLUSTER_ROLES if clusterwide else _ROLES, key)
                if role is None:
                    missing.append(f'{reference["kind"].lower()}.{GROUP} "{key.name}" not found')
                    continue
                shown = f"ClusterRole {key.name}" if clusterwide else f"Role {namespace}/{key.name}"
                rules, shipped = role.get("rules") or [], _SHIPPED in labels(role)
                found.append(_Bound(role=shown, rules=rules, because=because, shipped=shipped))
            self._found[place] = (found, missing)
        return self._found[place]

    def _bindings(self, who: Identity, namespace: str) -> Iterator[tuple[Json, str]]:
        """The bindings that name a user, those of the whole cluster first, and how the API speaks of each."""
        for binding in self._store.all(_CLUSTER_BINDINGS):
            if subject := _subject(binding, who):
                yield binding, _because(f'ClusterRoleBinding "{name_of(binding)}"', binding, subject)
        for binding in self._store.all(_BINDINGS, namespace) if namespace else ():
            if subject := _subject(binding, who):
                yield binding, _because(f'RoleBinding "{name_of(binding)}/{namespace}"', binding, subject)


def _subject(binding: Json, who: Identity) -> str:
    """The subject of a binding that is this user, as the API speaks of it; empty when none is."""
    for subject in binding.get("subjects") or ():
        kind, name = subject.get("kind"), subject.get("name", "")
        if kind == "ServiceAccount":
            where = subject.get("namespace") or namespace_of(binding)
            if where and who.name == f"system:serviceaccount:{where}:{name}":
                return f'ServiceAccount "{name}/{where}"'
        elif (kind == "User" and name == who.name) or (kind == "Group" and name in who.groups):
            return f'{kind} "{name}"'
    return ""


def _because(named: str, binding: Json, subject: str) -> str:
    reference = binding["roleRef"]
    return f'{named} of {reference["kind"]} "{reference["name"]}" to {subject}'
