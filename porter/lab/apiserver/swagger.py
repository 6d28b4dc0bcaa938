"""The OpenAPI v2 document in protobuf, the only form that kubectl before 1.27 takes: `apply` and `edit` need it.

It holds the schemas, and of the paths what a PATCH may carry in its query: there kubectl looks whether a kind knows dry
runs. The numbers are those of gnostic's openapiv2/OpenAPIv2.proto. Nothing is read in this form.
"""

from __future__ import annotations

from collections.abc import Iterable

from porter.lab.apiserver.objects import Json, encode

ASKED = "proto-openapi.spec.v2"  # what every form of its name in an Accept header has in common
MEDIA_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"  # the @ of the older name is not legal
_SWAGGER, _INFO, _PATHS, _DEFINITIONS = 1, 2, 8, 9  # of Document
_TITLE, _VERSION = 1, 2  # of Info
_NAME, _VALUE = 1, 2  # of NamedSchema and NamedAny
_ONLY = 1  # of the messages that wrap one thing: Definitions, Properties, TypeItem, ItemsItem
_YAML = 2  # of Any
_PATH, _PATCH = 2, 8  # of Paths and PathItem
_PARAMETERS, _OPERATION_EXTENSION = 8, 13  # of Operation
_PARAMETER = (1, 2, 3)  # from ParametersItem through Parameter and NonBodyParameter to QueryParameterSubSchema
_IN, _PARAMETER_NAME = 2, 4  # of QueryParameterSubSchema
_REF, _FORMAT, _DESCRIPTION, _REQUIRED, _ADDITIONAL, _TYPE, _ITEMS, _ALL_OF, _PROPERTIES, _EXTENSION = (
    *(1, 2, 4, 19, 21),
    *(22, 23, 24, 25, 31),
)  # of Schema
_OPEN = "x-kubernetes-preserve-unknown-fields"
_BYTES = 2  # the wire type of everything here: a length, and that many bytes


def in_protobuf(document: Json) -> bytes:
    """A document of OpenAPI v2 as a message; what kubectl does not look at is left out."""
    info = _text(_TITLE, document["info"]["title"]) + _text(_VERSION, document["info"]["version"])
    paths = _many(_PATH, (_path(name, item) for name, item in document["paths"].items() if "patch" in item))
    head = _text(_SWAGGER, document["swagger"]) + _field(_INFO, info)
    return head + _field(_PATHS, paths) + _field(_DEFINITIONS, _named(document["definitions"]))


def _path(name: str, item: Json) -> bytes:
    operation = item["patch"]
    parameters = (_parameter(one["name"]) for one in operation["parameters"])
    patch = _many(_PARAMETERS, parameters) + _extensions(_OPERATION_EXTENSION, operation)
    return _text(_NAME, name) + _field(_VALUE, _field(_PATCH, patch))


def _parameter(name: str) -> bytes:
    message = _text(_IN, "query") + _text(_PARAMETER_NAME, name)
    for number in reversed(_PARAMETER):
        message = _field(number, message)
    return message


def _named(schemas: Json) -> bytes:
    entries = (_text(_NAME, name) + _field(_VALUE, _schema(schema)) for name, schema in schemas.items())
    return _many(_ONLY, entries)


def _schema(schema: Json) -> bytes:
    out = _text(_REF, schema.get("$ref", "")) + _text(_FORMAT, schema.get("format", ""))
    out += _text(_DESCRIPTION, schema.get("description", ""))
    if not schema.get(_OPEN):  # a schema without a type takes anything
        out += _shape(schema)
    return out + _extensions(_EXTENSION, schema)


def _extensions(number: int, described: Json) -> bytes:
    found = ((name, value) for name, value in described.items() if name.startswith("x-kubernetes-"))
    return _many(number, (_text(_NAME, n) + _field(_VALUE, _text(_YAML, encode(v).decode())) for n, v in found))


def _shape(schema: Json) -> bytes:
    out = _many(_REQUIRED, (name.encode() for name in schema.get("required", [])))
    if isinstance(additional := schema.get("additionalProperties"), dict):
        out += _field(_ADDITIONAL, _field(_ONLY, _schema(additional)))
    if kind := schema.get("type"):
        out += _field(_TYPE, _text(_ONLY, kind))
    if items := schema.get("items"):
        out += _field(_ITEMS, _field(_ONLY, _schema(items)))
    out += _many(_ALL_OF, (_schema(one) for one in schema.get("allOf", [])))
    if properties := schema.get("properties"):
        out += _field(_PROPERTIES, _named(properties))
    return out


def _many(number: int, values: Iterable[bytes]) -> bytes:
    return b"".join(_field(number, value) for value in values)


def _text(number: int, value: str) -> bytes:
    return _field(number, value.encode()) if value else b""


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004  (seven bits a byte, the highest says that more follow)
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
