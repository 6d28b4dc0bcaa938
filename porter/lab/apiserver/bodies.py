"""Request bodies as values, by their media types: JSON, YAML, protobuf, and each sort of patch. It knows no object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec
import yaml

from porter.lab.apiserver import yamls
from porter.lab.apiserver.errors import bad_request, unsupported_media
from porter.lab.apiserver.kinds import Kind
from porter.lab.apiserver.objects import Json, decode
from porter.lab.apiserver.patch import json_patch, merge
from porter.lab.apiserver.protobuf import MEDIA_TYPE, protobuf_body
from porter.lab.apiserver.schema import type_name
from porter.lab.apiserver.schemas import definitions, schema_of
from porter.lab.apiserver.strategic import strategic_merge

JSON_PATCH, MERGE_PATCH = "application/json-patch+json", "application/merge-patch+json"
YAML = "application/yaml"
STRATEGIC_PATCH, APPLY_PATCH = "application/strategic-merge-patch+json", "application/apply-patch+yaml"


def body(raw: bytes, content_type: str) -> Any:
    """The value of a JSON or YAML body."""
    if content_type == MEDIA_TYPE:
        return protobuf_body(raw)
    if content_type not in ("application/json", YAML, "", "application/x-www-form-urlencoded"):
        raise unsupported_media(
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json, application/yaml",
            details=False,
        )
    return yaml_body(raw) if content_type == YAML else json_body(raw)


def is_json(content_type: str) -> bool:
    """Whether a body that `body` reads is JSON."""
    return content_type not in (MEDIA_TYPE, YAML)


def json_body(raw: bytes) -> Any:
    """The value of a JSON body."""
    try:
        return decode(raw)
    except msgspec.DecodeError as failed:
        message = f"couldn't get version/kind; json parse error: {failed}"
        raise bad_request(message) from failed


def yaml_body(raw: bytes) -> Any:
    """The value of a YAML body, which may well be JSON."""
    try:
        return decode(raw)
    except msgspec.DecodeError:
        pass
    try:
        return yamls.load(raw)
    except (yaml.YAMLError, ValueError, TypeError) as failed:
        message = f"error decoding YAML: {failed}"
        raise bad_request(message) from failed


def as_object(found: Any) -> Json:
    """The value of a body, if it is a JSON object; else refused."""
    if not isinstance(found, dict):
        message = f"couldn't get version/kind; json parse error: {type_name(found)} is not an object"
        raise bad_request(message)
    return cast("Json", found)


def patch_body(raw: bytes, media: str, kind: Kind) -> Any:
    """The value of the body of a PATCH."""
    if media not in (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH):
        raise unsupported_media()
    if kind.custom and media == STRATEGIC_PATCH:
        accepted = f"{JSON_PATCH}, {MERGE_PATCH}, {APPLY_PATCH}"
        said = f"the body of the request was in an unknown format - accepted media types include: {accepted}"
        raise unsupported_media(said, details=False)
    return json_body(raw)


def change_of(found: Any, media: str, kind: Kind) -> Callable[[Json], Any]:
    """The value of the body of a PATCH as a function of the document that it is applied to."""
    if media == JSON_PATCH:
        return lambda document_: json_patch(document_, found)
    if not isinstance(found, dict):
        raise bad_request("error decoding patch: not a JSON object")
    if media == MERGE_PATCH:
        return lambda document_: merge(document_, found)
    schema = schema_of(kind.name)
    return lambda document_: strategic_merge(document_, found, definitions(), schema)
