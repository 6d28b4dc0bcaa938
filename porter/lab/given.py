"""An API server that is there already, in place of the lab's own: what the lab asks of it, writes there, takes away.

The lab brings Nodes, which are network namespaces, and stand-ins that say what kubelets say. So it wants a server
without other Nodes: pods that were put on the lab's would be said to run, and nothing would run. Its controllers are
started only where the cluster has none. It never stops such a server, and changes no object that is not of its making.
"""

import base64
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from porter.lab import installing
from porter.lab.errors import LabError
from porter.lab.families import Family
from porter.lab.kube import NOT_FOUND, TOO_MANY, Access, Kube, Object, RefusedError, path_of, read_access

LABEL: Final = "porter-lab"
"""On what a lab makes in such a server, with the lab's name: so that it is found again, and nothing else is touched."""
HOLDER: Final = "porter-lab"
"""Who holds the Lease of the controllers where they are the lab's."""
_PROXY = (("DaemonSet", "kube-proxy"), ("ConfigMap", "kube-proxy"))
_SYSTEM = "kube-system"
_MANAGER_LEASE = "kube-controller-manager"
_OURS_THEN = "endpointslice.kubernetes.io/managed-by=endpointslice-controller.k8s.io"
_PATIENCE = 10.0  # seconds
_SHOWN = 3


class Found(NamedTuple):
    """What a server has already."""

    controllers: bool
    """Somebody makes pods of Deployments, and EndpointSlices, and judges Nodes."""
    proxy: bool
    """The ConfigMap and the DaemonSet of kube-proxy."""


def read(path: Path) -> Access:
    """How to reach the server, by a kubeconfig. Raises LabError with what is missing in it."""
    try:
        access = read_access(path)
    except OSError as error:
        raise LabError(f"cannot read {error.filename or path}: {error.strerror}") from None
    url = urlsplit(access.server)
    if url.scheme != "https" or not url.hostname or url.path:
        raise LabError(f"{path} names the server {access.server}; the lab needs one at https://HOST:PORT")
    return access


def examine(access: Access, *, agents: bool, families: Sequence[Family], strict_arp: bool) -> Found:
    """Ask the server for all that a lab needs there. Raises LabError with the first thing that is missing."""
    kube = Kube(access)
    if not kube.ready():
        kube.request("GET", "/readyz")  # says why
    _must_be_allowed(kube)
    if nodes := sorted(node["metadata"]["name"] for node in kube.list("Node")):
        more = f" and {len(nodes) - _SHOWN} more" if len(nodes) > _SHOWN else ""
        raise LabError(
            f"{access.server} has Nodes already ({', '.join(nodes[:_SHOWN])}{more}), and pods that were put on the "
            "lab's would be said to run while nothing runs; use a server without Nodes, or delete them"
        )
    _must_have_families(kube, families)
    if agents:
        _must_have_porter(kube)
    return Found(controllers=_has_controllers(kube), proxy=_has_proxy(kube, strict_arp=strict_arp))


