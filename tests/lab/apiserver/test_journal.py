"""Objects in a file: they survive the server, whole, with what was given out once only; a bad file is told, not used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from porter.lab.apiserver import ApiServer
from porter.lab.apiserver.journal import JournalError
from tests.lab.apiserver.client import Client
from tests.lab.apiserver.conftest import Running

SERVICES, MAPS = "/api/v1/namespaces/default/services", "/api/v1/namespaces/default/configmaps"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
Start = Callable[[ApiServer], Running]


@pytest.fixture
def begin(start: Start, tmp_path: Path) -> Callable[[], Running]:
    """A server over the same file, started again and again."""
    return lambda: start(ApiServer(tls=False, token="t", objects=tmp_path / "objects"))


def test_what_was_written_is_there_after_a_restart_and_what_was_deleted_is_not(begin: Callable[[], Running]) -> None:
    first = begin()
    kept = first.client.post(MAPS, {"metadata": {"name": "kept"}, "data": {"a": "1"}})
    first.client.post(MAPS, {"metadata": {"name": "gone"}})
    first.client.ask("DELETE", f"{MAPS}/gone")
    kept = first.client.ask("PUT", f"{MAPS}/kept", kept | {"data": {"a": "2"}}).body
    revision = first.server.revision
    first.stop()

    second = begin()

    assert second.client.ask("GET", f"{MAPS}/kept").body == kept
    assert second.client.ask("GET", f"{MAPS}/gone").status == 404
    assert second.server.revision >= revision


def test_a_watch_from_before_lists_again_and_a_new_one_goes_on(begin: Callable[[], Running]) -> None:
    first = begin()
    old = first.client.post(MAPS, {"metadata": {"name": "a"}})["metadata"]["resourceVersion"]
    first.stop()

    client = begin().client

    assert next(iter(client.events(f"{MAPS}?resourceVersion={int(old) - 1}")))["object"]["code"] == 410
    version = client.ask("GET", MAPS).body["metadata"]["resourceVersion"]
    client.post(MAPS, {"metadata": {"name": "b"}})
    assert next(iter(client.events(f"{MAPS}?resourceVersion={version}")))["object"]["metadata"]["name"] == "b"


def test_what_was_given_out_is_not_given_out_again(begin: Callable[[], Running]) -> None:
    first = begin()
    spec: dict[str, Any] = {"type": "NodePort", "ports": [{"port": 80}]}
    old = first.client.post(SERVICES, {"metadata": {"name": "old"}, "spec": spec})["spec"]
    first.stop()

    client = begin().client
    asked = spec | {"clusterIP": old["clusterIP"]}
    port = spec | {"ports": [{"port": 80, "nodePort": old["ports"][0]["nodePort"]}]}

    assert (
        "already allocated" in client.ask("POST", SERVICES, {"metadata": {"name": "a"}, "spec": asked}).body["message"]
    )
    assert (
        "already allocated" in client.ask("POST", SERVICES, {"metadata": {"name": "b"}, "spec": port}).body["message"]
    )


def test_custom_kinds_are_served_again(begin: Callable[[], Running]) -> None:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    spec = {
        "group": "a.example",
        "names": {"kind": "Box", "plural": "boxes"},
        "scope": "Cluster",
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
    }
    first = begin()
    first.client.post(DEFINITIONS, {"metadata": {"name": "boxes.a.example"}, "spec": spec})
    first.client.post("/apis/a.example/v1/boxes", {"metadata": {"name": "b"}})
    first.stop()

    assert begin().client.ask("GET", "/apis/a.example/v1/boxes/b").body["kind"] == "Box"


def test_the_file_is_private_and_shortened_at_the_start(begin: Callable[[], Running], tmp_path: Path) -> None:
    first = begin()
    obj = first.client.post(MAPS, {"metadata": {"name": "a"}})
    for turn in range(50):
        obj = first.client.ask("PUT", f"{MAPS}/a", obj | {"data": {"turn": str(turn)}}).body
    first.stop()
    file = tmp_path / "objects"
    long = len(file.read_bytes().splitlines())

    begin()

    assert len(file.read_bytes().splitlines()) <= long - 50
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_last_line_that_a_kill_cut_short_is_passed_over(begin: Callable[[], Running], tmp_path: Path) -> None:
    first = begin()
    first.client.post(MAPS, {"metadata": {"name": "a"}})
    first.client.post(MAPS, {"metadata": {"name": "b"}})
    first.stop()
    file = tmp_path / "objects"
    file.write_bytes(file.read_bytes()[:-20])

    client = begin().client

    assert [client.ask("GET", f"{MAPS}/{name}").status for name in "ab"] == [200, 404]


def test_a_file_that_is_none_of_ours_is_refused_with_its_line_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "objects"
    file.write_bytes(b'{"revision":1,"group":"","plural":"nodes","namespace":"","name":"n"}\nnonsense\nmore\n')

    with pytest.raises(JournalError, match=f"line 2 of {file} is not the API server's"):
        ApiServer(tls=False, objects=file)

    assert file.read_bytes().endswith(b"nonsense\nmore\n")


def test_a_client_may_not_ask_for_trouble(begin: Callable[[], Running]) -> None:
    running = begin()
    running.client.post("/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "bob"}})
    bob = Client(running.server.url, running.server.token_of("default", "bob"))

    assert bob.ask("PUT", "/lab/trouble", {"silent": True}).status == 403
    assert running.client.ask("PUT", "/lab/trouble", {"loud": True}).status == 400
    assert running.server.trouble.silent is False
