"""What kubectl tells of the server itself: explain, diff, dry runs, rights, kinds, versions."""

from __future__ import annotations

import json
import re

from tests.lab.apiserver.kubectl import EIP, Kubectl, masked

EXPLAINS_BY_OPENAPI_V3, EXPLAINS_CHOICES = 27, 30  # since which kubectl
_KINDS = """
configmaps cm v1 true ConfigMap
endpoints ep v1 true Endpoints
events ev v1 true Event
namespaces ns v1 false Namespace
nodes no v1 false Node
pods po v1 true Pod
secrets v1 true Secret
serviceaccounts sa v1 true ServiceAccount
services svc v1 true Service
customresourcedefinitions crd,crds apiextensions.k8s.io/v1 false CustomResourceDefinition
controllerrevisions apps/v1 true ControllerRevision
daemonsets ds apps/v1 true DaemonSet
deployments deploy apps/v1 true Deployment
replicasets rs apps/v1 true ReplicaSet
selfsubjectreviews authentication.k8s.io/v1 false SelfSubjectReview
tokenreviews authentication.k8s.io/v1 false TokenReview
localsubjectaccessreviews authorization.k8s.io/v1 true LocalSubjectAccessReview
selfsubjectaccessreviews authorization.k8s.io/v1 false SelfSubjectAccessReview
selfsubjectrulesreviews authorization.k8s.io/v1 false SelfSubjectRulesReview
subjectaccessreviews authorization.k8s.io/v1 false SubjectAccessReview
leases coordination.k8s.io/v1 true Lease
endpointslices discovery.k8s.io/v1 true EndpointSlice
eips network.kubesphere.io/v1alpha2 false Eip
servicecidrs networking.k8s.io/v1 false ServiceCIDR
clusterrolebindings rbac.authorization.k8s.io/v1 false ClusterRoleBinding
clusterroles rbac.authorization.k8s.io/v1 false ClusterRole
rolebindings rbac.authorization.k8s.io/v1 true RoleBinding
roles rbac.authorization.k8s.io/v1 true Role
"""


def test_api_resources_lists_every_kind(first_kubectl: Kubectl) -> None:
    assert masked(first_kubectl("api-resources")) == f"NAME SHORTNAMES APIVERSION NAMESPACED KIND{_KINDS}"


