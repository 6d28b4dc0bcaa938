"""Who owns which field: metadata.managedFields, as sets of paths. It compares and records; it never merges objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from porter.lab.apiserver.objects import Json, decode, encode
from porter.lab.apiserver.schema import resolved

Path: TypeAlias = tuple[str, ...]
"""One field from the root: `f:name` a member, `k:{"port":80}` an item of a keyed list, `v:"x"` one of a set."""

_UNOWNED_METADATA = frozenset(
    {"name", "namespace", "uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink"}
    | {"deletionTimestamp", "deletionGracePeriodSeconds", "generateName"}
)
_LIST_KEYS: dict[str, tuple[str, ...]] = {"port": ("port", "protocol"), "containerPort": ("containerPort", "protocol")}


@dataclass(frozen=True, kw_only=True, slots=True)
class Writer:
    """Who writes, in the words of managedFields."""

    manager: str
    operation: str  # Apply or Update
    api_version: str
    subresource: str = ""

    def wrote(self, entry: Json) -> bool:
        """Whether an entry is this writer's."""
        return (entry.get("manager"), entry.get("operation"), entry.get("subresource", "")) == (
            self.manager,
            self.operation,
            self.subresource,
        )


def list_keys(schema: Json) -> tuple[str, ...]:
    """The keys by which items of a list are told apart; none for a list that is replaced as a whole."""
    if "x-kubernetes-patch-merge-key" in schema:
        key = schema["x-kubernetes-patch-merge-key"]
        return _LIST_KEYS.get(key, (key,))
    return tuple(schema.get("x-kubernetes-list-map-keys", ()))


def is_set(schema: Json) -> bool:
    """Whether a list is a set of plain values."""
    plain_merge = schema.get("x-kubernetes-patch-strategy") == "merge" and "x-kubernetes-patch-merge-key" not in schema
    return plain_merge or schema.get("x-kubernetes-list-type") == "set"


def item_step(item: Json, keys: tuple[str, ...]) -> str:
    """The step of a path that names one item of a keyed list; a port without a protocol is a TCP port."""
    return "k:" + encode({key: item.get(key, "TCP" if key == "protocol" else None) for key in sorted(keys)}).decode()


def owned_part(obj: Json) -> Json:
    """What of an object can be owned."""
    part = {key: value for key, value in obj.items() if key not in ("apiVersion", "kind")}
    if "metadata" in part:
        part["metadata"] = {key: value for key, value in part["metadata"].items() if key not in _UNOWNED_METADATA}
        if not part["metadata"]:
            del part["metadata"]
    return part


def leaves(obj: Json, schema: Json, definitions: Json) -> dict[Path, Any]:
    """Every field that can be owned, with its value."""
    found: dict[Path, Any] = {}
    for key, value in owned_part(obj).items():
        below = resolved(schema, definitions).get("properties", {}).get(key, {})
        if key == "metadata" and "$ref" not in below and "ObjectMeta" in definitions:
            below = definitions["ObjectMeta"]
        _collect(value, below, definitions, ("f:" + key,), found)
    return found


def _collect(value: Any, schema: Json, definitions: Json, path: Path, found: dict[Path, Any]) -> None:
    schema = resolved(schema, definitions)
    if isinstance(value, dict) and value and schema.get("x-kubernetes-map-type") != "atomic":
        properties, extra = schema.get("properties", {}), schema.get("additionalProperties")
        for key, inner in value.items():
            below = properties.get(key, extra if isinstance(extra, dict) else {})
            _collect(inner, below, definitions, (*path, "f:" + key), found)
        return
    if isinstance(value, list) and value:
        keys = list_keys(schema)
        if keys and all(isinstance(item, dict) for item in value):
            for item in value:
                step = item_step(item, keys)
                _collect(item, schema.get("items", {}), definitions, (*path, step), found)
            return
        if is_set(schema):
            for item in value:
                found[*path, "v:" + encode(item).decode()] = item
            return
    found[path] = value


def to_fields_v1(paths: set[Path]) -> Json:
    """Paths as the nested mapping that managedFields holds."""
    root: Json = {}
    for path in sorted(paths):
        place = root
        for step in path:
            place = place.setdefault(step, {})
    return root


def from_fields_v1(fields: Json, path: Path = ()) -> set[Path]:
    """The nested mapping of managedFields as paths."""
    inner = {step: below for step, below in fields.items() if step != "."}
    if not inner and path:
        return {path}
    return {found for step, below in inner.items() for found in from_fields_v1(below, (*path, step))}


def owned_by(managed: list[Json], writer: Writer) -> set[Path]:
    """What a writer owns."""
    return {path for entry in managed if writer.wrote(entry) for path in from_fields_v1(entry.get("fieldsV1", {}))}


def recorded(
    managed: list[Json], writer: Writer, *, mine: set[Path], taken: set[Path], present: set[Path], time: str
) -> list[Json]:
    """The entries after a write: the writer owns `mine`, others lose `taken`, and nobody owns what is not present."""
    result = []
    for entry in managed:
        if writer.wrote(entry):
            continue
        paths = from_fields_v1(entry.get("fieldsV1", {}))
        left = (paths - taken) & present
        if left == paths:
            result.append(entry)
        elif left:
            result.append(entry | {"fieldsV1": to_fields_v1(left)})
    if mine:
        own = {
            "manager": writer.manager,
            "operation": writer.operation,
            "apiVersion": writer.api_version,
            "time": time,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields_v1(mine),
        }
        result.append(own | ({"subresource": writer.subresource} if writer.subresource else {}))
    return result


def after_update(
    managed: list[Json], writer: Writer, *, before: dict[Path, Any], after: dict[Path, Any], time: str
) -> list[Json]:
    """The entries after a plain write: what it changed is the writer's."""
    changed = {path for path, value in after.items() if path not in before or before[path] != value}
    present = set(after)
    mine = (owned_by(managed, writer) | changed) & present
    return recorded(managed, writer, mine=mine, taken=changed, present=present, time=time)


def shown(path: Path) -> str:
    """A path as conflicts name it: `.spec.ports[port=80,protocol="TCP"].name`."""
    parts = []
    for step in path:
        kind, _, rest = step.partition(":")
        if kind == "f":
            parts.append("." + rest)
        elif kind == "k":
            parts.append("[" + ",".join(f"{k}={encode(v).decode()}" for k, v in decode(rest).items()) + "]")
        else:
            parts.append(f"[={rest}]")
    return "".join(parts)
