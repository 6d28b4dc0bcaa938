"""Objects as Tables (meta.k8s.io/v1), which kubectl prints. It shows what is stored and decides nothing."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from porter.lab.apiserver.ages import age
from porter.lab.apiserver.columns import LAYOUTS, PLAIN
from porter.lab.apiserver.kinds import Column, Kind
from porter.lab.apiserver.objects import Json, metadata, name_of

_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+|\*|'[^']*'|\?\(.*?\))\]")
_FILTER = re.compile(r"\?\(\s*@\.(\w+)\s*==\s*[\"']([^\"']*)[\"']\s*\)")
_ABOUT_NAMES = "Name must be unique within a namespace."
_AGE = Column(name="Age", type="date", path=".metadata.creationTimestamp")
_INTEGERS = frozenset({"Up-to-date", "Available", "Desired", "Current", "Data", "Count"})


def table(
    kind: Kind, objects: list[Json], listed: Json, now: datetime, include: str = "Metadata", *, headers: bool = True
) -> Json:
    """A Table of objects; `listed` is the metadata of the list or of the one object."""
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": listed,
        "columnDefinitions": _definitions(kind) if headers else None,
        "rows": [{"cells": _cells(kind, obj, now), "object": _shown(obj, include)} for obj in objects],
    }


def partial(obj: Json) -> Json:
    """An object's metadata alone."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata(obj)}


def _shown(obj: Json, include: str) -> Json | None:
    match include:
        case "None":
            return None
        case "Object":
            return obj
        case _:
            return partial(obj)


def _definitions(kind: Kind) -> list[Json]:
    found = []
    if kind.custom:
        found.append(_definition("Name", "string", "name", 0, _ABOUT_NAMES))
        for one in kind.columns or (_AGE,):
            about = one.description or f"Custom resource definition column (in JSONPath format): {one.path}"
            found.append(_definition(one.name, one.type, one.format, one.priority, about))
        return found
    for name, priority in LAYOUTS.get(kind.name, PLAIN).headers():
        shown = (
            name.replace("Created-At", "Created At")
            .replace("Last-Seen", "Last Seen")
            .replace("First-Seen", "First Seen")
        )
        kind_of = "integer" if name in _INTEGERS else "string"
        about = _ABOUT_NAMES if name == "Name" else f"{shown} of the {kind.name}."
        found.append(_definition(shown, kind_of, "name" if name == "Name" else "", priority, about))
    return found


def _definition(name: str, kind: str, form: str, priority: int, about: str) -> Json:
    return {"name": name, "type": kind, "format": form, "description": about, "priority": priority}


def _cells(kind: Kind, obj: Json, now: datetime) -> list[Any]:
    if not kind.custom:
        return LAYOUTS.get(kind.name, PLAIN).row(obj, now)
    return [name_of(obj), *(_cell(column, obj, now) for column in kind.columns or (_AGE,))]


def _cell(column: Column, obj: Json, now: datetime) -> Any:
    found = follow(obj, column.path)
    if not found:
        return None
    value = found[0]
    match column.type:
        case "date":
            return age(value, now)
        case "integer":
            return int(value) if isinstance(value, (int, float)) else None
        case "number" | "boolean":
            return value
        case _:
            return ",".join(str(one) for one in found) if len(found) > 1 else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def follow(value: Any, path: str) -> list[Any]:
    """The values at a JSONPath of the plain sort: members, indices, `[*]`, and `[?(@.key=="value")]`."""
    found = [value]
    for name, inside in _STEP.findall(path):
        found = [inner for one in found for inner in _step(one, name, inside)]
    return found


def _step(value: Any, name: str, inside: str) -> list[Any]:
    if name:
        return [value[name]] if isinstance(value, dict) and value.get(name) is not None else []
    if inside.startswith("'"):
        return _step(value, inside.strip("'"), "")
    if not isinstance(value, list):
        return []
    if inside == "*":
        return list(value)
    if inside.isdigit():
        return value[int(inside) : int(inside) + 1]
    wanted = _FILTER.fullmatch(inside)
    return [one for one in value if wanted and isinstance(one, dict) and str(one.get(wanted[1])) == wanted[2]]
