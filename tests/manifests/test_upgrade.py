"""The definition of the Eip takes the place of Porter 0.4's with Eips in it, and an agent lives through that."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from porter.manifests import render
from tests.agent.api import Api
from tests.agent.command import Command, commanding
from tests.check.cluster import DEFINITIONS, EIPS, Cluster, cluster
from tests.manifests.old_definition import OLD_FINALIZER, before_0_4, of_0_4

OLD_EIPS = EIPS.replace("v1alpha2", "v1alpha1")
NAME = f"{DEFINITIONS}/eips.network.kubesphere.io"
SPEC = {"address": "203.0.113.91-203.0.113.100", "protocol": "layer2", "interface": "eth0", "usingKnownIPs": True}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path, tls=True) as made:
        yield made


def apply(server: Cluster, definition: Any) -> str:
    """What kubectl says to it; it must not refuse."""
    file = server.directory / "crd.yaml"
    file.write_text(definition if isinstance(definition, str) else json.dumps(definition))
    command = ["kubectl", "--kubeconfig", str(server.kubeconfig), f"--cache-dir={server.directory / 'cache'}"]
    done = subprocess.run([*command, "apply", "-f", str(file)], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def eip(version: str, name: str, spec: Any = None) -> dict[str, Any]:
    metadata = {"name": name, "finalizers": [OLD_FINALIZER]}
    api = f"network.kubesphere.io/{version}"
    return {"apiVersion": api, "kind": "Eip", "metadata": metadata, "spec": SPEC if spec is None else spec}


def test_every_eip_of_0_4_stays_as_it_is_and_takes_the_new_fields(server: Cluster) -> None:
    assert "created" in apply(server, of_0_4())
    server.client.get(EIPS)
    server.client.post(EIPS, eip("v1alpha2", "edge"))
    server.client.post(OLD_EIPS, eip("v1alpha1", "old", {"address": "203.0.113.8/29"}))
    used = {"status": {"usage": 1, "used": {"203.0.113.91": "default/web"}}}
    server.client.patch(f"{EIPS}/edge/status", used)
    before = {one["metadata"]["name"]: one for one in server.client.get(EIPS)["items"]}

    told = apply(server, render(["crd"]))

    assert told == "customresourcedefinition.apiextensions.k8s.io/eips.network.kubesphere.io configured\n"
    assert {one["metadata"]["name"]: one for one in server.client.get(EIPS)["items"]} == before
    assert {one["apiVersion"] for one in before.values()} == {"network.kubesphere.io/v1alpha2"}
    assert server.client.get(NAME)["status"]["storedVersions"] == ["v1alpha2"]
    conditions = [{"type": "Ready", "status": "True", "reason": "a", "message": "b", "lastTransitionTime": TIME}]
    changed = server.client.patch(f"{EIPS}/edge/status", {"status": {"conditions": conditions}})
    assert changed["status"]["conditions"] == conditions
    assert changed["status"]["used"] == {"203.0.113.91": "default/web"}
    assert server.client.patch(f"{EIPS}/edge", {"spec": {"priority": 3}})["spec"] == SPEC | {"priority": 3}


TIME = "2026-11-25T00:00:00Z"


def test_who_still_speaks_v1alpha1_is_understood(server: Cluster) -> None:
    apply(server, of_0_4())
    apply(server, render(["crd"]))
    server.client.get(OLD_EIPS)

    made = server.client.post(OLD_EIPS, eip("v1alpha1", "old"))

    assert made["apiVersion"] == "network.kubesphere.io/v1alpha1"
    assert made["spec"] == SPEC
    seen = server.client.get(f"{EIPS}/old")
    assert seen["apiVersion"] == "network.kubesphere.io/v1alpha2"
    assert seen["spec"] == SPEC
    wrong = server.client.ask("POST", OLD_EIPS, eip("v1alpha1", "wrong", {"address": "none"}))
    assert wrong.status == 422


@pytest.mark.parametrize("version", ["v1alpha1", "v1alpha2"])
def test_whoever_watches_sees_every_eip_in_the_version_asked_for(server: Cluster, version: str) -> None:
    apply(server, render(["crd"]))
    watched = EIPS.replace("v1alpha2", version)
    revision = server.client.get(watched)["metadata"]["resourceVersion"]

    server.client.post(EIPS, eip("v1alpha2", "new"))
    server.client.post(OLD_EIPS, eip("v1alpha1", "old"))
    events = list(server.client.events(f"{watched}?resourceVersion={revision}", seconds=1))

    assert [one["object"]["metadata"]["name"] for one in events] == ["new", "old"]
    assert {one["object"]["apiVersion"] for one in events} == {f"network.kubesphere.io/{version}"}


def test_eips_that_are_stored_in_the_oldest_version_are_read_and_moved_by_the_next_write(server: Cluster) -> None:
    """A cluster that came to 0.4 from before: the API server remembers that v1alpha1 was stored."""
    apply(server, before_0_4())
    server.client.get(OLD_EIPS)
    server.client.post(OLD_EIPS, eip("v1alpha1", "oldest", {"address": "203.0.113.8/29", "protocol": "layer2"}))
    apply(server, of_0_4())
    assert server.client.get(NAME)["status"]["storedVersions"] == ["v1alpha1", "v1alpha2"]

    told = apply(server, render(["crd"]))

    assert told.endswith("configured\n")
    assert server.client.get(NAME)["status"]["storedVersions"] == ["v1alpha1", "v1alpha2"]
    before = server.client.get(f"{EIPS}/oldest")
    assert before["apiVersion"] == "network.kubesphere.io/v1alpha2"
    assert before["spec"] == {"address": "203.0.113.8/29", "protocol": "layer2"}
    after = server.client.patch(f"{EIPS}/oldest", {})
    assert after["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"], "it was not written anew"


def test_without_v1alpha1_the_server_would_refuse_it_there(server: Cluster) -> None:
    apply(server, before_0_4())
    apply(server, of_0_4())
    alone = yaml.safe_load(render(["crd"]))
    alone["spec"]["versions"] = [one for one in alone["spec"]["versions"] if one["name"] == "v1alpha2"]

    assert "v1alpha1 was previously a storage version" in apply(server, alone)


# ---------------------------------------------------------------------------------------------- with an agent


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api()
    yield made
    made.close()


def test_an_agent_works_with_the_old_definition_and_says_more_with_the_new_one(api: Api, tmp_path: Path) -> None:
    api.create("/api/v1/namespaces", {"metadata": {"name": "porter-system"}})
    api.create(DEFINITIONS, of_0_4())
    api.node("node1")
    with commanding(tmp_path, api.kubeconfig(tmp_path / "kubeconfig"), more=["--dry-run"]) as one:
        one.start()
        one.wait("a watch of the old kind", lambda: one.page("/readyz") == (200, "ok\n"))
        api.create(EIPS, eip("v1alpha2", "pool", {"address": "203.0.113.91", "protocol": "layer2"}))
        one.wait("the Eip", lambda: "Eip pool" in one.said or _knows(one, "pool"))

        api.patch(NAME, yaml.safe_load(render(["crd"])))
        api.create(EIPS, eip("v1alpha2", "new", {"address": "203.0.113.92", "protocol": "layer2", "priority": 2}))

        one.wait("an Eip with a new field", lambda: _knows(one, "new"))
        assert "Traceback" not in one.said


def _knows(one: Command, name: str) -> bool:
    return any(f"'{name}'" in str(entry) for entry in one.entries() if type(entry).__name__ == "EipObserved")
