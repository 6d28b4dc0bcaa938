"""Deleting: what holds an object, what becomes of what it owns, and what may not go at all."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.apiserver.client import Client

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
def owner(client: Client) -> Any:
    """A ConfigMap `owner` with three that it owns: two that block, and two of the three that a finalizer holds."""
    made = client.post(CONFIG_MAPS, {"metadata": {"name": "owner"}})
    for name, blocks, finalizers in (
        ("free", False, ["example.com/held"]),
        ("held", True, ["example.com/held"]),
        ("blocks", True, []),
    ):
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": made["metadata"]["uid"]}
        about = {
            "name": name,
            "finalizers": finalizers,
            "ownerReferences": [reference | {"blockOwnerDeletion": blocks}],
        }
        client.post(CONFIG_MAPS, {"metadata": about})
    return made


def left(client: Client) -> list[str]:
    return [item["metadata"]["name"] for item in client.get(CONFIG_MAPS)["items"]]


def test_orphaned_objects_stay_and_have_no_owner(client: Client, owner: Any) -> None:
    answer = client.ask("DELETE", f"{CONFIG_MAPS}/owner", {"propagationPolicy": "Orphan"})

    assert answer.body["metadata"]["finalizers"] == ["orphan"]
    assert left(client) == ["blocks", "free", "held"]
    assert not any("ownerReferences" in item["metadata"] for item in client.get(CONFIG_MAPS)["items"])
    del owner


def test_in_the_foreground_the_owner_goes_last(client: Client, owner: Any) -> None:
    answer = client.ask("DELETE", f"{CONFIG_MAPS}/owner?propagationPolicy=Foreground")
    waiting = left(client)
    shown = client.get(f"{CONFIG_MAPS}/owner")["metadata"]
    client.patch(f"{CONFIG_MAPS}/held", {"metadata": {"finalizers": None}})

    assert answer.body["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert waiting == ["free", "held", "owner"]
    assert "deletionTimestamp" in shown
    assert left(client) == ["free"]  # which does not block
    del owner


def test_in_the_background_the_owner_goes_first(client: Client, owner: Any) -> None:
    answer = client.ask("DELETE", f"{CONFIG_MAPS}/owner")

    assert answer.body["status"] == "Success"
    assert left(client) == ["free", "held"]
    del owner


def test_a_collection_is_deleted_as_its_options_say(client: Client, owner: Any) -> None:
    client.ask("DELETE", f"{CONFIG_MAPS}?fieldSelector=metadata.name=owner", {"dryRun": ["All"]})
    before = left(client)
    client.ask("DELETE", f"{CONFIG_MAPS}?fieldSelector=metadata.name=owner&propagationPolicy=Orphan")

    assert before == ["blocks", "free", "held", "owner"]
    assert left(client) == ["blocks", "free", "held"]
    del owner


@pytest.mark.parametrize(
    ("preconditions", "said"),
    [
        ({"uid": "u"}, "the UID in the precondition (u) does not match the UID in record ({uid}). The object might have been deleted and then recreated"),
        ({"resourceVersion": "1"}, "the ResourceVersion in the precondition (1) does not match the ResourceVersion in record ({version}). The object might have been modified"),
    ],
)  # fmt: skip
def test_a_precondition_that_does_not_hold_is_told(client: Client, preconditions: Any, said: str) -> None:
    about = client.post(CONFIG_MAPS, {"metadata": {"name": "a"}})["metadata"]

    answer = client.ask("DELETE", f"{CONFIG_MAPS}/a", {"preconditions": preconditions})

    why = said.format(uid=about["uid"], version=about["resourceVersion"])
    assert (answer.status, answer.body["message"]) == (409, f'Operation cannot be fulfilled on ConfigMap "a": {why}')
    assert left(client) == ["a"]


@pytest.mark.parametrize("name", ["default", "kube-public", "kube-system"])
def test_the_namespaces_that_every_cluster_needs_stay(shared: Client, name: str) -> None:
    answer = shared.ask("DELETE", f"/api/v1/namespaces/{name}")

    said = f'namespaces "{name}" is forbidden: this namespace may not be deleted'
    assert (answer.status, answer.body["message"]) == (403, said)
    assert shared.get(f"/api/v1/namespaces/{name}")["status"] == {"phase": "Active"}


def test_namespaces_cannot_be_deleted_all_at_once(shared: Client) -> None:
    answer = shared.ask("DELETE", "/api/v1/namespaces")

    assert (answer.status, answer.body["reason"]) == (405, "MethodNotAllowed")
    assert len(shared.get("/api/v1/namespaces")["items"]) == 4