def kubeconfigs(access: Access, *, name: str, gateway: str) -> tuple[str, str]:
    """Two kubeconfigs: for this machine, and for those inside the lab, who reach the server by the lab's gateway."""
    import yaml  # noqa: PLC0415 - 40 ms that most commands do not need

    user: Object = {"token": access.token} if access.token else {}
    if access.certificate:
        user |= {"client-certificate-data": _coded(access.certificate), "client-key-data": _coded(access.key)}
    cluster: Object = {"server": access.server, "certificate-authority-data": _coded(access.authority)}
    outside = cluster | ({"tls-server-name": access.server_name} if access.server_name else {})
    host = urlsplit(access.server).hostname
    inside = cluster | {"server": f"https://{gateway}", "tls-server-name": access.server_name or host}
    config: Object = {
        "apiVersion": "v1",
        "kind": "Config",
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    one, other = ({**config, "clusters": [{"name": name, "cluster": part}]} for part in (outside, inside))
    return yaml.safe_dump(one, sort_keys=False), yaml.safe_dump(other, sort_keys=False)


def take_away(kube: Kube, name: str, nodes: Collection[str]) -> None:
    """Delete what a lab has made: its Nodes with their pods and Leases, its kube-proxy, what its controllers made.

    Safe to call twice. Raises LabError.
    """
    for kind, proxy in _PROXY:
        if _label_of(kube, kind, proxy) == name:
            kube.delete(kind, proxy, namespace=_SYSTEM)
    ours = {node["metadata"]["name"] for node in kube.list("Node") if _label(node) == name} & set(nodes)
    for pod in kube.list("Pod"):
        if pod["spec"].get("nodeName") in ours:
            kube.delete("Pod", pod["metadata"]["name"], namespace=pod["metadata"]["namespace"], grace=0)
    for node in sorted(ours):
        kube.delete("Node", node)
    for lease in kube.list("Lease"):
        space, lease_name, holder = *_key(lease), lease["spec"].get("holderIdentity") or ""
        of_node = space in {"kube-node-lease", installing.NAMESPACE} and holder.partition("_")[0] in ours
        controllers = (space, lease_name) == (_SYSTEM, _MANAGER_LEASE) and holder == HOLDER
        for piece in kube.list("EndpointSlice", labelSelector=_OURS_THEN) if controllers else ():
            kube.delete("EndpointSlice", piece["metadata"]["name"], namespace=piece["metadata"]["namespace"])
        if of_node or controllers:
            kube.delete("Lease", lease_name, namespace=space)


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


def _must_have_families(kube: Kube, families: Sequence[Family]) -> None:
    """Ask for a Service of all the families that the server has, the first one first."""
    spec = {"ipFamilyPolicy": "PreferDualStack", "ports": [{"port": 80}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "porter-lab-asks"}, "spec": spec}
    found = kube.request("POST", path_of("Service"), service, dryRun="All")["spec"]["ipFamilies"]
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


def _must_have_porter(kube: Kube) -> None:
    limit = time.monotonic() + _PATIENCE
    while True:
        try:
            kube.get("ServiceAccount", installing.ACCOUNT, namespace=installing.NAMESPACE)
            kube.list("Eip")
        except RefusedError as refused:
            if refused.code == TOO_MANY and time.monotonic() < limit:  # its definition came a moment ago
                time.sleep(0.1)
                continue
            if refused.code != NOT_FOUND:
                raise
            raise LabError(
                "Porter is not installed there, and the lab leaves that to you: porter manifests --only namespace "
                "--only crd --only rbac | kubectl apply -f - (or bring the lab up with --no-agents)"
            ) from None
        return


def _has_controllers(kube: Kube) -> bool:
    """Where a controller manager has run, every Namespace has a ServiceAccount; where one runs, it holds a Lease."""
    holder = (_found(kube, "Lease", _MANAGER_LEASE, _SYSTEM) or {"spec": {}})["spec"].get("holderIdentity")
    return holder not in {None, "", HOLDER} or _found(kube, "ServiceAccount", "default", "default") is not None


def _has_proxy(kube: Kube, *, strict_arp: bool) -> bool:
    there = {kind: _found(kube, kind, name, _SYSTEM) for kind, name in _PROXY}
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


def _found(kube: Kube, kind: str, name: str, namespace: str) -> Object | None:
    try:
        return kube.get(kind, name, namespace=namespace)
    except RefusedError as refused:
        if refused.code != NOT_FOUND:
            raise
        return None


def _label(obj: Object) -> str | None:
    found: str | None = (obj["metadata"].get("labels") or {}).get(LABEL)
    return found


def _label_of(kube: Kube, kind: str, name: str) -> str | None:
    found = _found(kube, kind, name, _SYSTEM)
    return None if found is None else _label(found)


def _key(obj: Object) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
