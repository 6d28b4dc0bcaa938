"""Schemas of the built-in kinds, read from the Kubernetes client's own models. Nothing is served from here directly.

The models tell every field, its type, whether it is required and what it means; strategic.py adds how lists merge.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from porter.lab.apiserver.descriptions import ENUMS, INT_OR_STRING, of_part
from porter.lab.apiserver.kinds import Kind
from porter.lab.apiserver.objects import Json
from porter.lab.apiserver.strategic import MERGE_KEYS, SETS

PREFIX = "#/components/schemas/"
_PLAIN: dict[str, Json] = {
    "str": {"type": "string"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "datetime": {"type": "string", "format": "date-time"},
    "object": {"x-kubernetes-preserve-unknown-fields": True},
}
_QUANTITIES = frozenset({"limits", "requests", "capacity", "allocatable", "hard", "used", "overhead"})
_LONG = frozenset(
    {"activeDeadlineSeconds", "capacity", "defaultUser", "deletionGracePeriodSeconds", "expirationSeconds"}
)
_LONG |= {"fsGroup", "generation", "gid", "maxItems", "maxLength", "maxProperties", "minItems", "minLength"}
_LONG |= {"minProperties", "observedGeneration", "revision", "runAsGroup", "runAsUser", "seconds", "sizeBytes"}
_LONG |= {"supplementalGroups", "terminationGracePeriodSeconds", "tolerationSeconds", "uid", "user"}
"""The fields of 64 bits, as in k8s.io/api's types.go: every other number of theirs has 32."""
_WRAPPER = re.compile(r"^([Ll]ist|[Dd]ict)[\[(](?:str, *)?(.*)[\])]$")
_OTHERWISE = {"Event": "CoreV1Event", "TokenRequest": "AuthenticationV1TokenRequest"}  # two groups have one each
_ABOUT_THE_MODEL = re.compile(r"\n\s+Attributes:.*", re.DOTALL)  # what it tells Python programmers
_VERSION = re.compile(r"^(?:Core|([A-Z][a-z]+))?V\d+(?:(?:alpha|beta)\d+)?(?=[A-Z])")


@cache
def definitions() -> Json:
    """Every schema that a built-in kind can reach is filled in here by `schema_of`; shared, never to be changed."""
    return {}


@cache
def schema_of(kind_name: str, version: str = "v1") -> str:
    """The name, within `definitions()`, of the schema of a built-in kind."""
    wanted = _OTHERWISE.get(kind_name) or version.capitalize() + kind_name
    return _define(wanted)


def for_kind(kind: Kind) -> Json:
    """A schema that refers to the kind's."""
    return {"$ref": PREFIX + schema_of(kind.name, kind.version)}


def schema_for(kind: Kind) -> Json:
    """The schema by which objects of any kind are read and their fields owned."""
    return kind.schema if kind.custom else for_kind(kind)


def _define(model_name: str) -> str:
    from kubernetes.client import models  # noqa: PLC0415  (half a second to import: only where a schema is asked for)

    name = _VERSION.sub(r"\1", model_name)  # DiscoveryV1EndpointPort and CoreV1EndpointPort are two
    known = definitions()
    if name in known:
        return name
    model = getattr(models, model_name, None)
    if model is None or not hasattr(model, "openapi_types"):
        known[name] = {"x-kubernetes-preserve-unknown-fields": True}
        return name
    properties: Json = {}
    known[name] = {"type": "object", "properties": properties}
    described = getattr(model, "model_fields", {})
    needed = []
    for attribute, type_name in model.openapi_types.items():
        field = model.attribute_map[attribute]
        found = properties[field] = _typed(type_name, field)
        told = described.get(attribute)
        if meaning := of_part(name, field) or (told.description if told is not None else ""):
            found["description"] = meaning
        if told is not None and told.is_required():
            needed.append(field)
        _mark(found, name, field)
    if model.__doc__:
        known[name]["description"] = " ".join(_ABOUT_THE_MODEL.sub("", model.__doc__).split())
    if needed:
        known[name]["required"] = needed
    return name


def _mark(found: Json, name: str, field: str) -> None:
    """Say of a field, in place, what the models do not: its choices, its type, how its list merges."""
    if (name, field) in ENUMS:
        found["enum"] = list(ENUMS[name, field])
    if (name, field) in INT_OR_STRING:
        found["$ref"] = PREFIX + _int_or_string()
        del found["x-kubernetes-preserve-unknown-fields"]
    if (name, field) in MERGE_KEYS:
        found |= {"x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": MERGE_KEYS[name, field]}
    elif (name, field) in SETS:
        found["x-kubernetes-patch-strategy"] = "merge"


def _int_or_string() -> str:
    open_ = {"format": "int-or-string", "x-kubernetes-preserve-unknown-fields": True}
    definitions().setdefault("IntOrString", open_)
    return "IntOrString"


def _typed(type_name: str, field: str) -> Json:
    if wrapped := _WRAPPER.match(type_name):
        inner: Any = _PLAIN["object"] if field in _QUANTITIES else _typed(wrapped[2], field)
        if wrapped[1].lower() == "list":
            return {"type": "array", "items": dict(inner)}
        return {"type": "object", "additionalProperties": dict(inner)}
    if type_name == "int":
        return {"type": "integer", "format": "int64" if field in _LONG else "int32"}
    if type_name in _PLAIN:
        return dict(_PLAIN[type_name])
    return {"$ref": PREFIX + _define(type_name)}
