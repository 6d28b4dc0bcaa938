"""The kubelet's part about pods: each gets an address and an HTTP server, and its status says that it runs.

There are no containers: whatever the image, a pod answers HTTP on each TCP containerPort with its own name, as
luksa/kubia does (on 8080, listed or not), and sends back what comes to a UDP containerPort (RFC 862). Pods of the
host's network are said to run, and nothing runs.

A pod that is deleted goes on serving for the time that its container needs to end, and is then deleted for good.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import cast

from porter.lab.families import Address
from porter.lab.following import Api, Cache, key_of
from porter.lab.kube import Object, ready_status
from porter.lab.network import POD_LINK
from porter.lab.node import addresses
from porter.lab.node.proxy_config import configure, is_kube_proxy

KUBIA_PORT = 8080
Server = asyncio.Server | asyncio.DatagramTransport
_REQUEST_LIMIT = 5.0  # seconds that a client may take to say what it wants
_LINGER = 1.0  # seconds that a server goes on after SIGTERM, as one does that ends what it has begun
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Running:
    """A pod that runs here, with an address of each family."""

    name: str
    addresses: tuple[Address, ...]
    servers: tuple[Server, ...]


class Pods:
    """The pods of one node."""

    def __init__(
        self,
        api: Api,
        pods: Cache,
        *,
        addresses: Sequence[Address],
        ranges: Sequence[IPv4Network | IPv6Network],
        use: Callable[[str], Awaitable[None]],
        again: Callable[[], None],
        silent: Callable[[], bool],
    ) -> None:
        """`pods` are those of this node alone; `addresses` are its own and `ranges` its pods', of each family.

        `use` is told kube-proxy's mode when a pod of it starts here. `again` asks for another `reconcile`; while the
        kubelet is `silent` it does nothing.
        """
        self._use = use
        self._again = again
        self._silent = silent
        self._api = api
        self._pods = pods
        self._own = tuple(addresses)
        self._ranges = ranges
        self._running: dict[str, Running] = {}
        self._told: dict[str, float] = {}
        """When each pod that ends was told to, by the loop's clock."""

    async def reconcile(self) -> None:
        """Run what is scheduled to this node and nothing else."""
        if not self._pods.complete.is_set() or self._silent():
            return
        mine = {pod["metadata"]["uid"]: pod for pod in self._pods.all()}
        for uid in [uid for uid in self._running if uid not in mine]:
            await self._stop(uid)
        for uid, pod in mine.items():
            if "deletionTimestamp" in pod["metadata"]:
                await self._end(uid, pod)
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
            return Running(name=name, addresses=self._own, servers=())
        own = self._addresses_for(pod)
        await addresses.change(POD_LINK, add=own)
        servers: list[Server] = []
        try:
            for address in own:
                servers += [await _serve(name, address, port) for port in ports_of(pod)]
                servers += [await _echo(address, port) for port in ports_of(pod, "UDP")]
        except OSError:  # tried again, with the same ports
            for server in servers:
                server.close()
            raise
        _log.info("pod %s runs with %s", name, " and ".join(map(str, own)))
        return Running(name=name, addresses=own, servers=tuple(servers))

    async def _end(self, uid: str, pod: Object) -> None:
        """Stop a pod that was deleted once its container has ended, and delete it for good."""
        if uid in self._running:
            loop = asyncio.get_running_loop()
            left = self._told.setdefault(uid, loop.time()) + time_to_end(pod) - loop.time()
            if left > 0:
                loop.call_later(left, self._again)
                return
            await self._stop(uid)
        await self._api.delete("Pod", key_of(pod), uid=uid, grace=0)

    async def _stop(self, uid: str) -> None:
        self._told.pop(uid, None)
        running = self._running.pop(uid, None)
        if running is None:
            return
        for server in running.servers:
            server.close()
        if running.addresses != self._own:
            await addresses.change(POD_LINK, remove=running.addresses)
        _log.info("pod %s ended", running.name)

    def _addresses_for(self, pod: Object) -> tuple[Address, ...]:
        """The addresses in its status (this process may have been restarted), else the lowest free ones."""
        if said := _said(pod):
            return said
        taken = {address for running in self._running.values() for address in running.addresses}
        taken |= {address for other in self._pods.all() for address in _said(other)}
        return tuple(_lowest_free(network, taken) for network in self._ranges)

    def _status(self, pod: Object, running: Running) -> Object:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
        return {
            "phase": "Running",
            "hostIP": str(self._own[0]),
            "hostIPs": [{"ip": str(address)} for address in self._own],
            "podIP": str(running.addresses[0]),
            "podIPs": [{"ip": str(address)} for address in running.addresses],
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


def _said(pod: Object) -> tuple[Address, ...]:
    return tuple(ip_address(one["ip"]) for one in pod["status"].get("podIPs") or [])


def _lowest_free(network: IPv4Network | IPv6Network, taken: Collection[Address]) -> Address:
    hosts: Iterator[Address] = iter(network.hosts())
    next(hosts)  # the first is the node's end, cni0
    for address in hosts:
        if address not in taken:
            return address
    raise OSError(f"no pod address is free in {network}")


def is_ready(pod: Object) -> bool:
    """Tell whether the pod's status says that it is ready."""
    return ready_status(pod) == "True"


def time_to_end(pod: Object) -> float:
    """Seconds from when a pod is told to end until it has: what its preStop hooks sleep, and a moment for its server.

    Never more than its grace period. Pods of the host's network have no server.
    """
    hooks = [(container.get("lifecycle") or {}).get("preStop") or {} for container in pod["spec"]["containers"]]
    slept = max(((hook.get("sleep") or {}).get("seconds", 0) for hook in hooks), default=0)
    lingers = 0.0 if pod["spec"].get("hostNetwork") else _LINGER
    return float(min(pod["metadata"].get("deletionGracePeriodSeconds") or 0, slept + lingers))


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

    def datagram_received(self, data: bytes, addr: tuple[str, int] | tuple[str, int, int, int]) -> None:
        self._transport.sendto(data, addr)


async def _echo(address: Address, port: int) -> asyncio.DatagramTransport:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(_Echo, local_addr=(str(address), port))
    return transport


async def _serve(name: str, address: Address, port: int) -> asyncio.Server:
    body = f"You've hit {name}\n".encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _REQUEST_LIMIT)
            writer.write(answer)
            await writer.drain()
        writer.close()

    return await asyncio.start_server(handle, str(address), port)
