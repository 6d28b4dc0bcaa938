"""Structural schemas: pruning, defaulting and validating one object against one. CEL rules are in rules.py."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from porter.lab.apiserver.errors import FieldError, duplicate, quoted, required, unsupported, wrong
from porter.lab.apiserver.objects import Json, copied

PRESERVE = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"
_ENVELOPE = frozenset({"apiVersion", "kind", "metadata"})


def below(path: str, key: str) -> str:
    """The path of a field under another."""
    return f"{path}.{key}" if path else key


def resolved(schema: Json, definitions: Json) -> Json:
    """The schema itself, or the one that it refers to."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Json = definitions[reference.rpartition("/")[2]]
    return found


def prune(value: Any, schema: Json, definitions: Json, path: str = "") -> list[str]:
    """Take out, in place, what the schema does not know; the paths taken out."""
    schema = resolved(schema, definitions)
    unknown: list[str] = []
    if isinstance(value, list):
        for index, item in enumerate(value):
            unknown += prune(item, schema.get("items", {PRESERVE: True}), definitions, f"{path}[{index}]")
        return unknown
    if not isinstance(value, dict) or schema.get("x-kubernetes-embedded-resource"):
        return unknown
    properties, extra = schema.get("properties", {}), schema.get("additionalProperties")
    for key in list(value):
        if not path and key in _ENVELOPE and key not in properties:
            continue
        if key in properties:
            unknown += prune(value[key], properties[key], definitions, below(path, key))
        elif isinstance(extra, dict):
            unknown += prune(value[key], extra, definitions, below(path, key))
        elif not schema.get(PRESERVE) and extra is not True:
            del value[key]
            unknown.append(below(path, key))
    return unknown


def default(value: Any, schema: Json) -> None:
    """Fill in, in place, what the schema gives a default for; a null that may not be null is replaced too."""
    if isinstance(value, list):
        for item in value:
            default(item, schema.get("items", {}))
        return
    if not isinstance(value, dict):
        return
    for key, inner in schema.get("properties", {}).items():
        if value.get(key) is None and key in value and not inner.get("nullable"):
            del value[key]
        if key not in value and "default" in inner:
            value[key] = copied(inner["default"])
        if key in value:
            default(value[key], inner)
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        for inner_value in value.values():
            default(inner_value, extra)


def validate(value: Any, schema: Json, path: str = "") -> Iterator[FieldError]:
    """Everything about a value that its schema does not allow."""
    if value is None and schema.get("nullable"):
        return
    mismatch = _type_error(value, schema, path)
    if mismatch is not None:
        yield mismatch
        return
    if "enum" in schema and value not in schema["enum"]:
        yield unsupported(path, value, schema["enum"])
    yield from _combined(value, schema, path)
    match value:
        case bool():
            return
        case int() | float():
            yield from _number(value, schema, path)
        case str():
            yield from _string(value, schema, path)
        case list():
            yield from _list(value, schema, path)
        case dict():
            yield from _object(value, schema, path)
        case _:
            return


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
}


def type_name(value: Any) -> str:
    """The JSON type of a value, as messages name it."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case int():
            return "integer"
        case float():
            return "number"
        case list():
            return "array"
        case _:
            return "object"


def is_of_type(value: Any, wanted: str) -> bool:
    """Whether a value is of a schema's type; a whole float is an integer, as in JSON."""
    if isinstance(value, bool) and wanted != "boolean":
        return False
    if wanted == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(wanted, (object,)))


def _type_error(value: Any, schema: Json, path: str) -> FieldError | None:
    if schema.get(INT_OR_STRING):
        fits = isinstance(value, (int, str)) and not isinstance(value, bool)
        wanted = "integer,string"
    elif "type" not in schema:
        return None
    else:
        wanted = schema["type"]
        fits = is_of_type(value, wanted)
    if fits:
        return None
    name = type_name(value)
    why = f"{path} in body must be of type {wanted}: {quoted(name)}"
    return wrong(path, name, why, "FieldValueTypeInvalid")


