"""Who owns which field after a write that neither brought a field nor took one: most are like that. Pure.

fields.py lists every field of both objects and of every entry of managedFields. Where only values differ, comparing the
parts that differ is enough, and the entries stay as they are but for a time. Whatever is not as simple is left to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from porter.lab.apiserver.fields import Path, Writer, is_set, item_step, list_keys, owned_part
from porter.lab.apiserver.objects import Json
from porter.lab.apiserver.schema import resolved


class _OtherShapeError(Exception):
    """A field has come or gone, or one cannot tell at a glance."""


def after_same_shape(
    managed: list[Json], writer: Writer, *, old: Json, new: Json, schema: Json, definitions: Json, time: str
) -> list[Json] | None:
    """The entries as fields.after_update would make them, or None where that has to find out."""
    mine, others = list[Json](), list[Json]()
    for entry in managed:
        (mine if writer.wrote(entry) else others).append(entry)
    if len(mine) != 1 or any(entry.get("operation") == "Apply" for entry in others):
        return None
    try:
        changed = _changed_parts(old, new, schema, definitions)
    except _OtherShapeError:
        return None
    if not all(_owns(mine[0], path) for path in changed):
        return None
    if any(_owns(entry, path) for entry in others for path in changed):
        return None
    return [*others, mine[0] | {"apiVersion": writer.api_version, "time": time}]


def _owns(entry: Json, path: Path) -> bool:
    """Tell whether a path is one of an entry's."""
    place = entry.get("fieldsV1", {})
    for step in path:
        if step not in place:
            return False
        place = place[step]
    return not place or list(place) == ["."]


def _changed_parts(old: Json, new: Json, schema: Json, definitions: Json) -> list[Path]:
    """The fields of two objects whose values differ. Raises _OtherShapeError when one has other fields."""
    properties = resolved(schema, definitions).get("properties", {})
    before, after = owned_part(old), owned_part(new)
    _must(before.keys() == after.keys())
    found: list[Path] = []
    for key, value in after.items():
        if before[key] != value:
            _collect(before[key], value, properties.get(key, {}), definitions, ("f:" + key,), found)
    return found


def _collect(  # noqa: PLR0917  (a step of _changed_parts, called there only)
    old: Any, new: Any, schema: Json, definitions: Json, path: Path, found: list[Path]
) -> None:
    """Add the fields below two values that differ."""
    schema = resolved(schema, definitions)
    keys = list_keys(schema)
    if isinstance(old, dict) and isinstance(new, dict) and schema.get("x-kubernetes-map-type") != "atomic":
        _must(bool(old) and old.keys() == new.keys())
        properties, extra = schema.get("properties", {}), schema.get("additionalProperties")
        for key, inner in new.items():
            if old[key] != inner:
                below = properties.get(key, extra if isinstance(extra, dict) else {})
                _collect(old[key], inner, below, definitions, (*path, "f:" + key), found)
    elif isinstance(old, list) and isinstance(new, list) and keys:
        for step, before, after in _pairs(old, new, keys):
            if before != after:
                _collect(before, after, schema.get("items", {}), definitions, (*path, step), found)
    else:
        _must(not isinstance(old, dict) and not isinstance(new, dict) and not is_set(schema) and not keys)
        found.append(path)


def _pairs(old: list[Any], new: list[Any], keys: tuple[str, ...]) -> Iterator[tuple[str, Any, Any]]:
    """The items of two lists, each with the step that both have."""
    if len(old) == len(new) == 1 and all(
        isinstance(one, dict) for one in (*old, *new)
    ):  # most are: no step to look for
        if old[0] != new[0]:
            step = item_step(new[0], keys)
            _must(item_step(old[0], keys) == step)
            yield step, old[0], new[0]
        return
    before, after = _by_step(old, keys), _by_step(new, keys)
    _must(before.keys() == after.keys())
    for step, item in after.items():
        yield step, before[step], item


def _by_step(items: list[Any], keys: tuple[str, ...]) -> dict[str, Any]:
    _must(all(isinstance(item, dict) for item in items))
    found = {item_step(item, keys): item for item in items}
    _must(bool(items) and len(found) == len(items))
    return found


def _must(holds: bool) -> None:  # noqa: FBT001  (a condition, as of an assert)
    if not holds:
        raise _OtherShapeError
