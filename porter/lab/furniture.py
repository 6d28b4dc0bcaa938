"""What stands in a cluster before anybody comes: namespaces, kube-proxy's configuration, and Porter's own kinds."""

import socket
from ipaddress import IPv4Address

from porter.lab.errors import LabError
from porter.lab.kube import Kube, Object
from porter.lab.namespaces import inside

PROXY_CONFIG = """\
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: "ipvs"
ipvs:
  strictARP: true
"""


def put(kube: Kube, *, server: IPv4Address, port: int) -> None:
    """The namespaces, kube-proxy's ConfigMap and DaemonSet, and where nodes find the API server. Safe to call twice."""
    for name in ("default", "kube-system", "kube-node-lease", "porter-system"):
        kube.apply(_object("v1", "Namespace", name))
    kube.apply({**_object("v1", "ConfigMap", "kube-proxy", "kube-system"), "data": {"config.conf": PROXY_CONFIG}})
    kube.apply({**_object("apps/v1", "DaemonSet", "kube-proxy", "kube-system"), "spec": _proxy_spec()})
    endpoints = {
        "endpoints": [{"addresses": [str(server)], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    }
    kube.patch("EndpointSlice", "kubernetes", endpoints)  # it names the host's loopback, which is not a node's


def install(kube: Kube, manifests: str) -> None:
    """Apply the documents that `porter manifests` printed."""
    import yaml  # noqa: PLC0415 - 40 ms that most commands do not need

    documents = [document for document in yaml.safe_load_all(manifests) if document]
    if not documents:
        raise LabError("porter manifests printed nothing to install")
    for document in documents:
        kube.apply(document)


def ready_nodes(kube: Kube) -> set[str]:
    """The nodes whose Ready condition is True."""
    return {name for name, status in readiness(kube).items() if status == "True"}


def readiness(kube: Kube) -> dict[str, str]:
    """Every node's Ready condition: True, False or Unknown."""
    found = {}
    for node in kube.list("Node"):
        conditions = node.get("status", {}).get("conditions") or []
        found[node["metadata"]["name"]] = next((c["status"] for c in conditions if c["type"] == "Ready"), "Unknown")
    return found


def listens(netns: str, port: int) -> bool:
    """Tell whether somebody accepts connections on that namespace's loopback."""
    with inside(netns, socket.socket) as stream:
        stream.settimeout(0.5)
        return stream.connect_ex(("127.0.0.1", port)) == 0


def _object(version: str, kind: str, name: str, namespace: str | None = None) -> Object:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


def _proxy_spec() -> Object:
    labels = {"k8s-app": "kube-proxy"}
    container = {"name": "kube-proxy", "image": "registry.k8s.io/kube-proxy:v1.36.0", "command": ["kube-proxy"]}
    return {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"hostNetwork": True, "containers": [container]}},
    }
