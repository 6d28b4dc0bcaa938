"""What `kubectl wait` waits for: it has begun to watch before it comes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab.apiserver.kubectl import EIP, WEB, Kubectl


def test_wait_sees_a_condition_come_and_an_object_go(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WEB)
    kubectl("apply", "-f", "-", stdin=(EIP % "held").replace("name: held", "name: held, finalizers: [example.com/a]"))
    kubectl("delete", "eip", "held", "--wait=false")
    deployment = f"/apis/apps/v1/namespaces/{kubectl.namespace}/deployments/web"

    assert kubectl("wait", "--for=condition=Established", "crd/eips.network.kubesphere.io") == (
        "customresourcedefinition.apiextensions.k8s.io/eips.network.kubesphere.io condition met\n"
    )
    assert kubectl.fails("wait", "--for=delete", "eip/held", "--timeout=1s").splitlines()[-1] == (
        "error: timed out waiting for the condition on eips/held"
    )
    with waiting(kubectl, "--for=condition=Available", "deployment/web") as available:
        kubectl.report(deployment, {"conditions": [{"type": "Available", "status": "False"}]})
        assert available.poll() is None
        kubectl.report(deployment, {"conditions": [{"type": "Available", "status": "True"}]})
    with waiting(kubectl, "--for=delete", "eip/held") as gone:
        assert gone.poll() is None
        kubectl("patch", "eip", "held", "--type=merge", "-p", '{"metadata": {"finalizers": null}}')

    assert kubectl.fails("get", "eip", "held") == (
        'Error from server (NotFound): eips.network.kubesphere.io "held" not found\n'
    )


@contextmanager
def waiting(kubectl: Kubectl, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`kubectl wait`, which has its watch when the block begins, and has seen what it waits for soon after its end."""
    command = kubectl.command("wait", "-v=6", "--timeout=30s", *arguments)
    with subprocess.Popen(
        command, env=kubectl.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as waits:
        assert waits.stderr is not None
        assert any("watch=true" in line for line in waits.stderr), "it ended before it had a watch"
        try:
            yield waits
            said, complaint = waits.communicate(timeout=40)
        finally:
            waits.kill()
    assert waits.returncode == 0, complaint
    assert said.endswith(" condition met\n")
