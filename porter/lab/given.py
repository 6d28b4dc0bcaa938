"""An API server that is there already, in place of the lab's own: how it is reached, what is taken away there again.

The lab brings Nodes, which are network namespaces, and stand-ins that say what kubelets say. So it wants a server
without other Nodes: pods that were put on the lab's would be said to run, and nothing would run. Its controllers are
started only where the cluster has none. It never stops such a server, and changes no object that is not of its making.
"""

import base64
from collections.abc import Collection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from porter.lab import installing
from porter.lab.errors import LabError
from porter.lab.kube import Access, Kube, Object, read_access

LABEL: Final = "porter-lab"
"""On what a lab makes in such a server, with the lab's name: so that it is found again, and nothing else is touched."""
HOLDER: Final = "porter-lab"
"""Who holds the Lease of the controllers where they are the lab's."""
SYSTEM: Final = "kube-system"
PROXY: Final = (("DaemonSet", "kube-proxy"), ("ConfigMap", "kube-proxy"))
"""What says how kube-proxy works, by kind and name, in that Namespace."""
MANAGER_LEASE: Final = "kube-controller-manager"
"""The Lease there which controllers hold while they work."""
_OURS_THEN = "endpointslice.kubernetes.io/managed-by=endpointslice-controller.k8s.io"


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
    for kind, proxy in PROXY:
        if _label_of(kube, kind, proxy) == name:
            kube.delete(kind, proxy, namespace=SYSTEM)
    ours = {node["metadata"]["name"] for node in kube.list("Node") if _label(node) == name} & set(nodes)
    for pod in kube.list("Pod"):
        if pod["spec"].get("nodeName") in ours:
            kube.delete("Pod", pod["metadata"]["name"], namespace=pod["metadata"]["namespace"], grace=0)
    for node in sorted(ours):
        kube.delete("Node", node)
    for lease in kube.list("Lease"):
        space, lease_name, holder = *_key(lease), lease["spec"].get("holderIdentity") or ""
        of_node = space in {"kube-node-lease", installing.NAMESPACE} and holder.partition("_")[0] in ours
        controllers = (space, lease_name) == (SYSTEM, MANAGER_LEASE) and holder == HOLDER
        for piece in kube.list("EndpointSlice", labelSelector=_OURS_THEN) if controllers else ():
            kube.delete("EndpointSlice", piece["metadata"]["name"], namespace=piece["metadata"]["namespace"])
        if of_node or controllers:
            kube.delete("Lease", lease_name, namespace=space)


def _label(obj: Object) -> str | None:
    found: str | None = (obj["metadata"].get("labels") or {}).get(LABEL)
    return found


def _label_of(kube: Kube, kind: str, name: str) -> str | None:
    found = kube.find(kind, name, namespace=SYSTEM)
    return None if found is None else _label(found)


def _key(obj: Object) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
