"""How fast the lab's API server is: `python -m benchmarks.apiserver --json`.

It starts the server as the lab does, as a process of its own with TLS, fills it with a cluster of 20 nodes, and opens
the 207 watches that such a lab has (benchmarks.apiserver_cluster tells who watches what). Then it writes 1,000 times a
second, over 48 connections, what a cluster writes whose pods come and go: a write is seen by 21 watches on average, by
none at least (an Event) and by 41 at most (an EndpointSlice, say). The server's two processes (one answers, one holds
the connections), the watches and the writes share the machine's cores.

`answered` is from just before a write is sent until its answer is read, `seen` until the process that holds the watches
has the bytes that tell when it was sent, by the machine's one monotonic clock. That process keeps what it reads, some
300 MB in ten seconds, and deciphers it later, so what its TLS would take of the cores is in no figure; with
`--decipher-at-once` it is in all of them, and an event is seen when it is text. `lost` are events of accepted writes
that a watch never saw, or saw twice. Where the load itself came late, `writes_per_s` is below what was offered.
`stolen_percent` is how much of the cores the machine's host kept for others: some per cent make several times the
latency.

With `--all-see-all` all of 200 watches are on Services, and nothing else is written: 200,000 events a second at 1,000
writes. No cluster is like that; it is the strictest reading of so many watches and so many writes.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import yaml

from benchmarks import apiserver_cluster as cluster
from benchmarks.apiserver_client import Asker, Place
from benchmarks.apiserver_cluster import Watched
from benchmarks.apiserver_load import Seen, Written, watch, write
from benchmarks.memory import resident_megabytes
from benchmarks.telling import say, tell
from porter.lab.kube import read_access
from porter.manifests import render

CONNECTIONS = 48
WARM_UP = 1.0  # seconds whose writes count among the events, and not among the times
_PATIENCE = 60.0
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Server:
    """The API server, in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], place: Place) -> None:
        self._process, self.place = process, place

    def cpu(self) -> list[float]:
        """The seconds that each of its processes has computed: first the one that answers."""
        return [sum(map(int, _stat(process)[11:13])) / os.sysconf("SC_CLK_TCK") for process in self._processes()]

    def resident(self) -> float:
        """Its resident memory in megabytes."""
        return sum(map(resident_megabytes, self._processes()))

    def _processes(self) -> list[int]:
        own = self._process.pid
        return [own, *map(int, Path(f"/proc/{own}/task/{own}/children").read_text().split())]


def _stat(process: int) -> list[str]:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


@contextmanager
def served() -> Iterator[Server]:
    """Run a server, and end it."""
    with tempfile.TemporaryDirectory(prefix="porter-benchmark-") as name:
        command = [sys.executable, "-m", "porter.lab.apiserver", "--listen", "127.0.0.1:0", "--dir", name]
        process = subprocess.Popen([*command, "--die-with-parent"], stderr=subprocess.DEVNULL)
        try:
            kubeconfig, deadline = Path(name, "kubeconfig"), time.monotonic() + _PATIENCE
            while not kubeconfig.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("the API server of the benchmark did not come up")
                time.sleep(0.05)
            access = read_access(kubeconfig)
            url = urlsplit(access.server)
            host, port = url.hostname or "", url.port or 0
            yield Server(process, Place(host=host, port=port, authority=access.authority, token=access.token))
        finally:
            process.terminate()
            process.wait(20)


