"""A real kubectl against the embedded server: every command that the guide and a newcomer use, and what it prints.

They hold for the kubectl of Debian 12 (1.20) as for those of today, so no option is used that 1.20 lacks.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from porter.lab.apiserver import ApiServer
from tests.lab.apiserver.conftest import Running
from tests.needs import needed

CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: eips.network.kubesphere.io}
spec:
  group: network.kubesphere.io
  scope: Cluster
  names: {kind: Eip, plural: eips}
  versions:
  - name: v1alpha2
    served: true
    storage: true
    subresources: {status: {}}
    additionalPrinterColumns:
    - {name: cidr, type: string, jsonPath: .spec.address}
    - {name: usage, type: integer, jsonPath: .status.usage}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [address]
            properties:
              address: {type: string, description: The addresses of the pool.}
              protocol: {type: string, default: layer2, enum: [bgp, layer2, vip]}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
"""
EIP = """
apiVersion: network.kubesphere.io/v1alpha2
kind: Eip
metadata: {name: pool}
spec: {address: 192.168.0.91-192.168.0.100}
"""
POOL = "/apis/network.kubesphere.io/v1alpha2/eips/pool"
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: example.com/web, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{name: http, port: 80}]}
"""


class Kubectl:
    """kubectl with a kubeconfig and a cache of its own."""

    def __init__(self, running: Running, directory: Path) -> None:
        self.client, self.server = running.client, running.server
        self._directory = directory
        running.server.kubeconfig(directory / "kubeconfig")

    def run(self, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        own = {"KUBECONFIG": str(self._directory / "kubeconfig"), "HOME": str(self._directory)}
        command = ("kubectl", "--cache-dir", str(self._directory / "cache"), *arguments)
        return subprocess.run(
            command,
            input=stdin,
            env=os.environ | own | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    def __call__(self, *arguments: str, stdin: str = "", **environment: str) -> str:
        done = self.run(*arguments, stdin=stdin, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def report(self, path: str, status: Any) -> None:
        """Change a status, which `kubectl patch` can do since 1.24 only."""
        self.client.patch(f"{path}/status", {"status": status})


@pytest.fixture
def kubectl(start: Callable[[ApiServer], Running], tmp_path: Path) -> Kubectl:
    needed(shutil.which("kubectl"), "kubectl", "kubernetes-client")
    made = Kubectl(start(ApiServer()), tmp_path)
    made("apply", "-f", "-", stdin=CRD)
    made("wait", "--for=condition=Established", "crd/eips.network.kubesphere.io", "--timeout=5s")
    return made


def test_apply_creates_then_leaves_alone_then_changes(kubectl: Kubectl) -> None:
    assert kubectl("apply", "-f", "-", stdin=WEB) == "deployment.apps/web created\nservice/web created\n"
    assert kubectl("apply", "-f", "-", stdin=WEB) == "deployment.apps/web unchanged\nservice/web unchanged\n"

    changed = kubectl("apply", "-f", "-", stdin=WEB.replace("replicas: 2", "replicas: 3"))

    assert changed == "deployment.apps/web configured\nservice/web unchanged\n"
    assert kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}") == "3"


def test_apply_merges_the_ports_of_a_service_by_their_number(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WEB)
    before = kubectl("get", "svc", "web", "-o", "jsonpath={.spec.ports[0].nodePort}")

    kubectl(
        "apply",
        "-f",
        "-",
        stdin=WEB.replace("ports: [{name: http, port: 80}]", "ports: [{name: http, port: 80}, {name: tls, port: 443}]"),
    )

    assert kubectl("get", "svc", "web", "-o", "jsonpath={.spec.ports[*].port}") == "80 443"
    assert kubectl("get", "svc", "web", "-o", "jsonpath={.spec.ports[0].nodePort}") == before


def test_a_misspelt_field_is_refused(kubectl: Kubectl) -> None:
    done = kubectl.run("apply", "-f", "-", stdin=EIP.replace("address", "adress"))

    assert done.returncode == 1
    before_1_25 = '(Eip.spec): unknown field "adress"'  # kubectl itself compares with what the server describes
    assert before_1_25 in done.stderr or 'strict decoding error: unknown field "spec.adress"' in done.stderr


def test_get_prints_the_columns_of_services_and_eips(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WEB)
    kubectl("apply", "-f", "-", stdin=EIP)
    kubectl.report(POOL, {"usage": 1})

    service = kubectl("get", "svc", "web", "-o", "wide").splitlines()
    eip = kubectl("get", "eips").splitlines()

    assert service[0].split() == ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE", "SELECTOR"]
    assert re.fullmatch(r"web +LoadBalancer +10\.233\.\d+\.\d+ +<pending> +80:3\d{4}/TCP +\d+s +app=web", service[1])
    assert [line.split() for line in eip] == [["NAME", "CIDR", "USAGE"], ["pool", "192.168.0.91-192.168.0.100", "1"]]


def test_a_watch_prints_every_change_under_one_header(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=EIP)
    environment = os.environ | {"KUBECONFIG": str(kubectl._directory / "kubeconfig"), "HOME": str(kubectl._directory)}
    with subprocess.Popen(
        ["kubectl", "get", "eip", "-w"], env=environment, stdout=subprocess.PIPE, text=True
    ) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline().split() == ["NAME", "CIDR", "USAGE"]
        watching.stdout.readline()
        kubectl.report(POOL, {"usage": 7})

        seen = watching.stdout.readline()

        watching.terminate()
    assert seen.split() == ["pool", "192.168.0.91-192.168.0.100", "7"]


def test_describe_shows_a_service_with_its_events(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WEB)
    uid = kubectl("get", "svc", "web", "-o", "jsonpath={.metadata.uid}")
    event = f"""
