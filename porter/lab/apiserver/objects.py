"""Kubernetes objects as JSON: copying them and asking what every object can answer. Nothing here knows a kind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec

Json: TypeAlias = dict[str, Any]
Clock: TypeAlias = Callable[[], datetime]

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()
_AS_NOTHING = {"spec.unschedulable": "false", "spec.hostNetwork": "false", "status.replicas": "0"}  # as Go prints it


def encode(value: Any) -> bytes:
    """The value as compact JSON."""
    return _encoder.encode(value)


def decode(raw: bytes | str) -> Any:
    """The value of a JSON text; raises msgspec.DecodeError."""
    return _decoder.decode(raw)


def copied(value: Any) -> Any:
    """A deep copy that shares nothing; through JSON, which is several times faster than copy.deepcopy."""
    return _decoder.decode(_encoder.encode(value))


def metadata(obj: Json) -> Json:
    """The object's metadata; an empty one of its own if it has none."""
    found = obj.get("metadata")
    return found if isinstance(found, dict) else {}


def labels(obj: Json) -> dict[str, str]:
    """The object's labels."""
    return metadata(obj).get("labels") or {}


def name_of(obj: Json) -> str:
    """The object's name, or an empty string."""
    return str(metadata(obj).get("name") or "")


def namespace_of(obj: Json) -> str:
    """The object's namespace, empty for a cluster-wide one."""
    return str(metadata(obj).get("namespace") or "")


def at(obj: Any, path: str, default: Any = None) -> Any:
    """What stands at a dotted path (`spec.type`), or the default where the path ends early."""
    for part in path.split("."):
        if not isinstance(obj, dict) or obj.get(part) is None:
            return default
        obj = obj[part]
    return obj


def field_of(obj: Json, path: str) -> str:
    """What a field selector sees at a path."""
    if path == "source":  # the one label of an Event that is not the path of a string
        return str(at(obj, "source.component") or at(obj, "reportingComponent", ""))
    found = at(obj, path, _AS_NOTHING.get(path, ""))
    return str(found).lower() if isinstance(found, bool) else str(found)


def section(obj: Json, key: str) -> Json:
    """The mapping under a key, put there if it was absent."""
    found = obj.get(key)
    if not isinstance(found, dict):
        found = obj[key] = {}
    return found


def timestamp(moment: datetime) -> str:
    """A moment as metadata shows it: UTC, whole seconds."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def utc_now() -> datetime:
    """The ordinary clock."""
    return datetime.now(UTC)
