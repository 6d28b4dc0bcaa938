"""What kubectl changes, and what it says of it: apply, annotate, label, patch, edit, scale, delete, and refusals."""

from __future__ import annotations

import re
from pathlib import Path

from tests.lab.apiserver.kubectl import EIP, NEWER, WEB, Kubectl
from tests.lab.labs import YAML

NEW = 25  # from here on the server validates, and kubectl says more of what it refuses


def test_apply_creates_then_leaves_alone_then_changes(kubectl: Kubectl) -> None:
    assert kubectl("apply", "-f", "-", stdin=WEB) == "deployment.apps/web created\nservice/web created\n"
    assert kubectl("apply", "-f", "-", stdin=WEB) == "deployment.apps/web unchanged\nservice/web unchanged\n"

    changed = kubectl("apply", "-f", "-", stdin=WEB.replace("replicas: 2", "replicas: 3"))

    assert changed == "deployment.apps/web configured\nservice/web unchanged\n"
    assert kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}") == "3"


def test_apply_merges_the_ports_of_a_service_by_their_number(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WEB)
    before = kubectl("get", "svc", "web", "-o", "jsonpath={.spec.ports[0].nodePort}")

    ports = "ports: [{name: http, port: 80}"
    kubectl("apply", "-f", "-", stdin=WEB.replace(ports, f"{ports}, {{name: tls, port: 443}}"))

    assert kubectl("get", "svc", "web", "-o", "jsonpath={.spec.ports[*].port} {.spec.ports[0].nodePort}") == (
        f"80 443 {before}"
    )


def test_a_misspelt_field_is_refused(kubectl: Kubectl) -> None:
    said = kubectl.fails("apply", "-f", "-", stdin=(EIP % "misspelt").replace("address", "adress"))

    if kubectl.minor >= NEW:
        assert said == (
            'Error from server (BadRequest): error when creating "STDIN": Eip in version "v1alpha2" cannot be handled '
            'as a Eip: strict decoding error: unknown field "spec.adress"\n'
        )
    else:  # kubectl itself compares with what the server describes
        assert '(Eip.spec): unknown field "adress"' in said


def test_a_wrong_value_is_refused(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=EIP % "wrong")

    refused = kubectl.fails("patch", "eip", "wrong", "--type=merge", "-p", '{"spec": {"protocol": "pigeon"}}')
    strategic = kubectl.fails("patch", "eip", "wrong", "-p", '{"spec": {"protocol": "bgp"}}')

    assert refused == (
        'The Eip "wrong" is invalid: spec.protocol: Unsupported value: "pigeon": supported values: "bgp", "layer2", "vip"\n'
    )
    accepted = "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
    said = (
        "error: application/strategic-merge-patch+json is not supported by network.kubesphere.io/v1alpha2, Kind=Eip: "
    )
    if kubectl.minor < NEW:
        said = "Error from server (UnsupportedMediaType): "
    assert strategic == (
        f"{said}the body of the request was in an unknown format - accepted media types include: {accepted}\n"
    )


def test_annotate_and_label_say_what_they_did(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WEB)

    assert kubectl("annotate", "svc", "web", "a=b") == "service/web annotated\n"
    assert kubectl("label", "svc", "web", "c=d", "e=f") == "service/web labeled\n"
    assert (
        kubectl.fails("label", "svc", "web", "c=g") == "error: 'c' already has a value (d), and --overwrite is false\n"
    )
    assert kubectl("annotate", "svc", "web", "a-") == "service/web annotated\n"
    assert kubectl("get", "svc", "web", "-o", "jsonpath={.metadata.annotations.a}{.metadata.labels}") == (
        '{"c":"d","e":"f"}'
    )


