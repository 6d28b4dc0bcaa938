"""A field that a body names twice is told as a real server tells it.

The bodies and the sentences are those of Kubernetes' own test/integration/apiserver/field_validation_test.go.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from porter.lab.apiserver.objects import decode
from porter.lab.apiserver.repeated import in_their_order, lines_of_repeated, only_unknown, repeated_first, telling
from tests.lab.apiserver.client import APPLY, JSON_PATCH, MERGE, STRATEGIC, Client
from tests.lab.apiserver.samples import UNHURRIED, definition

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
THINGS = "/apis/example.com/v1/namespaces/default/things"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

DEPLOYMENT = b"""
{
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "dupename",
        "name": "d",
        "labels": {"app": "nginx"},
        "unknownMeta": "metaVal"
    },
    "spec": {
        "unknown1": "val1",
        "unknownDupe": "valDupe",
        "unknownDupe": "valDupe2",
        "paused": true,
        "paused": false,
        "selector": {"matchLabels": {"app": "nginx"}},
        "template": {
            "metadata": {"labels": {"app": "nginx"}},
            "spec": {
                "containers": [{
                    "name": "nginx",
                    "image": "nginx:latest",
                    "unknownNested": "val1",
                    "imagePullPolicy": "Always",
                    "imagePullPolicy": "Never"
                }]
            }
        }
    }
}"""
CONTAINER = "spec.template.spec.containers[0]"
OF_A_GO_TYPE = [
    'duplicate field "metadata.name"',
    'unknown field "metadata.unknownMeta"',
    'unknown field "spec.unknown1"',
    'unknown field "spec.unknownDupe"',
    'duplicate field "spec.paused"',
    f'unknown field "{CONTAINER}.unknownNested"',
    f'duplicate field "{CONTAINER}.imagePullPolicy"',
]
PATCH = b"""
{"spec": {
    "paused": true,
    "paused": false,
    "template": {"spec": {"containers": [{
        "name": "nginx", "image": "nginx:latest", "unknownNested": "val1",
        "imagePullPolicy": "Always", "imagePullPolicy": "Never"}]}},
    "unknownDupe": "valDupe",
    "unknownDupe": "valDupe2"
}}"""
OF_A_PATCH = [
    'duplicate field "spec.paused"',
    f'duplicate field "{CONTAINER}.imagePullPolicy"',
    'duplicate field "spec.unknownDupe"',
    f'unknown field "{CONTAINER}.unknownNested"',
    'unknown field "spec.unknownDupe"',
]
OPERATIONS = b"""[
    {"op": "add", "path": "/spec/unknown2", "path": "/spec/unknown3", "value": "val1"},
    {"op": "add", "path": "/spec/paused", "value": true}
]"""
OF_OPERATIONS = ['json patch duplicate field "[0].path"', 'unknown field "spec.unknown3"']
THING = b"""
{
    "metadata": {"name": "dupename", "name": "t"},
    "spec": {
        "unknown1": "val1",
        "unknownDupe": "valDupe",
        "unknownDupe": "valDupe2",
        "known": "val1",
        "known": "val2"
    }
}"""
OF_A_CUSTOM_OBJECT = [
    'duplicate field "metadata.name"',
    'duplicate field "spec.unknownDupe"',
    'duplicate field "spec.known"',
    'unknown field "spec.unknown1"',
    'unknown field "spec.unknownDupe"',
]
DEPLOYMENT_IN_YAML = b"""\
metadata:
  name: dupename
  name: d
  unknownMeta: metaVal
  labels: {app: nginx}
spec:
  unknown1: val1
  unknownDupe: valDupe
  unknownDupe: valDupe2
  paused: true
  paused: false
  selector:
    matchLabels: {app: nginx}
  template:
    metadata:
      labels: {app: nginx}
    spec:
      containers:
      - name: nginx
        image: nginx:latest
        unknownNested: val1
        imagePullPolicy: Always
        imagePullPolicy: Never
