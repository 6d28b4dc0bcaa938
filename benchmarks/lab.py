"""How fast a lab comes and goes, and what a large one costs.

    python -m benchmarks.lab --json      3 nodes up and down; then 20 nodes and 1,000 Services

The commands are run as a user runs them, as root or not. `cpu` figures are processor seconds of the command and of all
that it started, so they say on a busy machine what the wall clock says on an idle one. `services_s` is from the first
Service until the API shows an address on every one; `settled_s` is how much longer all are busy telling of them, in
Events, annotations and slices. At rest means that nothing is asked of the lab, and that this is over. Memory is what
the processes share divided among them (proc(5), Pss).
"""

import argparse
import json
import os
import resource
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.labs import of_this_run
from benchmarks.telling import tell
from porter.lab import pins, processes, state
from porter.lab.kube import Kube, path_of, read_access

NETWORK = "10.9.0.0/16"
POOL = "10.9.128.1-10.9.159.254"
_TICK = os.sysconf("SC_CLK_TCK")
_CREATORS = 4
_CALM, _SETTLES_WITHIN = 50.0, 300.0  # percent of one processor, and seconds
_PATIENT = ("--lease-duration", "30", "--grace", "30")
"""What twenty nodes on two cores need: their agents and kubelets wait for each other longer than 5 and 4 seconds."""


class Cost(NamedTuple):
    """What something took: wall clock and processor, in seconds."""

    wall: float
    cpu: float


class Subject:
    """One lab, by its commands."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.directory = state.directory(name)

    def run(self, *arguments: str) -> Cost:
        """Run a command; its processor time is that of what it waited for, and of what it left running."""
        before, begin = _children(), time.monotonic()
        subprocess.run(processes.porter("lab", *arguments, "--name", self.name), check=True, capture_output=True)
        wall = time.monotonic() - begin
        return Cost(wall, _children() - before)

    def living(self) -> list[int]:
        """The lab's processes."""
        known = state.load(self.directory)
        with pins.of_lab(self.directory, known, named=True) as inodes:
            return list(processes.belonging(self.directory, known, inodes))

    def cpu(self) -> float:
        """Processor seconds that they have used since they began, with the children that they waited for."""
        return sum(_cpu_of(pid) for pid in self.living())

    def memory(self) -> float:
        """Megabytes."""
        return sum(_pss_of(pid) for pid in self.living()) / 1024

    def kube(self) -> Kube:
        """Its API server."""
        return Kube(read_access(self.directory / "kubeconfig"))


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _cpu_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICK  # proc(5): utime, stime, cutime, cstime


def _pss_of(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def services(subject: Subject, count: int) -> Cost:
    """Create a pool and Services one after the other, by a few clients, and wait until each has an address."""
    before, begin = subject.cpu(), time.monotonic()
    kube = subject.kube()
    for manifest in _workload():
        kube.apply(manifest)
    with ThreadPoolExecutor(_CREATORS) as creators:
        list(creators.map(lambda index: kube.request("POST", path_of("Service"), _service(index)), range(count)))
    while (have := _with_address(kube)) < count:
        if time.monotonic() - begin > 600:
            raise SystemExit(f"only {have} of {count} Services have an address")
        time.sleep(1.0)
    return Cost(time.monotonic() - begin, subject.cpu() - before)


def _workload() -> Iterator[dict[str, Any]]:
    pool = {"address": POOL, "interface": "eth0", "protocol": "layer2"}
    yield {
        "apiVersion": "network.kubesphere.io/v1alpha2",
        "kind": "Eip",
        "metadata": {"name": "pool"},
        "spec": pool,
    }
    container = {"name": "web", "image": "kubia", "ports": [{"containerPort": 8080}]}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    yield {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    }


def _network(nodes: int) -> str:
    """A topology with room for many addresses, as a YAML file has it (JSON is YAML)."""
    first = IPv4Network(NETWORK)[0]

    def host(name: str, number: int) -> dict[str, Any]:
        return {"name": name, "nics": [{"name": "eth0", "address": f"{first + number}/16"}]}

    hosts = [host(f"node{index}", 1 + index) for index in range(1, nodes + 1)]
    return json.dumps({"gateway": f"{first + 1}/16", "nodes": hosts, "client": host("client", 1000)})


def _service(index: int) -> dict[str, Any]:
    annotations = {"lb.kubesphere.io/v1alpha1": "porter", "eip.porter.kubesphere.io/v1alpha2": "pool"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"web-{index}", "annotations": annotations},
        "spec": {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }


def _with_address(kube: Kube) -> int:
    found = kube.list("Service", namespace="default")
    return sum(bool(service["status"]["loadBalancer"].get("ingress")) for service in found)


def at_rest(subject: Subject, seconds: float) -> float:
    """Percent of one processor."""
    before, begin = subject.cpu(), time.monotonic()
    time.sleep(seconds)
    return 100 * (subject.cpu() - before) / (time.monotonic() - begin)


def settled(subject: Subject, rest: float) -> float:
    """Wait until it takes less than half of a processor, five minutes at most; the seconds until then."""
    begin = time.monotonic()
    while at_rest(subject, rest) > _CALM and time.monotonic() - begin < _SETTLES_WITHIN:
        pass
    return max(0.0, time.monotonic() - begin - rest)


def measure(nodes: int, count: int, *, rest: float) -> dict[str, float]:
    """Everything, one lab after the other."""
    small = Subject(f"bench{os.getpid()}-small")
    up = small.run("up")
    try:
        found = {"up_s": up.wall, "up_cpu_s": up.cpu + small.cpu()}
        found |= {"rss_mb": small.memory(), "cpu_at_rest_percent": at_rest(small, rest)}
    finally:
        down = small.run("down")
    found |= {"down_s": down.wall, "down_cpu_s": down.cpu}
    if nodes:
        large = Subject(f"bench{os.getpid()}-large")
        topology = state.root() / "large.yaml"
        topology.parent.mkdir(exist_ok=True)  # `down` of the last lab takes it away
        topology.write_text(_network(nodes), encoding="utf-8")
        up = large.run("up", "--topology", str(topology), *_PATIENT)
        try:
            found |= {f"up_{nodes}_s": up.wall, f"up_{nodes}_cpu_s": up.cpu + large.cpu()}
            cost = services(large, count)
            found |= {f"services_{count}_s": cost.wall, f"services_{count}_cpu_s": cost.cpu}
            found["settled_s"] = settled(large, rest)
            found |= {f"rss_{nodes}_mb": large.memory(), f"cpu_at_rest_{nodes}_percent": at_rest(large, rest)}
        finally:
            found[f"down_{nodes}_s"] = large.run("down").wall
    return {name: round(value, 2) for name, value in found.items()}


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--nodes", type=int, default=20, help="of the large lab; 0: none")
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--rest", type=float, default=10.0, help="seconds over which the cost at rest is taken")
    options = parser.parse_args()
    with of_this_run():
        found = measure(options.nodes, options.services, rest=options.rest)
    tell(found.items(), as_json=options.json)


if __name__ == "__main__":
    main()
