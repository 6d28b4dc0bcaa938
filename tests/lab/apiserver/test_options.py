"""Options that contradict each other or that nobody knows are refused in the API's words, and nothing is done."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.apiserver.client import APPLY, MERGE, Client

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
_MATCH = "resourceVersionMatch: "
_EXACT_0 = 'Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("resourceVersionMatch=Exact", f"{_MATCH}Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"),
        ("resourceVersion=0&resourceVersionMatch=Exact", _MATCH + _EXACT_0),
        ("resourceVersion=1&resourceVersionMatch=Near", f'{_MATCH}Unsupported value: "Near": supported values: "Exact", "NotOlderThan", ""'),
        ("sendInitialEvents=false", "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"),
        ("watch=1&sendInitialEvents=true", f"{_MATCH}Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
        ("watch=1&resourceVersionMatch=NotOlderThan", f"{_MATCH}Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"),
    ],
)  # fmt: skip
def test_options_of_a_list_that_contradict_each_other_are_refused(shared: Client, query: str, said: str) -> None:
    answer = shared.ask("GET", f"{CONFIG_MAPS}?{query}")

    assert (answer.status, answer.body["message"]) == (422, f'ListOptions.meta.k8s.io "" is invalid: {said}')


def test_a_continued_list_takes_no_version_besides(shared: Client) -> None:
    answer = shared.ask("GET", f"{CONFIG_MAPS}?continue=WzEsWyJhIiwiYiJdXQ==&resourceVersion=7")

    assert (answer.status, answer.body["message"]) == (
        400,
        "specifying resource version is not allowed when using continue",
    )


@pytest.mark.parametrize(
    ("word", "watches"), [("", True), ("x", True), ("1", True), ("true", True), ("0", False), ("False", False)]
)
def test_all_but_no_is_a_yes(shared: Client, word: str, watches: bool) -> None:  # noqa: FBT001
    answer = shared.ask(
        "GET", f"{CONFIG_MAPS}?watch={word}&timeoutSeconds=1&resourceVersionMatch=Exact&resourceVersion=0"
    )

    assert (" for watch " in answer.body["message"]) is watches


NEW = {"metadata": {"name": "new"}}
_KNOWN = 'supported values: "", "Ignore", "Strict", "Warn"'


@pytest.mark.parametrize(
    ("method", "query", "options", "said"),
    [
        ("POST", "dryRun=some", "Create", 'dryRun: Unsupported value: ["some"]: supported values: "All"'),
        ("POST", "fieldValidation=Lax", "Create", f'fieldValidation: Unsupported value: "Lax": {_KNOWN}'),
        ("POST", f"fieldManager={'m' * 129}", "Create", "fieldManager: Too long: may not be more than 128 bytes"),
        ("PUT", "dryRun=some", "Update", 'dryRun: Unsupported value: ["some"]: supported values: "All"'),
        ("PATCH", "force=true", "Patch", "force: Forbidden: may not be specified for non-apply patch"),
        ("DELETE", "dryRun=some", "Delete", 'dryRun: Unsupported value: ["some"]: supported values: "All"'),
        (
            "DELETE",
            "propagationPolicy=Later",
            "Delete",
            'propagationPolicy: Unsupported value: "Later": supported values: "Foreground", "Background", "Orphan", "nil"',
        ),
        (
            "DELETE",
            "propagationPolicy=Orphan&orphanDependents=true",
            "Delete",
            'propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set',
        ),
    ],
)
def test_options_of_a_write_that_nobody_knows_are_refused(
    client: Client, method: str, query: str, options: str, said: str
) -> None:
    before = client.post(CONFIG_MAPS, {"metadata": {"name": "there"}})
    path = CONFIG_MAPS if method == "POST" else f"{CONFIG_MAPS}/there"
    body: Any = (
        None if method == "DELETE" else NEW if method == "POST" else {"metadata": {"name": "there"}, "data": {"a": "b"}}
    )

    answer = client.ask(
        method, f"{path}?{query}", body, content_type=MERGE if method == "PATCH" else "application/json"
    )

    assert (answer.status, answer.body["message"]) == (422, f'{options}Options.meta.k8s.io "" is invalid: {said}')
    assert client.get(CONFIG_MAPS)["items"][0]["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert client.ask("GET", f"{CONFIG_MAPS}/new").status == 404


def test_an_apply_names_its_manager_and_may_force(shared: Client) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}}

    nobody = shared.ask("PATCH", f"{CONFIG_MAPS}/applied", config, content_type=APPLY)
    forced = shared.ask("PATCH", f"{CONFIG_MAPS}/applied?force=true&fieldManager=a", config, content_type=APPLY)

    assert nobody.body["message"].endswith("fieldManager: Required value: is required for apply patch")
    assert forced.status == 201


@pytest.mark.parametrize("content_type", [MERGE, "application/strategic-merge-patch+json"])
def test_a_patch_does_not_make_another_kind_of_an_object(client: Client, content_type: str) -> None:
    client.post(CONFIG_MAPS, {"metadata": {"name": "a"}})

    answer = client.ask("PATCH", f"{CONFIG_MAPS}/a", {"kind": "Foo"}, content_type=content_type)

    assert answer.status == 422
    assert 'no kind "Foo" is registered for version "v1"' in answer.body["message"]
    assert client.get(f"{CONFIG_MAPS}/a")["kind"] == "ConfigMap"


def test_an_object_of_another_uid_is_not_replaced(client: Client) -> None:
    made = client.post(CONFIG_MAPS, {"metadata": {"name": "a"}})

    answer = client.ask("PUT", f"{CONFIG_MAPS}/a", {"metadata": {"name": "a", "uid": "u"}})

    said = "StorageError: invalid object, Code: 4, Key: /registry/configmaps/default/a, ResourceVersion: 0, AdditionalErrorMsg"
    failed = f"Precondition failed: UID in precondition: u, UID in object meta: {made['metadata']['uid']}"
    assert answer.status == 409
    assert answer.body["message"] == f'Operation cannot be fulfilled on configmaps "a": {said}: {failed}'
