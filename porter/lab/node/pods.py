"""The kubelet's part about pods: each gets an address and an HTTP server, and its status says that it runs.

There are no containers: whatever the image, a pod answers HTTP on each TCP containerPort with its own name, as
luksa/kubia does (on 8080, listed or not), and sends back what comes to a UDP containerPort (RFC 862). Pods of the
host's network are said to run, and nothing runs.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network
from typing import cast

from porter.lab.following import Api, Cache, key_of
from porter.lab.kube import Object
from porter.lab.network import POD_LINK
from porter.lab.node import addresses
from porter.lab.node.proxy_config import configure, is_kube_proxy

KUBIA_PORT = 8080
Server = asyncio.Server | asyncio.DatagramTransport
_REQUEST_LIMIT = 5.0  # seconds that a client may take to say what it wants
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Running:
    """A pod that runs here."""

    name: str
    address: IPv4Address
    servers: tuple[Server, ...]


class Pods:
    """The pods of one node."""

    def __init__(
        self,
        api: Api,
        pods: Cache,
        *,
        node: str,
        address: IPv4Address,
        pods_range: IPv4Network,
        use: Callable[[str], Awaitable[None]],
    ) -> None:
        """`use` is told kube-proxy's mode when a pod of it starts here."""
        self._use = use
        self._api = api
        self._pods = pods
        self._node = node
        self._address = address
        self._range = pods_range
        self._running: dict[str, Running] = {}

    async def reconcile(self) -> None:
        """Run what is scheduled to this node and nothing else."""
        if not self._pods.complete.is_set():
            return
        mine = {pod["metadata"]["uid"]: pod for pod in self._pods.all() if pod["spec"].get("nodeName") == self._node}
        for uid in [uid for uid in self._running if uid not in mine]:
            await self._stop(uid)
        for uid, pod in mine.items():
            if "deletionTimestamp" in pod["metadata"]:
                await self._stop(uid)
                await self._api.delete("Pod", key_of(pod), grace=0)
                continue
            if uid not in self._running:
                self._running[uid] = await self._start(pod)
            if not is_ready(pod):
                status = self._status(pod, self._running[uid])
                self._pods.learn(await self._api.patch("Pod", key_of(pod), {"status": status}, part="status"))

    async def _start(self, pod: Object) -> Running:
        name = pod["metadata"]["name"]
        if is_kube_proxy(pod):
            await configure(self._api, self._use)
        if pod["spec"].get("hostNetwork"):
            return Running(name=name, address=self._address, servers=())
        address = self._address_for(pod)
        await addresses.change(POD_LINK, add=[address])
        servers: list[Server] = [await _serve(name, address, port) for port in ports_of(pod)]
        servers += [await _echo(address, port) for port in ports_of(pod, "UDP")]
        _log.info("pod %s runs with %s", name, address)
        return Running(name=name, address=address, servers=tuple(servers))

    async def _stop(self, uid: str) -> None:
        running = self._running.pop(uid, None)
        if running is None:
            return
        for server in running.servers:
            server.close()
        if running.address != self._address:
            await addresses.change(POD_LINK, remove=[running.address])
        _log.info("pod %s ended", running.name)

    def _address_for(self, pod: Object) -> IPv4Address:
        """The address in its status (this process may have been restarted), else the lowest free one."""
        taken = {running.address for running in self._running.values()}
        taken |= {IPv4Address(other["status"]["podIP"]) for other in self._pods.all() if other["status"].get("podIP")}
        if said := pod["status"].get("podIP"):
            return IPv4Address(said)
        hosts = self._range.hosts()
        next(hosts)  # the first is the node's end, cni0
        for address in hosts:
            if address not in taken:
                return address
        raise OSError(f"no pod address is free in {self._range}")

    def _status(self, pod: Object, running: Running) -> Object:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
        return {
            "phase": "Running",
            "hostIP": str(self._address),
            "hostIPs": [{"ip": str(self._address)}],
            "podIP": str(running.address),
            "podIPs": [{"ip": str(running.address)}],
            "startTime": pod["status"].get("startTime", now),
            "conditions": [{"type": kind, "status": "True", "lastTransitionTime": now} for kind in kinds],
            "containerStatuses": [
                {
                    "name": container["name"],
                    "image": container["image"],
                    "imageID": "",
                    "ready": True,
                    "started": True,
                    "restartCount": 0,
                    "state": {"running": {"startedAt": now}},
                    "lastState": {},
                }
                for container in pod["spec"]["containers"]
            ],
        }


def is_ready(pod: Object) -> bool:
    """Tell whether the pod's status says that it is ready."""
    conditions = pod.get("status", {}).get("conditions") or []
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def ports_of(pod: Object, protocol: str = "TCP") -> list[int]:
    """The ports on which a pod answers."""
    ports = set()
    for container in pod["spec"]["containers"]:
        listed = container.get("ports") or []
        ports |= {port["containerPort"] for port in listed if port.get("protocol", "TCP") == protocol}
        if protocol == "TCP" and "kubia" in container.get("image", ""):
            ports.add(KUBIA_PORT)
    return sorted(ports)


class _Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(data, addr)


async def _echo(address: IPv4Address, port: int) -> asyncio.DatagramTransport:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(_Echo, local_addr=(str(address), port))
    return transport


async def _serve(name: str, address: IPv4Address, port: int) -> asyncio.Server:
    body = f"You've hit {name}\n".encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _REQUEST_LIMIT)
            writer.write(answer)
            await writer.drain()
        writer.close()

    return await asyncio.start_server(handle, str(address), port)