@contextmanager
def beside(work: Callable[..., None], *arguments: Any, **named: Any) -> Iterator[Connection]:
    """Run a function in a process of its own that ends with this one; the connection leads to its `told`."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=arguments, kwargs={**named, "told": theirs}, daemon=True)
    process.start()
    theirs.close()
    with closing(ours):
        yield ours
    process.terminate()
    process.join(20)


def answer(told: Connection, patience: float = _PATIENCE) -> Any:
    """What the process says next."""
    if not told.poll(patience):
        raise SystemExit("a process of the benchmark fell silent")
    try:
        return told.recv()
    except EOFError:
        raise SystemExit("a process of the benchmark ended early; see its error above") from None


def fill(asker: Asker, size: int) -> None:
    """Make everything that is there with so many nodes before the first write."""
    definition = yaml.safe_load(render(["crd"]))
    asker.ask("POST", _DEFINITIONS, cluster.encoded(definition))
    for path, obj in cluster.objects(size):
        asker.ask("POST", path, cluster.encoded(obj))


def streams(asker: Asker, watched: Sequence[Watched]) -> list[str]:
    """What to ask for, to watch each from now on."""
    paths = {one.path for one in watched}
    first = {path: json.loads(listed(asker, path))["metadata"]["resourceVersion"] for path in paths}
    return [_stream(one, first[one.path]) for one in watched]


def _stream(one: Watched, version: str) -> str:
    fields = {"fieldSelector": one.fields} if one.fields else {}
    query = urlencode({"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": version, **fields})
    return f"{one.path}?{query}"


def listed(asker: Asker, path: str) -> bytes:
    """A list; a new kind's first one is refused for a moment."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return asker.ask("GET", path)
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure once."""
    watched, traffic = (
        cluster.services_only(options.nodes)
        if options.all_see_all
        else (cluster.watches(options.nodes), cluster.traffic(options.nodes))
    )
    load = {"rate": options.rate, "seconds": options.seconds + WARM_UP, "connections": CONNECTIONS}
    with served() as server:
        say("filling the cluster")
        with Asker(server.place) as asker:
            fill(asker, options.nodes)
            paths = streams(asker, watched)
        at_once = options.decipher_at_once
        with (
            beside(watch, server.place, paths, at_once=at_once) as watching,
            beside(write, server.place, traffic, **load) as writing,
        ):
            say("opening watches")
            answer(watching)
            answer(writing)
            say(f"writing for {options.seconds:g} s")
            begin, before, stolen_before = time.monotonic(), server.cpu(), stolen()
            writing.send("begin")
            written: Written = answer(writing, load["seconds"] + _PATIENCE)
            took = time.monotonic() - begin
            stolen_s = stolen() - stolen_before
            computed = [round(100 * (now - was) / took) for was, now in zip(before, server.cpu(), strict=True)]
            watching.send("end")
            seen: Seen = answer(watching)
            resident = server.resident()
    from_ns = int((begin + WARM_UP) * 1e9)
    return {
        "watches": len(watched),
        "offered_per_s": options.rate,
        "writes_per_s": round(len(written.sent) / took, 1),
        "refused": written.refused,
        **({"first_refusal": written.why} if written.refused else {}),
        **_times("answered", written.sent, written.took, from_ns),
        **_times("seen", seen.sent, [at - sent for sent, at in zip(seen.sent, seen.seen, strict=True)], from_ns),
        "events_per_s": round(len(seen.sent) / took),
        "events_per_write": round(len(seen.sent) / len(written.sent), 1),
        "lost": lost(watched, written.accepted, seen.by_watch),
        "server_cpu_percent": computed[0],
        "connections_cpu_percent": sum(computed[1:]),
        "watches_cpu_percent": round(100 * seen.cpu_s / took),
        "writes_cpu_percent": round(100 * written.cpu_s / took),
        "stolen_percent": round(100 * stolen_s / took / (os.cpu_count() or 1), 1),
        "server_rss_mb": round(resident, 1),
    }


def stolen() -> float:
    """Seconds that the machine's cores were kept from computing by its host, all together (proc(5), `steal`)."""
    words = Path("/proc/stat").read_text().splitlines()[0].split()
    return int(words[8]) / os.sysconf("SC_CLK_TCK")


def lost(
    watched: Sequence[Watched], accepted: Mapping[tuple[str, str], Sequence[int]], seen: Sequence[Sequence[int]]
) -> int:
    """How many events are missing, or came twice: what each watch should have seen, against what it saw.

    `accepted` is when what was written had been sent, by where it is seen and by name; `seen` the same for each watch.
    """
    due = {one: Counter(_due(one, accepted)) for one in set(watched)}
    wrong = 0
    for one, marks in zip(watched, seen, strict=True):
        found = Counter(marks)
        wrong += (due[one] - found).total() + (found - due[one]).total()
    return wrong


def _due(one: Watched, accepted: Mapping[tuple[str, str], Sequence[int]]) -> Iterator[int]:
    return (at for (where, name), sent in accepted.items() if one.sees(where, name) for at in sent)


def _times(name: str, sent: Sequence[int], took: Sequence[int], from_ns: int) -> dict[str, float]:
    cuts = statistics.quantiles([one / 1e6 for at, one in zip(sent, took, strict=True) if at >= from_ns], n=100)
    return {f"{name}_p50_ms": round(cuts[49], 2), f"{name}_p99_ms": round(cuts[98], 2)}


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.add_argument("--rate", type=float, default=1000, help="writes a second; 0: as fast as answers come")
    parser.add_argument("--seconds", type=float, default=10, help="how long, after a second to warm up")
    parser.add_argument("--nodes", type=int, default=cluster.NODES, help="nodes of the cluster, with 10 watches each")
    parser.add_argument("--decipher-at-once", action="store_true", help="decipher each event as it comes, not later")
    parser.add_argument("--all-see-all", action="store_true", help="all watches see every write")
    options = parser.parse_args()
    tell(measure(options).items(), as_json=options.json)


if __name__ == "__main__":
    main()
