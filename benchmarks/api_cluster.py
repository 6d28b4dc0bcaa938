"""The lab's API server as a process of its own, filled with as many objects as a benchmark wants, and its audit log."""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from porter.cluster.connection import Connection
from porter.cluster.errors import ConflictError, PassingError
from porter.manifests import render
from porter.model import keys

NAMESPACE = "porter-system"
SERVICES = "/api/v1/namespaces/default/services"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
EIPS = "/apis/network.kubesphere.io/v1alpha2/eips"
_AT_ONCE = 8
_STARTS_WITHIN = 60.0


class ApiCluster:
    """A server that runs until the `with` is left."""

    def __init__(self, directory: Path) -> None:
        self.kubeconfig = directory / "kubeconfig"
        self._audit = directory / "audit.log"
        command = [sys.executable, "-m", "porter.lab.apiserver", "--listen", "127.0.0.1:0", "--dir", str(directory)]
        command += ["--audit-log", str(self._audit), "--service-cidr", "10.96.0.0/12", "--die-with-parent"]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def __enter__(self) -> Self:
        end = time.monotonic() + _STARTS_WITHIN
        while not self.kubeconfig.exists():
            if self._process.poll() is not None or time.monotonic() > end:
                self.__exit__(None, None, None)
                raise SystemExit("the API server did not start; run `python -m porter.lab.apiserver` to see why")
            time.sleep(0.05)
        asyncio.run(self._install())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(30)

    # -- what is in it

    def services(self, prefix: str, count: int, *, claimed: bool = True) -> None:
        """Make Services of type LoadBalancer, Porter's or nobody's."""
        self._make((SERVICES, _service(f"{prefix}-{number:05}", claimed=claimed)) for number in range(count))

    def without(self, prefix: str, count: int) -> None:
        """Take Services away again."""
        self._ask("DELETE", ((f"{SERVICES}/{prefix}-{number:05}", None) for number in range(count)))

    def eip(self, address: str) -> None:
        """Make an Eip that every Service without a wish may have an address of."""
        kind = {"apiVersion": "network.kubesphere.io/v1alpha2", "kind": "Eip", "metadata": {"name": "pool"}}
        self._make([(EIPS, kind | {"spec": {"address": address, "protocol": "layer2"}})])

    def slices(self, prefix: str, count: int, *, endpoints: int) -> None:
        """Make an EndpointSlice for each of the Services with that prefix."""
        self._make((SLICES, _slice(prefix, number, endpoints)) for number in range(count))

    def nodes(self, count: int) -> None:
        """Make Nodes."""
        self._make(("/api/v1/nodes", {"metadata": {"name": f"machine{number:03}"}}) for number in range(count))

    # -- what was asked of it

    @property
    def audited(self) -> int:
        """A place in the audit log: all that is asked from now on comes after it."""
        return self._audit.stat().st_size

    def patches(self, begin: int) -> int:
        """How many patches of Services, and of their status, agents have sent since."""
        return sum(_of(line) == ("patch", "services") for line in self._lines(begin))

    def events(self, begin: int) -> int:
        """How many Events agents have created since."""
        return sum(_of(line) == ("create", "events") for line in self._lines(begin))

    def lease_requests(self, begin: float, end: float) -> int:
        """How many requests about Leases were answered between two moments, but for the watches that stand."""
        moments = (_moment(line) for line in self._lines(0) if _of(line)[1] == "leases" and line["verb"] != "watch")
        return sum(begin <= moment < end for moment in moments)

    def _lines(self, begin: int) -> Iterator[dict[str, Any]]:
        with self._audit.open("rb") as file:
            file.seek(begin)
            for line in file:
                with contextlib.suppress(ValueError):  # the last one is being written
                    yield json.loads(line)

    # -- inside

    async def _install(self) -> None:
        async with await Connection.open(self.kubeconfig) as connection:
            definition = yaml.safe_load(render(("crd",), namespace=NAMESPACE))
            path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
            await connection.request("POST", path, body=definition)
            for path, name in (("/api/v1/namespaces", NAMESPACE), ("/api/v1/nodes", "node0")):
                with contextlib.suppress(ConflictError):
                    await connection.request("POST", path, body={"metadata": {"name": name}})
            while True:
                try:
                    await connection.request("GET", EIPS)
                except PassingError:
                    await asyncio.sleep(0.05)
                else:
                    return

    def _make(self, wanted: Iterable[tuple[str, dict[str, Any]]]) -> None:
        self._ask("POST", wanted)

    def _ask(self, method: str, wanted: Iterable[tuple[str, dict[str, Any] | None]]) -> None:
        async def main() -> None:
            waiting = iter(wanted)
            async with await Connection.open(self.kubeconfig) as connection:

                async def work() -> None:
                    for path, body in waiting:
                        await connection.request(method, path, body=body)

                await asyncio.gather(*(work() for _ in range(_AT_ONCE)))

        asyncio.run(main())


def _of(line: dict[str, Any]) -> tuple[str, str]:
    return line["verb"], line.get("objectRef", {}).get("resource", "")


def _moment(line: dict[str, Any]) -> float:
    return datetime.fromisoformat(line["stageTimestamp"]).timestamp()


def _service(name: str, *, claimed: bool) -> dict[str, Any]:
    annotations = {keys.CLAIM: "porter"} if claimed else {"example.com/owner": "nobody"}
    spec = {
        "type": "LoadBalancer",
        "ports": [{"name": "http", "port": 80}],
        "selector": {"app": name},
        "allocateLoadBalancerNodePorts": False,
    }
    return {"metadata": {"name": name, "labels": {"app": name}, "annotations": annotations}, "spec": spec}


def _slice(prefix: str, number: int, endpoints: int) -> dict[str, Any]:
    service = f"{prefix}-{number:05}"
    return {
        "metadata": {"name": f"{service}-x", "labels": {"kubernetes.io/service-name": service}},
        "addressType": "IPv4",
        "endpoints": [
            {
                "addresses": [f"10.{number >> 14 & 255}.{number >> 6 & 255}.{(number & 63) * 4 + at}"],
                "nodeName": f"machine{(number + at) % 500:03}",
                "conditions": {"ready": True, "serving": True, "terminating": False},
            }
            for at in range(endpoints)
        ],
        "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
    }
