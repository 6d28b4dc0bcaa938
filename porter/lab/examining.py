"""An API server that is there already, looked at before a lab makes anything: what the lab needs of it, one by one."""

import functools
import time
from collections.abc import Callable, Container, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from porter.lab import installing
from porter.lab.errors import LabError
from porter.lab.families import Family
from porter.lab.given import HOLDER, MANAGER_LEASE, PROXY, SYSTEM
from porter.lab.kube import NOT_FOUND, TOO_MANY, Access, Kube, RefusedError, path_of

PATIENCE: Final = 10.0
"""Seconds in which a server that has just begun, or has just been given Porter, must have come to itself."""
_LOOK = 0.1
_FAILURES = range(500, 600)
_SHOWN = 3


class Found(NamedTuple):
    """What a server has already."""

    controllers: bool
    """Somebody makes pods of Deployments, and EndpointSlices, and judges Nodes."""
    proxy: bool
    """The ConfigMap and the DaemonSet of kube-proxy."""


def examine(
    access: Access, *, agents: bool, families: Sequence[Family], strict_arp: bool, patience: float = PATIENCE
) -> Found:
    """Ask the server for all that a lab needs there. Raises LabError with the first thing that is missing.

    `patience` is how many seconds a server has that is not ready yet, and a kind that has just been defined.
    """
    kube = Kube(access)
    _must_be_ready(kube, access.server, patience)
    _must_be_allowed(kube)
    _must_be_new_enough(kube, access.server)
    if nodes := sorted(node["metadata"]["name"] for node in kube.list("Node")):
        more = f" and {len(nodes) - _SHOWN} more" if len(nodes) > _SHOWN else ""
        raise LabError(
            f"{access.server} has Nodes already ({', '.join(nodes[:_SHOWN])}{more}), and pods that were put on the "
            "lab's would be said to run while nothing runs; use a server without Nodes, or delete them"
        )
    _must_have_families(kube, families, patience)
    if agents:
        _must_have_porter(kube, patience)
    proxy, controllers = _has_proxy(kube, strict_arp=strict_arp), _has_controllers(kube)
    if not controllers:
        _must_take_pods(kube, access.server)
    return Found(controllers=controllers, proxy=proxy)


def _must_be_ready(kube: Kube, server: str, patience: float) -> None:
    """Wait for a server that has just begun. One that does not answer at all is not waited for."""
    try:
        _soon(lambda: kube.request("GET", "/readyz"), _FAILURES, patience)
    except RefusedError as refused:
        if refused.code == HTTPStatus.UNAUTHORIZED:
            raise LabError(
                f"{server} does not know the kubeconfig's user: its token or certificate is not valid there, or not "
                "any more"
            ) from None
        if refused.code not in _FAILURES:
            raise
        lines = refused.message.splitlines()
        failed = [line.removeprefix("[-]") for line in lines if line.startswith("[-]")] or lines
        raise LabError(f"{server} is not ready: {'; '.join(failed)}") from None


def _must_be_allowed(kube: Kube) -> None:
    everything = {"verb": "*", "group": "*", "resource": "*"}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": everything},
    }
    answer = kube.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    if not answer["status"].get("allowed"):
        raise LabError(
            "the kubeconfig's user may not do everything there, and the lab does what kubelets and controllers do; "
            "use an administrator's"
        )


def _must_be_new_enough(kube: Kube, server: str) -> None:
    try:
        kube.request("GET", "/apis/discovery.k8s.io/v1")
    except RefusedError as refused:
        if refused.code != NOT_FOUND:
            raise
        version = kube.request("GET", "/version").get("gitVersion")
        raise LabError(
            f"{server} is of Kubernetes {version}; the lab and Porter need 1.21 or newer, which serves EndpointSlices "
            "as discovery.k8s.io/v1"
        ) from None


def _must_have_families(kube: Kube, families: Sequence[Family], patience: float) -> None:
    """Ask for a Service of all the families that the server has, the first one first."""
    spec = {"ipFamilyPolicy": "PreferDualStack", "ports": [{"port": 80}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "porter-lab-asks"}, "spec": spec}
    ask = functools.partial(kube.request, "POST", path_of("Service"), service, dryRun="All")
    found = _soon(ask, {NOT_FOUND}, patience)["spec"]["ipFamilies"]  # its Namespace comes just after the server
    if len(families) > len(found):
        raise LabError(
            "the API server has Services of one family only; start it with two ranges of cluster IPs "
            "(--service-cluster-ip-range), or leave --dual-stack out"
        )
    if len(families) == 1 and families[0] != found[0]:
        raise LabError(
            f"the API server's Services are of {found[0]} where they ask for nothing else, and this lab is of "
            f"{families[0]} alone; start it with a range of {families[0]} first (--service-cluster-ip-range), or bring "
            f"up a lab of {found[0]}"
        )


def _must_have_porter(kube: Kube, patience: float) -> None:
    try:
        kube.get("ServiceAccount", installing.ACCOUNT, namespace=installing.NAMESPACE)
        _soon(lambda: kube.list("Eip"), {TOO_MANY}, patience)  # its definition may have come a moment ago
    except RefusedError as refused:
        if refused.code != NOT_FOUND:
            raise
        raise LabError(
            "Porter is not installed there, and the lab leaves that to you: porter manifests --only namespace "
            "--only crd --only rbac | kubectl apply -f - (or bring the lab up with --no-agents)"
        ) from None


def _has_proxy(kube: Kube, *, strict_arp: bool) -> bool:
    there = {kind: kube.find(kind, name, namespace=SYSTEM) for kind, name in PROXY}
    if not any(there.values()):
        return False
    if there["DaemonSet"] is None or "config.conf" not in ((there["ConfigMap"] or {}).get("data") or {}):
        raise LabError(
            "kube-proxy is there in part: the lab needs its DaemonSet and its ConfigMap with config.conf, both called "
            "kube-proxy in kube-system, or neither"
        )
    if not strict_arp:
        raise LabError(
            "kube-proxy's ConfigMap is there already and stays as it is: edit it, or leave --no-strict-arp out"
        )
    return True


def _has_controllers(kube: Kube) -> bool:
    """Where a controller manager has run, every Namespace has a ServiceAccount; where one runs, it holds a Lease."""
    holder = (kube.find("Lease", MANAGER_LEASE, namespace=SYSTEM) or {"spec": {}})["spec"].get("holderIdentity")
    return holder not in {None, "", HOLDER} or kube.find("ServiceAccount", "default") is not None


def _must_take_pods(kube: Kube, server: str) -> None:
    """Ask for a pod as the lab's controllers will: a server that has none of its own may admit no pod at all."""
    spec = {"hostNetwork": True, "containers": [{"name": "asks", "image": "asks"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "porter-lab-asks"}, "spec": spec}
    try:
        kube.request("POST", path_of("Pod", namespace=SYSTEM), pod, dryRun="All")
    except RefusedError as refused:
        if refused.code != HTTPStatus.FORBIDDEN:
            raise
        raise LabError(
            f"{server} has no controllers of its own and takes no pods ({refused.message}); where nobody makes "
            "ServiceAccounts, start it with --disable-admission-plugins=ServiceAccount"
        ) from None


def _soon(ask: Callable[[], Any], again: Container[int], patience: float) -> Any:
    """What the server answers; it is asked again for a while as long as it refuses with one of these codes."""
    limit = time.monotonic() + patience
    while True:
        try:
            return ask()
        except RefusedError as refused:
            if refused.code not in again or time.monotonic() > limit:
                raise
        time.sleep(_LOOK)
