"""A lab on an API server that is there already: a process of its own, which the lab neither starts nor stops."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from porter.lab import Lab, given, installing, namespaces, standing
from porter.lab.errors import LabError
from porter.lab.kube import Kube, Object, read_access
from porter.lab.processes import porter, python
from tests.lab import labs
from tests.lab.labs import YAML, until

pytestmark = pytest.mark.root

ADDRESS = "192.168.0.91"


@contextmanager
def serving(place: Path, *words: str) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """An API server, its kubeconfig and its process."""
    command = python("porter.lab.apiserver", "--listen", "127.0.0.1:0", "--dir", str(place), *words)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until("the server", (place / "kubeconfig").exists, within=30.0)
        yield place / "kubeconfig", process
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    with serving(tmp_path_factory.mktemp("server")) as made:
        yield made


@pytest.fixture(scope="module")
def kubeconfig(server: tuple[Path, subprocess.Popen[bytes]]) -> Path:
    return server[0]


@pytest.fixture(scope="module")
def kube(kubeconfig: Path) -> Kube:
    return Kube(read_access(kubeconfig))


@pytest.fixture(scope="module")
def installed(kube: Kube) -> Kube:
    """Porter, as the sentence says that it is installed."""
    parts = ["--only", "namespace", "--only", "crd", "--only", "rbac"]
    printed = subprocess.run(porter("manifests", *parts), capture_output=True, text=True, check=True).stdout
    for documents in installing.parts(printed):
        installing.install(kube, documents)
    return kube


def named(version: str, kind: str, name: str, namespace: str | None = None) -> Object:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


def refused(kubeconfig: Path, **options: Any) -> str:
    """What `up` says, which leaves nothing."""
    with pytest.raises(LabError) as caught, labs.up("g", nodes=1, kubeconfig=kubeconfig, **options):
        pass
    assert "\n" not in caught.value.message
    return str(caught.value.message)


def test_what_a_lab_needs_there_is_said_before_anything_is_made(kubeconfig: Path, kube: Kube, tmp_path: Path) -> None:
    assert "porter manifests --only namespace --only crd --only rbac" in refused(kubeconfig)
    assert "Services of one family only" in refused(kubeconfig, agents=False, families=("IPv4", "IPv6"))
    assert "Services are of IPv4 where they ask for nothing else" in refused(
        kubeconfig, agents=False, families=("IPv6",)
    )

    for n in range(5):
        kube.apply(named("v1", "Node", f"n{n}"))
    try:
        assert "has Nodes already (n0, n1, n2 and 2 more)" in refused(kubeconfig)
    finally:
        for n in range(5):
            kube.delete("Node", f"n{n}")

    kube.apply({**named("v1", "ConfigMap", "kube-proxy", "kube-system"), "data": {"config.conf": "mode: ipvs"}})
    try:
        assert "kube-proxy is there in part" in refused(kubeconfig, agents=False)
    finally:
        kube.delete("ConfigMap", "kube-proxy", namespace="kube-system")

    kube.apply(named("v1", "ServiceAccount", "nobody", "default"))
    installing_token = kube.request("POST", "/api/v1/namespaces/default/serviceaccounts/nobody/token", {})
    weak = tmp_path / "weak"
    access = read_access(kubeconfig)._replace(token=installing_token["status"]["token"])
    weak.write_text(given.kubeconfigs(access, name="weak", gateway="192.168.0.1:6443")[0])
    assert "use an administrator's" in refused(weak)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("https://127.0.0.1", "http://127.0.0.1"), "the lab needs one at https://HOST:PORT"),
        (("token:", "exec:"), "has no token and no client certificate, and the lab runs no program (exec)"),
        (("current-context: porter-lab", "current-context: other"), "is not a kubeconfig that the lab can read"),
        (("certificate-authority-data:", "certificate-authority: none #"), "cannot read "),
    ],
)
def test_a_kubeconfig_that_does_not_serve_is_refused_in_a_sentence(
    kubeconfig: Path, tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(kubeconfig.read_text().replace(*change))

    assert said in refused(file)


def test_a_server_that_does_not_answer_is_told_as_one(kubeconfig: Path, tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    port = read_access(kubeconfig).server.rpartition(":")[2]
    file.write_text(kubeconfig.read_text().replace(f":{port}", ":1"))

    assert "the API server at https://127.0.0.1:1 does not answer" in refused(file)


def test_a_lab_on_a_given_server_serves_as_any_and_leaves_it_as_it_was(
    server: tuple[Path, subprocess.Popen[bytes]],
    installed: Kube,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kubeconfig, process = server
    before = everything(installed)
    with labs.up("g", nodes=1, kubeconfig=kubeconfig) as lab:
        assert [node["metadata"]["name"] for node in installed.list("Node")] == ["node1"]
        for file in ("porter-layer2-eip.yaml", "porter-layer2.yaml", "porter-layer2-svc.yaml"):
            lab.kube("apply", "-f", str(YAML / file))
        ports = [{"name": "http", "port": 80, "targetPort": 8080}]  # the guide's leads to 80, where nobody listens
        installed.patch("Service", "porter-layer2-svc", {"spec": {"ports": ports}})
        until("an answer", lambda: answers(lab), within=30.0)
        until("its MAC", lambda: [answer.mac for answer in lab.arp(ADDRESS)] == [lab.mac("node1")])

        for kind in ("stopped", "slow", "errors", "cuts", "silent"):
            with pytest.raises(LabError, match="is not the lab's own"):
                lab.fail("apiserver", kind)
        until("the server", lambda: reaches_the_server(lab))
        lab.fail("node1", "no-api")
        assert not reaches_the_server(lab)
        lab.recover("node1")
        until("the server", lambda: reaches_the_server(lab))
        monkeypatch.setenv("PORTER_LAB_DIR", str(lab.directory.parent))
        status = subprocess.run(porter("lab", "status", "--format", "json"), capture_output=True, text=True, check=True)
        (told,) = json.loads(status.stdout)
        assert told["nodes"][0]["ready"] in {"True", "Unknown"}  # it was cut off a moment ago
        assert (told["apiserver"], told["controllers"]) == (read_access(kubeconfig).server, "runs")

    assert process.poll() is None
    assert everything(installed) == before
    assert [one["metadata"]["name"] for one in installed.list("Eip")] == ["porter-layer2-eip"]


def test_a_cluster_with_controllers_of_its_own_gets_none_of_the_labs(tmp_path: Path) -> None:
    said: list[str] = []
    with serving(tmp_path / "server") as (kubeconfig, process), labs.home():
        kube = Kube(read_access(kubeconfig))
        kube.apply(named("v1", "ServiceAccount", "default", "default"))
        words = ["--kubeconfig", str(kubeconfig), "--grace", "5"]
        theirs = subprocess.Popen(python("porter.lab.controllers", *words), stderr=subprocess.DEVNULL)
        try:
            lab = Lab.up(f"h{os.getpid()}", nodes=1, agents=False, kubeconfig=kubeconfig, say=said.append)
            assert lab.stage.process("controllers") is None
            assert any("which has controllers of its own" in line for line in said)
        finally:
            theirs.kill()
            theirs.wait()
            process.kill()
            process.wait()
            standing.take_down(lab.directory, said.append)

    assert "is left there" in said[-1]
    assert "kubectl delete node node1" in said[-1]
    assert not lab.directory.exists()


def reaches_the_server(lab: Lab) -> bool:
    """Whether the node has a connection to where its kubeconfig says that the server is."""
    place = urlsplit(read_access(lab.stage.node_kubeconfig()).server)
    stream = namespaces.inside(lab.namespace("node1"), lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    with stream:
        stream.settimeout(0.5)
        try:
            stream.connect((place.hostname, place.port))
        except OSError:
            return False
        return True


def answers(lab: Lab) -> bool:
    try:
        return lab.http_get(ADDRESS, wait=0.5).startswith("You've hit")
    except OSError:
        return False


def everything(kube: Kube) -> dict[str, list[str]]:
    """What a lab might leave, by kind."""
    kinds = ("Node", "Lease", "DaemonSet", "ConfigMap", "EndpointSlice", "Pod")
    return {kind: sorted(one["metadata"]["name"] for one in kube.list(kind)) for kind in kinds}
