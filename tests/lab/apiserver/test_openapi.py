"""What tells clients of kinds: OpenAPI v2 in protobuf, read with nothing but the wire format, and discovery."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from porter.lab.apiserver import models, schemas
from tests.lab.apiserver.client import Client

OLD_KUBECTL = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
SWAGGER, PATHS, DEFINITIONS = 1, 8, 9
NAME, VALUE = 1, 2


def varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (raw[at] & 0x7F) << shift
        at, shift, more = at + 1, shift + 7, raw[at] & 0x80
        if not more:
            return value, at


def fields(raw: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(raw):
        tag, at = varint(raw, at)
        assert tag & 7 == 2, "every field here has a length"
        size, at = varint(raw, at)
        yield tag >> 3, raw[at : at + size]
        at += size
    assert at == len(raw)


def one(raw: bytes, *numbers: int) -> bytes:
    for number in numbers:
        (raw,) = (value for found, value in fields(raw) if found == number)
    return raw


def named(raw: bytes, number: int) -> dict[str, bytes]:
    entries = [value for found, value in fields(raw) if found == number]
    return {one(entry, NAME).decode(): one(entry, VALUE) for entry in entries}


def document(client: Client) -> bytes:
    with client.request("GET", "/openapi/v2", accept=OLD_KUBECTL) as answer:
        assert answer.headers["Content-Type"] == "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
        raw: bytes = answer.read()
    return raw


def test_the_schemas_that_are_kept_are_those_of_the_kubernetes_clients_models() -> None:
    """After a new version of the client: python -m porter.lab.apiserver.models > porter/lab/apiserver/schemas.json."""
    assert Path(schemas.__file__).with_name("schemas.json").read_text(encoding="utf-8") == models.written()


def test_the_schemas_of_both_forms_are_the_same_ones(client: Client) -> None:
    plain = client.get("/openapi/v2")
    schemas = named(one(document(client), DEFINITIONS), 1)

    assert one(document(client), SWAGGER) == b"2.0"
    assert list(schemas) == list(plain["definitions"])
    properties = {name: named(one(schema, 25), 1) for name, schema in schemas.items() if name == "ServicePort"}
    assert list(properties["ServicePort"]) == list(plain["definitions"]["ServicePort"]["properties"])
    assert one(properties["ServicePort"]["nodePort"], 22, 1) == b"integer"


def test_a_kind_is_found_by_its_group_version_and_kind(client: Client) -> None:
    schemas = named(one(document(client), DEFINITIONS), 1)
    extensions = {name: one(value, 2) for name, value in named(schemas["Deployment"], 31).items()}

    assert extensions["x-kubernetes-group-version-kind"] == b'[{"group":"apps","version":"v1","kind":"Deployment"}]'


def test_a_patch_tells_that_it_knows_dry_runs(client: Client) -> None:
    paths = named(one(document(client), PATHS), 2)
    operation = one(paths["/api/v1/namespaces/{namespace}/services/{name}"], 8)

    parameters = [one(value, 1, 2, 3, 4) for number, value in fields(operation) if number == 8]
    assert parameters == [b"dryRun", b"fieldManager", b"fieldValidation"]
    assert named(operation, 13)["x-kubernetes-group-version-kind"].endswith(b'"kind":"Service"}')


BETA = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (f"{AGGREGATED},{BETA},application/json", "APIGroupDiscoveryList"),
        (f"{BETA},application/json", "APIGroupList"),  # kubectl 1.27 to 1.29
        ("application/json", "APIGroupList"),
    ],
)
def test_discovery_is_aggregated_for_those_who_take_that_version(shared: Client, accept: str, kind: str) -> None:
    assert shared.get("/apis", accept=accept)["kind"] == kind
