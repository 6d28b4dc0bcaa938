"""What the recordings do not cover of storing objects: names, locking, allocation, validation, ownership, bad input."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.apiserver.client import APPLY, JSON_PATCH, MERGE, STRATEGIC, Client
from tests.lab.apiserver.samples import definition

SERVICES = "/api/v1/namespaces/default/services"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
THINGS = "/apis/example.com/v1/namespaces/default/things"


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}


def causes(client: Client, path: str, body: Any) -> list[tuple[str, str]]:
    answer = client.ask("POST", path, body)
    assert answer.status == 422, answer
    return [(cause["field"], cause["message"]) for cause in answer.body["details"]["causes"]]


def test_a_write_that_changes_nothing_keeps_the_version(client: Client) -> None:
    made = client.post(CONFIG_MAPS, {"metadata": {"name": "a"}, "data": {"k": "v"}})

    put = client.ask("PUT", f"{CONFIG_MAPS}/a", {"metadata": {"name": "a"}, "data": {"k": "v"}})
    patched = client.patch(f"{CONFIG_MAPS}/a", {"data": {"k": "v"}})

    assert put.body["metadata"] == patched["metadata"] == made["metadata"]


def test_a_generated_name_is_the_prefix_and_five_letters(client: Client) -> None:
    made = client.post(CONFIG_MAPS, {"metadata": {"generateName": "a-"}})

    assert made["metadata"]["name"].startswith("a-")
    assert len(made["metadata"]["name"]) == 7


@pytest.mark.parametrize(("taken", "status"), [(7, 201), (8, 409)])
def test_a_generated_name_that_is_taken_is_generated_anew_seven_times(
    client: Client, monkeypatch: pytest.MonkeyPatch, taken: int, status: int
) -> None:
    client.post(CONFIG_MAPS, {"metadata": {"name": "a-bbbbb"}})
    found = iter(["bbbbb"] * taken + ["ccccc"])
    monkeypatch.setattr("random.choices", lambda *_, **__: next(found))

    made = client.ask("POST", CONFIG_MAPS, {"metadata": {"generateName": "a-"}})

    assert made.status == status
    assert made.body["metadata"].get("name", "") == ("a-ccccc" if status == 201 else "")


def test_two_writers_with_the_same_version_do_not_both_win(client: Client) -> None:
    made = client.post(CONFIG_MAPS, {"metadata": {"name": "a"}})

    first = client.ask("PUT", f"{CONFIG_MAPS}/a", made | {"data": {"by": "first"}})
    second = client.ask("PUT", f"{CONFIG_MAPS}/a", made | {"data": {"by": "second"}})

    assert (first.status, second.status) == (200, 409)
    assert second.body["reason"] == "Conflict"


def test_a_delete_with_another_uid_is_refused(client: Client) -> None:
    client.post(CONFIG_MAPS, {"metadata": {"name": "a"}})

    refused = client.ask("DELETE", f"{CONFIG_MAPS}/a", {"preconditions": {"uid": "another"}})

    assert refused.status == 409
    assert client.get(f"{CONFIG_MAPS}/a")


def test_a_dry_run_stores_nothing(client: Client) -> None:
    assert client.ask("POST", f"{CONFIG_MAPS}?dryRun=All", {"metadata": {"name": "a"}}).status == 201

    assert client.ask("GET", f"{CONFIG_MAPS}/a").status == 404


def test_what_an_owner_owned_goes_with_it(client: Client) -> None:
    owner = client.post(CONFIG_MAPS, {"metadata": {"name": "owner"}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    client.post(CONFIG_MAPS, {"metadata": {"name": "owned", "ownerReferences": [reference]}})

    client.ask("DELETE", f"{CONFIG_MAPS}/owner")

    assert client.ask("GET", f"{CONFIG_MAPS}/owned").status == 404


def test_managed_fields_tell_who_wrote_what(client: Client) -> None:
    client.ask("POST", f"{CONFIG_MAPS}?fieldManager=a", {"metadata": {"name": "m"}, "data": {"x": "1", "y": "1"}})
    changed = client.patch(f"{CONFIG_MAPS}/m?fieldManager=b", {"data": {"y": "2"}})

    owned = {entry["manager"]: entry["fieldsV1"] for entry in changed["metadata"]["managedFields"]}

    assert owned == {"a": {"f:data": {"f:x": {}}}, "b": {"f:data": {"f:y": {}}}}


def test_who_creates_a_service_owns_what_he_wrote_and_its_defaults_and_nothing_that_was_given_out(
    client: Client,
) -> None:
    made = client.post(SERVICES, service("a", type="LoadBalancer"))

    (entry,) = made["metadata"]["managedFields"]
    assert set(entry["fieldsV1"]) == {"f:spec"}
    given = {"f:clusterIP", "f:clusterIPs", "f:ipFamilies", "f:ipFamilyPolicy"}
    assert {"f:type", "f:ports", "f:externalTrafficPolicy"} <= set(entry["fieldsV1"]["f:spec"])
    assert not given & set(entry["fieldsV1"]["f:spec"])
    assert "f:nodePort" not in str(entry["fieldsV1"])


def test_a_field_that_its_applier_no_longer_applies_goes(client: Client) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}}
    client.patch(f"{CONFIG_MAPS}/m?fieldManager=a", config | {"data": {"x": "1", "y": "1"}}, APPLY)

    changed = client.patch(f"{CONFIG_MAPS}/m?fieldManager=a", config | {"data": {"x": "1"}}, APPLY)

    assert changed["data"] == {"x": "1"}


def test_cluster_ips_and_node_ports_are_given_once(client: Client) -> None:
    made = [client.post(SERVICES, service(f"s-{index}", type="NodePort")) for index in range(20)]

    assert len({one["spec"]["clusterIP"] for one in made}) == 20
    assert len({one["spec"]["ports"][0]["nodePort"] for one in made}) == 20


def test_a_taken_node_port_is_refused_until_it_is_free_again(client: Client) -> None:
    asked = [{"port": 80, "nodePort": 31000}]
    client.post(SERVICES, service("a", type="NodePort", ports=asked))

    refused = causes(client, SERVICES, service("b", type="NodePort", ports=asked))
    client.ask("DELETE", f"{SERVICES}/a")

    assert refused == [("spec.ports[0].nodePort", "Invalid value: 31000: provided port is already allocated")]
    assert client.post(SERVICES, service("b", type="NodePort", ports=asked))


def test_a_replaced_service_keeps_its_address_and_port(client: Client) -> None:
    made = client.post(SERVICES, service("a", type="NodePort"))

    put = client.ask("PUT", f"{SERVICES}/a", service("a", type="NodePort", selector={"x": "y"})).body

    assert put["spec"]["clusterIP"] == made["spec"]["clusterIP"]
    assert put["spec"]["ports"] == made["spec"]["ports"]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        pytest.param({"ports": [{"port": 0}]}, "spec.ports[0].port", id="port 0"),
        pytest.param({"ports": [{"port": 1, "name": "a"}, {"port": 1, "name": "b"}]}, "spec.ports[1]", id="port twice"),
        pytest.param({"ports": [{"port": 1}, {"port": 2}]}, "spec.ports[0].name", id="unnamed ports"),
        pytest.param({"type": "Balancer"}, "spec.type", id="unknown type"),
        pytest.param({"sessionAffinity": "Sticky"}, "spec.sessionAffinity", id="unknown affinity"),
        pytest.param({"clusterIP": "192.0.2.1"}, "spec.clusterIPs", id="address outside the range"),
        pytest.param({"loadBalancerClass": "a/b"}, "spec.loadBalancerClass", id="class without a load balancer"),
    ],
)
def test_a_wrong_service_is_refused_with_the_field(client: Client, spec: dict[str, Any], field: str) -> None:
    assert causes(client, SERVICES, service("wrong", **spec))[0][0] == field


def test_a_headless_service_has_no_address(client: Client) -> None:
    made = client.post(SERVICES, service("a", clusterIP="None"))

    assert (made["spec"]["clusterIP"], made["spec"]["clusterIPs"]) == ("None", ["None"])


def test_a_custom_schema_defaults_prunes_and_validates(client: Client) -> None:
    rule = {"rule": "self.low <= self.high", "message": "low is above high"}
    spec = {
        "type": "object",
        "x-kubernetes-validations": [rule],
        "properties": {
            "low": {"type": "integer", "default": 1, "minimum": 0},
            "high": {"type": "integer", "default": 9},
            "names": {
                "type": "array",
                "maxItems": 2,
                "x-kubernetes-list-type": "set",
                "items": {"type": "string", "pattern": "^[a-z]+$"},
            },
            "either": {"x-kubernetes-int-or-string": True},
        },
    }
    client.post(CRDS, definition({"type": "object", "properties": {"spec": spec}}))

    made = client.post(THINGS, {"metadata": {"name": "a"}, "spec": {"unknown": 1, "either": "5%"}})

    assert made["spec"] == {"low": 1, "high": 9, "either": "5%"}
    assert causes(client, THINGS, {"metadata": {"name": "b"}, "spec": {"low": 10}}) == [
        ("spec", "Invalid value: low is above high")
    ]
    wrong = causes(
        client, THINGS, {"metadata": {"name": "b"}, "spec": {"low": -1, "names": ["A", "A", "b"], "either": True}}
    )
    assert [field for field, _ in wrong] == [
        "spec.low",
        "spec.names",
        "spec.names[0]",
        "spec.names[1]",
        "spec.names[1]",
        "spec.either",
        "<nil>",
    ]


def test_a_transition_rule_sees_the_old_value(client: Client) -> None:
    fixed = {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "is fixed"}]}
    client.post(
        CRDS, definition({"type": "object", "properties": {"spec": {"type": "object", "properties": {"fixed": fixed}}}})
    )
    client.post(THINGS, {"metadata": {"name": "a"}, "spec": {"fixed": "x"}})

    refused = client.ask("PATCH", f"{THINGS}/a", {"spec": {"fixed": "y"}}, content_type=MERGE)

    assert (refused.status, refused.body["details"]["causes"][0]["message"]) == (422, 'Invalid value: "y": is fixed')


def test_a_definition_with_a_broken_rule_is_refused(client: Client) -> None:
    schema = {"type": "object", "x-kubernetes-validations": [{"rule": "self.("}]}

    assert "compilation failed" in causes(client, CRDS, definition(schema))[0][1]


def test_a_deleted_definition_takes_its_objects_along(client: Client) -> None:
    client.post(CRDS, definition({"type": "object"}))
    client.post(THINGS, {"metadata": {"name": "a"}})

    client.ask("DELETE", f"{CRDS}/things.example.com")

    assert client.ask("GET", f"{THINGS}/a").status == 404
    client.post(CRDS, definition({"type": "object"}))
    assert client.get(THINGS)["items"] == []


def test_unknown_fields_are_told_in_a_warning(client: Client) -> None:
    answer = client.ask("POST", CONFIG_MAPS, {"metadata": {"name": "a"}, "dta": {}})

    assert answer.status == 201
    assert answer.headers["Warning"] == '299 - "unknown field \\"dta\\""'


@pytest.mark.parametrize(
    ("method", "path", "body", "content_type", "status"),
    [
        pytest.param("POST", CONFIG_MAPS, b"{", "application/json", 400, id="broken JSON"),
        pytest.param("POST", CONFIG_MAPS, b"[]", "application/json", 400, id="not an object"),
        pytest.param("POST", CONFIG_MAPS, b"\xff\xfe", "application/json", 400, id="not UTF-8"),
        pytest.param(
            "POST", CONFIG_MAPS, b"k8s\x00\x0a\xff", "application/vnd.kubernetes.protobuf", 400, id="broken protobuf"
        ),
        pytest.param("POST", CONFIG_MAPS, b"a", "application/cbor", 415, id="unknown format"),
        pytest.param(
            "POST",
            CONFIG_MAPS,
            {"metadata": {"name": "x", "labels": {"a": 1}}},
            "application/json",
            400,
            id="number as label",
        ),
        pytest.param(
            "POST",
            CONFIG_MAPS,
            {"metadata": {"name": "x", "labels": {"a b": "c"}}},
            "application/json",
            422,
            id="wrong label",
        ),
        pytest.param(
            "POST",
            CONFIG_MAPS,
            {"metadata": {"name": "x", "namespace": "other"}},
            "application/json",
            400,
            id="another namespace",
        ),
        pytest.param("POST", CONFIG_MAPS, {"metadata": "x"}, "application/json", 400, id="metadata is text"),
        pytest.param(
            "POST",
            SERVICES,
            {"metadata": {"name": "x"}, "spec": {"ports": "80"}},
            "application/json",
            400,
            id="ports are text",
        ),
        pytest.param(
            "POST",
            SERVICES,
            {"metadata": {"name": "x"}, "spec": {"ports": ["80"]}},
            "application/json",
            400,
            id="port is text",
        ),
        pytest.param(
            "PUT", f"{CONFIG_MAPS}/x", {"metadata": {"name": "y"}}, "application/json", 400, id="another name"
        ),
        pytest.param("PATCH", f"{SERVICES}/kubernetes", b"[]", MERGE, 400, id="merge patch is a list"),
        pytest.param("PATCH", f"{SERVICES}/kubernetes", {}, JSON_PATCH, 400, id="JSON patch is an object"),
        pytest.param("PATCH", f"{SERVICES}/kubernetes", [{"op": "leap"}], JSON_PATCH, 422, id="unknown operation"),
        pytest.param(
            "PATCH", f"{SERVICES}/kubernetes", [{"op": "remove", "path": "/spec"}], JSON_PATCH, 422, id="spec removed"
        ),
        pytest.param(
            "PATCH", f"{SERVICES}/kubernetes", {"spec": {"ports": [{"name": "a"}]}}, STRATEGIC, 400, id="no merge key"
        ),
        pytest.param("GET", f"{CONFIG_MAPS}?limit=many", None, "", 400, id="limit is text"),
        pytest.param("GET", f"{CONFIG_MAPS}?continue=nothing", None, "", 400, id="wrong continue"),
        pytest.param("POST", CONFIG_MAPS, b"[" * 100_000, "application/json", 400, id="nested without an end"),
        pytest.param("POST", CONFIG_MAPS, b"{a: " * 20_000, "application/yaml", 400, id="YAML nested without an end"),
        pytest.param("POST", CONFIG_MAPS, b"data: &x [*x]", "application/yaml", 400, id="YAML that holds itself"),
        pytest.param("POST", CONFIG_MAPS, b"[a, b]: c", "application/yaml", 400, id="a list as a key of YAML"),
        pytest.param("GET", f"{CONFIG_MAPS}?limit={'9' * 5000}", None, "", 400, id="limit is endless"),
        pytest.param("GET", f"{CONFIG_MAPS}?timeoutSeconds=--1", None, "", 400, id="two signs"),
        pytest.param("GET", f"{CONFIG_MAPS}?continue=WyJhIixbImEiXV0=", None, "", 400, id="continue of other types"),
        pytest.param("GET", f"{CONFIG_MAPS}?continue=WzEsWyJhIl1d", None, "", 400, id="continue after half a key"),
        pytest.param("TRACE", CONFIG_MAPS, None, "", 405, id="unknown method"),
        pytest.param("GET", "/apis/apps/v1/nothing", None, "", 404, id="unknown resource"),
        pytest.param("GET", "/api/v1/namespaces/default/services/kubernetes/a/b", None, "", 404, id="too deep"),
    ],
)
def test_bad_input_gets_a_status(  # noqa: PLR0917  (one row of the table above)
    client: Client, method: str, path: str, body: Any, content_type: str, status: int
) -> None:
    if path.endswith("/x"):
        client.post(CONFIG_MAPS, {"metadata": {"name": "x"}})

    answer = client.ask(method, path, body, content_type=content_type)

    assert answer.status == status, answer
    assert answer.body["kind"] == "Status"
    assert client.get(f"{SERVICES}/kubernetes")


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        pytest.param(
            "POST",
            CONFIG_MAPS,
            b"[" * 100_000,
            "couldn't get version/kind; json parse error: exceeded max depth",
            id="nested without an end",
        ),
        pytest.param(
            "GET",
            f"{CONFIG_MAPS}?continue=WyJhIixbImEiXV0=",
            None,
            "invalid continue token: continue key is not valid: Expected `int`, got `str` - at `$[0]`",
            id="continue of other types",
        ),
        pytest.param(
            "GET",
            f"{CONFIG_MAPS}?limit=9223372036854775808",
            None,
            'strconv.ParseInt: parsing "9223372036854775808": value out of range',
            id="limit beyond 64 bits",
        ),
        pytest.param(
            "GET",
            f"{CONFIG_MAPS}?resourceVersion=18446744073709551616",
            None,
            'resourceVersion: Invalid value: "18446744073709551616": strconv.ParseUint: '
            'parsing "18446744073709551616": value out of range',
            id="version beyond 64 bits",
        ),
        pytest.param(
            "POST", CONFIG_MAPS, b" " * 3_145_729, "Request entity too large: limit is 3145728", id="more than 3 MiB"
        ),
    ],
)
def test_bad_input_is_told_of(client: Client, method: str, path: str, body: Any, said: str) -> None:
    assert client.ask(method, path, body).body["message"] == said


def deployment(replicas: int) -> dict[str, Any]:
    container = {"name": "a", "image": "a"}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    return {"metadata": {"name": "a"}, "spec": spec}


@pytest.mark.parametrize("replicas", [2**31, -(2**31) - 1, 2**70])
def test_a_number_that_its_field_cannot_hold_is_refused(client: Client, replicas: int) -> None:
    answer = client.ask("POST", DEPLOYMENTS, deployment(replicas))

    assert answer.status == 400
    assert answer.body["message"] == (
        'Deployment in version "v1" cannot be handled as a Deployment: '
        f"json: cannot unmarshal number {replicas} into Go struct field DeploymentSpec.spec.replicas of type int32"
    )
    client.post(DEPLOYMENTS, deployment(2**31 - 1))
    patched = client.ask("PATCH", f"{DEPLOYMENTS}/a", {"spec": {"replicas": replicas}}, content_type=MERGE)
    assert (patched.status, client.get(f"{DEPLOYMENTS}/a")["spec"]["replicas"]) == (422, 2**31 - 1)


@pytest.mark.parametrize(("seconds", "status"), [(2**31, 201), (2**63 - 1, 201), (2**63, 400)])
def test_a_field_of_64_bits_holds_so_many(client: Client, seconds: int, status: int) -> None:
    wanted = deployment(1)
    toleration = {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds}
    wanted["spec"]["template"]["spec"]["tolerations"] = [toleration]

    answer = client.ask("POST", DEPLOYMENTS, wanted)

    assert answer.status == status, answer
    if status == 400:
        assert answer.body["message"].endswith("tolerations.tolerationSeconds of type int64")


def test_a_huge_body_is_refused(client: Client) -> None:
    answer = client.ask("POST", CONFIG_MAPS, {"metadata": {"name": "a"}, "data": {"x": "y" * 4_000_000}})

    assert (answer.status, answer.body["reason"]) == (413, "RequestEntityTooLarge")


def test_two_appliers_own_a_condition_each(client: Client) -> None:
    client.post(SERVICES, service("a", type="LoadBalancer"))
    envelope = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}}
    for name in ("one", "two"):
        condition = {
            "type": name,
            "status": "True",
            "reason": "R",
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        client.patch(
            f"{SERVICES}/a/status?fieldManager={name}", envelope | {"status": {"conditions": [condition]}}, APPLY
        )

    left = client.patch(f"{SERVICES}/a/status?fieldManager=one", envelope | {"status": {}}, APPLY)

    assert [one["type"] for one in left["status"]["conditions"]] == ["two"]


def test_a_namespace_that_is_going_takes_nothing_new(client: Client) -> None:
    client.post("/api/v1/namespaces", {"metadata": {"name": "shop"}})
    held = {"metadata": {"name": "held", "finalizers": ["example.com/held"]}}
    client.post("/api/v1/namespaces/shop/configmaps", held)

    client.ask("DELETE", "/api/v1/namespaces/shop")
    refused = client.ask("POST", "/api/v1/namespaces/shop/configmaps", {"metadata": {"name": "new"}})
    phase = client.get("/api/v1/namespaces/shop")["status"]["phase"]
    client.patch("/api/v1/namespaces/shop/configmaps/held", {"metadata": {"finalizers": None}})

    assert (refused.status, refused.body["reason"]) == (403, "Forbidden")
    assert phase == "Terminating"
    assert client.ask("GET", "/api/v1/namespaces/shop").status == 404


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/api/v1/namespaces/default/services", {"spec": {"ports": [None]}}, "spec.ports[0].port: Invalid value: 0"),
        (
            "/apis/apps/v1/namespaces/default/deployments",
            {"spec": {"template": {"spec": {"containers": [None]}}}},
            "spec.template.spec.containers[0].name: Required value",
        ),
    ],
)
def test_a_null_in_a_list_is_an_item_without_fields_as_in_go(client: Client, path: str, body: Any, said: str) -> None:
    refused = client.ask("POST", path, {"metadata": {"name": "a"}} | body)

    assert refused.status == 422
    assert said in refused.body["message"]


@pytest.mark.parametrize("options", [{"preconditions": "x"}, {"dryRun": 5}, {"gracePeriodSeconds": "soon"}])
def test_options_of_a_delete_that_have_another_type_are_refused(client: Client, options: Any) -> None:
    client.post(CONFIG_MAPS, {"metadata": {"name": "a"}})

    refused = client.ask("DELETE", f"{CONFIG_MAPS}/a", options)

    assert (refused.status, refused.body["reason"]) == (400, "BadRequest")
    assert 'DeleteOptions in version "v1" cannot be handled as a DeleteOptions: json: ' in refused.body["message"]
    assert client.ask("GET", f"{CONFIG_MAPS}/a").status == 200


SCALE_REFUSED = 'Scale in version "v1" cannot be handled as a Scale: '


@pytest.fixture
def scaled(client: Client) -> str:
    """The path of the Scale of a Deployment with two replicas."""
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    client.post(DEPLOYMENTS, {"metadata": {"name": "d"}, "spec": spec})
    return f"{DEPLOYMENTS}/d/scale"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (["x"], "couldn't get version/kind; json parse error: "),
        ({"spec": 5}, f"{SCALE_REFUSED}json: cannot unmarshal number into Go struct field "),
        ({"spec": {"replicas": "three"}}, f"{SCALE_REFUSED}json: cannot unmarshal string into Go struct field "),
        ({"spec": {"replicas": True}}, f"{SCALE_REFUSED}json: cannot unmarshal bool into Go struct field "),
        ({"kind": "Deployment", "apiVersion": "apps/v1"}, 'Deployment in version "v1" cannot be handled as a Scale: '),
        (b'{"spec": {"replicas": 3, "replicas": 4}}', f'{SCALE_REFUSED}strict decoding error: duplicate field "spec.'),
        ({"spec": {"replica": 3}}, f'{SCALE_REFUSED}strict decoding error: unknown field "spec.replica"'),
    ],
)
def test_what_is_no_scale_is_refused_and_scales_nothing(client: Client, scaled: str, body: Any, said: str) -> None:
    refused = client.ask("PUT", f"{scaled}?fieldValidation=Strict", body)

    assert (refused.status, refused.body["reason"]) == (400, "BadRequest")
    assert refused.body["message"].startswith(said)
    assert client.get(scaled)["spec"]["replicas"] == 2


@pytest.mark.parametrize("patch", [{"spec": 5}, {"spec": {"replicas": "three"}}, {"spec": {"replicas": -1}}])
def test_a_patch_that_leaves_no_scale_is_refused_and_scales_nothing(client: Client, scaled: str, patch: Any) -> None:
    refused = client.ask("PATCH", scaled, patch, content_type=MERGE)

    assert (refused.status, refused.body["reason"]) == (422, "Invalid")
    assert client.get(scaled)["spec"]["replicas"] == 2


def test_what_a_scale_names_twice_is_told_once_and_the_last_counts(client: Client, scaled: str) -> None:
    put = client.ask("PUT", scaled, b'{"metadata": {"name": "d"}, "spec": {"replicas": 3, "replicas": 4}}')
    patched = client.ask("PATCH", scaled, b'{"spec": {"replicas": 5, "replicas": 6}}', content_type=MERGE)

    for answer, replicas in ((put, 4), (patched, 6)):
        assert answer.body["spec"]["replicas"] == replicas
        warned = [value for name, value in answer.headers.items() if name == "Warning"]
        assert warned == ['299 - "duplicate field \\"spec.replicas\\""']
