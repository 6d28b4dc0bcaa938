"""The kubelet's part about the node itself: it registers the Node, says that it is ready, and renews its Lease."""

import asyncio
import contextlib
import logging
import platform
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network

import aiohttp

from porter.lab.families import Address
from porter.lab.following import Api, Cache, RefusedError
from porter.lab.kube import CONFLICT, NOT_FOUND, Object, ready_status

LEASES = "kube-node-lease"
BEAT = 1.0  # seconds; a real kubelet renews every 10 s and is given 40
_log = logging.getLogger(__name__)


class Kubelet:
    """One node's presence in the API."""

    def __init__(
        self,
        api: Api,
        nodes: Cache,
        *,
        name: str,
        addresses: Sequence[Address],
        pods: Sequence[IPv4Network | IPv6Network],
        labels: Mapping[str, str],
        control_plane: bool,
    ) -> None:
        """`addresses` are its own and `pods` the ranges of its pods: one of each family, the first one first."""
        self._api = api
        self._nodes = nodes
        self._name = name
        self._addresses = addresses
        self._pods = pods
        self._labels = labels
        self._control_plane = control_plane
        self._version = ""
        self._silent = False

    def is_silent(self) -> bool:
        """Tell whether it hangs."""
        return self._silent

    def fall_silent(self) -> None:
        """Say nothing of the node any more, as a kubelet that hangs. Its pods go on; none begins or ends."""
        self._silent = True

    def speak(self, ask: Callable[[], None]) -> None:
        """Say again how the node is, at the next `reconcile`, which `ask` asks for."""
        self._silent = False
        ask()

    async def reconcile(self) -> None:
        """Create the Node when there is none, and say that it is ready when somebody said otherwise."""
        if not self._nodes.complete.is_set() or self._silent:
            return
        node = self._nodes.objects.get(("", self._name))
        if node is None:
            try:
                node = await self._api.create(self._node())
            except RefusedError as refused:
                if refused.code != CONFLICT:
                    raise
                return  # the watch brings it
        if ready_status(node) != "True":
            self._version = self._version or (await self._api.request("GET", "/version"))["gitVersion"]
            self._nodes.learn(
                await self._api.patch("Node", ("", self._name), {"status": self._status()}, part="status")
            )

    async def beat(self) -> None:
        """Renew the node's Lease for ever. A failure is tried again at the next beat."""
        while True:
            with contextlib.suppress(RefusedError, aiohttp.ClientError, TimeoutError, OSError):
                if not self._silent:
                    await self._renew()
            await asyncio.sleep(BEAT)

    async def _renew(self) -> None:
        spec = {"holderIdentity": self._name, "leaseDurationSeconds": 40, "renewTime": _now(micro=True)}
        try:
            await self._api.patch("Lease", (LEASES, self._name), {"spec": spec})
        except RefusedError as refused:
            if refused.code != NOT_FOUND:
                raise
            metadata = {"name": self._name, "namespace": LEASES}
            await self._api.create(
                {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
            )

    def _node(self) -> Object:
        labels = {
            "kubernetes.io/hostname": self._name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": _architecture(),
            **self._labels,
        }
        if self._control_plane:
            labels["node-role.kubernetes.io/control-plane"] = ""
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": self._name, "labels": labels},
            "spec": {"podCIDR": str(self._pods[0]), "podCIDRs": [str(pods) for pods in self._pods]},
        }

    def _status(self) -> Object:
        return {
            "addresses": [
                *({"type": "InternalIP", "address": str(address)} for address in self._addresses),
                {"type": "Hostname", "address": self._name},
            ],
            "conditions": [
                _condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                _condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                _condition("PIDPressure", "False", "KubeletHasSufficientPID"),
                _condition("Ready", "True", "KubeletReady"),
            ],
            "capacity": {"cpu": "2", "memory": "4Gi", "pods": "110"},
            "allocatable": {"cpu": "2", "memory": "4Gi", "pods": "110"},
            "nodeInfo": {
                "machineID": "",
                "systemUUID": "",
                "bootID": "",
                "kernelVersion": platform.release(),
                "osImage": "a network namespace of porter lab",
                "containerRuntimeVersion": "porter-lab://1",
                "kubeletVersion": self._version,
                "kubeProxyVersion": "",
                "operatingSystem": "linux",
                "architecture": _architecture(),
            },
        }


def _condition(kind: str, status: str, reason: str) -> Object:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": "said by the stand-in of porter lab",
        "lastHeartbeatTime": _now(),
        "lastTransitionTime": _now(),
    }


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def _now(*, micro: bool = False) -> str:
    shape = "%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ"
    return datetime.now(UTC).strftime(shape)
