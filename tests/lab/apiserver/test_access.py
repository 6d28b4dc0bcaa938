"""ServiceAccounts are held to the roles that were applied, and their tokens end when they must."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from porter.lab.apiserver import ApiServer
from porter.lab.apiserver.audit import Audited, AuditLog
from porter.lab.apiserver.rbac import Attributes, granted
from tests.lab.apiserver.client import APPLY, Answer, Client
from tests.lab.apiserver.conftest import Running
from tests.loop import Loop

RBAC = "/apis/rbac.authorization.k8s.io/v1"
ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
SERVICES = "/api/v1/namespaces/default/services"
REVIEWS = "/apis/authorization.k8s.io/v1"
BOB = "system:serviceaccount:default:bob"


class Clock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


class World:
    """A server with the ServiceAccount `bob`, who may do what the test grants him."""

    def __init__(self, running: Running) -> None:
        self.running, self.admin = running, running.client
        self.admin.post(ACCOUNTS, {"metadata": {"name": "bob"}})
        self.bob = self.client(self.running.server.token_of("default", "bob"))

    def client(self, token: str) -> Client:
        return Client(self.admin.url, token)

    def grant(self, *rules: dict[str, Any], namespace: str = "", name: str = "r") -> None:
        """Give bob a ClusterRole, or a Role in a namespace."""
        kind, place = ("Role", f"/namespaces/{namespace}") if namespace else ("ClusterRole", "")
        self.admin.post(f"{RBAC}{place}/{kind.lower()}s", {"metadata": {"name": name}, "rules": list(rules)})
        self.bind(kind, name, place)

    def bind(self, kind: str, name: str, place: str = "") -> None:
        subject = {"kind": "ServiceAccount", "name": "bob", "namespace": "default"}
        bindings = f"{RBAC}{place}/{'rolebindings' if place else 'clusterrolebindings'}"
        body = {"metadata": {"name": f"{name}-{kind.lower()}"}, "roleRef": {"kind": kind, "name": name}}
        self.admin.post(bindings, body | {"subjects": [subject]})

    def unused(self) -> list[str]:
        return [str(right) for right in self.running.server.unused_rights("default", "bob")]


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(loop: Loop, clock: Clock) -> Iterator[World]:
    made = Running(loop, ApiServer(tls=False, now=clock))
    yield World(made)
    made.stop()


def rule(verbs: str, group: str, resources: str, *names: str) -> dict[str, Any]:
    found = {"verbs": verbs.split(), "apiGroups": [group], "resources": resources.split()}
    return found | ({"resourceNames": list(names)} if names else {})


def token(client: Client, account: str = "bob", **spec: Any) -> Answer:
    return client.ask("POST", f"{ACCOUNTS}/{account}/token", {"spec": spec})


@pytest.mark.parametrize(
    ("method", "path", "message", "details"),
    [
        pytest.param(
            "GET",
            "/api/v1/services",
            f'services is forbidden: User "{BOB}" cannot list resource "services" in API group "" at the cluster scope',
            {"kind": "services"},
            id="list",
        ),
        pytest.param(
            "GET",
            "/api/v1/services?watch=1",
            f'services is forbidden: User "{BOB}" cannot watch resource "services" in API group "" at the cluster scope',
            {"kind": "services"},
            id="watch",
        ),
        pytest.param(
            "PATCH",
            f"{SERVICES}/web/status",
            f'services "web" is forbidden: User "{BOB}" cannot patch resource "services/status" in API group "" '
            'in the namespace "default"',
            {"name": "web", "kind": "services"},
            id="subresource",
        ),
        pytest.param(
            "DELETE",
            "/apis/coordination.k8s.io/v1/namespaces/default/leases",
            f'leases.coordination.k8s.io is forbidden: User "{BOB}" cannot deletecollection resource "leases" '
            'in API group "coordination.k8s.io" in the namespace "default"',
            {"group": "coordination.k8s.io", "kind": "leases"},
            id="collection",
        ),
        pytest.param(
            "GET",
            "/apis/example.com/v1/things",
            f'things.example.com is forbidden: User "{BOB}" cannot list resource "things" in API group "example.com" '
            "at the cluster scope",
            {"group": "example.com", "kind": "things"},
            id="a kind that is not served",
        ),
        pytest.param("GET", "/metrics", f'forbidden: User "{BOB}" cannot get path "/metrics"', {}, id="no resource"),
    ],
)
def test_what_was_not_granted_is_refused_in_the_words_of_a_real_server(
    world: World, method: str, path: str, message: str, details: dict[str, str]
) -> None:
    refused = world.bob.ask(method, path)

    assert (refused.status, refused.body["reason"], refused.body["message"]) == (403, "Forbidden", message)
    assert refused.body["details"] == details


def test_a_grant_counts_at_once_and_its_end_too(world: World) -> None:
    world.grant(rule("get", "", "configmaps"))
    world.admin.post(CONFIG_MAPS, {"metadata": {"name": "a"}})

    allowed = world.bob.ask("GET", f"{CONFIG_MAPS}/a").status
    world.admin.ask("DELETE", f"{RBAC}/clusterrolebindings/r-clusterrole")

    assert (allowed, world.bob.ask("GET", f"{CONFIG_MAPS}/a").status) == (200, 403)


def test_a_role_counts_in_its_own_namespace_only(world: World) -> None:
    world.grant(rule("list", "", "configmaps"), namespace="kube-system")

    asked = [f"/api/v1/namespaces/{name}/configmaps" for name in ("kube-system", "default")]

    assert [world.bob.ask("GET", path).status for path in [*asked, "/api/v1/configmaps"]] == [200, 403, 403]


def test_a_cluster_role_that_is_bound_in_a_namespace_counts_there_only(world: World) -> None:
    world.bind("ClusterRole", "view", "/namespaces/kube-system")

    asked = [f"/api/v1/namespaces/{name}/configmaps" for name in ("kube-system", "default")]

    assert [world.bob.ask("GET", path).status for path in asked] == [200, 403]


def test_a_binding_to_a_role_that_is_not_there_says_so(world: World) -> None:
    world.bind("ClusterRole", "gone")

    refused = world.bob.ask("GET", "/api/v1/nodes")

    said = ': RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found'
    assert refused.body["message"].endswith(f"at the cluster scope{said}")


def test_an_apply_and_a_put_that_create_need_the_right_to_create(world: World) -> None:
    world.grant(rule("patch update", "coordination.k8s.io", "leases"))
    path = "/apis/coordination.k8s.io/v1/namespaces/default/leases/a"
    body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "a"}}

    applied = world.bob.ask("PATCH", f"{path}?fieldManager=bob", body, content_type=APPLY)
    put = world.bob.ask("PUT", path, body)

    assert [applied.status, put.status] == [403, 403]
    assert f'leases.coordination.k8s.io "a" is forbidden: User "{BOB}" cannot create' in applied.body["message"]
    world.grant(rule("create", "coordination.k8s.io", "leases"), name="creates")
    assert world.bob.ask("PUT", path, body).status == 201


GET_A = Attributes(verb="get", resource="configmaps", namespace="default", name="a")


@pytest.mark.parametrize(
    ("given", "asked", "allowed"),
    [
        pytest.param(rule("get", "", "configmaps"), GET_A, True, id="as written"),
        pytest.param(rule("list", "", "configmaps"), GET_A, False, id="another verb"),
        pytest.param(rule("get", "apps", "configmaps"), GET_A, False, id="another group"),
        pytest.param(rule("get", "", "configmaps/status"), GET_A, False, id="only a subresource"),
        pytest.param(rule("*", "*", "*"), GET_A, True, id="everything"),
        pytest.param(rule("get", "", "configmaps", "a"), GET_A, True, id="by name"),
        pytest.param(rule("get", "", "configmaps", "b"), GET_A, False, id="another name"),
        pytest.param(
            rule("create", "", "configmaps", "a"),
            Attributes(verb="create", resource="configmaps"),
            False,
            id="a name that is not told yet",
        ),
        pytest.param(
            rule("get", "", "services"),
            Attributes(verb="get", resource="services", subresource="status", name="a"),
            False,
            id="a subresource is not in its resource",
        ),
        pytest.param(
            rule("get", "", "*/status"),
            Attributes(verb="get", resource="services", subresource="status", name="a"),
            True,
            id="this subresource of anything",
        ),
        pytest.param(
            {"verbs": ["get"], "nonResourceURLs": ["/openapi/*"]},
            Attributes(verb="get", path="/openapi/v3"),
            True,
            id="paths below",
        ),
        pytest.param(
            {"verbs": ["get"], "nonResourceURLs": ["/openapi/*"]},
            Attributes(verb="get", path="/openapi"),
            False,
            id="not the path above",
        ),
        pytest.param(rule("get", "*", "*"), Attributes(verb="get", path="/logs"), False, id="no rule for paths"),
    ],
)
def test_a_rule_allows_what_it_says(given: dict[str, Any], asked: Attributes, allowed: bool) -> None:  # noqa: FBT001
    assert (granted(given, asked, "ClusterRole r") is not None) == allowed


def test_a_list_of_one_name_needs_no_more_than_that_name(world: World) -> None:
    world.grant(rule("list watch", "", "configmaps", "a"))

    one = world.bob.ask("GET", f"{CONFIG_MAPS}?fieldSelector=metadata.name%3Da").status

    assert (one, world.bob.ask("GET", CONFIG_MAPS).status) == (200, 403)


def test_a_cluster_role_is_the_sum_of_those_that_it_selects(world: World) -> None:
    world.bind("ClusterRole", "view")
    assert world.bob.ask("GET", "/api/v1/nodes").status == 403

    part = {"name": "nodes", "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}}
    world.admin.post(f"{RBAC}/clusterroles", {"metadata": part, "rules": [rule("list", "", "nodes")]})

    assert world.bob.ask("GET", "/api/v1/nodes").status == 200
    world.admin.ask("DELETE", f"{RBAC}/clusterroles/nodes")
    assert world.bob.ask("GET", "/api/v1/nodes").status == 403


def test_everybody_may_ask_what_is_served_and_what_he_may_do(world: World) -> None:
    asked = {"spec": {"resourceAttributes": {"verb": "list", "resource": "nodes"}}}

    assert [world.bob.ask("GET", path).status for path in ("/api", "/apis", "/api/v1", "/openapi/v3")] == [200] * 4
    assert world.bob.post(f"{REVIEWS}/selfsubjectaccessreviews", asked)["status"] == {"allowed": False}
    world.grant(rule("list", "", "nodes"))
    because = 'RBAC: allowed by ClusterRoleBinding "r-clusterrole" of ClusterRole "r" to ServiceAccount "bob/default"'
    assert world.bob.post(f"{REVIEWS}/selfsubjectaccessreviews", asked)["status"] == {
        "allowed": True,
        "reason": because,
    }


def test_the_rules_that_one_has_can_be_listed(world: World) -> None:
    world.grant(rule("get", "", "secrets", "s"), namespace="default")

    def rules(namespace: str) -> Any:
        return world.bob.post(f"{REVIEWS}/selfsubjectrulesreviews", {"spec": {"namespace": namespace}})["status"]

    mine = {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["s"]}
    assert mine in rules("default")["resourceRules"]
    assert mine not in rules("kube-system")["resourceRules"]
    assert any("/openapi/*" in one["nonResourceURLs"] for one in rules("default")["nonResourceRules"])


def test_the_administrator_may_ask_about_others(world: World) -> None:
    world.grant(rule("list", "", "nodes"))
    spec = {"user": BOB, "resourceAttributes": {"verb": "list", "resource": "nodes"}}

    assert world.admin.post(f"{REVIEWS}/subjectaccessreviews", {"spec": spec})["status"]["allowed"] is True
    assert world.bob.ask("POST", f"{REVIEWS}/subjectaccessreviews", {"spec": spec}).status == 403


@pytest.mark.parametrize(
    "spec", [{}, {"resourceAttributes": {"verb": "get"}, "nonResourceAttributes": {"verb": "get", "path": "/"}}]
)
def test_a_review_asks_one_thing(world: World, spec: dict[str, Any]) -> None:
    refused = world.admin.ask("POST", f"{REVIEWS}/selfsubjectaccessreviews", {"spec": spec})

    assert refused.status == 422
    assert "exactly one of nonResourceAttributes or resourceAttributes must be specified" in refused.body["message"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (f"{REVIEWS}/selfsubjectaccessreviews", "SelfSubjectAccessReview"),
        (f"{ACCOUNTS}/bob/token", "TokenRequest"),
    ],
)
def test_a_question_with_a_field_of_another_type_is_refused(world: World, path: str, kind: str) -> None:
    refused = world.admin.ask("POST", path, {"spec": "mine"})

    assert (refused.status, refused.body["reason"]) == (400, "BadRequest")
    assert refused.body["message"].startswith(f'{kind} in version "v1" cannot be handled as a {kind}: json: ')


def test_a_requested_token_speaks_for_its_account(world: World) -> None:
    asked = token(world.admin, expirationSeconds=600)

    who = world.client(asked.body["status"]["token"]).post("/apis/authentication.k8s.io/v1/selfsubjectreviews", {})[
        "status"
    ]["userInfo"]
    assert (asked.status, asked.body["status"]["expirationTimestamp"]) == (201, "2026-01-01T00:10:00Z")
    assert who["username"] == BOB
    assert who["groups"] == ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]


def test_a_token_ends_with_its_time_and_another_takes_over(world: World, clock: Clock) -> None:
    first = world.client(token(world.admin, expirationSeconds=600).body["status"]["token"])
    clock.moment += timedelta(minutes=9)
    second = world.client(token(world.admin, expirationSeconds=600).body["status"]["token"])
    assert [one.ask("GET", "/api").status for one in (first, second)] == [200, 200]

    clock.moment += timedelta(minutes=2)

    assert [one.ask("GET", "/api").status for one in (first, second)] == [401, 200]


def test_a_token_ends_with_its_account_even_if_a_namesake_comes(world: World) -> None:
    world.admin.ask("DELETE", f"{ACCOUNTS}/bob")
    world.admin.post(ACCOUNTS, {"metadata": {"name": "bob"}})

    assert world.bob.ask("GET", "/api").status == 401


def test_a_bound_token_ends_with_its_pod(world: World) -> None:
    pods = "/api/v1/namespaces/default/pods"
    world.admin.post(pods, {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
    bound = {"kind": "Pod", "apiVersion": "v1", "name": "p"}
    client = world.client(token(world.admin, boundObjectRef=bound).body["status"]["token"])
    assert client.ask("GET", "/api").status == 200

    world.admin.ask("DELETE", f"{pods}/p")

    assert client.ask("GET", "/api").status == 401
    assert token(world.admin, boundObjectRef=bound).status == 404


def test_a_token_that_was_tampered_with_is_nobodys(world: World) -> None:
    head, body, signature = world.running.server.token_of("default", "bob").split(".")
    another = world.running.server.token_of("default", "bob").split(".")
    forged = [f"{head}.{another[1]}.{signature}", f"{head}.{body}.", f"{head}.{body}", "x.y.z", "ä.ö.ü"]

    assert [world.client(one).ask("GET", "/api").status for one in forged] == [401] * 5


def test_a_token_for_another_audience_is_not_taken(world: World) -> None:
    asked = token(world.admin, audiences=["vault"])

    assert world.client(asked.body["status"]["token"]).ask("GET", "/api").status == 401


def test_a_token_request_is_validated(world: World) -> None:
    short = token(world.admin, expirationSeconds=60)

    assert (short.status, token(world.admin, account="nobody").status) == (422, 404)
    assert "may not specify a duration less than 10 minutes" in short.body["message"]
    assert token(world.bob).status == 403
    assert world.admin.ask("GET", f"{ACCOUNTS}/bob/token").status == 405


def test_a_token_review_says_whose_it_is(world: World) -> None:
    path = "/apis/authentication.k8s.io/v1/tokenreviews"

    known = world.admin.post(path, {"spec": {"token": world.bob.token}})["status"]
    unknown = world.admin.post(path, {"spec": {"token": "x"}})["status"]

    assert (known["authenticated"], known["user"]["username"]) == (True, BOB)
    assert unknown == {"user": {}, "error": "invalid bearer token"}


def test_a_right_that_no_request_needed_is_told(world: World) -> None:
    world.grant(rule("get list watch", "", "configmaps services/status"))
    world.bob.ask("GET", CONFIG_MAPS)
    list(world.bob.events(CONFIG_MAPS))
    world.bob.ask("GET", f"{SERVICES}/kubernetes/status")

    assert world.unused() == [
        'ClusterRole r: get "configmaps" in API group ""',
        'ClusterRole r: list "services/status" in API group ""',
        'ClusterRole r: watch "services/status" in API group ""',
    ]


def test_asking_for_a_right_does_not_use_it(world: World) -> None:
    world.grant(rule("list", "", "nodes"))

    world.bob.post(
        f"{REVIEWS}/selfsubjectaccessreviews", {"spec": {"resourceAttributes": {"verb": "list", "resource": "nodes"}}}
    )

    assert world.unused() == ['ClusterRole r: list "nodes" in API group ""']


def test_the_audit_log_says_who_did_what_by_which_right(
    start: Callable[[ApiServer], Running], tmp_path: Path, clock: Clock
) -> None:
    log = AuditLog(tmp_path / "audit.log", clock)
    world = World(start(ApiServer(tls=False, audit=log)))
    world.grant(rule("list watch", "", "nodes"))

    world.bob.ask("GET", "/api/v1/nodes")
    list(world.bob.events("/api/v1/nodes"))
    world.bob.ask("DELETE", "/api/v1/nodes/n")
    log.close()

    lines = [json.loads(line) for line in (tmp_path / "audit.log").read_text().splitlines()]
    mine = [one for one in lines if one["user"]["username"] == BOB]
    shown = [(one["verb"], one["responseStatus"]["code"], one["stage"]) for one in mine]
    assert shown == [
        ("list", 200, "ResponseComplete"),
        ("watch", 200, "ResponseStarted"),
        ("delete", 403, "ResponseComplete"),
    ]
    assert mine[0]["annotations"]["lab/right"] == 'ClusterRole r: list "nodes" in API group ""'
    assert mine[2]["annotations"] == {"authorization.k8s.io/decision": "forbid", "authorization.k8s.io/reason": ""}
    assert world.bob.token not in (tmp_path / "audit.log").read_text()


def test_a_test_may_look_at_every_request(start: Callable[[ApiServer], Running]) -> None:
    seen: list[Audited] = []
    world = World(start(ApiServer(tls=False, audit=seen.append)))

    world.bob.ask("GET", "/nothing")

    assert (seen[-1].who.name, seen[-1].asked.path, seen[-1].code) == (BOB, "/nothing", 403)


def test_tokens_outlive_the_server_that_made_them(tmp_path: Path) -> None:
    def served() -> ApiServer:
        return ApiServer(tls=False, directory=tmp_path)

    account = {"metadata": {"name": "bob", "namespace": "default", "uid": "u"}}
    made = served()._tokens.make(account, timedelta(hours=1))

    assert served()._tokens._checked(made) is not None
    assert ApiServer(tls=False)._tokens._checked(made) is None
    assert (tmp_path / "sa.key").stat().st_mode & 0o777 == 0o600
