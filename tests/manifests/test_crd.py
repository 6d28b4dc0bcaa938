"""The definition of the Eip: a structural schema with a word on every field, and what it takes and refuses."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import porter.lab
from porter.lab.apiserver import ApiServer
from porter.manifests import render
from porter.model.addresses import InvalidRangeError, parse_range
from tests.lab.apiserver.client import Client
from tests.loop import Loop

DEFINITION = yaml.safe_load(render(["crd"]))
VERSION = DEFINITION["spec"]["versions"][0]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]
TUTORIAL = Path(porter.lab.__file__).parent / "tutorial"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
EIPS = "/apis/network.kubesphere.io/v1alpha2/eips"


def fields(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from fields(inner, f"{path}.{name}")
    for word in ("items", "additionalProperties"):
        if word in schema:
            yield from fields(schema[word], f"{path}.{word}")


ALL_FIELDS = list(fields(SCHEMA, "eip"))


@pytest.mark.parametrize(("path", "schema"), ALL_FIELDS, ids=[path for path, _ in ALL_FIELDS])
def test_every_field_has_a_type_and_a_description(path: str, schema: dict[str, Any]) -> None:
    assert schema.get("type") in {"object", "array", "string", "integer", "boolean"}, path
    assert schema.get("description"), path
    assert "default" not in schema, "an Eip stays as its author wrote it"
    if schema["type"] == "array":
        assert "items" in schema
    if "x-kubernetes-validations" in schema:
        assert "maxLength" in schema, "the cost of a rule is estimated from the longest value"


def test_what_older_versions_promise_is_there() -> None:
    assert DEFINITION["metadata"]["name"] == "eips.network.kubesphere.io"
    assert DEFINITION["spec"]["scope"] == "Cluster"
    assert DEFINITION["spec"]["names"]["categories"] == ["networking"]
    assert (VERSION["name"], VERSION["served"], VERSION["storage"]) == ("v1alpha2", True, True)
    assert VERSION["subresources"] == {"status": {}}
    columns = [column["name"] for column in VERSION["additionalPrinterColumns"]]
    assert columns == ["cidr", "usage", "total", "protocol", "ready", "age"]
    assert set(SCHEMA["properties"]["spec"]["properties"]) == {
        "address",
        "protocol",
        "interface",
        "disable",
        "usingKnownIPs",
        "priority",
        "namespaces",
        "namespaceSelector",
    }
    assert set(SCHEMA["properties"]["status"]["properties"]) == {
        "occupied",
        "usage",
        "poolSize",
        "used",
        "firstIP",
        "lastIP",
        "v4",
        "ready",
        "conditions",
    }


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """An API server that has the definition."""
    loop = Loop()
    server = ApiServer(tls=False)
    loop.run(server.start())
    made = Client(server.url, server.token, server.authority)
    answer = made.ask("POST", DEFINITIONS, DEFINITION)
    assert answer.status == 201, answer.body
    yield made
    loop.run(server.stop())
    loop.close()


_numbers = itertools.count(1)


def create(client: Client, spec: Any) -> Any:
    eip = {"apiVersion": "network.kubesphere.io/v1alpha2", "kind": "Eip", "spec": spec}
    return client.ask("POST", EIPS, {**eip, "metadata": {"name": f"eip-{next(_numbers)}"}})


@pytest.mark.parametrize("name", ["porter-layer2-eip.yaml", "orion-eip.yaml"])
def test_the_guides_and_the_notes_eips_are_taken(client: Client, name: str) -> None:
    eip = yaml.safe_load((TUTORIAL / name).read_text())
    eip["metadata"]["name"] = f"tutorial-{next(_numbers)}"

    answer = client.ask("POST", EIPS, eip)

    assert answer.status == 201, answer.body
    assert answer.body["spec"] == eip["spec"]


GOOD_ADDRESSES = [
    "192.168.0.91",
    " 192.168.0.91 ",
    "192.168.0.91-192.168.0.100",
    "192.168.0.91 - 192.168.0.100",
    "192.168.0.96/28",
    "0.0.0.0/0",
    "255.255.255.255/32",
    "fd00::1",
    "fd00::1-fd00::ff",
    "fd00::/120",
    "FD00:0:0:0:0:0:0:1",
    "::ffff:192.168.0.1",
]
BAD_ADDRESSES = [
    ("", "should be at least 1 chars long"),
    ("  ", "must be an IP address, a CIDR such as"),
    ("none", "must be an IP address, a CIDR such as"),
    ("192.168.0.256", "must be an IP address, a CIDR such as"),
    ("192.168.0.01", "must be an IP address, a CIDR such as"),
    ("192.168.0", "must be an IP address, a CIDR such as"),
    ("192.168.0.0/33", "must be an IP address, a CIDR such as"),
    ("192.168.0.1,192.168.0.2", "must be an IP address, a CIDR such as"),
    ("192.168.0.1-", "must be an IP address, a CIDR such as"),
    ("192.168.0.1-2-3", "more than two parts; a range is first-last"),
    ("192.168.0.0/24-192.168.0.9", "a CIDR and a range at once"),
    ("192.168.0.1-fd00::1", "mixes IPv4 and IPv6"),
    ("fd00::/129", "must be an IPv6 address"),
    ("fe80::1%eth0", "must be an IPv6 address"),
    ("1" * 201, "200"),
]


@pytest.mark.parametrize("address", GOOD_ADDRESSES)
def test_a_range_that_porter_reads_is_taken(client: Client, address: str) -> None:
    parse_range(address)

    answer = create(client, {"address": address})

    assert answer.status == 201, answer.body


@pytest.mark.parametrize(("address", "sentence"), BAD_ADDRESSES)
def test_a_range_that_porter_cannot_read_is_refused(client: Client, address: str, sentence: str) -> None:
    with pytest.raises(InvalidRangeError):
        parse_range(address)

    answer = create(client, {"address": address})

    assert answer.status == 422, answer.body
    assert sentence in answer.body["message"]


@pytest.mark.parametrize("protocol", ["", "bgp", "layer2", "vip", "example-bgp", "a", "x" * 63])
def test_any_name_that_a_plugin_could_have_is_taken(client: Client, protocol: str) -> None:
    answer = create(client, {"address": "10.0.0.1", "protocol": protocol})

    assert answer.status == 201, answer.body


@pytest.mark.parametrize(
    "interface", ["", "eth0", "enp3s0f0", "bond0.100", "can_reach:192.168.0.1", "can_reach:fd00::1"]
)
def test_an_interface_or_a_way_to_find_one_is_taken(client: Client, interface: str) -> None:
    answer = create(client, {"address": "10.0.0.1", "interface": interface})

    assert answer.status == 201, answer.body


def test_everything_at_once_is_kept_as_written(client: Client) -> None:
    spec = {
        "address": "10.0.0.0/24",
        "protocol": "layer2",
        "interface": "eth0",
        "disable": True,
        "usingKnownIPs": True,
        "priority": 7,
        "namespaces": ["default", "edge"],
        "namespaceSelector": {"tier": "edge"},
    }

    answer = create(client, spec)

    assert answer.status == 201, answer.body
    assert answer.body["spec"] == spec


@pytest.mark.parametrize(
    "spec",
    [
        None,
        {},
        {"address": 5},
        {"address": "10.0.0.1", "protocol": "Layer2"},
        {"address": "10.0.0.1", "protocol": "-x"},
        {"address": "10.0.0.1", "protocol": "x" * 64},
        {"address": "10.0.0.1", "interface": "can_reach:gateway"},
        {"address": "10.0.0.1", "interface": "can_reach:"},
        {"address": "10.0.0.1", "disable": "yes"},
        {"address": "10.0.0.1", "priority": "first"},
        {"address": "10.0.0.1", "namespaces": "default"},
        {"address": "10.0.0.1", "namespaceSelector": {"tier": 1}},
    ],
    ids=str,
)
def test_a_wrong_eip_is_refused(client: Client, spec: Any) -> None:
    answer = create(client, spec)

    assert answer.status == 422, answer.body


# ---------------------------------------------------------------------------------------------- old API servers

OF_A_VERSION = {
    "name",
    "served",
    "storage",
    "deprecated",
    "deprecationWarning",
    "subresources",
    "additionalPrinterColumns",
    "schema",
}
OF_A_SCHEMA = {
    "type",
    "format",
    "description",
    "properties",
    "required",
    "items",
    "additionalProperties",
    "enum",
    "pattern",
    "minimum",
    "minLength",
    "maxLength",
    "maxItems",
    "maxProperties",
    "x-kubernetes-validations",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
}
"""What every API server since Kubernetes 1.25 knows: newer are selectableFields, messageExpression, optionalOldSelf …"""
OF_CEL = {"split", "size", "contains", "all", "trim", "matches", "startsWith"}
"""Of its first version, and the strings extension that came with it; isIP, isCIDR, quantity and format are newer."""
RULES = [
    (path, schema["maxLength"], rule)
    for path, schema in ALL_FIELDS
    for rule in schema.get("x-kubernetes-validations", ())
]


def test_both_versions_are_one_and_use_nothing_newer_than_kubernetes_1_28() -> None:
    new, old = DEFINITION["spec"]["versions"]

    assert set(DEFINITION["spec"]) == {"group", "scope", "names", "conversion", "versions"}
    assert DEFINITION["spec"]["conversion"] == {"strategy": "None"}
    for version in (new, old):
        assert set(version) <= OF_A_VERSION
    for key in ("schema", "subresources", "additionalPrinterColumns"):
        assert new[key] == old[key]
    assert (old["name"], old["served"], old["storage"], old["deprecated"]) == ("v1alpha1", True, False, True)
    for path, schema in ALL_FIELDS:
        assert set(schema) <= OF_A_SCHEMA, path


@pytest.mark.parametrize(("path", "longest", "rule"), RULES, ids=[f"{path}: {r['message']}" for path, _, r in RULES])
def test_a_rule_is_understood_by_old_servers_and_cheap_enough_to_be_taken(
    path: str, longest: int, rule: dict[str, str]
) -> None:
    """The estimate is that of k8s.io/apiserver, pkg/cel/library/cost.go: a rule may cost ten million units."""
    assert set(rule) == {"rule", "message"}, path
    code = re.sub(r"'[^']*'", "''", rule["rule"])
    assert set(re.findall(r"(\w+)\(", code)) <= OF_CEL
    size = 4 * longest  # bytes of a string
    patterns = [len(text) for text in re.findall(r"matches\('(.*?)'\)", rule["rule"])]
    of_one = sum((1 + size) * 0.1 * length * 0.25 for length in patterns) + size
    repeated = size if ".all(" in code else 1  # as if each character were a part

    assert of_one * repeated < 10_000_000 / 2
