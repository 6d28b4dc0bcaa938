"""The one writer of the log when the log refuses, hangs, or is written by another."""

import asyncio
import resource
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from porter.agent.recorder import Recorder
from porter.events.entries import LogResumed, NodeGone, Recorded
from porter.events.log import EventLog
from porter.model.names import NodeName

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def gone(number: int) -> NodeGone:
    return NodeGone(node=NodeName(f"node{number}"))


def recorded(path: Path) -> list[tuple[int, Any]]:
    with EventLog.open(str(path), read_only=True) as log:
        return [(one.seq, one.entry) for one in log.read()]


@contextmanager
def full_disk(path: Path) -> Iterator[None]:
    """Let no file of this process grow beyond the log's present size, as a full disk would."""
    was = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name(path.name + "-wal").stat().st_size, was[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, was)
        signal.signal(signal.SIGXFSZ, handler)


def test_entries_come_back_in_order_without_a_gap_after_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "porter.db"

    async def main() -> str | None:
        with EventLog.open(str(path), stream="node1", migrate=True) as log:
            recorder = Recorder(log, lambda: NOW)
            running = asyncio.create_task(recorder.run())
            recorder.add(gone(1))
            await recorder.flushed()
            with full_disk(path):
                for number in range(2, 200):
                    recorder.add(gone(number))
                await recorder.flushed()
                problem = recorder.problem
                assert recorder.behind == 198
            recorder.add(gone(200))
            while recorder.behind or recorder.problem:  # noqa: ASYNC110 - it has no event for it
                await asyncio.sleep(0.02)
            running.cancel()
            await recorder.close()
            return problem

    problem = asyncio.run(main())
    assert problem is not None
    assert "disk" in problem
    *entries, (last, resumed) = recorded(path)
    assert entries == [(number, gone(number)) for number in range(1, 201)]
    assert (last, resumed) == (201, LogResumed(problem=problem, seconds=resumed.seconds))


def test_nobody_waits_for_a_log_that_is_known_to_hang(tmp_path: Path) -> None:
    path = tmp_path / "porter.db"

    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        with EventLog.open(str(path), stream="node1", migrate=True) as log:
            recorder = Recorder(log, lambda: NOW)
            running = asyncio.create_task(recorder.run())
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            waits = []
            for number in (1, 2):
                recorder.add(gone(number))
                began = loop.time()
                await recorder.flushed()
                waits.append(loop.time() - began)
            other.close()
            while recorder.behind:  # noqa: ASYNC110 - it has no event for it
                await asyncio.sleep(0.02)
            running.cancel()
            await recorder.close()
            return waits

    first, second = asyncio.run(main())
    assert 1.5 < first < 4
    assert second < 0.5
    *entries, (_, resumed) = recorded(path)
    assert entries == [(1, gone(1)), (2, gone(2))]
    assert resumed.problem == "it has not answered for 2 s"
    assert resumed.seconds > 0


def test_another_writers_entries_are_never_taken_for_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "porter.db"

    async def main() -> tuple[str | None, int]:
        with EventLog.open(str(path), stream="node1", migrate=True) as log:
            recorder = Recorder(log, lambda: NOW)
            running = asyncio.create_task(recorder.run())
            assert log.last_seq == 0
            with EventLog.open(str(path), stream="node1", migrate=True) as rival:
                rival.append([Recorded(1, NOW, gone(7)), Recorded(2, NOW, gone(8))])
            recorder.add(gone(1))
            await recorder.flushed()
            await asyncio.sleep(1.5)  # it has tried again
            running.cancel()
            await recorder.close()
            return recorder.problem, recorder.behind

    problem, behind = asyncio.run(main())
    assert problem is not None
    assert "another agent writes to the same stream" in problem
    assert behind == 1
    assert recorded(path) == [(1, gone(7)), (2, gone(8))]


def test_a_burst_costs_few_commits_though_somebody_waits_for_each_entry(tmp_path: Path) -> None:
    entries = 20

    async def main() -> float:
        loop = asyncio.get_running_loop()
        with EventLog.open(str(tmp_path / "porter.db"), stream="node1", migrate=True) as log:
            recorder = Recorder(log, lambda: NOW)
            running = asyncio.create_task(recorder.run())
            begin = loop.time()
            for number in range(entries):
                recorder.add(gone(number))
                await recorder.flushed()
            seconds = loop.time() - begin
            running.cancel()
            await recorder.close()
            return seconds

    seconds = asyncio.run(main())
    assert seconds > (entries - 1) * 0.024, "forty in a second, however fast the disk is"
    assert len(recorded(tmp_path / "porter.db")) == entries
