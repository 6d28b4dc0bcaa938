"""Strategic merge patch: merging lists of the built-in kinds by their keys. It never touches custom kinds.

A list that MERGE_KEYS names is merged item by item; one that SETS names is a set of plain values; every other list
is replaced. Both tables name a list by the schema that holds it and the field.
"""

from __future__ import annotations

from typing import Any

from porter.lab.apiserver.errors import bad_request
from porter.lab.apiserver.objects import Json

MERGE_KEYS: dict[tuple[str, str], str] = {
    ("ObjectMeta", "ownerReferences"): "uid",
    ("ServiceSpec", "ports"): "port",
    ("ServiceStatus", "conditions"): "type",
    ("NodeStatus", "conditions"): "type",
    ("NodeStatus", "addresses"): "type",
    ("NamespaceStatus", "conditions"): "type",
    ("PodStatus", "conditions"): "type",
    ("PodStatus", "podIPs"): "ip",
    ("PodStatus", "hostIPs"): "ip",
    ("PodSpec", "containers"): "name",
    ("PodSpec", "initContainers"): "name",
    ("PodSpec", "ephemeralContainers"): "name",
    ("PodSpec", "volumes"): "name",
    ("PodSpec", "imagePullSecrets"): "name",
    ("PodSpec", "hostAliases"): "ip",
    ("PodSpec", "topologySpreadConstraints"): "topologyKey",
    ("Container", "env"): "name",
    ("Container", "ports"): "containerPort",
    ("Container", "volumeMounts"): "mountPath",
    ("Container", "volumeDevices"): "devicePath",
    ("DeploymentStatus", "conditions"): "type",
    ("DaemonSetStatus", "conditions"): "type",
    ("ReplicaSetStatus", "conditions"): "type",
    ("ServiceCIDRStatus", "conditions"): "type",
    ("ServiceAccount", "secrets"): "name",
}
SETS: frozenset[tuple[str, str]] = frozenset({("ObjectMeta", "finalizers")})
_DIRECTIVES = ("$setElementOrder/", "$deleteFromPrimitiveList/")


def strategic_merge(document: Json, patch: Json, definitions: Json, schema: str) -> Json:
    """The document, which is of the named schema, with the patch applied; neither is changed."""
    return _merge_map(document, patch, definitions, schema)


def _merge_map(  # noqa: C901  (one case for each directive)
    document: Any, patch: Json, definitions: Json, schema: str
) -> Json:
    has_directives = any(key.startswith("$") for key in patch)
    directive, plain = patch.get("$patch"), _without_directives(patch) if has_directives else patch
    if directive == "replace":
        return plain
    if directive == "delete":
        return {}
    merged = dict(document) if isinstance(document, dict) else {}
    if "$retainKeys" in patch:
        merged = {key: value for key, value in merged.items() if key in patch["$retainKeys"]}
    for key, value in plain.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = _merge_map(merged.get(key), value, definitions, _below(definitions, schema, key))
        elif isinstance(value, list):
            order = patch.get(f"$setElementOrder/{key}")
            merged[key] = _merge_list(merged.get(key), value, order, definitions, schema, key)
        else:
            merged[key] = value
    for key, values in patch.items() if has_directives else ():
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.partition("/")[2]
            merged[name] = [one for one in merged.get(name) or [] if one not in values]
        elif key.startswith("$setElementOrder/") and key.partition("/")[2] not in plain:
            name = key.partition("/")[2]
            if isinstance(merged.get(name), list):
                merged[name] = _merge_list(merged[name], [], values, definitions, schema, name)
    return merged


def _without_directives(patch: Json) -> Json:
    return {k: v for k, v in patch.items() if k not in ("$patch", "$retainKeys") and not k.startswith(_DIRECTIVES)}


def _below(definitions: Json, schema: str, key: str) -> str:
    found = definitions.get(schema, {}).get("properties", {}).get(key, {})
    found = found.get("items", found)
    return str(found.get("$ref", "")).rpartition("/")[2]


def _merge_list(  # noqa: PLR0917  (a step of _merge_map, called there only)
    live: Any, patch: list[Any], order: Any, definitions: Json, schema: str, key: str
) -> list[Any]:
    before: list[Any] = list(live or [])
    merge_key = MERGE_KEYS.get((schema, key))
    if merge_key is None and (schema, key) not in SETS:
        return patch
    if merge_key is None:
        merged = before + [one for one in patch if one not in before]
        return _ordered(merged, before, [*patch] if order is None else order, None)
    if {"$patch": "replace"} in patch:
        return [item for item in patch if item != {"$patch": "replace"}]
    below = _below(definitions, schema, key)
    merged, mentioned = list(before), []
    for item in patch:
        if not isinstance(item, dict) or merge_key not in item:
            message = f"map: {item} does not contain declared merge key: {merge_key}"
            raise bad_request(message)
        found = next((at for at, one in enumerate(merged) if one.get(merge_key) == item[merge_key]), None)
        if item.get("$patch") == "delete":
            if found is not None:
                del merged[found]
            continue
        mentioned.append(item)
        if found is None or item.get("$patch") == "replace":
            added = _merge_map({}, {k: v for k, v in item.items() if k != "$patch"}, definitions, below)
            if found is None:
                merged.append(added)
            else:
                merged[found] = added
        else:
            merged[found] = _merge_map(merged[found], item, definitions, below)
    return _ordered(merged, before, mentioned if order is None else order, merge_key)


def _ordered(merged: list[Any], before: list[Any], order: list[Any], merge_key: str | None) -> list[Any]:
    """What the patch mentions in the patch's order; the rest before it where it was before it, else after it."""
    if len(merged) <= 1:
        return merged

    def identity(item: Any) -> Any:
        return item.get(merge_key) if merge_key is not None and isinstance(item, dict) else item

    wanted = [identity(one) for one in order]
    was = [identity(one) for one in before]
    named = sorted((one for one in merged if identity(one) in wanted), key=lambda one: wanted.index(identity(one)))
    rest = [one for one in merged if identity(one) not in wanted]
    result: list[Any] = []
    while named and rest:
        first, other = identity(rest[0]), identity(named[0])
        earlier = first in was and other in was and was.index(first) < was.index(other)
        result.append(rest.pop(0) if earlier else named.pop(0))
    return result + rest + named
