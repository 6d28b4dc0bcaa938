"""The rules of role-based access control, as values: what a request asks, and whether a rule allows it. Pure.

As k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac reads them; where roles and bindings come from is in access.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from porter.lab.apiserver.objects import Json

GROUP = "rbac.authorization.k8s.io"


@dataclass(frozen=True, kw_only=True, slots=True)
class Attributes:
    """What a request wants to do: a verb on a resource, or on a path that is none."""

    verb: str
    path: str = ""
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def combined(self) -> str:
        """`resource` or `resource/subresource`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource

    def __str__(self) -> str:
        if not self.resource:
            return f'{self.verb} path "{self.path}"'
        where = f'in the namespace "{self.namespace}"' if self.namespace else "at the cluster scope"
        return f'{self.verb} resource "{self.combined}" in API group "{self.group}" {where}'


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Right:
    """One thing that a role grants: a verb on a resource of a group or on a path, as the role's rule writes them."""

    role: str  # `ClusterRole porter`, or `Role porter-system/porter`
    verb: str
    group: str = ""
    resource: str = ""
    url: str = ""

    def __str__(self) -> str:
        what = f'"{self.url}"' if self.url else f'"{self.resource}" in API group "{self.group}"'
        return f"{self.role}: {self.verb} {what}"


def granted(rule: Json, asked: Attributes, role: str) -> Right | None:
    """The right by which a rule allows a request, or None when it does not."""
    verb = _written(rule, "verbs", asked.verb)
    if verb is None:
        return None
    if not asked.resource:
        url = next((one for one in rule.get("nonResourceURLs") or () if _covers(one, asked.path)), None)
        return None if url is None else Right(role=role, verb=verb, url=url)
    group = _written(rule, "apiGroups", asked.group)
    resource = _resource(rule, asked)
    names = rule.get("resourceNames") or ()
    if group is None or resource is None or (names and asked.name not in names):
        return None
    return Right(role=role, verb=verb, group=group, resource=resource)


def rights(rule: Json, role: str) -> Iterator[Right]:
    """Everything that a rule grants, one by one."""
    for verb in rule.get("verbs") or ():
        for url in rule.get("nonResourceURLs") or ():
            yield Right(role=role, verb=verb, url=url)
        for group in rule.get("apiGroups") or ():
            for resource in rule.get("resources") or ():
                yield Right(role=role, verb=verb, group=group, resource=resource)


def _written(rule: Json, key: str, wanted: str) -> str | None:
    """How a rule's list writes a value: as itself or as `*`."""
    values = rule.get(key) or ()
    return wanted if wanted in values else "*" if "*" in values else None


def _resource(rule: Json, asked: Attributes) -> str | None:
    values = rule.get("resources") or ()
    forms = [asked.combined, "*", *([f"*/{asked.subresource}"] if asked.subresource else [])]
    return next((form for form in forms if form in values), None)


def _covers(url: str, path: str) -> bool:
    return url in ("*", path) or (url.endswith("*") and path.startswith(url.rstrip("*")))
