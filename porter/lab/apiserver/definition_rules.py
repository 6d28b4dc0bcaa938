"""What is wrong with a CustomResourceDefinition: its names, its versions, the form of its schemas. It changes nothing.

As k8s.io/apiextensions-apiserver: pkg/apis/apiextensions/validation and pkg/apiserver/schema (structural schemas).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from porter.lab.apiserver.errors import FieldError, required, unsupported, wrong
from porter.lab.apiserver.naming import dns_1035_problems, subdomain_problems
from porter.lab.apiserver.objects import Json, at, name_of
from porter.lab.apiserver.rules import RULES, problem_with
from porter.lab.apiserver.schema import validate

_STILL_STORED = "missing from spec.versions; {0} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in {0} and removes {0} from status.storedVersions"  # noqa: E501  (the API's sentence)
_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_GO_ONLY = re.compile(r"\\[pPzQE]")  # what Go's expressions have and Python's do not
_EMPTY = "must not be empty for specified"
_OPEN = ("x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields")


def definition_errors(obj: Json, old: Json | None) -> Iterator[FieldError]:
    """Everything that is wrong with it; `old` is what is stored."""
    spec, names = obj["spec"], at(obj, "spec.names", {})
    yield from _group_errors(spec.get("group", ""))
    yield from _names_errors(names)
    if name_of(obj) != f"{names.get('plural')}.{spec.get('group')}":
        yield wrong("metadata.name", name_of(obj), 'must be spec.names.plural+"."+spec.group')
    if not spec.get("scope"):
        yield required("spec.scope")
    elif spec["scope"] not in ("Cluster", "Namespaced"):
        yield unsupported("spec.scope", spec["scope"], ("Cluster", "Namespaced"))
    yield from _version_errors(spec.get("versions") or [])
    there = {one.get("name") for one in spec.get("versions") or []}
    for index, name in enumerate(at(obj, "status.storedVersions", [])):
        if name not in there:
            yield wrong(f"status.storedVersions[{index}]", name, _STILL_STORED.format(name))
    if old is not None:
        for where in ("scope", "group", "names.kind", "names.plural"):
            if at(spec, where) != at(old, f"spec.{where}"):
                yield wrong(f"spec.{where}", at(spec, where), "field is immutable")


def _group_errors(group: str) -> Iterator[FieldError]:
    if not group:
        yield required("spec.group")
        return
    yield from (wrong("spec.group", group, why) for why in subdomain_problems(group))
    if "." not in group:
        yield wrong("spec.group", group, "should be a domain with at least one dot")


def _names_errors(names: Json) -> Iterator[FieldError]:
    for key in ("plural", "singular", "kind", "listKind"):
        name = names.get(key, "")
        where, mixed = f"spec.names.{key}", key in ("kind", "listKind")
        if not name and key in ("plural", "kind"):
            yield required(where)
            continue
        for why in dns_1035_problems(name.lower() if mixed else name) if name else ():
            yield wrong(where, name, f"may have mixed case, but should otherwise match: {why}" if mixed else why)
    for index, name in enumerate(names.get("shortNames") or []):
        yield from (wrong(f"spec.names.shortNames[{index}]", name, why) for why in dns_1035_problems(name))


def _version_errors(versions: list[Json]) -> Iterator[FieldError]:
    if not versions:
        yield required("spec.versions")
    named = [one.get("name", "") for one in versions]
    if len(set(named)) != len(named):
        yield wrong("spec.versions", named, "must contain unique version names")
    if sum(bool(one.get("storage")) for one in versions) != 1:
        yield wrong("spec.versions", named, "must have exactly one version marked as storage version")
    for index, one in enumerate(versions):
        where = f"spec.versions[{index}]"
        yield from (wrong(f"{where}.name", named[index], why) for why in dns_1035_problems(named[index]))
        where += ".schema.openAPIV3Schema"
        schema = at(one, "schema.openAPIV3Schema")
        if not schema:
            yield required(where, "schemas are required")
        else:
            yield from _root_errors(schema, where)


def _root_errors(schema: Json, where: str) -> Iterator[FieldError]:
    kind = schema.get("type")
    if not kind:
        yield required(f"{where}.type", "must not be empty at the root")
    elif kind != "object":
        yield wrong(f"{where}.type", kind, "must be object at the root")
    yield from _schema_errors(schema, where)


def _schema_errors(schema: Any, where: str) -> Iterator[FieldError]:
    if not isinstance(schema, dict):
        return
    kind = schema.get("type")
    if kind and kind not in _TYPES:
        yield unsupported(f"{where}.type", kind, _TYPES)
        return
    if kind == "array" and not schema.get("items"):
        yield required(f"{where}.items", "must be specified")
    yield from _value_errors(schema, where)
    for key, inner in (schema.get("properties") or {}).items():
        yield from _inner_errors(inner, f"{where}.properties[{key}]", "object fields")
    for key, level in (("items", "array items"), ("additionalProperties", "object fields")):
        if isinstance(schema.get(key), dict):
            yield from _inner_errors(schema[key], f"{where}.{key}", level)


def _inner_errors(schema: Json, where: str, level: str) -> Iterator[FieldError]:
    if not schema.get("type") and not any(schema.get(key) for key in _OPEN):
        yield required(f"{where}.type", f"{_EMPTY} {level}")
    yield from _schema_errors(schema, where)


def _value_errors(schema: Json, where: str) -> Iterator[FieldError]:
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and not _GO_ONLY.search(pattern):
        try:
            re.compile(pattern)
        except re.error as failed:
            yield wrong(f"{where}.pattern", pattern, f"must be a valid regular expression, but isn't: {failed}")
            return
    if schema.get("default") is not None:
        bare = {key: value for key, value in schema.items() if key != RULES}
        for one in validate(schema["default"], bare, "default"):
            yield FieldError(field=f"{where}.{one.field}", reason=one.reason, message=one.message)
    for index, rule in enumerate(schema.get(RULES, ())):
        problem = problem_with(rule.get("rule", ""))
        if problem:
            yield wrong(f"{where}.{RULES}[{index}].rule", rule.get("rule"), f"compilation failed: {problem}")
