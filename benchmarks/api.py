"""What Porter asks of the API server: writes, Leases, the time until 5,000 Services are published, and to list 10,000.

    python -m benchmarks.api --json

The lab's API server runs as a process of its own, over TLS, and its audit log does the counting. The agents are whole
but for the announcer (`benchmarks.api_agents`), in another process. `ratio` compares two times: that of an agent that
starts in a cluster whose Services all wait, lists it, leads and publishes them; and that of a bare client that sends as
many patches of the same size, as many at once, half of them before and half after. What that one patches is not there
while the agent is: it would list that, too. The agents that hold Leases list and
watch everything, all in one process: with 10,000 Services each takes some 30 MB of it. `lease_agents` tells how that
process kept up: the part of a core that it took, and how many agents were taken for silent. `--small` only shows that
it works.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import api_agents
from benchmarks.api_cluster import ApiCluster
from benchmarks.telling import say, tell

LEASE_SECONDS = 20.0
SMALL_LEASE = 2.0


class Measuring:
    """One run against one server."""

    def __init__(self, cluster: ApiCluster, options: argparse.Namespace) -> None:
        self._cluster = cluster
        self._options = options
        self._lease_agents: dict[str, dict[str, float]] = {}
        """How the process of all agents fared meanwhile: what is measured counts only while it keeps up."""

    def everything(self) -> dict[str, Any]:
        """Measure all there is."""
        options, cluster = self._options, self._cluster
        few = min(10, options.list)
        cluster.services("few", few, claimed=False)
        cluster.eip("172.16.0.0/12")
        leases = self._leases(few)
        say(f"making {options.converge} Services")
        cluster.services("web", options.converge)
        cluster.slices("web", options.converge, endpoints=3)
        found = self._converge(options.converge)
        say(f"making the rest of {options.list} Services, as many EndpointSlices, and {options.nodes} nodes")
        cluster.services("more", options.list - options.converge - few, claimed=False)
        cluster.slices("more", options.list - options.converge, endpoints=3)
        cluster.nodes(options.nodes)
        say("listing")
        found |= self._do("relist", "--times", "10")
        return found | {
            "lease_requests_per_s": leases | self._leases(options.list),
            "lease_agents": self._lease_agents,
        }

    def _converge(self, services: int) -> dict[str, Any]:
        half = services // 2
        say("a bare client, the first half")
        bare = self._bare(half)
        begin = self._cluster.audited
        say("an agent that leads")
        done = self._do("converge", "--services", f"{services}", "--lease", f"{self._options.lease}")
        patches, events = self._cluster.patches(begin), self._cluster.events(begin)
        say("a bare client, the second half")
        bare += self._bare(services - half)
        return {
            "services": services,
            "writes_per_service": round(patches / services, 3),
            "events_per_service": round(events / services, 3),
            "converge_5000_s": round(done["seconds"], 2),
            "bare_5000_s": round(bare, 2),
            "ratio": round(done["seconds"] / bare, 2),
            "converge_cpu_s": round(done["cpu_seconds"], 2),
        }

    def _bare(self, services: int) -> float:
        self._cluster.services("bare", services, claimed=False)
        found = self._do("bare", "--services", f"{services}")
        self._cluster.without("bare", services)
        return float(found["seconds"])

    def _leases(self, services: int) -> dict[str, float]:
        found = {}
        for nodes in self._options.lease_nodes:
            say(f"the Leases of {nodes} nodes with {services} Services")
            options = ["--lease", f"{self._options.lease}", "--for", f"{self._options.lease_seconds}"]
            window = self._do("leases", "--agents", f"{nodes}", *options)
            asked = self._cluster.lease_requests(window["from"], window["to"])
            what = f"{nodes} nodes, {services} Services"
            found[what] = round(asked / (window["to"] - window["from"]), 2)
            self._lease_agents[what] = {name: window[name] for name in ("load", "taken_for_silent", "rss_mb")}
        return found

    def _do(self, *arguments: str) -> dict[str, Any]:
        given = ["--kubeconfig", f"{self._cluster.kubeconfig}", *arguments]
        if self._options.small:  # the time that a process takes to start is most of it then
            return api_agents.measure(given)
        command = [sys.executable, "-m", api_agents.__name__, *given]
        found: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        return found


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.add_argument("--small", action="store_true", help="sizes that only show that it works")
    parser.add_argument("--converge", type=int, metavar="SERVICES", help="Services to be published, 5000")
    parser.add_argument("--list", type=int, metavar="SERVICES", help="Services to be listed, 10000")
    parser.add_argument("--nodes", type=int, help="Nodes to be listed, 500")
    parser.add_argument("--lease-nodes", type=int, nargs="+", metavar="N", help="agents that hold a Lease, 10 100")
    parser.add_argument("--lease-seconds", type=float, help=f"how long Leases are counted, {LEASE_SECONDS:g}")
    small = {"converge": 10, "list": 40, "nodes": 3, "lease_nodes": [2], "lease_seconds": 1.0}
    full = {"converge": 5_000, "list": 10_000, "nodes": 500, "lease_nodes": [10, 100], "lease_seconds": LEASE_SECONDS}
    options = parser.parse_args(arguments)
    options.lease = SMALL_LEASE if options.small else api_agents.LEASE
    for key, value in (small if options.small else full).items():
        if getattr(options, key) is None:
            setattr(options, key, value)
    return options


def main(arguments: list[str] | None = None) -> None:
    """Print what was measured."""
    options = options_of(arguments)
    with tempfile.TemporaryDirectory(prefix="porter-benchmark-") as name, ApiCluster(Path(name)) as cluster:
        found = Measuring(cluster, options).everything()
    tell(found.items(), as_json=options.json)


if __name__ == "__main__":
    main()
