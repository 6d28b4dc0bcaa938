"""`porter check` in a lab, from a workstation and on a node: agents run, and the API server's audit log is the proof."""

import functools
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from porter.lab import Lab
from porter.lab.processes import porter
from tests.lab import labs
from tests.lab.labs import YAML

pytestmark = [pytest.mark.root, pytest.mark.slow]
until = functools.partial(labs.until, within=20.0)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up("k", nodes=2, strict_arp=False) as made:
        made.kube("apply", "-f", str(YAML / "porter-layer2-eip.yaml"))
        yield made


def look(lab: Lab, *more: str, node: str | None = None) -> Any:
    argv = [*porter("check"), "--format", "json", *more]
    if node is None:
        argv += ["--kubeconfig", str(lab.kubeconfig)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    else:
        log = lab.stage.event_log(node)
        argv += ["--kubeconfig", str(lab.stage.node_kubeconfig()), "--event-log", str(log)]
        done = lab.exec(node, argv, wait=60)
    assert done.stderr == ""
    return json.loads(done.stdout)


def faults(report: Any) -> list[str]:
    return [one["check"] for one in report["findings"] if one["level"] == "fault"]


def test_step_1_of_the_guide_is_what_it_asks_for_and_then_all_is_well(lab: Lab) -> None:
    before = look(lab)
    assert faults(before) == ["kube-proxy"]
    assert faults(look(lab, node="node1")) == ["kube-proxy", "arp-settings"]

    lab.kube("get", "configmap", "kube-proxy", "-n", "kube-system")
    config = lab.api.get("ConfigMap", "kube-proxy", namespace="kube-system")["data"]["config.conf"]
    strict = {"data": {"config.conf": config.replace("strictARP: false", "strictARP: true")}}
    lab.api.patch("ConfigMap", "kube-proxy", strict, namespace="kube-system")
    assert faults(look(lab, node="node1")) == ["arp-settings"], "kube-proxy was not restarted, and nobody noticed"

    lab.kube("rollout", "restart", "daemonset", "kube-proxy", "-n", "kube-system")
    lab.kube("rollout", "status", "daemonset", "kube-proxy", "-n", "kube-system")
    after = look(lab, "--scan", node="node1")
    assert faults(after) == []
    assert after["works"] is True
    assert after["node"] == "node1", "it did not notice which node it is on"
    [scanned] = [one["what"] for one in after["findings"] if one["check"] == "strangers"]
    assert scanned == "asked for 10 addresses on eth0: nobody answers"


def test_it_changes_nothing(lab: Lab) -> None:
    log = lab.stage.audit_log()
    before = len(log.read_text(encoding="utf-8").splitlines())

    look(lab)
    look(lab, "--scan", node="node2")

    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()[before:]]
    ours = [one for one in lines if one["userAgent"] == "porter" and one["user"]["username"] == "kubernetes-admin"]
    assert len(ours) > 50
    reviews = {"selfsubjectreviews", "selfsubjectaccessreviews", "subjectaccessreviews"}
    written = {one["objectRef"]["resource"] for one in ours if one["verb"] not in {"get", "list"}}
    assert written <= reviews


def test_uninstalling_under_running_agents_leaves_nothing_stuck(lab: Lab) -> None:
    """The last test of this lab."""
    for file in ("porter-layer2.yaml", "porter-layer2-svc.yaml"):
        lab.kube("apply", "-f", str(YAML / file))
    until("an address", lambda: "192.168.0.9" in lab.kube("get", "service", "porter-layer2-svc"))

    lab.kube("delete", "crd", "eips.network.kubesphere.io", "--timeout=20s")
    lab.kube("delete", "service", "porter-layer2-svc", "--timeout=20s")
    lab.kube("delete", "clusterrolebinding,clusterrole", "porter", "--timeout=20s")
    lab.kube("delete", "namespace", "porter-system", "--timeout=20s")

    told = lab.kube("get", "service,namespace,clusterrole,crd", "-A", "-o", "name")
    assert "porter" not in told
    assert "eips" not in told
