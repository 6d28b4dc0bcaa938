"""One reading of a log, in a process that imports nothing but what it needs: a part of benchmarks.replay.

python -m benchmarks.replay_reading bare|read|replay LOG
"""

import argparse
import json
import resource
import sqlite3
import time
from pathlib import Path
from typing import Any

from porter.cli.collector import collect_seldom
from porter.events.codec import decode
from porter.events.sources import open_source
from porter.replay.verifying import Verification


def decode_bare(path: Path) -> dict[str, Any]:
    """Read and decode every row, and nothing else."""
    connection = sqlite3.connect(path)
    begin, cpu = time.perf_counter(), time.process_time()
    for kind, version, body in connection.execute("SELECT kind, version, body FROM entry ORDER BY stream, seq"):
        decode(kind, version, body)
    found = {"bare_decode_s": _since(begin), "bare_decode_cpu_s": round(time.process_time() - cpu, 3)}
    connection.close()
    return found


def read(path: Path) -> dict[str, Any]:
    """Read the log as a replay does, and do nothing with its entries."""
    begin = time.perf_counter()
    with open_source(str(path)) as source:
        for _ in source.read():
            pass
    return {"read_s": _since(begin)}


def replay(path: Path) -> dict[str, Any]:
    """Fold the whole log and hold it against the decisions recorded, as `porter replay --verify` does."""
    begin, cpu = time.perf_counter(), time.process_time()
    with open_source(str(path)) as source, Verification(source) as verification:
        differences = sum(1 for _ in verification.differences())
        helpers = verification.jobs - 1
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "replay_s": _since(begin),
        "replay_cpu_s": round(time.process_time() - cpu + others.ru_utime + others.ru_stime, 3),
        "jobs": verification.jobs,
        "differences": differences,
        "rss_mb": round((own.ru_maxrss + helpers * others.ru_maxrss) / 1000, 1),  # Linux counts in KiB
    }


def _since(begin: float) -> float:
    return round(time.perf_counter() - begin, 3)


def main() -> None:
    """Read, and print what it took as JSON."""
    readings = {"bare": decode_bare, "read": read, "replay": replay}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("how", choices=readings)
    parser.add_argument("log", type=Path)
    options = parser.parse_args()
    collect_seldom()  # as every command does
    print(json.dumps(readings[options.how](options.log)))


if __name__ == "__main__":
    main()
