"""Values to objects: the right kind, known fields, plain types. It never defaults and never stores."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from porter.lab.apiserver.bodies import as_object
from porter.lab.apiserver.errors import Refusal, bad_request
from porter.lab.apiserver.fitting import Fitting, holds
from porter.lab.apiserver.kinds import Kind
from porter.lab.apiserver.objects import Json
from porter.lab.apiserver.repeated import OF_YAML, Told, as_warnings, lines_of_repeated, only_unknown
from porter.lab.apiserver.schema import below, is_of_type, prune, resolved, type_name
from porter.lab.apiserver.schemas import PREFIX, definitions, for_kind, schema_for, schema_of

_MICRO = frozenset({"acquireTime", "renewTime", "eventTime", "lastObservedTime"})
_KEPT_EMPTY = frozenset({"endpoints", "rules"})  # lists that the API shows even when they are empty
_GO_TYPES = {
    "string": "string",
    "boolean": "bool",
    "number": "float64",
    "array": "[]",
    "object": "map",
}


class Undecodable(Exception):  # noqa: N818  (said inside a sentence: "cannot be handled as a Lease: ...")
    """The body is JSON, and not of this kind."""


@dataclass(kw_only=True)
class WriteOptions:
    """How a write is to be done, from its query; `warnings` collects what the client is told besides.

    `told` makes that of what is wrong with the fields of the body.
    """

    manager: str = "unknown"
    dry_run: bool = False
    validation: str = "Warn"
    force: bool = False
    warnings: list[str] = field(default_factory=list)
    told: Told = only_unknown


def as_kind(found: Any, kind: Kind) -> Json:
    """The object, if it says that it is of this kind or does not say at all; else refused."""
    obj = as_object(found)
    name, version = obj.get("kind") or kind.name, obj.get("apiVersion") or kind.api_version
    if name != kind.name:
        short = str(version).rpartition("/")[2]
        owner = kind.group.partition(".")[0] or "core"
        message = (
            f'{name} in version "{short}" cannot be handled as a {kind.name}: '
            f"converting ({short}.{name}) to ({owner}.{kind.name}): unknown conversion"
        )
        raise bad_request(message)
    if version != kind.api_version:
        message = (
            f"the API version in the data ({version}) does not match the expected API version ({kind.api_version})"
        )
        raise bad_request(message)
    return {"apiVersion": kind.api_version, "kind": kind.name} | obj


def clean(obj: Json, kind: Kind, options: WriteOptions) -> None:
    """Take out what the kind does not know and check the plain types, in place. Raises Undecodable."""
    found = obj.get("metadata")
    if found is None:
        found = obj["metadata"] = {}
    unknown: list[str] = []
    if kind.custom and fitting().of(schema_of("ObjectMeta"))(found):
        unknown = prune(obj, kind.schema, definitions())
    elif kind.custom or not fitting().of(schema_of(kind.name))(obj):
        unknown = tidied(obj, kind)
    _report(unknown, options)


def clean_or_refuse(obj: Json, kind: Kind, options: WriteOptions) -> None:
    """Do what `clean` does, and refuse the whole object where it cannot be read as its kind."""
    try:
        clean(obj, kind, options)
    except Undecodable as why:
        raise _undecodable(kind, why) from why


def check_keys(raw: bytes, found: Any, options: WriteOptions) -> None:
    """Refuse the configuration of an apply that names a field twice, or warn of it."""
    lines = lines_of_repeated(raw, found) if options.validation != "Ignore" else []
    if lines and options.validation == "Strict":
        said = "\n  ".join([OF_YAML, *lines])
        message = f"error strict decoding YAML: error converting YAML to JSON: {said}"
        raise bad_request(message)
    options.warnings += lines


def check_options(found: Json, name: str) -> None:
    """Refuse options of a request, sent in its body, of which one has another type than it should have."""
    problem = _mismatch(found, {"$ref": PREFIX + schema_of(name)}, "", name)
    if problem:
        message = f'{name} in version "v1" cannot be handled as a {name}: {problem}'
        raise bad_request(message)


def tidied(obj: Json, kind: Kind) -> list[str]:
    """Do what `clean` does, without a quick look first; the unknown fields that were taken out."""
    found, metadata_schema = obj["metadata"], {"$ref": PREFIX + schema_of("ObjectMeta")}
    problem = _mismatch(found, metadata_schema, "metadata", "ObjectMeta")
    if not problem and not kind.custom:
        problem = _mismatch(obj, for_kind(kind), "", kind.name)
    if problem:
        raise Undecodable(problem)
    unknown = [below("metadata", path) for path in prune(found, metadata_schema, definitions())]
    _tidy(found, metadata_schema)
    unknown += prune(obj, schema_for(kind), definitions())
    if not kind.custom:
        _tidy(obj, for_kind(kind))
    return unknown


def _report(unknown: list[str], options: WriteOptions) -> None:
    said = options.told(unknown)
    if not said or options.validation == "Ignore":
        return
    if options.validation == "Strict":
        raise Undecodable("strict decoding error: " + ", ".join(said))
    options.warnings += as_warnings(said)


@cache
def fitting() -> Fitting:
    """The quick look at objects of built-in kinds."""
    return Fitting(definitions(), kept_empty=_KEPT_EMPTY, in_form=_is_in_form)


def _undecodable(kind: Kind, why: object) -> Refusal:
    """The refusal of a whole object that cannot be read as its kind."""
    return bad_request(f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}: {why}')


def _mismatch(value: Any, schema: Json, path: str, owner: str) -> str:
    """The first value of the wrong type, as Go's decoder would say it; an empty string if there is none."""
    reference = schema.get("$ref")
    if reference is not None:
        owner = reference.rpartition("/")[2]
        schema = resolved(schema, definitions())
    wanted = schema.get("type")
    if value is None or wanted is None:
        return ""
    if not is_of_type(value, wanted):
        return (
            f"json: cannot unmarshal {_go_name(value)} into Go struct field {owner}.{path} of type "
            f"{_GO_TYPES.get(wanted) or schema.get('format', 'int64')}"
        )
    if wanted == "integer" and not holds(form := schema.get("format", ""), int(value)):
        return f"json: cannot unmarshal number {value} into Go struct field {owner}.{path} of type {form}"
    if schema.get("format") == "date-time":
        return _time_problem(value, path)
    if isinstance(value, list):
        found = (_mismatch(item, schema.get("items", {}), path, owner) for item in value)
        return next(filter(None, found), "")
    if isinstance(value, dict):
        properties, extra = schema.get("properties", {}), schema.get("additionalProperties") or {}
        found = (_mismatch(value[key], properties.get(key, extra), below(path, key), owner) for key in value)
        return next(filter(None, found), "")
    return ""