def test_the_version_is_that_of_the_recordings(first_kubectl: Kubectl) -> None:
    assert json.loads(first_kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"].startswith("v1.36")


def test_raw_paths_are_answered(first_kubectl: Kubectl) -> None:
    paths = json.loads(first_kubectl("get", "--raw", "/"))["paths"]

    assert {"/api/v1", "/apis/apps/v1", "/openapi/v3", "/readyz"} <= set(paths)
    assert first_kubectl("get", "--raw", "/readyz") == "ok"
    assert first_kubectl("get", "--raw", "/readyz?verbose") == "[+]ping ok\nreadyz check passed\n"


def _spaced(text: str) -> str:
    """A text whose lines may be broken elsewhere: kubectl's own layout of it changed."""
    return " ".join(text.split())


def test_explain_tells_of_a_field_of_an_eip(first_kubectl: Kubectl) -> None:
    told = masked(first_kubectl("explain", "eip.spec"))

    choices = "enum: bgp, layer2, vip " if first_kubectl.minor >= EXPLAINS_CHOICES else ""
    if first_kubectl.minor >= EXPLAINS_BY_OPENAPI_V3:
        assert _spaced(told) == (
            "GROUP: network.kubesphere.io KIND: Eip VERSION: v1alpha2 FIELD: spec <Object> DESCRIPTION: <empty> FIELDS: "
            "address <string> -required- The addresses of the pool. "
            f"protocol <string> {choices}<no description>"
        )
    else:
        assert _spaced(told) == (
            "KIND: Eip VERSION: network.kubesphere.io/v1alpha2 RESOURCE: spec <Object> DESCRIPTION: <empty> FIELDS: "
            "address <string> -required- The addresses of the pool. protocol <string>"
        )


def test_explain_tells_of_a_service(first_kubectl: Kubectl) -> None:
    told = _spaced(first_kubectl("explain", "service"))

    conventions = "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md"
    described = told.replace("<ObjectMeta>", "<>").replace("<ServiceSpec>", "<>").replace("<ServiceStatus>", "<>")
    assert re.sub(r"<Object>", "<>", described) == (
        "KIND: Service VERSION: v1 DESCRIPTION: Service is a named abstraction of software service (for example, mysql) "
        "consisting of local port (for example 3306) that the proxy listens on, and the selector that determines which "
        "pods will answer requests sent through the proxy. FIELDS: "
        "apiVersion <string> APIVersion defines the versioned schema of this representation of an object. Servers "
        "should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: "
        f"{conventions}#resources "
        "kind <string> Kind is a string value representing the REST resource this object represents. Servers may infer "
        "this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: "
        f"{conventions}#types-kinds "
        f"metadata <> Standard object's metadata. More info: {conventions}#metadata "
        f"spec <> Spec defines the behavior of a service. {conventions}#spec-and-status "
        "status <> Most recently observed status of the service. Populated by the system. Read-only. More info: "
        f"{conventions}#spec-and-status"
    )


def test_explain_tells_the_choices_of_a_field(first_kubectl: Kubectl) -> None:
    told = _spaced(first_kubectl("explain", "service.spec.externalTrafficPolicy"))

    choices = "ENUM: Cluster Local " if first_kubectl.minor >= EXPLAINS_CHOICES else ""
    assert told.startswith(
        f"KIND: Service VERSION: v1 FIELD: externalTrafficPolicy <string> {choices}DESCRIPTION: "
        "externalTrafficPolicy describes how nodes distribute service traffic"
    )
    assert "nodePort <integer>" in _spaced(first_kubectl("explain", "service.spec.ports"))


def test_diff_shows_what_an_apply_would_change(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=EIP % "compared")

    same = kubectl.run("diff", "-f", "-", stdin=EIP % "compared")
    other = kubectl.run("diff", "-f", "-", stdin=(EIP % "compared").replace("0.100", "0.99"))

    assert (same.returncode, same.stdout) == (0, "")
    assert other.returncode == 1
    assert re.sub(r"\d+c\d+|diff .*", "LINE", other.stdout) == (
        "LINE\nLINE\n<   generation: 1\n---\n>   generation: 2\n"
        "LINE\n<   address: 192.168.0.91-192.168.0.100\n---\n>   address: 192.168.0.91-192.168.0.99\n"
    )


def test_a_dry_run_on_the_server_changes_nothing(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=EIP % "dry")
    dry = ("apply", "--dry-run=server", "-f", "-")

    changed = kubectl(*dry, stdin=(EIP % "dry").replace("0.100", "0.99"))
    created = kubectl(*dry, stdin=EIP % "new")

    assert changed == "eip.network.kubesphere.io/dry configured (server dry run)\n"
    assert created == "eip.network.kubesphere.io/new created (server dry run)\n"
    assert kubectl("get", "eip", "dry", "-o", "jsonpath={.spec.address}") == "192.168.0.91-192.168.0.100"
    assert "NotFound" in kubectl.fails("get", "eip", "new")


def test_the_administrator_may_do_everything(first_kubectl: Kubectl) -> None:
    assert first_kubectl("auth", "can-i", "patch", "services") == "yes\n"
    rights = masked(first_kubectl("auth", "can-i", "--list")).splitlines()
    assert rights[:3] == ["Resources Non-Resource URLs Resource Names Verbs", "*.* [] [] [*]", rights[2]]
    assert rights[2].split() == ["[*]", "[]", "[*]"]
    assert "selfsubjectaccessreviews.authorization.k8s.io [] [] [create]" in rights


def test_a_service_account_may_do_what_it_was_granted(kubectl: Kubectl) -> None:
    role, name = f"reader-{kubectl.namespace}", f"system:serviceaccount:{kubectl.namespace}:bob"
    kubectl("create", "serviceaccount", "bob")
    kubectl("create", "clusterrole", role, "--verb=list", "--resource=nodes")
    kubectl("create", "clusterrolebinding", role, f"--clusterrole={role}", f"--serviceaccount={kubectl.namespace}:bob")
    request = f"/api/v1/namespaces/{kubectl.namespace}/serviceaccounts/bob/token"
    as_bob = f"--token={kubectl.client.post(request, {'spec': {}})['status']['token']}"

    may = kubectl("auth", "can-i", "list", "nodes", as_bob)
    may_not = kubectl.run("auth", "can-i", "delete", "nodes", as_bob)
    rights = masked(kubectl("auth", "can-i", "--list", as_bob)).splitlines()

    assert (may, may_not.stdout, may_not.returncode) == ("yes\n", "no\n", 1)
    assert "nodes [] [] [list]" in rights
    assert "*.* [] [] [*]" not in rights
    assert kubectl.run("get", "nodes", as_bob).returncode == 0
    assert kubectl.fails("get", "svc", as_bob) == (
        f'Error from server (Forbidden): services is forbidden: User "{name}" '
        f'cannot list resource "services" in API group "" in the namespace "{kubectl.namespace}"\n'
    )