def test_three_kinds_of_patch(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WEB)
    kubectl("label", "svc", "web", "c=d", "e=f")
    local = '{"spec": {"externalTrafficPolicy": "Local"}}'
    replaced = '[{"op": "replace", "path": "/metadata/labels/e", "value": "g"}]'

    assert kubectl("patch", "svc", "web", "-p", local) == "service/web patched\n"
    assert kubectl("patch", "svc", "web", "-p", local) == "service/web patched (no change)\n"
    assert kubectl("patch", "svc", "web", "--type=merge", "-p", '{"metadata": {"labels": {"c": null}}}') == (
        "service/web patched\n"
    )
    assert kubectl("patch", "svc", "web", "--type=json", "-p", replaced) == "service/web patched\n"
    assert kubectl("get", "svc", "web", "-o", "jsonpath={.metadata.labels} {.spec.externalTrafficPolicy}") == (
        '{"e":"g"} Local'
    )


def test_edit_takes_what_the_editor_wrote(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=EIP % "edited")

    assert kubectl("edit", "eip", "edited", KUBE_EDITOR="sed -i s/layer2/bgp/") == (
        "eip.network.kubesphere.io/edited edited\n"
    )
    unchanged = kubectl.run("edit", "eip", "edited", KUBE_EDITOR="true")
    assert unchanged.stdout + unchanged.stderr == "Edit cancelled, no changes made.\n"
    refused = kubectl.fails("edit", "eip", "edited", KUBE_EDITOR="sed -i s/bgp/pigeon/")

    assert re.sub(r"/\S+yaml", "FILE", refused) == (
        'error: eips.network.kubesphere.io "edited" is invalid\n'
        'A copy of your changes has been stored to "FILE"\n'
        "error: Edit cancelled, no valid changes were saved.\n"
    )
    assert kubectl("get", "eip", "edited", "-o", "jsonpath={.spec.protocol}") == "bgp"
    Path(re.findall(r'"(/\S+yaml)"', refused)[0]).unlink()


def test_the_guides_commands_as_they_stand_there(first_kubectl: Kubectl) -> None:
    """Letter for letter, in the order of the guide; whether traffic then flows is tested in a lab."""
    config = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nipvs:\n  strictARP: false\n"
    daemon_set = WEB.partition("---")[0].replace("Deployment", "DaemonSet").replace("  replicas: 2\n", "")
    system = first_kubectl.at("kube-system")
    system("create", "configmap", "kube-proxy", f"--from-literal=config.conf={config}")
    system("apply", "-f", "-", stdin=daemon_set.replace("name: web}", "name: kube-proxy}", 1))
    first_kubectl.client.post("/api/v1/nodes", {"metadata": {"name": "master1"}})

    def typed(command: str) -> str:
        return first_kubectl(*command.split(), KUBE_EDITOR="sed -i s/false/true/")

    assert typed("edit configmap kube-proxy -n kube-system") == "configmap/kube-proxy edited\n"
    assert typed("rollout restart daemonset kube-proxy -n kube-system") == "daemonset.apps/kube-proxy restarted\n"
    assert (
        typed("annotate nodes master1 layer2.porter.kubesphere.io/v1alpha1=192.168.0.2") == "node/master1 annotated\n"
    )
    assert typed(f"create -f {YAML}/porter-layer2.yaml --save-config") == "deployment.apps/porter-layer2 created\n"
    assert typed(f"apply -f {YAML}/porter-layer2.yaml") == "deployment.apps/porter-layer2 unchanged\n"
    assert typed(f"apply -f {YAML}/porter-layer2-svc.yaml") == "service/porter-layer2-svc created\n"
    assert "strictARP: true" in typed("get configmap kube-proxy -n kube-system -o yaml")


def test_rollout_restart_stamps_the_template_and_status_waits(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WEB)
    path = f"/apis/apps/v1/namespaces/{kubectl.namespace}/deployments/web"
    done = {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2}

    assert kubectl("rollout", "restart", "deployment", "web") == "deployment.apps/web restarted\n"
    waits = kubectl.run("rollout", "status", "deployment", "web", "--timeout=1s")
    kubectl.report(path, done | {"observedGeneration": 2, "availableReplicas": 1})
    waits_on = kubectl.run("rollout", "status", "deployment", "web", "--watch=false")
    kubectl.report(path, {"availableReplicas": 2})

    stamp = r"jsonpath={.spec.template.metadata.annotations.kubectl\.kubernetes\.io/restartedAt}"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*", kubectl("get", "deployment", "web", "-o", stamp))
    assert waits.stdout == "Waiting for deployment spec update to be observed...\n"
    assert waits.stderr == "error: timed out waiting for the condition\n"
    assert waits_on.stdout == (
        'Waiting for deployment "web" rollout to finish: 1 of 2 updated replicas are available...\n'
    )
    assert kubectl("rollout", "status", "deployment", "web") == 'deployment "web" successfully rolled out\n'


