"""The guide's commands, typed with kubectl where it is installed, else done through the API, and shown as typed."""

import json
import shlex
import shutil
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from porter.lab.kube import Object
from porter.lab.lab import Lab
from porter.lab.tutorial.page import Page

_TYPED = {"svc": "Service", "nodes": "Node"}


class Hands:
    """Does what a reader of the guide does, and prints it."""

    def __init__(self, lab: Lab, page: Page) -> None:
        self._lab = lab
        self._page = page
        self.kubectl = shutil.which("kubectl") is not None

    def introduce(self) -> None:
        """Say how the commands are run."""
        if self.kubectl:
            self._page.say("Commands run as they are shown, with kubectl against the lab's API server.")
        else:
            self._page.say("kubectl is not installed: the same steps go through the API (shown as kubectl's).")

    def apply(self, file: str) -> None:
        """Apply one of the guide's files: `kubectl apply -f FILE`."""
        path = Path(str(resources.files("porter.lab.tutorial") / file))
        if self.kubectl:
            self._page.ran(f"kubectl apply -f {file}", self._lab.kube("apply", "-f", str(path)))
            return
        import yaml  # noqa: PLC0415 - only where kubectl is missing

        done = self._lab.api.apply(yaml.safe_load(path.read_text(encoding="utf-8")))
        self._page.ran(f"kubectl apply -f {file}", f"{done['kind']} {done['metadata']['name']} applied through the API")

    def annotate_node(self, node: str, key: str, value: str) -> None:
        """Annotate a node: `kubectl annotate nodes NODE KEY="VALUE"`."""
        shown = f'kubectl annotate nodes {node} {key}="{value}"'
        if self.kubectl:
            self._page.ran(shown, self._lab.kube("annotate", "nodes", node, f"{key}={value}"))
            return
        self._lab.api.patch("Node", node, {"metadata": {"annotations": {key: value}}})
        self._page.ran(shown, f"Node {node} patched through the API")

    def patch_service(self, name: str, change: Object) -> None:
        """Merge a change into a Service: `kubectl patch svc NAME --type merge -p CHANGE`."""
        text = json.dumps(change, separators=(",", ":"))
        shown = f"kubectl patch svc {name} --type merge -p {shlex.quote(text)}"
        if self.kubectl:
            self._page.ran(shown, self._lab.kube("patch", "svc", name, "--type", "merge", "-p", text))
            return
        self._lab.api.patch("Service", name, change)
        self._page.ran(shown, f"Service {name} patched through the API")

    def edit_strict_arp(self) -> None:
        """`kubectl edit configmap kube-proxy`, with sed in place of a hand in the editor."""
        editor = "sed -i 's/strictARP: false/strictARP: true/'"
        shown = f'KUBE_EDITOR="{editor}" kubectl edit configmap kube-proxy -n kube-system'
        if self.kubectl:
            words = ("edit", "configmap", "kube-proxy", "-n", "kube-system")
            self._page.ran(shown, self._lab.kube(*words, editor=editor))
            return
        config = self._lab.api.get("ConfigMap", "kube-proxy", namespace="kube-system")["data"]["config.conf"]
        change = {"data": {"config.conf": config.replace("strictARP: false", "strictARP: true")}}
        self._lab.api.patch("ConfigMap", "kube-proxy", change, namespace="kube-system")
        self._page.ran(shown, "ConfigMap kube-proxy patched through the API")

    def restart_kube_proxy(self) -> None:
        """`kubectl rollout restart daemonset kube-proxy`."""
        shown = "kubectl rollout restart daemonset kube-proxy -n kube-system"
        if self.kubectl:
            self._page.ran(shown, self._lab.kube(*shown.split()[1:]))
            return
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        metadata = {"annotations": {"kubectl.kubernetes.io/restartedAt": now}}
        change = {"spec": {"template": {"metadata": metadata}}}
        self._lab.api.patch("DaemonSet", "kube-proxy", change, namespace="kube-system")
        self._page.ran(shown, "DaemonSet kube-proxy patched through the API")

    def show(self, *words: str) -> str:
        """Show objects: `kubectl get …`. Returns what was printed."""
        shown = f"kubectl get {' '.join(words)}"
        text = self._lab.kube("get", *words) if self.kubectl else self._table(*words)
        self._page.table(shown, text)
        return text

    def _table(self, kind: str, *words: str) -> str:
        names = [word for word in words[:1] if not word.startswith("-")]
        found = self._lab.api.list(_TYPED[kind], namespace="default")
        chosen = [obj for obj in found if not names or obj["metadata"]["name"] in names]
        return "\n".join(f"{obj['metadata']['name']}  {_gist(_TYPED[kind], obj)}" for obj in chosen)


def _gist(kind: str, obj: Object) -> str:
    """What kubectl's table would show of a Service or Node."""
    status: dict[str, Any] = obj.get("status", {})
    if kind == "Service":
        ingress = status.get("loadBalancer", {}).get("ingress") or []
        outside = ", ".join(entry["ip"] for entry in ingress) or "<pending>"
        return f"{obj['spec']['type']}  {obj['spec'].get('clusterIP')}  {outside}"
    addresses = [entry["address"] for entry in status.get("addresses") or [] if entry["type"] == "InternalIP"]
    return "  ".join(addresses)
