"""What is under deploy/ beside the plain YAML: a kustomization with components, a Helm chart, and the image's recipe."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from porter.manifests import default_image, render
from tests.manifests.helm.render import CASES, CHART, RENDERED, WRONG, digest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PLAIN = list(yaml.safe_load_all(render()))
KEPT = json.loads(RENDERED.read_text())
HELMS_LABELS = {"app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "helm.sh/chart"}
Object = dict[str, Any]


def by_name(documents: list[Object]) -> dict[tuple[str, str], Object]:
    return {(one["kind"], one["metadata"]["name"]): one for one in documents}


def kustomized(place: Path, kustomization: str) -> list[Object]:
    """What kubectl makes of a kustomization beside a copy of deploy/."""
    shutil.copytree(DEPLOY, place / "deploy")
    (place / "mine").mkdir()
    (place / "mine" / "kustomization.yaml").write_text(kustomization)
    done = subprocess.run(
        ["kubectl", "kustomize", str(place / "mine")], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr
    return list(yaml.safe_load_all(done.stdout))


def pod_of(documents: list[Object]) -> Object:
    pod: Object = by_name(documents)["DaemonSet", "porter"]["spec"]["template"]["spec"]
    return pod


def kubectl_knows_components() -> bool:
    """Since 1.21; Debian 12 has 1.20, which takes the base all the same."""
    done = subprocess.run(
        ["kubectl", "version", "--client", "-o", "json"], capture_output=True, text=True, timeout=60, check=True
    )
    return int(re.sub(r"\D", "", json.loads(done.stdout)["clientVersion"]["minor"])) > 20


# ---------------------------------------------------------------------------------------------- kustomize


def test_the_kustomization_is_the_plain_yaml() -> None:
    made = subprocess.run(
        ["kubectl", "kustomize", str(DEPLOY)], capture_output=True, text=True, timeout=60, check=True
    ).stdout

    assert by_name(list(yaml.safe_load_all(made))) == by_name(PLAIN)


def test_a_base_can_be_given_another_image_and_namespace(tmp_path: Path) -> None:
    image = "images: [{name: porter-lb, newName: example.org/lb, newTag: '2'}]"
    base = "resources" if kubectl_knows_components() else "bases"

    made = kustomized(tmp_path, f"{base}: [../deploy]\nnamespace: edge\n{image}\n")

    pod = pod_of(made)
    assert {one["image"] for one in (*pod["containers"], *pod["initContainers"])} == {"example.org/lb:2"}
    assert by_name(made)["ClusterRoleBinding", "porter"]["subjects"][0]["namespace"] == "edge"


@pytest.mark.parametrize("component", ["empty-dir-log", "as-root"])
def test_a_component_changes_what_it_says_and_nothing_else(tmp_path: Path, component: str) -> None:
    if not kubectl_knows_components():
        assert (DEPLOY / "components" / component / "kustomization.yaml").is_file()
        return

    pod = pod_of(kustomized(tmp_path, f"resources: [../deploy]\ncomponents: [../deploy/components/{component}]\n"))

    plain = pod_of(PLAIN)
    assert pod.pop("initContainers", []) == []
    plain = {key: value for key, value in plain.items() if key != "initContainers"}
    if component == "empty-dir-log":
        log, *others = pod.pop("volumes")
        assert log == {"name": "log", "emptyDir": {"sizeLimit": "2Gi"}}
        assert others == plain["volumes"][1:]
        plain.pop("volumes")
    else:
        user = {"runAsNonRoot": False, "runAsUser": 0, "runAsGroup": 0}
        assert pod.pop("securityContext") == plain.pop("securityContext") | user
    assert pod == plain


# ---------------------------------------------------------------------------------------------- Helm


def rendered(case: str) -> list[Object]:
    return list(yaml.safe_load_all(KEPT["rendered"][case]))


def without_helms_labels(documents: list[Object]) -> list[Object]:
    for one in documents:
        labels = one["metadata"].get("labels", {})
        one["metadata"]["labels"] = {key: value for key, value in labels.items() if key not in HELMS_LABELS}
    return documents


def test_what_is_kept_is_of_this_chart() -> None:
    assert KEPT["chart"] == digest(), "the chart has changed: python -m tests.manifests.helm.render"
    assert set(KEPT["rendered"]) == set(CASES)


def test_helms_linter_misses_nothing_but_an_icon() -> None:
    assert KEPT["lint"] == ["Chart.yaml: icon is recommended"]


def test_the_chart_makes_what_the_command_prints() -> None:
    """All but the Namespace, which Helm is told to make, and the definition, which it keeps apart."""
    expected = [one for one in PLAIN if one["kind"] not in {"Namespace", "CustomResourceDefinition"}]

    assert by_name(without_helms_labels(rendered("default"))) == by_name(expected)


def test_the_charts_definition_is_the_one_that_the_command_prints() -> None:
    assert (CHART / "crds" / "eips.yaml").read_text() == render(["crd"])


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert default_image() == f"porter-lb:{chart['appVersion']}"
    assert chart["version"] == re.sub(r"\.dev(\d+)$", r"-dev.\1", chart["appVersion"])


def test_a_log_in_the_pod_and_an_agent_that_is_root_need_nobody_to_give_a_directory_away() -> None:
    for case in ("emptyDir", "asRoot"):
        assert "initContainers" not in pod_of(rendered(case))
    assert pod_of(rendered("emptyDir"))["volumes"][0] == {"name": "log", "emptyDir": {"sizeLimit": "2Gi"}}
    assert pod_of(rendered("asRoot"))["securityContext"]["runAsUser"] == 0


def test_every_value_has_its_effect() -> None:
    pod = pod_of(rendered("everything"))
    [container] = pod["containers"]
    env = {one["name"]: one.get("value") for one in container["env"]}

    assert set(CASES["everything"]) | {"asRoot", "updateStrategy"} == set(
        yaml.safe_load((CHART / "values.yaml").read_text())
    ), "a value without an example"
    assert container["image"] == f"registry.example.org/lb@sha256:{'0f' * 32}"
    assert container["imagePullPolicy"] == "Always"
    assert pod["imagePullSecrets"] == [{"name": "pull"}]
    assert pod["volumes"][0]["hostPath"]["path"] == "/srv/porter"
    assert env["PORTER_HTTP"] == "0.0.0.0:9000"
    assert env["PORTER_LOAD_BALANCER_CLASS"] == "example.org/porter"
    assert env["PORTER_IGNORE_EXCLUDE_LABEL"] == "true"
    assert env["PORTER_LEASE_DURATION"] == "3"
    assert env["PORTER_GRATUITOUS_INTERVAL"] == "60"
    assert env["PORTER_VERBOSE"] == "1"
    assert container["livenessProbe"]["httpGet"] == {"port": 9000, "path": "/healthz"}
    assert "priorityClassName" not in pod
    assert "tolerations" not in pod
    assert pod["nodeSelector"] == {"kubernetes.io/os": "linux", "edge": "yes"}
    assert pod["affinity"] == {"nodeAffinity": {}}
    assert container["resources"]["limits"]["memory"] == "1Gi"


def test_wrong_values_are_refused_by_the_schema() -> None:
    assert set(KEPT["refused"]) == set(WRONG)


# ---------------------------------------------------------------------------------------------- the image


def instructions() -> list[tuple[str, str]]:
    """The recipe's instructions, with lines joined and comments left out."""
    lines = [line for line in (ROOT / "Containerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(name, rest) for name, rest in found]


def test_the_image_is_made_in_two_stages_and_runs_as_the_manifests_user() -> None:
    made = instructions()
    names = [name for name, _ in made]
    pod = pod_of(PLAIN)

    assert set(names) <= {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "ENTRYPOINT", "CMD"}
    assert names.count("FROM") == 2
    assert dict(made)["USER"] == f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}"
    entry, command = json.loads(dict(made)["ENTRYPOINT"]), json.loads(dict(made)["CMD"])
    assert entry + command == pod["containers"][0]["command"]
    last = names.index("FROM", 1)
    assert [rest for name, rest in made[last:] if name == "COPY"] == ["--from=build /opt/porter /opt/porter"]
    assert "setcap cap_net_raw+p " in next(rest for name, rest in made[last:] if name == "RUN")


def test_the_images_commands_are_shell_and_what_is_copied_is_there() -> None:
    ignored = (ROOT / ".containerignore").read_text()
    assert ignored == (ROOT / ".dockerignore").read_text()
    for name, rest in instructions():
        if name == "RUN":
            subprocess.run(["sh", "-n", "-c", rest], check=True, timeout=20)
        if name == "COPY" and not rest.startswith("--from"):
            *sources, _ = rest.split()
            assert all((ROOT / source).exists() and f"!{source}\n" in ignored for source in sources)
