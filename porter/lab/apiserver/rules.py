"""CEL rules of custom kinds (x-kubernetes-validations): which ones an object breaks. It never changes the object.

A rule that does not mention oldSelf and whose value did not change is not asked again, as the API does (ratcheting).
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import celpy
from celpy import celtypes

from porter.lab.apiserver.errors import FieldError, quoted
from porter.lab.apiserver.objects import Json
from porter.lab.apiserver.schema import below

RULES = "x-kubernetes-validations"


def broken(value: Any, schema: Json, old: Any = None, path: str = "") -> Iterator[FieldError]:
    """The rules at and below a place that its value does not keep; `old` is what stood there before, if anything."""
    if value is None:
        return
    for rule in schema.get(RULES, ()):
        error = _check(rule, value, old, path, schema.get("type", ""))
        if error is not None:
            yield error
    match value:
        case dict():
            properties, extra = schema.get("properties", {}), schema.get("additionalProperties")
            for key, inner in value.items():
                found = properties.get(key, extra)
                if isinstance(found, dict):
                    was = old.get(key) if isinstance(old, dict) else None
                    yield from broken(inner, found, was, below(path, key))
        case list():
            for index, item in enumerate(value):
                yield from broken(item, schema.get("items", {}), None, f"{path}[{index}]")
        case _:
            return


def has_rules(schema: Any) -> bool:
    """Whether there is any rule at or below a schema."""
    if isinstance(schema, list):
        return any(has_rules(one) for one in schema)
    return isinstance(schema, dict) and (RULES in schema or any(has_rules(one) for one in schema.values()))


def problem_with(rule: str) -> str:
    """Why a rule cannot be compiled, or an empty string."""
    try:
        _compiled(rule)
    except (celpy.CELParseError, ValueError) as failed:
        return str(failed).splitlines()[0]
    return ""


def _check(rule: Json, value: Any, old: Any, path: str, kind: str) -> FieldError | None:
    text = rule["rule"]
    transition = "oldSelf" in text
    if (transition and old is None and not rule.get("optionalOldSelf")) or (not transition and old == value):
        return None
    names = {"self": celpy.json_to_cel(value)}
    if transition:
        names["oldSelf"] = celpy.json_to_cel(old)
    where = path + rule["fieldPath"] if "fieldPath" in rule else path or "<nil>"
    try:
        holds = bool(_compiled(text).evaluate(names))
    except celpy.CELEvalError as failed:
        why = f"{failed.args[0] if failed.args else failed} evaluating rule: {_named(rule)}"
        return FieldError(field=where, reason="FieldValueInvalid", message=f"Invalid value: {quoted(kind)}: {why}")
    if holds:
        return None
    said = _named(rule) if rule.get("message") else f"failed rule: {_named(rule)}"
    if "messageExpression" in rule:
        with contextlib.suppress(celpy.CELEvalError):  # the API falls back to the message, too
            said = str(_compiled(rule["messageExpression"]).evaluate(names)).strip() or said
    shown = "" if kind in {"object", "array"} else f": {quoted(value)}"
    match rule.get("reason", "FieldValueInvalid"):
        case "FieldValueRequired":
            message = f"Required value: {said}"
        case "FieldValueForbidden":
            message = f"Forbidden: {said}"
        case "FieldValueDuplicate":
            message = f"Duplicate value{shown}"
        case _:
            message = f"Invalid value{shown}: {said}"
    return FieldError(field=where, reason=rule.get("reason", "FieldValueInvalid"), message=message)


def _named(rule: Json) -> str:
    said: str = rule.get("message") or rule["rule"]
    return said.strip()


@cache
def _compiled(text: str) -> Any:
    environment = celpy.Environment()
    return environment.program(environment.compile(text), functions=_FUNCTIONS)


def _is_ip(text: Any) -> Any:
    try:
        ipaddress.ip_address(str(text))
    except ValueError:
        return celtypes.BoolType(0)
    return celtypes.BoolType(1)


def _is_cidr(text: Any) -> Any:
    try:
        ipaddress.ip_network(str(text), strict=False)
    except ValueError:
        return celtypes.BoolType(0)
    return celtypes.BoolType("/" in str(text))


def _strings(found: Any) -> Any:
    return celtypes.ListType([celtypes.StringType(one) for one in found])


def _split(text: Any, separator: Any, most: Any = -1) -> Any:
    parts = str(text).split(str(separator), int(most) - 1 if int(most) > 0 else -1)
    return _strings(parts)


def _find(text: Any, pattern: Any) -> Any:
    found = re.search(str(pattern), str(text))
    return celtypes.StringType(found[0] if found else "")


# The string and network functions that Kubernetes adds to CEL; ip(), cidr(), quantity() and format are not here.
_FUNCTIONS: dict[str, Any] = {
    "isIP": _is_ip,
    "isCIDR": _is_cidr,
    "split": _split,
    "join": lambda parts, separator="": celtypes.StringType(str(separator).join(str(one) for one in parts)),
    "trim": lambda text: celtypes.StringType(str(text).strip()),
    "lowerAscii": lambda text: celtypes.StringType(str(text).lower()),
    "upperAscii": lambda text: celtypes.StringType(str(text).upper()),
    "replace": lambda text, old, new: celtypes.StringType(str(text).replace(str(old), str(new))),
    "indexOf": lambda text, part: celtypes.IntType(str(text).find(str(part))),
    "lastIndexOf": lambda text, part: celtypes.IntType(str(text).rfind(str(part))),
    "substring": lambda text, start, end=None: celtypes.StringType(str(text)[int(start) : end and int(end)]),
    "find": _find,
    "findAll": lambda text, pattern: _strings(re.findall(str(pattern), str(text))),
}
