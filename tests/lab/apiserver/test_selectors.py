"""Selectors as kubectl and clients write them: what matches, and what the API says of those that it cannot read."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from porter.lab.apiserver import ApiServer
from tests.lab.apiserver.client import Client
from tests.lab.apiserver.conftest import Running
from tests.loop import Loop

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
LABELS: dict[str, dict[str, str]] = {
    "bare": {},
    "five": {"n": "5", "app": "web"},
    "empty": {"app": ""},
    "word": {"n": "x", "app": "db"},
    "ten": {"n": "10", "example.com/app": "web"},
}
_NAME = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
_VALUE = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"


@pytest.fixture(scope="module")
def labelled(loop: Loop) -> Iterator[Client]:
    made = Running(loop, ApiServer(tls=False))
    for name, labels in LABELS.items():
        made.client.post(CONFIG_MAPS, {"metadata": {"name": name, "labels": labels}})
    made.client.post("/api/v1/nodes", {"metadata": {"name": "n1"}})
    made.client.post("/api/v1/nodes", {"metadata": {"name": "n2"}, "spec": {"unschedulable": True}})
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    made.client.post(
        "/apis/apps/v1/namespaces/default/replicasets",
        {"metadata": {"name": "r"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}},
    )
    pod = {"containers": [{"name": "c", "image": "i"}]}
    made.client.post("/api/v1/namespaces/default/pods", {"metadata": {"name": "p"}, "spec": pod})
    made.client.post("/api/v1/namespaces/default/pods", {"metadata": {"name": "q"}, "spec": pod | {"nodeName": "n1"}})
    made.client.post("/api/v1/namespaces/default/secrets", {"metadata": {"name": "s"}, "type": "example.com/a"})
    about = {"kind": "Pod", "namespace": "default", "name": "p"}
    for name, who in (("said", {"source": {"component": "kubelet"}}), ("told", {"reportingComponent": "scheduler"})):
        event = {"metadata": {"name": name}, "involvedObject": about, "reportingInstance": "i", "action": "Bound"}
        made.client.post("/api/v1/namespaces/default/events", event | who)
    yield made.client
    made.stop()


def names(client: Client, path: str) -> list[str]:
    return [item["metadata"]["name"] for item in client.get(path)["items"]]


@pytest.mark.parametrize(
    ("selector", "wanted"),
    [
        ("app", "empty five word"),
        ("!app", "bare ten"),
        ("app=web", "five"),
        ("app==web", "five"),
        ("app=", "empty"),
        ("app!=web", "bare empty ten word"),
        ("app in (web, db)", "five word"),
        ("app in (,)", "empty"),
        ("app in (web,)", "empty five"),
        ("app notin (web,db)", "bare empty ten"),
        ("n>5", "ten"),
        ("n<10", "five"),
        ("n > 4, app", "five"),
        ("example.com/app=web", "ten"),
        (" app , n = 5 ", "five"),
        ("", "bare empty five ten word"),
    ],
)
def test_a_label_selector_selects(labelled: Client, selector: str, wanted: str) -> None:
    assert names(labelled, f"{CONFIG_MAPS}?labelSelector={quote(selector)}") == wanted.split()


@pytest.mark.parametrize(
    ("selector", "said"),
    [
        ("a=b c", "found 'c', expected: ',' or 'end of string'"),
        (",", "found ',', expected: !, identifier, or 'end of string'"),
        ("a,", "found '', expected: identifier after ','"),
        ("a===b", "unable to parse requirement: found '=', expected: identifier"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a in (b", "unable to parse requirement: found '', expected: ',', or identifier"),
        ("a in ()", "unable to parse requirement: values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty"),
        ("a>b", "unable to parse requirement: values[0]: Invalid value: \"b\": for 'Gt', 'Lt' operators, the value must be an integer"),
        ("-a=b", f'unable to parse requirement: <nil>: Invalid value: "-a": {_NAME}'),
        ("a=-b", f'unable to parse requirement: values[0][a]: Invalid value: "-b": {_VALUE}'),
    ],
)  # fmt: skip
def test_a_label_selector_that_cannot_be_read_is_told(labelled: Client, selector: str, said: str) -> None:
    answer = labelled.ask("GET", f"{CONFIG_MAPS}?labelSelector={quote(selector)}")

    assert (answer.status, answer.body["message"]) == (400, said)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (f"{CONFIG_MAPS}?fieldSelector=metadata.name!=bare,metadata.namespace=default", "empty five ten word"),
        ("/api/v1/nodes?fieldSelector=spec.unschedulable=false", "n1"),
        ("/api/v1/nodes?fieldSelector=spec.unschedulable=true", "n2"),
        ("/apis/apps/v1/replicasets?fieldSelector=status.replicas=0", "r"),
        ("/api/v1/pods?fieldSelector=spec.nodeName=", "p"),
        ("/api/v1/pods?fieldSelector=spec.nodeName=n1,status.phase=Pending", "q"),
        ("/api/v1/pods?fieldSelector=status.phase!=Pending", ""),
        ("/api/v1/secrets?fieldSelector=type=example.com/a", "s"),
        ("/api/v1/namespaces?fieldSelector=status.phase=Active,metadata.name=default", "default"),
        ("/api/v1/services?fieldSelector=spec.type=ClusterIP,spec.clusterIP!=None", "kubernetes"),
        ("/api/v1/events?fieldSelector=source=kubelet", "said"),
        ("/api/v1/events?fieldSelector=source=scheduler", "told"),
        ("/api/v1/events?fieldSelector=source!=kubelet,involvedObject.name=p", "told"),
    ],
)
def test_a_field_selector_selects_by_the_fields_of_its_kind(labelled: Client, path: str, wanted: str) -> None:
    assert names(labelled, path) == wanted.split()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (f"{CONFIG_MAPS}?fieldSelector=data.a=1", "field label not supported: data.a"),
        ("/api/v1/nodes?fieldSelector=status.phase=x", "field label not supported: status.phase"),
        (f"{CONFIG_MAPS}?fieldSelector=metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"),
    ],
)  # fmt: skip
def test_a_field_selector_that_no_kind_knows_is_told(labelled: Client, path: str, said: str) -> None:
    answer = labelled.ask("GET", path)

    assert (answer.status, answer.body["message"]) == (400, said)
