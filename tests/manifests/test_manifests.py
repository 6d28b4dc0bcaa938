"""The YAML that installs Porter: it parses, it fits together, and deploy/porter.yaml is what the command prints."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from porter.errors import PorterError
from porter.manifests import PARTS, render
from porter.model.places import EVENT_LOG, NAMESPACE

DEPLOYED = Path(__file__).parents[2] / "deploy" / "porter.yaml"


def documents(**options: Any) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(render(**options)))


def test_the_deployed_file_is_what_the_command_prints() -> None:
    assert DEPLOYED.read_text() == render(), "run: porter manifests > deploy/porter.yaml"


def test_everything_is_there_in_the_order_to_apply_it() -> None:
    kinds = [document["kind"] for document in documents()]

    assert kinds[:2] == ["Namespace", "CustomResourceDefinition"]
    assert kinds[-1] == "DaemonSet"


@pytest.mark.parametrize("part", PARTS)
def test_a_part_can_be_had_alone(part: Any) -> None:
    alone = documents(parts=[part])

    assert alone
    assert all(document in documents() for document in alone)


def test_the_namespace_and_the_image_are_filled_in_everywhere() -> None:
    text = render(namespace="edge", image="registry.example.org/lb@sha256:00ff")

    assert "porter-system" not in text
    assert "{{" not in text
    daemonset = list(yaml.safe_load_all(text))[-1]
    assert daemonset["metadata"]["namespace"] == "edge"
    assert daemonset["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example.org/lb@sha256:00ff"


@pytest.mark.parametrize("namespace", ["", "Edge", "a b", "-a", "a" * 64, 'x"\nkind: Pod'])
def test_a_namespace_that_no_server_takes_is_refused(namespace: str) -> None:
    with pytest.raises(PorterError, match="is not a namespace's name"):
        render(namespace=namespace)


@pytest.mark.parametrize("image", ["", "a b", 'x"\n', "$x"])
def test_an_image_that_no_server_takes_is_refused(image: str) -> None:
    with pytest.raises(PorterError, match="is not an image's name"):
        render(image=image)


def test_the_rights_are_the_smallest() -> None:
    granted = {
        (document["kind"], group, resource, verb)
        for document in documents(parts=["rbac"])
        for rule in document.get("rules", ())
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }

    assert not any("*" in part for grant in granted for part in grant)
    assert not any(verb.startswith("delete") for *_, verb in granted)
    assert not any(resource in {"secrets", "pods", "configmaps", "serviceaccounts"} for _, _, resource, _ in granted)
    cluster_wide = {(resource, verb) for kind, _, resource, verb in granted if kind == "ClusterRole"}
    assert {resource for resource, verb in cluster_wide if verb not in {"get", "list", "watch"}} == {
        "services",
        "services/status",
        "eips",
        "eips/status",
        "events",
    }


def test_every_binding_names_a_role_and_the_account_that_are_there() -> None:
    there = documents(parts=["rbac"])
    roles = {(d["kind"], d["metadata"].get("namespace"), d["metadata"]["name"]) for d in there}

    bindings = [document for document in there if document["kind"].endswith("Binding")]

    assert bindings
    for binding in bindings:
        role = binding["roleRef"]
        namespace = binding["metadata"].get("namespace") if role["kind"] == "Role" else None
        assert (role["kind"], namespace, role["name"]) in roles
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "porter", "namespace": "porter-system"}]


def test_the_agent_is_an_ordinary_user_with_one_capability_on_the_nodes_network() -> None:
    pod = documents(parts=["daemonset"])[0]["spec"]["template"]["spec"]
    [container] = pod["containers"]

    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]},
    }
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert pod["hostNetwork"] is True
    assert pod["dnsPolicy"] == "ClusterFirstWithHostNet"
    assert pod["tolerations"] == [{"operator": "Exists"}]
    assert "hostPID" not in pod
    assert "hostIPC" not in pod


def test_what_runs_as_root_may_only_give_the_logs_directory_away_and_ends() -> None:
    pod = documents(parts=["daemonset"])[0]["spec"]["template"]["spec"]
    [first] = pod["initContainers"]
    user = pod["securityContext"]["runAsUser"]

    assert first["command"] == ["chown", "-hR", f"{user}:{user}", "/var/lib/porter"]
    assert first["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["CHOWN"]}
    assert first["securityContext"]["allowPrivilegeEscalation"] is False
    assert first["volumeMounts"] == [{"name": "log", "mountPath": "/var/lib/porter"}]


def test_the_probes_ask_what_the_agent_serves() -> None:
    [container] = documents(parts=["daemonset"])[0]["spec"]["template"]["spec"]["containers"]
    env = {one["name"]: one.get("value") for one in container["env"]}

    asked = {
        name: (f"{one['host']}:{one['port']}", one["path"])
        for name in ("startupProbe", "livenessProbe", "readinessProbe")
        for one in [container[name]["httpGet"]]
    }

    assert asked == {
        "startupProbe": (env["PORTER_HTTP"], "/healthz"),
        "livenessProbe": (env["PORTER_HTTP"], "/healthz"),
        "readinessProbe": (env["PORTER_HTTP"], "/readyz"),
    }


def test_the_log_and_the_namespace_are_where_the_commands_look_for_them() -> None:
    [daemonset] = documents(parts=["daemonset"])
    [container] = daemonset["spec"]["template"]["spec"]["containers"]
    [log] = [one["value"] for one in container["env"] if one["name"] == "PORTER_EVENT_LOG"]

    assert log == EVENT_LOG
    assert daemonset["metadata"]["namespace"] == NAMESPACE


def test_the_definition_has_no_webhook() -> None:
    assert "webhook" not in render().lower().replace("none in a webhook", "")
