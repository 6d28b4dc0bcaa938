"""What stands in a cluster before anybody comes: namespaces, and kube-proxy's configuration."""

import json
import socket
from collections.abc import Mapping

from porter.lab.kube import Kube, Object, ready_status
from porter.lab.namespaces import inside

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
PROXY_CONFIG = """\
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: "ipvs"
ipvs:
  strictARP: {strict}
"""


def put_namespaces(kube: Kube) -> None:
    """The namespaces; Porter's own as if somebody had applied it. Safe to call twice."""
    for name in ("default", "kube-system", "kube-node-lease"):
        kube.apply(_object("v1", "Namespace", name))
    kube.apply(as_applied(_object("v1", "Namespace", "porter-system")))


def put(kube: Kube, *, strict_arp: bool, labels: Mapping[str, str]) -> None:
    """kube-proxy's ConfigMap and DaemonSet, with these labels. Safe to call twice."""
    config = PROXY_CONFIG.format(strict="true" if strict_arp else "false")
    kinds = {"ConfigMap": ("v1", {"data": {"config.conf": config}}), "DaemonSet": ("apps/v1", {"spec": _proxy_spec()})}
    for kind, (version, content) in kinds.items():
        named = _object(version, kind, "kube-proxy", "kube-system")
        kube.apply({**named, "metadata": {**named["metadata"], "labels": dict(labels)}, **content})


def proxies(kube: Kube) -> int:
    """On how many nodes kube-proxy has started."""
    status = kube.get("DaemonSet", "kube-proxy", namespace="kube-system").get("status") or {}
    return int(status.get("numberReady") or 0)


def ready_nodes(kube: Kube) -> set[str]:
    """The nodes whose Ready condition is True."""
    return {name for name, status in readiness(kube).items() if status == "True"}


def readiness(kube: Kube) -> dict[str, str]:
    """Every node's Ready condition: True, False or Unknown."""
    return {node["metadata"]["name"]: ready_status(node) or "Unknown" for node in kube.list("Node")}


def answer_of_agent(netns: str, port: int) -> str:
    """What the agent of that namespace answers when it is asked whether it is ready, head and all. Raises OSError."""
    with inside(netns, socket.socket) as stream:
        stream.settimeout(1.0)
        stream.connect(("127.0.0.1", port))
        stream.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
        return stream.recv(4096).decode(errors="replace")


def problems_of_agent(netns: str, port: int) -> str:
    """What the agent of that namespace says why it is not ready; nothing when it is."""
    try:
        answer = answer_of_agent(netns, port)
    except OSError as error:
        return f"{type(error).__name__} on port {port}"
    head, _, body = answer.partition("\r\n\r\n")
    return "" if " 200 " in head.split("\r\n")[0] else " ".join(body.split()) or head


def as_applied(manifest: Object) -> Object:
    """The object with the note that `kubectl apply` leaves and misses, with a warning, where it is not."""
    annotations = manifest["metadata"].get("annotations") or {}
    config = {**manifest, "metadata": {**manifest["metadata"], "annotations": annotations}}
    note = json.dumps(config, sort_keys=True, separators=(",", ":")) + "\n"
    return {**config, "metadata": {**config["metadata"], "annotations": {**annotations, LAST_APPLIED: note}}}


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
