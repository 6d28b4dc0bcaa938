"""Whether an object is already as decoding.py would leave it: a quick yes, or "look closer". It changes nothing.

Nearly every write brings an object that is in order: each field is known and of its type, nothing is null or empty that
would not be shown, times are in one form. One pass over schemas that were compiled into functions sees that. To
anything else the answer is no, and the slow passes, which know what is wrong and how to say it, have the word.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, TypeAlias

from porter.lab.apiserver.objects import Json

Fits: TypeAlias = Callable[[Any], bool]
_PLAIN: dict[str, type] = {"string": str, "boolean": bool}
_BITS = {"int32": 31, "int64": 63}  # of a number, besides its sign
_TIMES = 4096  # texts whose form is remembered: most are a creationTimestamp that was seen before


class Fitting:
    """The schemas of some definitions as functions, each compiled when it is first asked for."""

    def __init__(self, definitions: Json, *, kept_empty: frozenset[str], in_form: Callable[[str, str], bool]) -> None:
        """`kept_empty` are the lists that are shown even when empty; `in_form` is asked of a time and its field."""
        self._definitions = definitions
        self._kept_empty = kept_empty
        self._in_form = lru_cache(maxsize=_TIMES)(in_form)
        self._compiled: dict[str, Fits] = {}

    def of(self, name: str) -> Fits:
        """Tell of a value whether it is as the definition of a name would leave it."""
        if name not in self._compiled:
            self._compiled[name] = partial(self._again, name)  # for a definition that refers to itself
            schema = self._definitions[name]
            self._compiled[name] = self._mapping(schema) if schema.get("type") == "object" else _holds_no_null
        return self._compiled[name]

    def _again(self, name: str, value: Any) -> bool:
        return self._compiled[name](value)

    def _question(self, schema: Json, field: str) -> Fits | None:
        """What to ask of a value that is no plain one of its type; None where no such value is in order."""
        if "$ref" in schema:
            return self.of(schema["$ref"].rpartition("/")[2])
        if schema.get("format") == "date-time":
            in_form = self._in_form
            return lambda value: type(value) is str and in_form(value, field)
        if schema.get("type") == "integer":
            return partial(holds, schema.get("format", ""))
        match schema.get("type"):
            case None:
                return _holds_no_null
            case "array":
                return self._list(schema.get("items", {}), may_be_empty=field in self._kept_empty)
            case "object":
                return self._mapping(schema)
            case _:
                return None

    def _list(self, items: Json, *, may_be_empty: bool) -> Fits:
        plain, question = _plain(items), self._question(items, "")

        def fits(value: Any) -> bool:
            if type(value) is not list or not (value or may_be_empty):
                return False
            return all(map(question, value)) if question is not None else {plain}.issuperset(map(type, value))

        return fits

    def _mapping(self, schema: Json) -> Fits:
        properties, free = schema.get("properties", {}), schema.get("additionalProperties")
        may_be_empty = "additionalProperties" not in schema
        types = {key: _plain(inner) for key, inner in properties.items()}
        questions = {key: self._question(inner, key) for key, inner in properties.items()}
        other_type = _plain(free) if isinstance(free, dict) else None
        otherwise = self._question(free, "") if isinstance(free, dict) else None

        def fits(value: Any) -> bool:
            if type(value) is not dict or not (value or may_be_empty):
                return False
            for key, inner in value.items():
                if type(inner) is types.get(key, other_type):
                    continue
                question = questions.get(key, otherwise)
                if question is None or not question(inner):
                    return False
            return True

        return fits


def holds(form: str, value: Any) -> bool:
    """Whether a value is a whole number that fits into a field of such a format: `int32`, `int64` or none."""
    bits = _BITS.get(form)
    return type(value) is int and (bits is None or -1 << bits <= value < 1 << bits)


def _plain(schema: Json) -> type | None:
    return _PLAIN.get(schema.get("type", "")) if "format" not in schema else None


def _holds_no_null(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_holds_no_null, value.values()))
    if isinstance(value, list):
        return all(map(_holds_no_null, value))
    return value is not None
