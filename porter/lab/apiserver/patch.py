"""JSON patch (RFC 6902) and JSON merge patch (RFC 7386): a document and a patch in, a new document out.

The strategic merge patch, which knows the kinds' lists, is in strategic.py.
"""

from __future__ import annotations

from typing import Any

from porter.lab.apiserver.errors import bad_request, rejected_patch
from porter.lab.apiserver.objects import copied


def merge(document: Any, patch: Any) -> Any:
    """The document with a merge patch applied; neither is changed."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def json_patch(document: Any, operations: Any) -> Any:
    """The document with a JSON patch applied; refused as a whole when any operation fails."""
    if not isinstance(operations, list):
        raise bad_request("error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    holder = {"": copied(document)}  # so that the whole document is a member like any other
    for operation in operations:
        try:
            _operate(holder, operation)
        except (KeyError, IndexError, ValueError, TypeError) as failed:
            raise rejected_patch() from failed
    return holder[""]


def _operate(holder: Any, operation: Any) -> None:
    path = _pointer(operation["path"])
    match operation["op"]:
        case "add":
            _add(holder, path, operation["value"])
        case "remove":
            _remove(holder, path)
        case "replace":
            _get(holder, path)
            _replace(holder, path, operation["value"])
        case "move":
            _add(holder, path, _remove(holder, _pointer(operation["from"])))
        case "copy":
            _add(holder, path, copied(_get(holder, _pointer(operation["from"]))))
        case "test":
            if _get(holder, path) != operation["value"]:
                raise ValueError("test failed")
        case other:
            message = f"unknown operation {other!r}"
            raise ValueError(message)


def _pointer(path: str) -> list[str]:
    if path and not path.startswith("/"):
        message = f"not a JSON pointer: {path!r}"
        raise ValueError(message)
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")]


def _index(container: list[Any], part: str) -> int:
    index = int(part)
    if not 0 <= index < len(container):
        raise IndexError(part)
    return index


def _get(holder: Any, path: list[str]) -> Any:
    for part in path:
        holder = holder[_index(holder, part)] if isinstance(holder, list) else holder[part]
    return holder


def _add(holder: Any, path: list[str], value: Any) -> None:
    parent, last = _get(holder, path[:-1]), path[-1]
    if not isinstance(parent, list):
        parent[last] = value
    elif last == "-":
        parent.append(value)
    else:
        index = int(last)
        if not 0 <= index <= len(parent):
            raise IndexError(last)
        parent.insert(index, value)


def _replace(holder: Any, path: list[str], value: Any) -> None:
    parent, last = _get(holder, path[:-1]), path[-1]
    if isinstance(parent, list):
        parent[_index(parent, last)] = value
    else:
        parent[last] = value


def _remove(holder: Any, path: list[str]) -> Any:
    parent, last = _get(holder, path[:-1]), path[-1]
    return parent.pop(_index(parent, last)) if isinstance(parent, list) else parent.pop(last)