def _number(value: float, schema: Json, path: str) -> Iterator[FieldError]:
    low, high, step = schema.get("minimum"), schema.get("maximum"), schema.get("multipleOf")
    if low is not None and (value < low or (value == low and schema.get("exclusiveMinimum"))):
        than = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
        yield wrong(path, value, f"{path} in body should be {than} {low}")
    if high is not None and (value > high or (value == high and schema.get("exclusiveMaximum"))):
        than = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
        yield wrong(path, value, f"{path} in body should be {than} {high}")
    if step and value % step:
        yield wrong(path, value, f"{path} in body should be a multiple of {step}")


def _string(value: str, schema: Json, path: str) -> Iterator[FieldError]:
    if len(value) < schema.get("minLength", 0):
        yield wrong(path, value, f"{path} in body should be at least {schema['minLength']} chars long")
    if len(value) > schema.get("maxLength", len(value)):
        message = f"Too long: may not be more than {schema['maxLength']} bytes"
        yield FieldError(field=path, reason="FieldValueTooLong", message=message)
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield wrong(path, value, f"{path} in body should match '{schema['pattern']}'")
    wanted = schema.get("format", "")
    if wanted in _FORMATS and not _has_format(value, wanted):
        yield wrong(path, value, f"{path} in body must be of type {wanted}: {quoted(value)}", "FieldValueTypeInvalid")


_FORMATS: dict[str, Callable[[str], object]] = {
    "ipv4": ipaddress.IPv4Address,
    "ipv6": ipaddress.IPv6Address,
    "cidr": lambda text: ipaddress.ip_network(text, strict=False),
    "date-time": datetime.fromisoformat,
    "mac": lambda text: bytes.fromhex(text.replace(":", "").replace("-", "")),
}


def _has_format(value: str, wanted: str) -> bool:
    try:
        _FORMATS[wanted](value)
    except ValueError:
        return False
    return True


def _list(value: list[Any], schema: Json, path: str) -> Iterator[FieldError]:
    if len(value) < schema.get("minItems", 0):
        yield wrong(path, len(value), f"{path} in body should have at least {schema['minItems']} items")
    if len(value) > schema.get("maxItems", len(value)):
        message = f"Too many: {len(value)}: must have at most {schema['maxItems']} items"
        yield FieldError(field=path, reason="FieldValueTooMany", message=message)
    keys = schema.get("x-kubernetes-list-map-keys")
    is_set = schema.get("x-kubernetes-list-type") == "set" or schema.get("uniqueItems")
    seen: list[Any] = []
    for index, item in enumerate(value):
        identity = {key: item.get(key) for key in keys} if keys and isinstance(item, dict) else item
        if (keys or is_set) and identity in seen:
            yield duplicate(f"{path}[{index}]", identity)
        seen.append(identity)
        yield from validate(item, schema.get("items", {}), f"{path}[{index}]")


def _object(value: Json, schema: Json, path: str) -> Iterator[FieldError]:
    for key in schema.get("required", ()):
        if key not in value:
            yield required(below(path, key))
    if len(value) < schema.get("minProperties", 0):
        yield wrong(path, len(value), f"{path} in body should have at least {schema['minProperties']} properties")
    if len(value) > schema.get("maxProperties", len(value)):
        message = f"Too many: {len(value)}: must have at most {schema['maxProperties']} items"
        yield FieldError(field=path, reason="FieldValueTooMany", message=message)
    properties, extra = schema.get("properties", {}), schema.get("additionalProperties")
    for key, inner in value.items():
        if key in properties:
            yield from validate(inner, properties[key], below(path, key))
        elif isinstance(extra, dict):
            yield from validate(inner, extra, below(path, key))


def _combined(value: Any, schema: Json, path: str) -> Iterator[FieldError]:
    for one in schema.get("allOf", ()):
        yield from validate(value, one, path)
    if "anyOf" in schema and not any(_valid(value, one) for one in schema["anyOf"]):
        yield wrong(path, value, f"{path} in body must validate at least one schema (anyOf)")
    if "oneOf" in schema and sum(_valid(value, one) for one in schema["oneOf"]) != 1:
        yield wrong(path, value, f"{path} in body must validate one and only one schema (oneOf)")
    if "not" in schema and _valid(value, schema["not"]):
        yield wrong(path, value, f"{path} in body must not validate the schema (not)")


def _valid(value: Any, schema: Json) -> bool:
    return next(validate(value, schema), None) is None
