"""ClusterRoles that are the sum of others: their rules are written anew as the parts change. Nobody is judged here."""

from __future__ import annotations

from functools import partial

from porter.lab.apiserver.decoding import WriteOptions
from porter.lab.apiserver.kinds import Kinds
from porter.lab.apiserver.objects import Json, at, labels, name_of
from porter.lab.apiserver.rbac import GROUP
from porter.lab.apiserver.selectors import Operator, Requirement
from porter.lab.apiserver.store import Key, Resource, Store
from porter.lab.apiserver.writes import Writes

CLUSTER_ROLES = Resource(GROUP, "clusterroles")
_OPERATORS: dict[str, Operator] = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}
_BY = WriteOptions(manager="clusterrole-aggregation-controller")


def aggregate(store: Store, kinds: Kinds, writes: Writes) -> None:
    """Write the rules of every sum whose parts say something else now; safe to call at any time."""
    kind = kinds.stored(CLUSTER_ROLES)
    assert kind is not None, "ClusterRole is a built-in kind"
    roles = store.all(CLUSTER_ROLES)
    for role in roles:
        selectors = at(role, "aggregationRule.clusterRoleSelectors", [])
        if not selectors:
            continue
        rules = _summed(role, [one for one in roles if any(_selects(selector, one) for selector in selectors)])
        if rules != (role.get("rules") or []):
            writes.patch(kind, Key("", name_of(role)), partial(_with, rules), "", _BY)


def _with(rules: list[Json], role: Json) -> Json:
    return role | {"rules": rules}


def _summed(whole: Json, parts: list[Json]) -> list[Json]:
    rules: list[Json] = []
    for part in parts:
        if name_of(part) != name_of(whole):
            rules += [rule for rule in part.get("rules") or () if rule not in rules]
    return rules


def _selects(selector: Json, role: Json) -> bool:
    found = labels(role)
    return all(found.get(key) == value for key, value in (selector.get("matchLabels") or {}).items()) and all(
        Requirement(
            key=one["key"], operator=_OPERATORS[one["operator"]], values=frozenset(one.get("values") or ())
        ).holds(found)
        for one in selector.get("matchExpressions") or ()
    )
