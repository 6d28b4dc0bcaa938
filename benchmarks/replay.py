"""How fast a log is replayed: `python -m benchmarks.replay [--entries N] [--json]`.

The log is a made-up life of a cluster (benchmarks.cluster_life) in SQLite, appended as an agent appends it, with its
snapshots. What is read is read in processes of their own (benchmarks.replay_reading), so that their memory is that of a
replay and of nothing else.
A long log is verified in parts on all processors, as the command does: `ratio` is of the times, `ratio_cpu` of the
processor time of all parts together. `command_start_s` is the whole command `porter replay` on a log of 100 entries.
"""

import argparse
import json
import os
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
from porter.events.codec import is_observed
from porter.events.entries import LeaderObserved, Recorded
from porter.events.log import EventLog
from porter.events.sources import open_source
from porter.reconciler.fold import Reconciler
from porter.reconciler.resuming import packed
from porter.replay.reading import installed_rules

BATCH = 500
SINGLE = 300
FEW = 100_000
"""Entries of a shorter log: twice as long, a replay must need no more memory."""
SMALL = 100
TAIL = 5_000
"""Entries behind a snapshot."""
READING = "benchmarks.replay_reading"
STARTS = 15


def write(path: Path, entries: int, life: ClusterLife | None = None) -> dict[str, Any]:
    """Write a log, with snapshots as an agent stores them; return how fast it was appended, durable, in batches."""
    spent, stored = 0.0, 0
    life = life or ClusterLife()
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


def start_of_command(path: Path) -> float:
    """Return how long `porter replay` takes to tell the story of a small log; the median of some runs, in seconds.

    With the bytecode that an installed package has beside its modules; a first run writes it, aside.
    """
    times = []
    with tempfile.TemporaryDirectory(prefix="porter-benchmark-") as bytecode:
        environment = dict(os.environ, PYTHONPYCACHEPREFIX=bytecode)
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for _ in range(STARTS + 1):
            begin = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "porter", "replay", str(path)],
                check=True,
                stdout=subprocess.DEVNULL,
                env=environment,
            )
            times.append(_since(begin))
    return statistics.median(times[1:])


def _since(begin: float) -> float:
    return round(time.perf_counter() - begin, 3)


def apart(module: str, *what: str) -> dict[str, Any]:
    """Run a part of a module in a process of its own."""
    ran = subprocess.run([sys.executable, "-m", module, *what], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def measure(folder: Path, entries: int) -> Iterator[tuple[str, Any]]:
    """Yield every figure; times are seconds, memory is MB."""
    small, few, many = folder / "small.db", folder / "few.db", folder / "many.db"
    write(small, SMALL, ClusterLife(services=10, nodes=3))
    yield "command_start_s", start_of_command(small)
    write(few, min(FEW, entries))
    yield from write(many, entries).items()
    yield "rss_mb_100k", apart(READING, "replay", str(few))["rss_mb"]
    before, replayed, after = (apart(READING, part, str(many)) for part in ("bare", "replay", "bare"))
    yield from replayed.items()
    yield "entries_per_s", round(entries / replayed["replay_s"])
    yield from apart(READING, "read", str(many)).items()
    bare = {name: min(before[name], after[name]) for name in before}  # the machine's noise only adds
    yield from bare.items()
    yield "ratio", round(replayed["replay_s"] / bare["bare_decode_s"], 2)
    yield "ratio_cpu", round(replayed["replay_cpu_s"] / bare["bare_decode_cpu_s"], 2)
    yield from apart(__spec__.name, "--snapshot", str(many)).items()
    yield from apart(__spec__.name, "--start", str(many)).items()
    yield "append_p99_ms", append_singly(many)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    for part in ("--snapshot", "--start"):
        parser.add_argument(part, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    collect_seldom()  # as every command does
    if options.snapshot:
        print(json.dumps(snapshot(options.snapshot)))
    elif options.start:
        print(json.dumps(start_from_snapshot(options.start)))
    else:
        with tempfile.TemporaryDirectory(prefix="porter-benchmark-") as folder:
            tell(measure(Path(folder), options.entries), as_json=options.json)


if __name__ == "__main__":
    main()