def _go_name(value: Any) -> str:
    name = type_name(value)
    return {"boolean": "bool", "integer": "number"}.get(name, name)


def _time_problem(value: str, path: str) -> str:
    if _parsed(value) is not None:
        return ""
    layout = "2006-01-02T15:04:05.000000Z07:00" if path.rpartition(".")[2] in _MICRO else "2006-01-02T15:04:05Z07:00"
    return f'parsing time "{value}" as "{layout}": cannot parse "{value}" as "2006"'


def _parsed(value: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _tidy(value: Any, schema: Json, key: str = "") -> None:
    """Drop, in place, what Go would not print: nulls, empty lists and maps; write times in one form."""
    schema = resolved(schema, definitions())
    if isinstance(value, list):
        items = resolved(schema.get("items", {}), definitions())
        for index, item in enumerate(value):
            if item is None and items.get("type") == "object":
                value[index] = {}  # Go reads a null into a struct without fields
            else:
                _tidy(item, items, key)
        return
    if not isinstance(value, dict):
        return
    properties, extra = schema.get("properties", {}), schema.get("additionalProperties")
    for name in list(value):
        inner = properties.get(name, extra or {})
        found = value[name]
        plural = inner.get("type") == "array" or "additionalProperties" in inner
        if found is None or (found in ([], {}) and plural and name not in _KEPT_EMPTY):
            del value[name]
        elif inner.get("format") == "date-time":
            value[name] = _time(found, micro=name in _MICRO)
        else:
            _tidy(found, inner, name)


def _is_in_form(value: str, key: str) -> bool:
    return _parsed(value) is not None and _time(value, micro=key in _MICRO) == value


def _time(value: str, *, micro: bool) -> str:
    moment = _parsed(value)
    if moment is None:
        return value
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")
