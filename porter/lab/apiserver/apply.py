"""Server-side apply: a configuration over a live object, with conflicts between managers. It stores nothing."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from porter.lab.apiserver.errors import Refusal
from porter.lab.apiserver.fields import (
    Path,
    Writer,
    from_fields_v1,
    is_set,
    item_step,
    leaves,
    list_keys,
    owned_by,
    recorded,
    shown,
)
from porter.lab.apiserver.objects import Json, copied, decode, encode, metadata
from porter.lab.apiserver.schema import resolved


def applied(
    live: Json, config: Json, *, schema: Json, definitions: Json, writer: Writer, force: bool, time: str
) -> Json:
    """The live object (an empty one if there is none) with the configuration applied, ownership included."""
    managed: list[Json] = metadata(live).get("managedFields", [])
    wanted, current = leaves(config, schema, definitions), leaves(live, schema, definitions)
    taken = _conflicts(managed, writer, wanted, current, force=force)
    merged: Json = _overlay(copied(live), config, schema, definitions)
    others = {
        path for entry in managed if not writer.wrote(entry) for path in from_fields_v1(entry.get("fieldsV1", {}))
    }
    for path in sorted(owned_by(managed, writer) - set(wanted) - others, reverse=True):
        _remove(merged, path)
    present = set(leaves(merged, schema, definitions)) | set(wanted)
    merged.setdefault("metadata", {})["managedFields"] = recorded(
        managed, writer, mine=set(wanted), taken=taken, present=present, time=time
    )
    return merged


def _conflicts(
    managed: list[Json], writer: Writer, wanted: dict[Path, Any], current: dict[Path, Any], *, force: bool
) -> set[Path]:
    differing = {path for path, value in wanted.items() if path in current and current[path] != value}
    found = []
    taken: set[Path] = set()
    for entry in managed:
        theirs = from_fields_v1(entry.get("fieldsV1", {})) & differing
        if writer.wrote(entry) or not theirs:
            continue
        taken |= theirs
        found += [(_who(entry), shown(path)) for path in sorted(theirs)]
    if found and not force:
        raise _conflict(found)
    return taken


def _who(entry: Json) -> str:
    who = f'"{entry.get("manager", "")}"'
    if entry.get("subresource"):
        who += f' with subresource "{entry["subresource"]}"'
    if entry.get("operation") == "Update":
        who += f" using {entry.get('apiVersion')}"
    return who


def _conflict(found: list[tuple[str, str]]) -> Refusal:
    by_manager: dict[str, list[str]] = {}
    for who, field in found:
        by_manager.setdefault(who, []).append(field)
    if len(found) == 1:
        said = f"conflict with {found[0][0]}: {found[0][1]}"
    else:
        said = "\n".join(
            f"conflicts with {who}:\n" + "\n".join(f"- {field}" for field in fields)
            for who, fields in by_manager.items()
        )
    plural = "" if len(found) == 1 else "s"
    return Refusal(
        code=HTTPStatus.CONFLICT,
        reason="Conflict",
        message=f"Apply failed with {len(found)} conflict{plural}: {said}",
        details={
            "causes": [
                {"reason": "FieldManagerConflict", "message": f"conflict with {who}", "field": field}
                for who, field in found
            ]
        },
    )


def _overlay(live: Any, config: Any, schema: Json, definitions: Json) -> Any:
    schema = resolved(schema, definitions)
    if isinstance(live, dict) and isinstance(config, dict):
        properties, extra = schema.get("properties", {}), schema.get("additionalProperties")
        for key, value in config.items():
            below = properties.get(key, extra if isinstance(extra, dict) else {})
            live[key] = _overlay(live.get(key), value, below, definitions)
        return live
    if isinstance(live, list) and isinstance(config, list):
        if is_set(schema):
            return live + [item for item in config if item not in live]
        keys = list_keys(schema)
        if keys:
            places = {item_step(item, keys): at for at, item in enumerate(live)}
            for item in config:
                step = item_step(item, keys)
                if step in places:
                    live[places[step]] = _overlay(live[places[step]], item, schema.get("items", {}), definitions)
                else:
                    live.append(copied(item))
            return live
    return copied(config)


def _remove(obj: Any, path: Path) -> None:
    """Take one field out, and the keyed item or mapping that it leaves without any."""
    step, rest = path[0], path[1:]
    if isinstance(obj, list):
        _remove_item(obj, step, rest)
        return
    key = step.removeprefix("f:")
    if not isinstance(obj, dict) or key not in obj:
        return
    if rest:
        _remove(obj[key], rest)
    if not rest or obj[key] in ({}, []):
        del obj[key]


def _remove_item(items: list[Any], step: str, rest: Path) -> None:
    keys = tuple(decode(step[2:])) if step.startswith("k:") else ()
    for item in list(items):
        if not keys:
            if step == "v:" + encode(item).decode():
                items.remove(item)
        elif isinstance(item, dict) and item_step(item, keys) == step:
            if rest and rest not in {("f:" + key,) for key in keys}:  # its keys go with the item, not before
                _remove(item, rest)
            if not rest or not set(item) - set(keys):
                items.remove(item)
