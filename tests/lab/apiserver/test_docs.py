"""What docs/lab-api-server.md says of the server is so: its kinds and options, and every row of what it does not do."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from porter.lab.apiserver.__main__ import _parser
from porter.lab.apiserver.builtin import BUILTIN
from tests.lab.apiserver.client import Client

PAGE = (Path(__file__).parents[3] / "docs" / "lab-api-server.md").read_text()
CORE, APPS, RBAC = (
    "/api/v1/namespaces/default",
    "/apis/apps/v1/namespaces/default",
    "/apis/rbac.authorization.k8s.io/v1",
)
CONTAINERS: Any = {"containers": [{"name": "c", "image": "i"}]}


def test_every_kind_is_in_the_page() -> None:
    assert [kind.name for kind in BUILTIN if kind.name not in PAGE] == []


def test_every_option_is_in_the_page() -> None:
    options = [option for action in _parser()._actions for option in action.option_strings if option.startswith("--")]

    assert [option for option in options if option not in PAGE and option != "--help"] == []


def nobody_gets_in(client: Client) -> None:
    assert Client(client.url).ask("GET", "/api/v1/nodes").status == 401


def a_writer_of_roles_may_write_any(client: Client) -> None:
    client.post(f"{CORE}/serviceaccounts", {"metadata": {"name": "scribe"}})
    rule = {"verbs": ["create"], "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"]}
    client.post(f"{RBAC}/clusterroles", {"metadata": {"name": "scribe"}, "rules": [rule]})
    subject = {"kind": "ServiceAccount", "name": "scribe", "namespace": "default"}
    reference = {"kind": "ClusterRole", "name": "scribe"}
    client.post(f"{RBAC}/clusterrolebindings", {"metadata": {"name": "s"}, "roleRef": reference, "subjects": [subject]})
    scribe = Client(client.url, client.post(f"{CORE}/serviceaccounts/scribe/token", {"spec": {}})["status"]["token"])

    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    assert (
        scribe.ask("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "all"}, "rules": [everything]}).status == 201
    )


def a_new_namespace_is_bare(client: Client) -> None:
    client.post("/api/v1/namespaces", {"metadata": {"name": "bare"}})

    for plural in ("serviceaccounts", "configmaps"):
        assert client.get(f"/api/v1/namespaces/bare/{plural}")["items"] == []


def what_was_deleted_stays_away(client: Client) -> None:
    for path in (f"{CORE}/services/kubernetes", f"{RBAC}/clusterroles/view"):
        client.ask("DELETE", path)
        client.post(f"{CORE}/configmaps", {"metadata": {"generateName": "another-write-"}})

        assert client.ask("GET", path).status == 404


def nothing_is_controlled(client: Client) -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": CONTAINERS}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    client.post(f"{APPS}/deployments", {"metadata": {"name": "d"}, "spec": spec})
    client.post(f"{CORE}/services", {"metadata": {"name": "d"}, "spec": {"ports": [{"port": 80}]}})
    client.post("/api/v1/nodes", {"metadata": {"name": "n"}})

    assert client.get("/api/v1/pods?labelSelector=a")["items"] == []
    assert (
        client.get("/apis/discovery.k8s.io/v1/endpointslices?labelSelector=kubernetes.io/service-name=d")["items"] == []
    )
    assert client.get("/apis/coordination.k8s.io/v1/leases")["items"] == []


def there_is_no_admission(client: Client) -> None:
    for path in (
        "/apis/admissionregistration.k8s.io/v1",
        f"{CORE}/resourcequotas",
        "/apis/flowcontrol.apiserver.k8s.io/v1",
    ):
        assert client.ask("GET", path).status == 404


def nothing_runs(client: Client) -> None:
    for part in ("exec", "log", "portforward", "eviction", "proxy"):
        assert client.ask("POST", f"{CORE}/pods/p/{part}", {}).status == 404
    assert client.ask("GET", "/api/v1/watch/services").status == 404


def json_is_spoken(client: Client) -> None:
    protobuf = "application/vnd.kubernetes.protobuf"
    assert client.ask("GET", "/api/v1/nodes", accept=f"{protobuf},application/json").kind == "application/json"
    assert client.ask("GET", "/api/v1/nodes", accept=protobuf).status == 406
    assert client.ask("POST", f"{CORE}/configmaps", b"\xa0", content_type="application/cbor").status == 415


def a_rule_may_cost_what_it_likes(client: Client) -> None:
    schema: Any = {"type": "object", "properties": {"spec": {"type": "array", "items": {"type": "string"}}}}
    schema["x-kubernetes-validations"] = [{"rule": "self.spec.all(a, self.spec.all(b, self.spec.all(c, a == b)))"}]

    assert define(client, schema).status == 201


def some_functions_are_unknown(client: Client) -> None:
    schema: Any = {"type": "object", "properties": {"spec": {"type": "string"}}}
    schema["x-kubernetes-validations"] = [{"rule": "ip(self.spec).family() == 4"}]
    made = define(client, schema)
    if made.status == 201:
        thing = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": "10.0.0.1"}
        client.get("/apis/example.com/v1/things")
        made = client.ask("POST", "/apis/example.com/v1/things", thing)

    assert made.status == 422


def define(client: Client, schema: Any) -> Any:
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "Thing", "plural": "things"}
    spec = {"group": "example.com", "scope": "Cluster", "names": names, "versions": [version]}
    defined = {"metadata": {"name": "things.example.com"}, "spec": spec}
    return client.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", defined)


def some_rules_are_not_known(client: Client) -> None:
    probed = CONTAINERS["containers"][0] | {"readinessProbe": {"periodSeconds": -1}}
    client.post(f"{CORE}/pods", {"metadata": {"name": "probed"}, "spec": {"containers": [probed]}})


def little_is_told_in_protobuf(client: Client) -> None:
    asked = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
    told = client.ask("GET", "/openapi/v2", accept=asked).body
    assert isinstance(told, str)
    assert "dryRun" in told
    assert set(re.findall(r'x-kubernetes-action[^"]{1,4}"(\w+)"', told)) == {"patch"}


TRIED: dict[str, Callable[[Client], None]] = {
    "Client certificates, anonymous users": nobody_gets_in,
    "RBAC's guard against granting more than one has (`escalate`, `bind`)": a_writer_of_roles_may_write_any,
    "A ServiceAccount `default` and a ConfigMap `kube-root-ca.crt` in every Namespace": a_new_namespace_is_bare,
    "The Service `kubernetes`, its EndpointSlice and the roles of every cluster, put back when they are deleted": (
        what_was_deleted_stays_away
    ),
    "Controllers": nothing_is_controlled,
    "Admission webhooks, quotas, priority and fairness": there_is_no_admission,
    "`exec`, `logs`, `port-forward`, `eviction`, `proxy`; the old paths `/api/v1/watch/…`": nothing_runs,
    "Protobuf answers, protobuf bodies of other kinds, CBOR": json_is_spoken,
    "What CEL rules may cost": a_rule_may_cost_what_it_likes,
    "CEL's `ip()`, `cidr()`, `quantity()`, `format`": some_functions_are_unknown,
    "Every rule of every built-in kind": some_rules_are_not_known,
    "Paths and operations in OpenAPI v2 as protobuf": little_is_told_in_protobuf,
}


def test_every_row_of_what_it_does_not_do_is_tried() -> None:
    table = PAGE.partition("## What it does not\n")[2].partition("\n## ")[0]

    assert re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE) == list(TRIED)


@pytest.mark.parametrize("claim", TRIED.values(), ids=lambda claim: claim.__name__)
def test_what_the_page_says_that_it_does_not_do_is_so(client: Client, claim: Callable[[Client], None]) -> None:
    claim(client)
