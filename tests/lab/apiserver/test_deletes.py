"""Deleting: what holds an object, what becomes of what it owns, and what may not go at all."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
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


@pytest.mark.parametrize(
    ("name", "options", "status"),
    [
        ("held", {"propagationPolicy": "Foreground"}, 200),
        ("held", {"propagationPolicy": "Background"}, 200),
        ("held", {"orphanDependents": False}, 202),
        ("held", {"orphanDependents": True}, 200),
        ("blocks", {"orphanDependents": False}, 200),
    ],
)
def test_only_who_asks_in_the_old_way_is_told_by_the_code_that_it_takes_a_while(
    client: Client, owner: Any, name: str, options: dict[str, Any], status: int
) -> None:
    """As k8s.io/apiserver's handler of deletes: 202 would break clients, so no other gets it."""
    [(key, value)] = options.items()

    asked_by_query = client.ask("DELETE", f"{CONFIG_MAPS}/{name}?dryRun=All&{key}={value}")
    asked_by_body = client.ask("DELETE", f"{CONFIG_MAPS}/{name}", options)

    assert (asked_by_query.status, asked_by_body.status) == (status, status)
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


PODS = "/api/v1/namespaces/default/pods"
CONTAINERS: Any = {"containers": [{"name": "c", "image": "i"}]}


def pod(client: Client, **spec: Any) -> Any:
    """A Pod `p` on a node, unless `spec` says otherwise."""
    return client.post(PODS, {"metadata": {"name": "p"}, "spec": CONTAINERS | {"nodeName": "n"} | spec})


def told(client: Client, version: str) -> list[tuple[str, int | None]]:
    """What a watch of the Pods has been told since a version, in short: what happened, and the time to end."""
    client.post(PODS, {"metadata": {"name": "last"}, "spec": CONTAINERS})
    events = client.events(f"{PODS}?resourceVersion={version}", seconds=20)
    found = itertools.takewhile(lambda one: one["object"]["metadata"]["name"] != "last", events)
    return [(one["type"], one["object"]["metadata"].get("deletionGracePeriodSeconds")) for one in found]


def seconds_until(time: str) -> float:
    return (datetime.fromisoformat(time) - datetime.now(UTC)).total_seconds()


def test_a_pod_on_a_node_is_told_to_end_and_stays_until_its_kubelet_deletes_it(client: Client) -> None:
    before = pod(client)["metadata"]
    answer = client.ask("DELETE", f"{PODS}/p")
    ending = client.get(f"{PODS}/p")
    ready = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    client.patch(f"{PODS}/p/status", ready)  # which a kubelet goes on to say
    still = client.get(f"{PODS}/p")["metadata"]
    client.ask("DELETE", f"{PODS}/p", {"gracePeriodSeconds": 0, "preconditions": {"uid": before["uid"]}})

    assert (answer.status, answer.body) == (200, ending)
    assert ending["metadata"]["deletionGracePeriodSeconds"] == 30  # the default of terminationGracePeriodSeconds
    assert 25 < seconds_until(ending["metadata"]["deletionTimestamp"]) <= 30
    assert ending["metadata"]["generation"] == before["generation"] + 1
    assert still["deletionTimestamp"] == ending["metadata"]["deletionTimestamp"]
    assert client.ask("GET", f"{PODS}/p").status == 404
    assert told(client, before["resourceVersion"]) == [
        ("MODIFIED", 30),
        ("MODIFIED", 30),
        ("MODIFIED", 0),
        ("DELETED", 0),
    ]


@pytest.mark.parametrize(
    ("spec", "asked", "seconds"),
    [
        ({"terminationGracePeriodSeconds": 7}, None, 7),
        ({"terminationGracePeriodSeconds": 7}, 90, 90),
        ({}, 5, 5),
        ({}, -1, 1),
        ({}, 0, None),
        ({"terminationGracePeriodSeconds": 0}, None, None),
        ({"nodeName": ""}, 90, None),
    ],
)
def test_how_long_a_pod_may_take(client: Client, spec: Any, asked: int | None, seconds: int | None) -> None:
    version = pod(client, **spec)["metadata"]["resourceVersion"]
    client.ask("DELETE", f"{PODS}/p" + ("" if asked is None else f"?gracePeriodSeconds={asked}"))

    events = [("MODIFIED", 0), ("DELETED", 0)] if seconds is None else [("MODIFIED", seconds)]
    assert told(client, version) == events


def test_a_pod_that_has_ended_goes_at_once(client: Client) -> None:
    pod(client)
    client.patch(f"{PODS}/p/status", {"status": {"phase": "Succeeded"}})
    client.ask("DELETE", f"{PODS}/p")

    assert client.ask("GET", f"{PODS}/p").status == 404


def test_the_time_to_end_may_be_shortened_and_not_prolonged(client: Client) -> None:
    pod(client)
    first = client.ask("DELETE", f"{PODS}/p").body["metadata"]
    for more in ({"gracePeriodSeconds": 60}, {"gracePeriodSeconds": 30}, None):
        assert client.ask("DELETE", f"{PODS}/p", more).body["metadata"] == first
    less = client.ask("DELETE", f"{PODS}/p", {"gracePeriodSeconds": 10}).body["metadata"]

    assert (less["deletionGracePeriodSeconds"], less["generation"]) == (10, first["generation"])
    earlier = seconds_until(first["deletionTimestamp"]) - seconds_until(less["deletionTimestamp"])
    assert earlier == pytest.approx(20, abs=1)


def test_a_pod_goes_when_it_has_ended_and_no_finalizer_holds_it(client: Client) -> None:
    pod(client)
    client.patch(f"{PODS}/p", {"metadata": {"finalizers": ["example.com/held"]}})
    client.ask("DELETE", f"{PODS}/p")
    client.ask("DELETE", f"{PODS}/p", {"gracePeriodSeconds": 0})
    held = client.get(f"{PODS}/p")["metadata"]
    client.patch(f"{PODS}/p", {"metadata": {"finalizers": None}})

    assert held["deletionGracePeriodSeconds"] == 0
    assert client.ask("GET", f"{PODS}/p").status == 404


def test_a_dry_run_tells_what_would_be(client: Client) -> None:
    before = pod(client)
    answer = client.ask("DELETE", f"{PODS}/p?dryRun=All")

    assert answer.body["metadata"]["deletionGracePeriodSeconds"] == 30
    assert client.get(f"{PODS}/p") == before


def test_a_namespace_waits_for_its_pods(client: Client) -> None:
    client.post("/api/v1/namespaces", {"metadata": {"name": "shop"}})
    pods = "/api/v1/namespaces/shop/pods"
    client.post(pods, {"metadata": {"name": "p"}, "spec": CONTAINERS | {"nodeName": "n"}})
    client.ask("DELETE", "/api/v1/namespaces/shop")
    waiting = client.get("/api/v1/namespaces/shop")["status"]["phase"]
    ends = client.get(f"{pods}/p")["metadata"]["deletionGracePeriodSeconds"]
    client.ask("DELETE", f"{pods}/p?gracePeriodSeconds=0")

    assert (waiting, ends) == ("Terminating", 30)
    assert client.ask("GET", "/api/v1/namespaces/shop").status == 404


def test_a_grace_period_that_is_no_number_is_refused(shared: Client) -> None:
    answer = shared.ask("DELETE", f"{PODS}/p?gracePeriodSeconds=soon")

    assert (answer.status, answer.body["message"]) == (400, 'strconv.ParseInt: parsing "soon": invalid syntax')