apiVersion: v1
kind: Event
metadata: {{name: web.1, namespace: default}}
involvedObject: {{kind: Service, name: web, namespace: default, uid: {uid}}}
reason: AddressAssigned
message: 192.168.0.91 from Eip pool
type: Normal
source: {{component: porter}}
"""
    kubectl("create", "-f", "-", stdin=event)

    told = kubectl("describe", "svc", "web")

    assert re.search(r"^Type: +LoadBalancer$", told, re.MULTILINE)
    assert re.search(r"Normal +AddressAssigned +\S+ +porter +192.168.0.91 from Eip pool", told)


def test_three_kinds_of_patch_annotate_and_label(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WEB)

    kubectl("annotate", "svc", "web", "a=b")
    kubectl("label", "svc", "web", "c=d", "e=f")
    kubectl("patch", "svc", "web", "-p", '{"spec": {"externalTrafficPolicy": "Local"}}')
    kubectl("patch", "svc", "web", "--type=merge", "-p", '{"metadata": {"labels": {"c": null}}}')
    kubectl(
        "patch", "svc", "web", "--type=json", "-p", '[{"op": "replace", "path": "/metadata/labels/e", "value": "g"}]'
    )

    wanted = "{.metadata.annotations.a} {.metadata.labels} {.spec.externalTrafficPolicy}"
    assert kubectl("get", "svc", "web", "-o", f"jsonpath={wanted}") == 'b {"e":"g"} Local'


def test_edit_takes_what_the_editor_wrote(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "kube-proxy", "-n", "kube-system", "--from-literal=config.conf=strictARP: false")

    told = kubectl("edit", "configmap", "kube-proxy", "-n", "kube-system", KUBE_EDITOR="sed -i s/false/true/")

    assert told == "configmap/kube-proxy edited\n"
    assert (
        kubectl("get", "cm", "kube-proxy", "-n", "kube-system", "-o", r"jsonpath={.data.config\.conf}")
        == "strictARP: true"
    )


def test_rollout_restart_stamps_the_template(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WEB)

    assert kubectl("rollout", "restart", "deployment", "web") == "deployment.apps/web restarted\n"

    wanted = r"{.spec.template.metadata.annotations.kubectl\.kubernetes\.io/restartedAt}"
    assert kubectl("get", "deployment", "web", "-o", f"jsonpath={wanted}").startswith("20")


def test_scale_changes_the_replicas(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WEB)

    assert kubectl("scale", "deployment", "web", "--replicas=5") == "deployment.apps/web scaled\n"

    assert kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}") == "5"


def test_diff_explain_and_server_side_dry_run(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=EIP)
    changed = EIP.replace("0.100", "0.99")

    assert kubectl.run("diff", "-f", "-", stdin=EIP).returncode == 0
    assert "+  address: 192.168.0.91-192.168.0.99" in kubectl.run("diff", "-f", "-", stdin=changed).stdout
    assert (
        kubectl("apply", "--dry-run=server", "-f", "-", stdin=changed)
        == "eip.network.kubesphere.io/pool configured (server dry run)\n"
    )
    assert kubectl("get", "eip", "pool", "-o", "jsonpath={.spec.address}") == "192.168.0.91-192.168.0.100"
    assert "The addresses of the pool." in kubectl("explain", "eip.spec.address")
    assert "nodePort\t<integer>" in kubectl("explain", "service.spec.ports")


def test_typed_creates_arrive_as_protobuf(kubectl: Kubectl) -> None:
    kubectl("create", "namespace", "shop")
    kubectl("create", "secret", "generic", "s", "-n", "shop", "--from-literal=password=word")
    kubectl("create", "serviceaccount", "porter", "-n", "shop")
    kubectl("create", "deployment", "web", "-n", "shop", "--image=example.com/web", "--port=80", "--replicas=2")
    kubectl("create", "service", "loadbalancer", "web", "-n", "shop", "--tcp=80:8080")
    kubectl("create", "clusterrole", "reader", "--verb=get,list", "--resource=services")
    kubectl("create", "clusterrolebinding", "reader", "--clusterrole=reader", "--serviceaccount=shop:porter")

    assert kubectl("get", "secret", "s", "-n", "shop", "-o", "jsonpath={.data.password}") == "d29yZA=="
    assert (
        kubectl(
            "get",
            "deployment",
            "web",
            "-n",
            "shop",
            "-o",
            "jsonpath={.spec.replicas} {.spec.template.spec.containers[0].image}",
        )
        == "2 example.com/web"
    )
    assert (
        kubectl("get", "svc", "web", "-n", "shop", "-o", "jsonpath={.spec.type} {.spec.ports[0].targetPort}")
        == "LoadBalancer 8080"
    )
    assert kubectl("get", "clusterrole", "reader", "-o", "jsonpath={.rules[0].verbs}") == '["get","list"]'
    assert kubectl("get", "clusterrolebinding", "reader", "-o", "jsonpath={.subjects[0].namespace}") == "shop"
    assert kubectl("auth", "can-i", "patch", "services") == "yes\n"


def test_a_service_account_may_do_what_it_was_granted(kubectl: Kubectl) -> None:
    kubectl("create", "serviceaccount", "bob")
    kubectl("create", "clusterrole", "reader", "--verb=list", "--resource=nodes")
    kubectl("create", "clusterrolebinding", "reader", "--clusterrole=reader", "--serviceaccount=default:bob")
    as_bob = f"--token={kubectl.server.token_of('default', 'bob')}"

    may = kubectl("auth", "can-i", "list", "nodes", as_bob)
    may_not = kubectl.run("auth", "can-i", "delete", "nodes", as_bob)
    refused = kubectl.run("get", "svc", as_bob)

    assert (may, may_not.stdout, may_not.returncode) == ("yes\n", "no\n", 1)
    assert re.search(r"^nodes +\[\] +\[\] +\[list\]$", kubectl("auth", "can-i", "--list", as_bob), re.MULTILINE)
    assert kubectl("get", "nodes", as_bob) == ""
    assert refused.stderr == (
        'Error from server (Forbidden): services is forbidden: User "system:serviceaccount:default:bob" '
        'cannot list resource "services" in API group "" in the namespace "default"\n'
    )


def test_deleting_a_namespace_takes_its_objects_along(kubectl: Kubectl) -> None:
    kubectl("create", "namespace", "shop")
    kubectl("apply", "-n", "shop", "-f", "-", stdin=WEB)

    assert kubectl("delete", "namespace", "shop") == 'namespace "shop" deleted\n'

    assert kubectl.run("get", "namespace", "shop").returncode == 1
    assert "No resources found" in kubectl.run("get", "svc", "-n", "shop").stderr


def test_delete_and_wait_see_an_object_go(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=EIP)
    kubectl("patch", "eip", "pool", "--type=merge", "-p", '{"metadata": {"finalizers": ["example.com/held"]}}')
    kubectl("delete", "eip", "pool", "--wait=false")
    assert kubectl.run("wait", "--for=delete", "eip/pool", "--timeout=1s").returncode == 1

    kubectl("patch", "eip", "pool", "--type=merge", "-p", '{"metadata": {"finalizers": null}}')

    assert "NotFound" in kubectl.run("get", "eip", "pool").stderr


def test_server_side_apply_tells_of_a_conflict(kubectl: Kubectl) -> None:
    kubectl("apply", "--server-side", "--field-manager=a", "-f", "-", stdin=EIP)
    changed = EIP.replace("0.100", "0.99")

    refused = kubectl.run("apply", "--server-side", "--field-manager=b", "-f", "-", stdin=changed)
    kubectl("apply", "--server-side", "--field-manager=b", "--force-conflicts", "-f", "-", stdin=changed)

    assert 'conflict with "a": .spec.address' in refused.stderr
    assert kubectl("get", "eip", "pool", "-o", "jsonpath={.spec.address}") == "192.168.0.91-192.168.0.99"


def test_api_resources_and_version_are_told(kubectl: Kubectl) -> None:
    assert re.search(r"^eips +network.kubesphere.io/v1alpha2 +false +Eip$", kubectl("api-resources"), re.MULTILINE)
    assert json.loads(kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"].startswith("v1.36")


def test_nodes_show_whether_they_are_ready(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin="apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n")
    conditions = [{"type": "Ready", "status": "True"}]
    addresses = [{"type": "InternalIP", "address": "10.0.0.1"}]
    kubectl.report("/api/v1/nodes/n1", {"conditions": conditions, "addresses": addresses})
    kubectl("cordon", "n1")

    line = kubectl("get", "nodes", "-o", "wide").splitlines()[1].split()

    assert (line[1], line[4]) == ("Ready,SchedulingDisabled", "10.0.0.1")
    assert "node.kubernetes.io/not-ready:NoSchedule" in kubectl("describe", "node", "n1")
