"""An API server for agents that run as commands: in a thread of its own, behind a gate that counts, refuses and closes."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from porter.lab.apiserver import ApiServer, Listen
from porter.lab.apiserver.audit import Audited
from porter.lab.apiserver.listening import open_socket
from porter.manifests import render
from porter.model import keys
from tests.loop import Loop

NAMESPACE = "porter-system"
SYSTEM = f"/api/v1/namespaces/{NAMESPACE}"
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
EIPS = "/apis/network.kubesphere.io/v1alpha2/eips"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SERVICES = "/api/v1/namespaces/default/services"
EVENTS = "/api/v1/namespaces/default/events"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
_LEASE = re.compile(re.escape(LEASES))
_TEST = "test"
Rule = Callable[[str, str], bool]


class Api:
    """The server, and what a test does to it and asks of it. Safe to close twice."""

    def __init__(self, service_cidr: str = "10.233.0.0/18") -> None:
        self._loop = Loop()
        self.audited: list[Audited] = []
        """Everything that was asked of the server, as its audit log has it."""
        self._server = ApiServer(tls=False, service_cidr=service_cidr, audit=self.audited.append)
        self._loop.run(self._server.start())
        self._gates: list[_Gate] = []
        self.requests: list[tuple[str, str]] = []
        """Method and path of every request of the agents."""
        self.forbidden: Rule = lambda _method, _path: False
        self.watches_last: int | None = None
        """Seconds until the server ends a watch, whatever was asked for."""

    # -- for the agents

    def kubeconfig(self, path: Path, netns: str = "") -> Path:
        """Open a gate on the loopback of a network namespace, by default this one, and write how to get through it."""
        gate = _Gate(Listen("127.0.0.1", 0, netns), self)
        port = self._loop.run(gate.open())
        self._gates.append(gate)
        path.write_text(self._server.kubeconfig().replace(self._server.url, f"http://127.0.0.1:{port}"))
        return path

    def go_away(self) -> None:
        """Refuse connections from now on, and cut those that there are."""
        for gate in self._gates:
            self._loop.run(gate.close())

    def come_back(self, *, history: bool = True) -> None:
        """Listen again."""
        if not history:
            self.forget_history()
        for gate in self._gates:
            self._loop.run(gate.open())

    def forget_history(self) -> None:
        """Have every watch that is resumed begin with a new list."""
        self._loop.loop.call_soon_threadsafe(self._server.forget_history)

    @property
    def writes(self) -> list[tuple[str, str]]:
        """What the agents wrote, without their Leases."""
        return [(how, what) for how, what in self.requests if how != "GET" and not _LEASE.match(what)]

    def asked_by_agents(self, begin: int = 0) -> list[Audited]:
        """What agents have asked for, by the audit log, from a place in it on."""
        return [one for one in self.audited[begin:] if one.agent != _TEST]

    # -- for the test

    def install(self) -> None:
        """What `porter manifests` makes: the namespace and the kind Eip."""
        self.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        self.define()

    def define(self) -> None:
        self.create(DEFINITIONS, yaml.safe_load(render(("crd",), namespace=NAMESPACE)))

    def create(self, path: str, body: Any) -> Any:
        return self._ask("POST", path, body)

    def patch(self, path: str, body: Any) -> Any:
        return self._ask("PATCH", path, body)

    def rewrite(self, path: str, bodies: Iterable[Any]) -> None:
        """Patch an object again and again, over one connection."""

        async def main() -> None:
            kind = {"Content-Type": "application/merge-patch+json", "Authorization": f"Bearer {self._server.token}"}
            async with aiohttp.ClientSession(self._server.url, headers=kind | {"User-Agent": _TEST}) as session:
                for body in bodies:
                    async with session.patch(path, data=json.dumps(body)) as answer:
                        answer.raise_for_status()

        self._loop.run(main())

    def delete(self, path: str) -> None:
        self._ask("DELETE", path)

    def get(self, path: str) -> Any:
        return self._ask("GET", path)

    def node(self, name: str) -> None:
        self.create("/api/v1/nodes", {"metadata": {"name": name}})

    def eip(self, name: str = "pool", address: str = "192.168.0.91-192.168.0.100", **spec: Any) -> None:
        body = {
            "apiVersion": "network.kubesphere.io/v1alpha2",
            "kind": "Eip",
            "metadata": {"name": name},
            "spec": {"address": address, "protocol": "layer2"} | spec,
        }
        self.create(EIPS, body)

    def service(self, name: str, *, eip: str = "pool", on: str = "node1") -> None:
        """A Service that asks for an address, with one ready endpoint."""
        annotations = {keys.CLAIM: "porter", "eip.porter.kubesphere.io/v1alpha2": eip}
        spec = {"type": "LoadBalancer", "ports": [{"port": 80}], "selector": {"app": name}}
        self.create(SERVICES, {"metadata": {"name": name, "annotations": annotations}, "spec": spec})
        slice_ = {
            "metadata": {"name": f"{name}-1", "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.233.64.5"], "nodeName": on, "conditions": {"ready": True}}],
            "ports": [{"port": 80, "protocol": "TCP"}],
        }
        self.create(SLICES, slice_)

    def addresses(self, name: str) -> list[str]:
        """What the Service's status says."""
        return _shown(self.get(f"{SERVICES}/{name}"))

    def shown(self) -> dict[str, list[str]]:
        """The Services that show addresses, and these."""
        found = {one["metadata"]["name"]: _shown(one) for one in self.get(SERVICES)["items"]}
        return {name: addresses for name, addresses in found.items() if addresses}

    def told(self, reason: str | None = None) -> list[str]:
        """The Services that there are Events about, or such Events, one for each Event."""
        events = self.get(EVENTS)["items"]
        return [one["involvedObject"]["name"] for one in events if reason in {None, one["reason"]}]

    def holder(self, lease: str) -> str:
        found: str = self.get(f"{LEASES}/{lease}")["spec"].get("holderIdentity", "")
        return found

    def close(self) -> None:
        if not self._loop.closed:
            self.go_away()
            self._loop.run(self._server.stop())
            self._loop.close()

    # -- inside

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        request = urllib.request.Request(
            self._server.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._server.token}", "Content-Type": kind, "User-Agent": _TEST},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{method} {path}: {error.read().decode()}") from None

    @property
    def upstream(self) -> str:
        return self._server.url


def _shown(service: Any) -> list[str]:
    return [one["ip"] for one in service["status"].get("loadBalancer", {}).get("ingress") or []]


class _Gate:
    """Hands on every request to the server, unless it is closed or the request is forbidden."""

    def __init__(self, where: Listen, api: Api) -> None:
        self._where = where
        self._api = api
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> int:
        """Listen, on the same port every time, and return it."""
        listener = open_socket(self._where)
        self._where = Listen(self._where.address, listener.getsockname()[1], self._where.netns)
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._pass_on)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05, handler_cancellation=True)
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()
        return self._where.port

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        self._api.requests.append((request.method, request.path))
        if self._api.forbidden(request.method, request.path):
            said = 'User "porter" cannot do that'
            return web.json_response({"kind": "Status", "message": said, "code": 403}, status=403)
        assert self._session is not None
        kept = {name: request.headers[name] for name in ("Authorization", "Content-Type") if name in request.headers}
        if self._api.watches_last is not None and "watch" in request.query:
            request = request.clone(rel_url=request.rel_url.update_query(timeoutSeconds=self._api.watches_last))
        url, body = self._api.upstream + request.path_qs, await request.read()
        async with self._session.request(request.method, url, headers=kept, data=body) as answer:
            response = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            return response
