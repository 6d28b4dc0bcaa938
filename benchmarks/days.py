"""Whether an agent's memory stays flat over days: the life of a whole one in a lab of one node, compressed.

    python -m benchmarks.days --json

A day is what one brings that an agent may forget to let go of: endpoints that come and go, Services that are replaced
by others, questions to its pages, watches that are cut again and again, an API server that starts anew without its
history. After each the resident memory of the agent, its announcer with it, is read. What it means to remember (the
last changes, pages of the log's database) fills in the first days; `growth_mb_a_day` is over the second half of them.
"""

import argparse
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from benchmarks.labs import of_this_run
from benchmarks.memory import resident_megabytes
from benchmarks.telling import say, tell
from porter.lab import Lab, furniture, probe
from porter.lab.faults import How
from porter.lab.stage import AGENT_PORT
from porter.lab.topology import parse

NODE = "node1"
POOL = "10.9.128.1-10.9.159.254"
REPLACED = 20
"""Services that go every day, and as many that come."""
QUESTIONS = 100
PAGES = ("/metrics", "/status", "/readyz", "/")
CUTS = How(every=0.1)
CUT_SECONDS = 3.0
_CLIENTS = 4


class Life:
    """What happens to the agent of a lab."""

    def __init__(self, lab: Lab, services: int, clients: ThreadPoolExecutor) -> None:
        self._lab = lab
        self._clients = clients
        self._made = 0
        self._alive: list[str] = []
        kind = {"apiVersion": "network.kubesphere.io/v1alpha2", "kind": "Eip"}
        spec = {"address": POOL, "interface": "eth0", "protocol": "layer2"}
        lab.api.apply({**kind, "metadata": {"name": "pool"}, "spec": spec})
        self._come(services)
        self._settle()

    def day(self, changes: int) -> None:
        """Let one day pass, and wait until the agent has heard all of it."""
        list(self._clients.map(self._flap, (self._alive[number % len(self._alive)] for number in range(changes // 2))))
        gone, self._alive = self._alive[:REPLACED], self._alive[REPLACED:]
        list(self._clients.map(self._go, gone))
        self._come(len(gone))
        for number in range(QUESTIONS):
            probe.http_get(
                self._lab.namespace(NODE), IPv4Address("127.0.0.1"), AGENT_PORT, path=PAGES[number % len(PAGES)]
            )
        self._lab.fail("apiserver", "cuts", CUTS)
        time.sleep(CUT_SECONDS)
        self._lab.recover("apiserver")
        self._lab.fail("apiserver", "stopped")
        self._lab.recover("apiserver")
        self._settle()

    def _come(self, count: int) -> None:
        names = [f"web-{self._made + number:05}" for number in range(count)]
        self._made += count
        self._alive += names
        list(self._clients.map(self._appear, names))

    def _appear(self, name: str) -> None:
        annotations = {"lb.kubesphere.io/v1alpha1": "porter", "eip.porter.kubesphere.io/v1alpha2": "pool"}
        metadata = {"name": name, "annotations": annotations}
        spec = {"type": "LoadBalancer", "ports": [{"port": 80}]}
        self._lab.api.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
        slice_ = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "ports": [{"port": 80, "protocol": "TCP"}],
        }
        self._lab.api.apply(slice_ | _ready(yes=True))

    def _flap(self, name: str) -> None:
        for yes in (False, True):
            self._lab.api.patch("EndpointSlice", name, _ready(yes=yes))

    def _go(self, name: str) -> None:
        for kind in ("Service", "EndpointSlice"):
            self._lab.api.delete(kind, name)

    def _settle(self) -> None:
        """Wait until every Service has its address and the agent is ready, and a little longer."""
        limit = time.monotonic() + 300
        while furniture.problems_of_agent(self._lab.namespace(NODE), AGENT_PORT) or not self._all_have_addresses():
            if time.monotonic() > limit:
                raise SystemExit("the agent is not ready, or some Services have no address")
            time.sleep(0.2)
        time.sleep(2.0)

    def _all_have_addresses(self) -> bool:
        services = {one["metadata"]["name"]: one for one in self._lab.api.list("Service", namespace="default")}
        return all(services[name]["status"]["loadBalancer"].get("ingress") for name in self._alive)


def _ready(*, yes: bool) -> dict[str, Any]:
    return {"endpoints": [{"addresses": ["10.233.64.5"], "nodeName": NODE, "conditions": {"ready": yes}}]}


def _memory(lab: Lab) -> float:
    """Megabytes of the agent and of what its threads have started: the announcer."""
    agent = lab.stage.must_run("agent", NODE).pid
    children = [path.read_text(encoding="ascii").split() for path in Path(f"/proc/{agent}/task").glob("*/children")]
    return sum(resident_megabytes(pid) for pid in (agent, *(int(pid) for some in children for pid in some)))


def measure(days: int, services: int, changes: int) -> Iterator[tuple[str, Any]]:
    """Yield the figures as they come."""
    host = {"name": NODE, "nics": [{"name": "eth0", "address": "10.9.0.2/16"}]}
    client = {"name": "client", "nics": [{"name": "eth0", "address": "10.9.3.232/16"}]}
    network = parse({"gateway": "10.9.0.1/16", "nodes": [host], "client": client})
    with Lab.up("bench-days", network=network) as lab, ThreadPoolExecutor(_CLIENTS) as clients:
        say(f"{services} Services come")
        life = Life(lab, services, clients)
        yield "services", services
        yield "endpoint_changes_a_day", changes
        found = [_memory(lab)]
        yield "rss_mb_at_first", round(found[0], 1)
        for number in range(1, days + 1):
            life.day(changes)
            found.append(_memory(lab))
            yield f"rss_mb_after_day_{number}", round(found[-1], 1)
        half = days // 2
        yield "growth_mb_a_day", round((found[-1] - found[half]) / (days - half), 2)


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.add_argument("--days", type=int, default=12)
    parser.add_argument("--services", type=int, default=100)
    parser.add_argument("--changes", type=int, default=2000, help="changes of endpoints a day")
    options = parser.parse_args()
    with of_this_run():
        tell(measure(options.days, options.services, options.changes), as_json=options.json)


if __name__ == "__main__":
    main()
