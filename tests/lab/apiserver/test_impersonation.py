"""Acting as somebody else, as `kubectl --as` does: one then has his rights and no others, and needs the right to do so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from porter.lab.apiserver import ApiServer
from tests.lab.apiserver.client import Answer, Client
from tests.lab.apiserver.conftest import Running
from tests.loop import Loop

RBAC = "/apis/rbac.authorization.k8s.io/v1"
BOB = "system:serviceaccount:default:bob"
WHOAMI = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


@pytest.fixture(scope="module")
def server(loop: Loop) -> Iterator[Running]:
    """Group `readers` may read nodes, and bob may act as user `ann`, and as nobody else."""
    made = Running(loop, ApiServer(tls=False))
    client = made.client
    client.post("/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "bob"}})
    for name, verb, resource, subject in (
        ("read", "list", "nodes", {"kind": "Group", "name": "readers"}),
        ("act", "impersonate", "users", {"kind": "ServiceAccount", "name": "bob", "namespace": "default"}),
    ):
        rule: dict[str, Any] = {"verbs": [verb], "apiGroups": [""], "resources": [resource]}
        rule |= {"resourceNames": ["ann"]} if verb == "impersonate" else {}
        client.post(f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": [rule]})
        reference = {"kind": "ClusterRole", "name": name}
        binding = {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
        client.post(f"{RBAC}/clusterrolebindings", binding)
    yield made
    made.stop()


def nodes(client: Client, **headers: str) -> Answer:
    named = {f"Impersonate-{name}": value for name, value in headers.items()}
    return client.ask("GET", "/api/v1/nodes", headers=named)


def who(client: Client, **headers: str) -> Any:
    named = {f"Impersonate-{name}": value for name, value in headers.items()}
    answer = client.ask("POST", WHOAMI, {}, headers=named)
    assert answer.status == 201, answer
    return answer.body["status"]["userInfo"]


def test_the_administrator_has_the_rights_of_whom_he_acts_as(server: Running) -> None:
    assert nodes(server.client).status == 200
    assert nodes(server.client, User="ann").status == 403
    assert nodes(server.client, User="ann", Group="readers").status == 200


def test_a_service_account_that_is_acted_as_has_its_groups(server: Running) -> None:
    groups = ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]
    assert who(server.client, User=BOB) == {"username": BOB, "groups": groups}
    assert who(server.client, User="ann", Group="readers") == {
        "username": "ann",
        "groups": ["readers", "system:authenticated"],
    }


def test_acting_as_somebody_needs_the_right_to_it(server: Running) -> None:
    bob = Client(server.client.url, server.server.token_of("default", "bob"))

    assert who(bob, User="ann")["username"] == "ann"
    refused = nodes(bob, User="eve")
    assert (refused.status, refused.body["message"]) == (
        403,
        f'users "eve" is forbidden: User "{BOB}" cannot impersonate resource "users" in API group "" at the cluster scope',
    )
    assert (
        nodes(bob, User="ann", Group="system:masters")
        .body["message"]
        .startswith('groups "system:masters" is forbidden')
    )
    assert nodes(bob, User=BOB).body["message"].startswith('serviceaccounts "bob" is forbidden')


def test_a_group_without_a_user_is_refused(server: Running) -> None:
    assert nodes(server.client, Group="readers").status == 400