"""
LINES = [
    'line 3: key "name" already set in map',
    'line 9: key "unknownDupe" already set in map',
    'line 11: key "paused" already set in map',
    'line 23: key "imagePullPolicy" already set in map',
]
UNKNOWN_IN_YAML = [  # in the order of JSON's keys, into which the YAML was turned
    'unknown field "metadata.unknownMeta"',
    f'unknown field "{CONTAINER}.unknownNested"',
    'unknown field "spec.unknown1"',
    'unknown field "spec.unknownDupe"',
]
APPLIED = b"""{
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "c"},
    "data": {
        "a": "1",
        "a": "2"
    }
}"""


def plain() -> dict[str, Any]:
    """The Deployment as it is without what is wrong with it."""
    found: dict[str, Any] = json.loads(DEPLOYMENT)
    del found["metadata"]["unknownMeta"], found["spec"]["unknown1"], found["spec"]["unknownDupe"]
    del found["spec"]["template"]["spec"]["containers"][0]["unknownNested"]
    return found


def warned(answer: Any) -> list[str]:
    heads = answer.headers.get_all("Warning") or []
    return [head.removeprefix('299 - "').removesuffix('"').replace('\\"', '"') for head in heads]


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_of_a_built_in_kind_all_is_told_in_the_order_of_the_body(client: Client, method: str) -> None:
    path = DEPLOYMENTS
    if method == "PUT":
        client.post(DEPLOYMENTS, plain())
        path = f"{DEPLOYMENTS}/d"

    refused = client.ask(method, f"{path}?fieldValidation=Strict", DEPLOYMENT)
    ignored = client.ask(method, f"{path}?fieldValidation=Ignore&dryRun=All", DEPLOYMENT)
    taken = client.ask(method, path, DEPLOYMENT)

    said = ", ".join(OF_A_GO_TYPE)
    assert (refused.status, refused.body["reason"]) == (400, "BadRequest")
    assert refused.body["message"] == (
        f'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: {said}'
    )
    assert (ignored.status < 300, warned(ignored)) == (True, [])
    assert (taken.status < 300, warned(taken)) == (True, OF_A_GO_TYPE)
    assert taken.body["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] == "Never"


@pytest.mark.parametrize(
    ("media", "body", "said"),
    [(MERGE, PATCH, OF_A_PATCH), (STRATEGIC, PATCH, OF_A_PATCH), (JSON_PATCH, OPERATIONS, OF_OPERATIONS)],
)
def test_of_a_patch_it_is_told_what_the_patch_names_twice_and_then_what_the_object_does_not_know(
    client: Client, media: str, body: bytes, said: list[str]
) -> None:
    client.post(DEPLOYMENTS, plain())

    refused = client.ask("PATCH", f"{DEPLOYMENTS}/d?fieldValidation=Strict", body, content_type=media)
    taken = client.ask("PATCH", f"{DEPLOYMENTS}/d", body, content_type=media)

    assert (refused.status, refused.body["reason"]) == (422, "Invalid")
    assert refused.body["message"].endswith(f"strict decoding error: {', '.join(said)}")
    assert (taken.status, warned(taken)) == (200, said)


def test_of_a_custom_object_it_is_told_what_is_named_twice_and_then_what_is_unknown(client: Client) -> None:
    spec = {"type": "object", "properties": {"known": {"type": "string"}}}
    client.post(CRDS, definition({"type": "object", "properties": {"spec": spec}}))

    refused = client.ask("POST", f"{THINGS}?fieldValidation=Strict", THING)
    taken = client.ask("POST", THINGS, THING)

    assert (refused.status, refused.body["message"]) == (
        400,
        'Thing in version "v1" cannot be handled as a Thing: strict decoding error: ' + ", ".join(OF_A_CUSTOM_OBJECT),
    )
    assert (taken.status, warned(taken)) == (201, OF_A_CUSTOM_OBJECT)


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_of_a_body_in_yaml_the_lines_are_told_and_then_what_is_unknown(client: Client, method: str) -> None:
    path, body, media = DEPLOYMENTS, DEPLOYMENT_IN_YAML, "application/yaml"
    if method == "PUT":
        client.post(DEPLOYMENTS, plain())
        path = f"{DEPLOYMENTS}/d"

    refused = client.ask(method, f"{path}?fieldValidation=Strict", body, content_type=media)
    ignored = client.ask(method, f"{path}?fieldValidation=Ignore&dryRun=All", body, content_type=media)
    taken = client.ask(method, path, body, content_type=media)

    lines, unknown = "\n  ".join(LINES), ", ".join(UNKNOWN_IN_YAML)
    assert refused.status == 400
    assert refused.body["message"] == (
        'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: '
        f"yaml: unmarshal errors:\n  {lines}, {unknown}"
    )
    assert (ignored.status < 300, warned(ignored)) == (True, [])
    assert (taken.status < 300, warned(taken)) == (True, LINES + UNKNOWN_IN_YAML)
    assert taken.body["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] == "Never"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: {b: 1, b: 2}\na: 3", ['line 1: key "b" already set in map', 'line 2: key "a" already set in map']),
        ("a:\n- b: 1\n  b:\n    c: 2", ['line 4: key "b" already set in map']),
        (
            "1: a\nyes: b\n'1': c\non: d\n1: e",
            ["line 4: key true already set in map", "line 5: key 1 already set in map"],
        ),
        ("a: &x {b: 1, b: 2}\nc: *x", ['line 1: key "b" already set in map']),
        ("a: &x [*x]\na: 1", ['line 2: key "a" already set in map']),
        ("a: &x {b: 1}\nc:\n  <<: *x\n  b: 2", []),
        ("a: 1\nb: {a: 1}", []),
    ],
)
def test_a_key_of_yaml_is_told_with_the_line_of_its_value(text: str, said: list[str]) -> None:
    assert lines_of_repeated(text.encode(), None) == said


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (APPLIED, 7),
        (b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  a: '1'\n  a: '2'\n", 6),
    ],
    ids=["JSON", "YAML"],
)
def test_of_an_apply_the_line_is_told(client: Client, body: bytes, line: int) -> None:
    path = "/api/v1/namespaces/default/configmaps/c?fieldManager=m"

    refused = client.ask("PATCH", f"{path}&fieldValidation=Strict", body, content_type=APPLY)
    assert client.ask("GET", path).status == 404
    taken = client.ask("PATCH", path, body, content_type=APPLY)

    said = f'line {line}: key "a" already set in map'
    assert refused.status == 400
    assert refused.body["message"] == (
        f"error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  {said}"
    )
    assert (taken.status, warned(taken)) == (201, [said])


Pairs = list[tuple[str, Any]]
KEYS = st.sampled_from(["a", "b", "a:b", 'c"', "\\", "[0]", ""])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([1, "x", "a:b", '{"a": [', None, True, ":"]),
    lambda inner: st.one_of(st.lists(inner, max_size=3).map(tuple), st.lists(st.tuples(KEYS, inner), max_size=4)),
    max_leaves=12,
)


@st.composite
def written(draw: st.DrawFn, value: Any) -> str:
    """A value as JSON, in one of the many ways; objects are lists of pairs, lists are tuples."""
    space = draw(st.sampled_from(["", " ", "\n\t"]))
    match value:
        case list():
            inner = [f"{draw(written(key))}{space}:{space}{draw(written(below))}" for key, below in value]
            return "{" + f"{space},{space}".join(inner) + "}"
        case tuple():
            return "[" + f"{space},".join(draw(written(below)) for below in value) + "]"
        case str():
            return json.dumps(value).replace(":", draw(st.sampled_from([":", "\\u003a", "\\u003A"])))
        case _:
            return json.dumps(value)


def repeated(value: Any, path: str = "") -> list[str]:
    """The paths that are named twice, in their order."""
    found: list[str] = []
    if isinstance(value, tuple):
        for index, below in enumerate(value):
            found += repeated(below, f"{path}[{index}]")
    elif isinstance(value, list):
        for index, (key, below) in enumerate(value):
            place = f"{path}.{key}" if path else key
            found += [place] * any(key == other for other, _ in value[:index])
            found += repeated(below, place)
    return found


@UNHURRIED
@given(st.data())
def test_what_any_body_names_twice_is_found_and_nothing_else(data: st.DataObject) -> None:
    value = data.draw(st.lists(st.tuples(KEYS, VALUES), max_size=4))
    raw = data.draw(written(value)).encode()
    wanted = list(dict.fromkeys(f'duplicate field "{path}"' for path in repeated(value)))
    event(f"names something twice: {bool(wanted)}")

    assert telling(raw, decode(raw), repeated_first)([]) == wanted
    assert telling(raw, decode(raw), in_their_order)([]) == wanted


def test_what_an_unknown_field_holds_is_not_looked_at_in_a_body_of_a_go_type() -> None:
    raw = b'{"u": {"a": 1, "a": 2}, "us": {"a": 1, "a": 2}}'

    assert telling(raw, decode(raw), in_their_order)(["u"]) == ['unknown field "u"', 'duplicate field "us.a"']


def test_a_body_that_names_nothing_twice_is_told_of_by_its_unknown_fields_alone() -> None:
    raw = b'{"metadata": {"name": "a:b"}, "data": {"x": "http://[::1]:80"}}'

    assert telling(raw, decode(raw), in_their_order) is only_unknown
