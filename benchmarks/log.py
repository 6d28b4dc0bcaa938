"""How fast the log is: `python -m benchmarks.log [--entries N] [--url URL] [--json]`.

It appends in batches and one by one, each durable, and reads everything back.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.telling import tell
from porter.events.entries import EndpointsObserved, Recorded
from porter.events.log import EventLog
from porter.model.names import NodeName
from porter.model.objects import Endpoints

BATCH = 500
SINGLE = 200
_BEGIN = datetime(2026, 11, 21, 10, tzinfo=UTC)


def entries(first: int, last: int) -> Iterator[Recorded]:
    """Endpoint changes of 2,000 Services over 50 nodes: what most of a log is."""
    for seq in range(first, last + 1):
        name = f"web-{seq % 2000}"
        nodes = (NodeName(f"node{seq % 50}"), NodeName(f"node{(seq + 7) % 50}"))
        slice_ = Endpoints(namespace="default", name=f"{name}-x2k4d", service=name, ready=nodes)
        yield Recorded(seq, _BEGIN + timedelta(milliseconds=seq), EndpointsObserved(endpoints=slice_))


def measure(url: str, count: int) -> dict[str, float]:
    """Return the numbers of a log of `count` entries at an empty place."""
    with EventLog.open(url, stream="benchmark", migrate=True) as log:
        batches = [list(entries(first, min(first + BATCH - 1, count))) for first in range(1, count + 1, BATCH)]
        started = time.perf_counter()
        for batch in batches:
            log.append(batch)
        batched = time.perf_counter() - started
        single = []
        for recorded in entries(count + 1, count + SINGLE):
            started = time.perf_counter()
            log.append([recorded])
            single.append(time.perf_counter() - started)
        started = time.perf_counter()
        read = sum(1 for _ in log.read())
        reading = time.perf_counter() - started
    return {
        "entries": count,
        "append_per_s": round(count / batched),
        "append_p50_ms": round(statistics.median(single) * 1000, 2),
        "append_p99_ms": round(statistics.quantiles(single, n=100)[98] * 1000, 2),
        "read_per_s": round(read / reading),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=300_000)
    parser.add_argument("--url", help="an empty place; without it, an SQLite file in a temporary directory")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="porter-benchmark-") as folder:
        found = measure(options.url or str(Path(folder) / "porter.db"), options.entries)
    tell(found.items(), as_json=options.json)


if __name__ == "__main__":
    main()