def test_scale_changes_the_replicas(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WEB)

    assert kubectl("scale", "deployment", "web", "--replicas=5") == "deployment.apps/web scaled\n"
    assert kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}") == "5"


def test_delete_says_what_went(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WEB)

    place = f" from {kubectl.namespace} namespace" if kubectl.minor >= NEWER else ""
    assert kubectl("delete", "-f", "-", stdin=WEB) == (
        f'deployment.apps "web" deleted{place}\nservice "web" deleted{place}\n'
    )
    assert kubectl.fails("delete", "svc", "web") == 'Error from server (NotFound): services "web" not found\n'
    assert kubectl.at("").fails("delete", "namespace", "kube-system") == (
        'Error from server (Forbidden): namespaces "kube-system" is forbidden: this namespace may not be deleted\n'
    )


def test_deleting_a_namespace_takes_its_objects_along(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WEB)

    assert kubectl("delete", "namespace", kubectl.namespace) == f'namespace "{kubectl.namespace}" deleted\n'
    assert kubectl.run("get", "svc").stderr == f"No resources found in {kubectl.namespace} namespace.\n"


def test_server_side_apply_tells_of_a_conflict(kubectl: Kubectl) -> None:
    applied = ("apply", "--server-side", "-f", "-")
    kubectl(*applied, "--field-manager=a", stdin=EIP % "shared")
    changed = (EIP % "shared").replace("0.100", "0.99")

    refused = kubectl.fails(*applied, "--field-manager=b", stdin=changed)
    forced = kubectl(*applied, "--field-manager=b", "--force-conflicts", stdin=changed)

    assert refused.splitlines()[0] == 'error: Apply failed with 1 conflict: conflict with "a": .spec.address'
    assert forced == "eip.network.kubesphere.io/shared serverside-applied\n"
    assert kubectl("get", "eip", "shared", "-o", "jsonpath={.spec.address}") == "192.168.0.91-192.168.0.99"


def test_typed_creates_arrive_as_protobuf(kubectl: Kubectl) -> None:
    """Each with the answer, and what the server then holds, in one line of the table."""
    account, role = f"--serviceaccount={kubectl.namespace}:porter", f"reader-{kubectl.namespace}"
    for command, said, shown, found in (
        ("secret generic s --from-literal=password=word", "secret/s", "secret s .data.password", "d29yZA=="),
        ("serviceaccount porter", "serviceaccount/porter", "serviceaccount porter .metadata.name", "porter"),
        (
            "deployment web --image=i --port=80 --replicas=2",
            "deployment.apps/web",
            "deployment web .spec.replicas",
            "2",
        ),
        ("service loadbalancer web --tcp=80:8080", "service/web", "svc web .spec.ports[0].targetPort", "8080"),
        (
            f"clusterrole {role} --verb=get,list --resource=services",
            f"clusterrole.rbac.authorization.k8s.io/{role}",
            f"clusterrole {role} .rules[0].verbs",
            '["get","list"]',
        ),
        (
            f"clusterrolebinding {role} --clusterrole={role} {account}",
            f"clusterrolebinding.rbac.authorization.k8s.io/{role}",
            f"clusterrolebinding {role} .subjects[0].namespace",
            kubectl.namespace,
        ),
    ):
        assert kubectl("create", *command.split()) == f"{said} created\n"
        *what, path = shown.split()
        assert kubectl("get", *what, "-o", f"jsonpath={{{path}}}") == found
