"""How fast a log is replayed: `python -m benchmarks.replay [--entries N] [--json]`.

The log is a made-up life of a cluster (benchmarks.cluster_life) in SQLite, appended as an agent appends it, with its
snapshots. What is read is read in processes of their own, so that their memory is that of a replay and of nothing else.
A long log is verified in parts on all processors, as the command does: `ratio` is of the times, `ratio_cpu` of the
processor time of all parts together.
"""

import argparse
import json
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.cluster_life import BEGIN, HERE, ClusterLife
from benchmarks.telling import tell
from porter.agent.starting import state_of
from porter.agent.upkeep import EVERY
from porter.cli.collector import collect_seldom
from porter.events.codec import decode, is_observed
from porter.events.entries import LeaderObserved, Recorded
from porter.events.log import EventLog
from porter.events.sources import open_source
from porter.reconciler.fold import Reconciler
from porter.reconciler.resuming import packed
from porter.replay.reading import installed_rules
from porter.replay.verifying import Verification

BATCH = 500
SINGLE = 300
FEW = 100_000
"""Entries of the shorter log: twice as long, a replay must need no more memory."""
TAIL = 5_000
"""Entries behind a snapshot."""


def write(path: Path, entries: int) -> dict[str, Any]:
    """Write a log, with snapshots as an agent stores them; return how fast it was appended, durable, in batches."""
    spent, life, stored = 0.0, ClusterLife(), 0
    with EventLog.open(str(path), stream=HERE, migrate=True) as log:
        for batch in batches(life.entries(entries)):
            begin = time.perf_counter()
            log.append(batch)
            spent += time.perf_counter() - begin
            if stored + EVERY <= log.last_seq < entries - EVERY:
                stored = log.last_seq
                log.store_snapshot(packed(life.snapshot(), seq=stored, at=batch[-1].at))
    return {
        "entries": entries,
        "append_per_s": round(entries / spent),
        "log_bytes_per_entry": round(path.stat().st_size / entries),
    }


def batches(life: Iterable[Recorded]) -> Iterator[list[Recorded]]:
    """Part a life where everything that follows from what was observed is told, as an agent does."""
    batch: list[Recorded] = []
    for record in life:
        if len(batch) >= BATCH and is_observed(record.entry):
            yield batch
            batch = []
        batch.append(record)
    yield batch


def append_singly(path: Path) -> float:
    """Return the 99th percentile of one durable append, in milliseconds, on a log that is there."""
    times = []
    with EventLog.open(str(path), stream=HERE, migrate=True) as log:
        first = log.last_seq + 1
        for seq in range(first, first + SINGLE):
            begin = time.perf_counter()
            log.append([Recorded(seq, BEGIN, LeaderObserved(holder=HERE))])
            times.append((time.perf_counter() - begin) * 1000)
    return round(statistics.quantiles(times, n=100)[98], 2)


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


def snapshot(path: Path) -> dict[str, Any]:
    """Store the state before the last entries of a log in it, as an agent does."""
    with open_source(str(path)) as source:
        last = source.last_seq - TAIL
        reconciler = Reconciler(installed_rules())
        reconciler.fold_all(source.read(until=last))
        (at,) = (record.at for record in source.read(last - 1, last))
    stored = packed(reconciler.snapshot(), seq=last, at=at)
    with EventLog.open(str(path), stream=HERE) as log:
        log.store_snapshot(stored)
    return {"snapshot_mb": round(len(stored.state) / 1e6, 2)}


def start_from_snapshot(path: Path) -> dict[str, Any]:
    """Start as an agent does: take up the state that was stored, and fold what came after it; seconds."""
    rules = installed_rules()
    begin = time.perf_counter()
    with EventLog.open(str(path), stream=HERE, migrate=True) as log:
        _, seq = state_of(log, rules)
        assert seq == log.last_seq - TAIL
    return {"start_from_snapshot_s": _since(begin)}


def _since(begin: float) -> float:
    return round(time.perf_counter() - begin, 3)


def apart(*what: str) -> dict[str, Any]:
    """Run a part of this module in a process of its own."""
    ran = subprocess.run([sys.executable, "-m", __spec__.name, *what], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def measure(folder: Path, entries: int) -> Iterator[tuple[str, Any]]:
    """Yield every figure; times are seconds, memory is MB."""
    few, many = folder / "few.db", folder / "many.db"
    write(few, min(FEW, entries))
    yield from write(many, entries).items()
    yield "rss_mb_100k", apart("--replay", str(few))["rss_mb"]
    before, replayed, after = (apart(part, str(many)) for part in ("--bare", "--replay", "--bare"))
    yield from replayed.items()
    yield "entries_per_s", round(entries / replayed["replay_s"])
    yield from apart("--read", str(many)).items()
    bare = {name: min(before[name], after[name]) for name in before}  # the machine's noise only adds
    yield from bare.items()
    yield "ratio", round(replayed["replay_s"] / bare["bare_decode_s"], 2)
    yield "ratio_cpu", round(replayed["replay_cpu_s"] / bare["bare_decode_cpu_s"], 2)
    yield from apart("--snapshot", str(many)).items()
    yield from apart("--start", str(many)).items()
    yield "append_p99_ms", append_singly(many)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    for part in ("--replay", "--bare", "--read", "--snapshot", "--start"):
        parser.add_argument(part, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    collect_seldom()  # as every command does
    if options.replay:
        print(json.dumps(replay(options.replay)))
    elif options.bare:
        print(json.dumps(decode_bare(options.bare)))
    elif options.read:
        print(json.dumps(read(options.read)))
    elif options.snapshot:
        print(json.dumps(snapshot(options.snapshot)))
    elif options.start:
        print(json.dumps(start_from_snapshot(options.start)))
    else:
        with tempfile.TemporaryDirectory(prefix="porter-benchmark-") as folder:
            tell(measure(Path(folder), options.entries), as_json=options.json)


if __name__ == "__main__":
    main()
