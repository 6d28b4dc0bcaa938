"""OpenAPI documents: enough for kubectl apply, explain and validation. Made from the kinds when asked for."""

from __future__ import annotations

import hashlib
from typing import Any

from porter.lab.apiserver.descriptions import API_VERSION, KIND, METADATA
from porter.lab.apiserver.kinds import Kind, Kinds
from porter.lab.apiserver.objects import Json, decode, encode
from porter.lab.apiserver.schemas import PREFIX, definitions, schema_for, schema_of

_INFO = {"title": "Kubernetes", "version": "v1.36.0"}
_PATCHES = ("application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml")


def index(kinds: Kinds) -> Json:
    """`/openapi/v3`: where each group and version is described, with a hash that changes with it."""
    found: Json = {}
    for group, versions in kinds.groups().items():
        for version in versions:
            path = f"apis/{group}/{version}" if group else f"api/{version}"
            digest = hashlib.sha256(encode(described(kinds, group, version))).hexdigest().upper()
            found[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
    return {"paths": found}


def described(kinds: Kinds, group: str, version: str) -> Json:
    """`/openapi/v3/apis/GROUP/VERSION`: the paths, and every schema that they need."""
    schemas, paths = _parts(kinds, group, version)
    return {"openapi": "3.0.0", "info": _INFO, "paths": paths, "components": {"schemas": _told(schemas)}}


def _parts(kinds: Kinds, group: str, version: str) -> tuple[Json, Json]:
    """The schemas and the paths of one group and version."""
    schemas: Json = {}
    paths: Json = {}
    for kind in kinds.of(group, version):
        name = component(kind)
        schemas |= _reachable(schema_for(kind))
        schemas[name] = _own(kind)
        paths |= _paths(kind, PREFIX + name)
    return schemas, paths


def _told(schema: Any) -> Any:
    """The same with every reference that has a description of its own in the form in which OpenAPI allows one."""
    if isinstance(schema, list):
        return [_told(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(schema.get("$ref"), str) and len(schema) > 1:
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return rest | {"allOf": [{"$ref": schema["$ref"]}]}
    return {key: _told(value) for key, value in schema.items()}


def swagger(kinds: Kinds) -> Json:
    """`/openapi/v2`, as JSON: the same, in the older form."""
    schemas: Json = {}
    paths: Json = {}
    for group, versions in kinds.groups().items():
        for version in versions:
            more = _parts(kinds, group, version)
            schemas |= more[0]
            paths |= more[1]
    if "IntOrString" in schemas:
        schemas["IntOrString"] = {"type": "string", "format": "int-or-string"}  # OpenAPI v2 has no oneOf
    text = encode({"swagger": "2.0", "info": _INFO, "paths": paths, "definitions": schemas})
    found: Json = decode(text.replace(PREFIX.encode(), b"#/definitions/"))
    return found


def component(kind: Kind) -> str:
    """The name of a kind's schema."""
    if kind.custom:
        return ".".join([*reversed(kind.group.split(".")), kind.version, kind.name])
    return schema_of(kind.name)


def _own(kind: Kind) -> Json:
    gvk = [{"group": kind.group, "version": kind.version, "kind": kind.name}]
    if not kind.custom:
        known: Json = definitions()[schema_of(kind.name)]
        return known | {"x-kubernetes-group-version-kind": gvk}
    envelope = {
        "apiVersion": {"type": "string", "description": API_VERSION},
        "kind": {"type": "string", "description": KIND},
        "metadata": {"description": METADATA, "$ref": PREFIX + schema_of("ObjectMeta")},
    }
    properties = envelope | kind.schema.get("properties", {})
    return kind.schema | {"type": "object", "properties": properties, "x-kubernetes-group-version-kind": gvk}


def _reachable(schema: Json) -> Json:
    found: Json = {}
    waiting: list[Any] = [schema, {"$ref": PREFIX + schema_of("ObjectMeta")}]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            reference = one.get("$ref")
            name = reference.rpartition("/")[2] if isinstance(reference, str) else ""
            if name and name not in found:
                found[name] = definitions()[name]
                waiting.append(found[name])
            waiting += one.values()
    return found


def _paths(kind: Kind, reference: str) -> Json:
    base = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    if kind.namespaced:
        base += "/namespaces/{namespace}"
    gvk = {"group": kind.group, "version": kind.version, "kind": kind.name}
    answer = {"200": {"description": "OK", "content": {"application/json": {"schema": {"$ref": reference}}}}}
    names = ("dryRun", "fieldManager", "fieldValidation")
    parameters = [{"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}} for name in names]
    write = {"parameters": parameters, "responses": answer, "x-kubernetes-group-version-kind": gvk}
    content: Json = {"schema": {"$ref": reference}}
    patches = (*_PATCHES, *(() if kind.custom else ("application/strategic-merge-patch+json",)))
    one = {
        "get": {"responses": answer, "x-kubernetes-action": "get", "x-kubernetes-group-version-kind": gvk},
        "put": write | {"x-kubernetes-action": "put", "requestBody": {"content": {"application/json": content}}},
        "patch": write
        | {
            "x-kubernetes-action": "patch",
            "requestBody": {"content": {kind_of: {"schema": {}} for kind_of in patches}},
        },
    }
    create = write | {"x-kubernetes-action": "post", "requestBody": {"content": {"application/json": content}}}
    found: Json = {f"{base}/{kind.plural}": {"post": create}}
    if "get" in kind.verbs:
        found[f"{base}/{kind.plural}/{{name}}"] = one
    return found
