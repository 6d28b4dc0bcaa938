"""Schemas of the built-in kinds, read from the Kubernetes client's own models. The file schemas.json is made so.

    python -m porter.lab.apiserver.models > porter/lab/apiserver/schemas.json

The models tell every field, its type, whether it is required and what it means; strategic.py adds how lists merge. No
server comes here: to import the models and to build their classes takes a second.
"""

from __future__ import annotations

import json
import re
from typing import Any

from kubernetes.client import models

from porter.lab.apiserver.builtin import BUILTIN
from porter.lab.apiserver.descriptions import ENUMS, INT_OR_STRING, of_part
from porter.lab.apiserver.objects import Json
from porter.lab.apiserver.scale import SCALE
from porter.lab.apiserver.schemas import PREFIX
from porter.lab.apiserver.strategic import MERGE_KEYS, SETS
from porter.lab.apiserver.token_requests import TOKEN_REQUEST

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


def read() -> Json:
    """Every schema that a built-in kind can reach, by name."""
    known: Json = {}
    for kind in (*BUILTIN, SCALE, TOKEN_REQUEST):
        _define(_OTHERWISE.get(kind.name, f"{kind.version.capitalize()}{kind.name}"), known)
    for name in ("V1DeleteOptions", "V1ObjectMeta"):
        _define(name, known)
    return known


def written() -> str:
    """The same as schemas.json has it: a line for each schema."""
    lines = (f"{json.dumps(name)}: {json.dumps(schema, ensure_ascii=False)}" for name, schema in read().items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _define(model_name: str, known: Json) -> str:
    """Put a model's schema among those that are known, and those that it needs; its name there."""
    name = _VERSION.sub(r"\1", model_name)  # DiscoveryV1EndpointPort and CoreV1EndpointPort are two
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
        found = properties[field] = _typed(type_name, field, known)
        told = described.get(attribute)
        if meaning := of_part(name, field) or (told.description if told is not None else ""):
            found["description"] = meaning
        if told is not None and told.is_required():
            needed.append(field)
        _mark(found, name, field, known)
    if model.__doc__:
        known[name]["description"] = " ".join(_ABOUT_THE_MODEL.sub("", model.__doc__).split())
    if needed:
        known[name]["required"] = needed
    return name


def _mark(found: Json, name: str, field: str, known: Json) -> None:
    """Say of a field, in place, what the models do not: its choices, its type, how its list merges."""
    if (name, field) in ENUMS:
        found["enum"] = list(ENUMS[name, field])
    if (name, field) in INT_OR_STRING:
        found["$ref"] = PREFIX + _int_or_string(known)
        del found["x-kubernetes-preserve-unknown-fields"]
    if (name, field) in MERGE_KEYS:
        found |= {"x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": MERGE_KEYS[name, field]}
    elif (name, field) in SETS:
        found["x-kubernetes-patch-strategy"] = "merge"


def _int_or_string(known: Json) -> str:
    open_ = {"format": "int-or-string", "x-kubernetes-preserve-unknown-fields": True}
    known.setdefault("IntOrString", open_)
    return "IntOrString"


def _typed(type_name: str, field: str, known: Json) -> Json:
    if wrapped := _WRAPPER.match(type_name):
        inner: Any = _PLAIN["object"] if field in _QUANTITIES else _typed(wrapped[2], field, known)
        if wrapped[1].lower() == "list":
            return {"type": "array", "items": dict(inner)}
        return {"type": "object", "additionalProperties": dict(inner)}
    if type_name == "int":
        return {"type": "integer", "format": "int64" if field in _LONG else "int32"}
    if type_name in _PLAIN:
        return dict(_PLAIN[type_name])
    return {"$ref": PREFIX + _define(type_name, known)}


if __name__ == "__main__":
    print(written(), end="")  # noqa: T201  (this is the command)
