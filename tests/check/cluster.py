"""A cluster to be checked: an API server in a thread, what a test puts into it, and `porter check` as people call it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import yaml

from porter.check.asking import Looked
from porter.check.survey import Survey
from porter.lab.apiserver import ApiServer
from porter.lab.apiserver.audit import AuditLog
from porter.lab.apiserver.objects import utc_now
from porter.manifests import render
from porter.model import keys
from porter.model.objects import Nic
from porter.reconciler.world import World
from tests.lab.apiserver.client import Client
from tests.loop import Loop

EIPS = "/apis/network.kubesphere.io/v1alpha2/eips"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/porter-system/leases"
SERVICES = "/api/v1/namespaces/default/services"
CONFIG_MAPS = "/api/v1/namespaces/kube-system/configmaps"
PATHS = {
    "Namespace": "/api/v1/namespaces",
    "CustomResourceDefinition": DEFINITIONS,
    "ServiceAccount": "/api/v1/namespaces/porter-system/serviceaccounts",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/porter-system/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/porter-system/rolebindings",
}
NIC = Nic(name="eth0", mac="52:54:00:00:00:02", networks=("203.0.113.2/24",), gateways=("203.0.113.1",))


class Cluster:
    """An API server, empty at first."""

    def __init__(self, directory: Path, *, tls: bool = False) -> None:
        self.directory = directory
        self._loop = Loop()
        self._audit = AuditLog(directory / "audit.log", utc_now)
        self.server = ApiServer(tls=tls, audit=self._audit)
        self._loop.run(self.server.start())
        self.client = Client(self.server.url, self.server.token, self.server.authority if tls else b"")
        self.kubeconfig = directory / "kubeconfig"
        self.kubeconfig.write_text(self.server.kubeconfig())

    def close(self) -> None:
        self._loop.run(self.server.stop())
        self._audit.close()
        self._loop.close()

    # -- what is in it

    def put(self, path: str, name: str, **more: Any) -> Any:
        metadata = {"name": name} | more.pop("metadata", {})
        return self.client.post(path, {"metadata": metadata, **more})

    def install(self) -> None:
        """What `porter manifests` prints, without the DaemonSet."""
        for document in yaml.safe_load_all(render(["namespace", "crd", "rbac"])):
            self.client.post(PATHS[document["kind"]], document)
        self.client.get(EIPS)  # it asks to wait for a moment after its definition came

    def node(self, name: str, address: str = "", **more: Any) -> Any:
        addresses = [{"type": "InternalIP", "address": address}] if address else []
        return self.put("/api/v1/nodes", name, **{"status": {"addresses": addresses}, **more})

    def agent(self, node: str, *nics: Nic) -> Any:
        report = {"node": node, "nics": msgspec.to_builtins(nics or (NIC,))}
        return self.put(
            LEASES,
            f"porter-node-{node}",
            metadata={"annotations": {keys.AGENT_REPORT: json.dumps(report)}},
            spec={"holderIdentity": node, "leaseDurationSeconds": 5},
        )

    def eip(self, name: str = "edge", address: str = "203.0.113.91-203.0.113.100", **spec: Any) -> Any:
        body = {"apiVersion": "network.kubesphere.io/v1alpha2", "kind": "Eip", "metadata": {"name": name}}
        return self.client.post(EIPS, {**body, "spec": {"address": address, "protocol": "layer2"} | spec})

    def service(self, name: str, **spec: Any) -> Any:
        metadata = {"annotations": {keys.CLAIM: "porter"}}
        return self.put(
            SERVICES, name, metadata=metadata, spec={"type": "LoadBalancer", "ports": [{"port": 80}], **spec}
        )

    def proxy(self, config: str) -> None:
        self.put(CONFIG_MAPS, "kube-proxy", data={"config.conf": config})

    def workload(self, kind: str, name: str, image: str, *, namespace: str = "other", **container: Any) -> None:
        labels = {"app": name}
        spec = {"containers": [{"name": "c", "image": image, **container}]}
        body: dict[str, Any] = {"selector": {"matchLabels": labels}}
        body["template"] = {"metadata": {"labels": labels}, "spec": spec}
        self.client.ask("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        self.put(f"/apis/apps/v1/namespaces/{namespace}/{kind.lower()}s", name, spec=body)

    # -- what is asked of it

    def audited(self) -> Sequence[Mapping[str, Any]]:
        """Every request so far that a Porter has sent."""
        lines = (self.directory / "audit.log").read_text().splitlines()
        return [one for one in map(json.loads, lines) if one["userAgent"] == "porter"]

    def argv(self, *more: str) -> list[str]:
        where = ["--event-log", str(self.directory / "porter.db")]
        return ["check", "--kubeconfig", str(self.kubeconfig), *where, *more]


@contextmanager
def cluster(directory: Path, *, tls: bool = False) -> Iterator[Cluster]:
    """`tls`: kubectl sends its token to nobody else."""
    made = Cluster(directory, tls=tls)
    try:
        yield made
    finally:
        made.close()


def surveyed(world: World, *, proxy: Any = None) -> Survey:
    """What would be known of this world, where nothing else was read."""
    nothing: Looked[Any] = Looked()
    return Survey(
        version={},
        definition=nothing,
        proxy=Looked(value=proxy),
        workloads=nothing,
        cilium_pools=nothing,
        ranges=(),
        world=world,
        files={},
        unread={},
        installed=True,
    )
