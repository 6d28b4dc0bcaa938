"""A log that is verified in parts: what is told must be what one fold of the whole log tells."""

import os
import signal
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import cycle
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from porter.cli import main
from porter.events.entries import (
    AgentStarted,
    AssignmentDecided,
    EndpointsObserved,
    Observed,
    Recorded,
    ServiceObserved,
)
from porter.events.log import EventLog
from porter.events.retention import Retention
from porter.events.sources import open_source
from porter.model.names import NodeName
from porter.reconciler.fold import Reconciler
from porter.reconciler.resuming import packed
from porter.replay.compacting import compact_log
from porter.replay.moments import Moment
from porter.replay.parts import cut
from porter.replay.reading import installed_rules
from porter.replay.refold import Difference
from porter.replay.verifying import Verification
from tests.replay.recording import ADDRESS, BEGIN, POOL, log_at, recorded
from tests.worlds import endpoints, nodes, observed, published, relisted, service

MOVES = 140
AT = (149, 260, 371)
"""Entries that snapshots follow: each the last of what one observation has led to."""


def wandering() -> Iterator[Observed]:
    """The one endpoint of a Service moves on, and its address after it."""
    yield AgentStarted(node=NodeName("node1"), porter="1", schema="1")
    yield from map(observed, nodes(3))
    yield observed(POOL)
    yield from relisted()
    plain = service("default/web", policy="Local")
    yield ServiceObserved(service=plain)
    for _, node in zip(range(MOVES), cycle(["node1", "node2", "node3"]), strict=False):
        yield EndpointsObserved(endpoints=endpoints("default/web", node))
        yield ServiceObserved(service=published(plain, ADDRESS, node=node))


def stored(path: Path, at: Sequence[int], records: Sequence[Recorded] = (), *, but: int = 0) -> Path:
    """Store the states after these entries in a log; in all of them what entry number `but` tells is not known."""
    records = records or recorded(wandering())
    with EventLog.open(str(path), stream="node1") as log:
        for seq in at:
            reconciler = Reconciler(installed_rules())
            reconciler.fold_all(record for record in records[:seq] if record.seq != but)
            log.store_snapshot(packed(reconciler.snapshot(), seq=seq, at=records[seq - 1].at))
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    records = recorded(wandering())
    assert len(records) > AT[-1] + 50
    assert not any(isinstance(records[seq].entry, AssignmentDecided) for seq in AT)
    return stored(log_at(tmp_path / "porter.db", records), AT)


def alter(path: Path, *seqs: int) -> None:
    """Have decisions in the log name another node than was chosen."""
    with sqlite3.connect(path) as connection:
        for seq in seqs:
            done = connection.execute(
                'UPDATE entry SET body = replace(body, \'"nodes":["node\', \'"nodes":["other\') WHERE seq = ?', (seq,)
            )
            assert done.rowcount == 1
    connection.close()


def decisions(path: Path, after: int, until: int) -> list[int]:
    with open_source(str(path)) as source:
        return [one.seq for one in source.read(after, until) if isinstance(one.entry, AssignmentDecided)]


def verified(path: Path, jobs: int, moment: Moment | None = None) -> tuple[list[Difference], int, int]:
    """Return the differences, how many entries were folded in this process, and the last one that was read."""
    with open_source(str(path)) as source, Verification(source, moment, jobs=jobs) as verification:
        assert verification.jobs == jobs
        return list(verification.differences()), verification._own, verification.seq


def test_each_part_is_folded_once_and_elsewhere_but_for_the_first(log: Path) -> None:
    whole, folded, last = verified(log, 1)
    assert (whole, folded) == ([], last)

    assert verified(log, 2) == ([], AT[1], last)
    assert verified(log, 4) == ([], AT[0], last)


def test_differences_are_told_as_by_one_fold(log: Path) -> None:
    last = verified(log, 1)[2]
    found = decisions(log, 100, last)
    changed = [next(seq for seq in found if seq > bound) for bound in (100, *AT)]
    alter(log, *changed)

    whole, _, _ = verified(log, 1)
    assert [one.cause for one in whole] == [seq - 1 for seq in changed]
    assert verified(log, 4) == (whole, AT[0], last)
    # Nothing of what is left is told from before a moment either.
    for until in (changed[-1] - 1, changed[-1]):
        assert verified(log, 2, Moment(seq=until))[::2] == verified(log, 1, Moment(seq=until))[::2], until


@pytest.mark.parametrize("unknown", ["an older move", "the last move"])
def test_a_snapshot_of_another_state_is_not_believed(log: Path, unknown: str) -> None:
    """What was folded behind one is folded again, and the part after it as well, by the state that there really was."""
    last = verified(log, 1)[2]
    with open_source(str(log)) as source:
        moves = [one.seq for one in source.read(until=AT[1]) if isinstance(one.entry, EndpointsObserved)]
    but = moves[-1] if unknown == "the last move" else moves[-2]
    stored(log, AT[1:2], but=but)

    differences, folded, seq = verified(log, 4)
    assert (differences, seq) == ([], last)
    believed = unknown == "an older move"  # the next one says it all
    assert folded == (AT[0] if believed else AT[0] + AT[2] - AT[1])


def test_what_a_bound_tears_apart_is_held_together(tmp_path: Path) -> None:
    """A snapshot between an observation and what it leads to, which no agent stores."""
    path = log_at(tmp_path / "porter.db", recorded(wandering()))
    found = decisions(path, 100, 300)
    torn = stored(path, [found[0] - 1, found[20] - 1])

    assert verified(torn, 1)[0] == []
    assert verified(torn, 3) == ([], verified(torn, 1)[2], verified(torn, 1)[2])

    alter(torn, found[0], found[20])
    whole = verified(torn, 1)[0]
    assert len(whole) == 2
    assert verified(torn, 3)[0] == whole


def test_what_the_record_lacks_at_a_bound_is_told(tmp_path: Path) -> None:
    """A snapshot behind an observation that led to nothing then, and leads to a decision now; before it another."""
    whole_life = recorded(wandering())
    lacking = next(one.seq for one in whole_life[260:] if isinstance(one.entry, AssignmentDecided))
    kept = [one for one in whole_life if one.seq != lacking]
    records = [Recorded(seq, one.at, one.entry) for seq, one in enumerate(kept, 1)]
    path = stored(log_at(tmp_path / "porter.db", records), [AT[0], lacking - 1], records)

    whole, _, last = verified(path, 1)
    assert (lacking - 1, None) in [(one.cause, one.recorded) for one in whole]
    assert verified(path, 3) == (whole, last, last)
    with open_source(str(path)) as source, Verification(source, jobs=2) as verification:  # of which is the first part
        assert list(verification.differences()) == whole


@pytest.mark.parametrize(
    "bounds",
    [
        pytest.param(AT[1:2], id="the cause in the first part"),
        pytest.param(AT[:2], id="the cause in a part that was folded elsewhere"),
        pytest.param((AT[1] - 1, AT[1]), id="between them a part without decisions"),
    ],
)
def test_a_decision_that_this_version_does_not_take_is_told_with_the_time_of_its_cause(
    log: Path, bounds: Sequence[int]
) -> None:
    """The record has one more behind the last bound, which names a cause before it."""
    with open_source(str(log)) as source:
        records = list(source.read())
    more = records[found := decisions(log, 0, AT[1])[-1] - 1]
    assert records[AT[1]].seq == AT[1] + 1 > found
    assert isinstance(records[AT[1] - 1].entry, ServiceObserved)
    whole_life = [*records[: AT[1]], more, *records[AT[1] :]]
    late = [Recorded(seq, one.at, one.entry) for seq, one in enumerate(whole_life, 1)]
    path = log_at(log.with_name("late.db"), late)
    stored(path, bounds, late)

    whole = verified(path, 1)[0]
    assert whole
    assert whole[0].cause <= AT[1]
    assert whole[0].at == records[whole[0].cause - 1].at != more.at
    assert verified(path, len(bounds) + 1)[0] == whole


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE entry SET body = '{' WHERE seq = 300",
        "DELETE FROM entry WHERE seq = 300",
        "UPDATE entry SET version = 99 WHERE seq = 300",
    ],
)
def test_damage_in_a_part_is_told_as_ever(capsys: pytest.CaptureFixture[str], log: Path, damage: str) -> None:
    with sqlite3.connect(log) as connection:
        connection.execute(damage)
    connection.close()

    told = []
    for jobs in ("1", "2"):
        assert main(["replay", str(log), "--verify", "--jobs", jobs]) != 0
        told.append(capsys.readouterr())
    assert told[0] == told[1]
    assert "300" in told[0].err or "299" in told[0].err


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE snapshot SET state = x'00'",
        "UPDATE snapshot SET format = 99",
        "UPDATE snapshot SET seq = seq + 1",
        "DELETE FROM snapshot",
    ],
)
def test_snapshots_that_cannot_be_read_only_cost_time(
    capsys: pytest.CaptureFixture[str], log: Path, damage: str
) -> None:
    with sqlite3.connect(log) as connection:
        connection.execute(damage)
    connection.close()

    assert main(["replay", str(log), "--verify", "--jobs", "2"]) == 0
    assert capsys.readouterr().out.endswith("entries replayed: this version decides the same.\n")


def test_a_helper_that_is_killed_leaves_its_part_to_this_process(log: Path) -> None:
    with open_source(str(log)) as source, Verification(source, jobs=2) as verification:
        verification._helpers[0].close()
        assert list(verification.differences()) == []
        assert verification._own == verification.seq == source.last_seq


def test_a_helper_that_cannot_be_started_leaves_its_part_to_this_process(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_process: BaseProcess) -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(BaseProcess, "start", refuse)
    assert verified(log, 4) == ([], verified(log, 1)[2], verified(log, 1)[2])


def test_ctrl_c_is_for_who_asked(log: Path) -> None:
    """A terminal sends it to the helpers as well, which may have just begun."""
    with open_source(str(log)) as source, Verification(source, jobs=2) as verification:
        (helper,) = verification._helpers
        assert helper._process.pid is not None
        os.kill(helper._process.pid, signal.SIGINT)
        assert list(verification.differences()) == []
        assert helper.folded is not None


def test_who_stops_listening_leaves_no_process_behind(log: Path) -> None:
    with open_source(str(log)) as source, Verification(source, jobs=4) as verification:
        helpers = [helper._process for helper in verification._helpers]
    assert len(helpers) == 3
    assert not any(helper.is_alive() for helper in helpers)


def test_progress_goes_from_nothing_to_all(log: Path) -> None:
    seen: list[int] = []
    with open_source(str(log)) as source, Verification(source, jobs=2, progress=seen.append, step=20) as verification:
        assert list(verification.differences()) == []
        assert seen
        assert seen == sorted(seen)
        assert 0 < seen[0] < seen[-1] <= source.last_seq


def test_progress_of_a_compacted_log_begins_behind_what_was_taken_out(log: Path) -> None:
    with EventLog.open(str(log), stream="node1") as writer:
        compact_log(writer, installed_rules(), Retention(age=timedelta(minutes=2)), BEGIN + timedelta(seconds=440))
    seen: list[int] = []
    with open_source(str(log)) as source, Verification(source, jobs=1, progress=seen.append, step=20) as verification:
        assert list(verification.differences()) == []
        assert 100 < verification.after < seen[0] < seen[-1] <= source.last_seq


def test_many_processors_do_not_take_all_the_memory(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(log, range(50, 400, 50))
    monkeypatch.setattr("os.sched_getaffinity", lambda _process: set(range(64)))
    with open_source(str(log)) as source, Verification(source, fewest=20) as verification:
        assert verification.jobs == 4


def test_a_redacted_log_is_folded_in_one_piece(capsys: pytest.CaptureFixture[str], log: Path, tmp_path: Path) -> None:
    exported, again = str(tmp_path / "redacted.jsonl"), tmp_path / "again.db"
    assert main(["log", "export", exported, "--event-log", str(log), "--redact"]) == 0
    assert main(["log", "import", exported, "--event-log", str(again)]) == 0
    capsys.readouterr()

    with open_source(str(again)) as source, Verification(source, jobs=4) as verification:
        assert verification.jobs == 1
        assert list(verification.differences()) == []


def test_a_moment_of_the_clock_is_looked_for_in_one_piece(log: Path) -> None:
    with open_source(str(log)) as source:
        (at,) = (one.at for one in source.read(299, 300))
        with Verification(source, Moment(at=at), jobs=4) as verification:
            assert (verification.jobs, list(verification.differences()), verification.seq) == (1, [], 300)


def test_a_short_log_has_one_part(log: Path) -> None:
    with open_source(str(log)) as source, Verification(source) as verification:
        assert verification.jobs == 1


def test_what_was_taken_out_is_not_compared_by_any_part(tmp_path: Path) -> None:
    records = recorded(wandering())
    path = log_at(tmp_path / "porter.db", records[: AT[0]])
    with EventLog.open(str(path), stream="node1") as log:
        compact_log(log, installed_rules(), Retention(age=timedelta(0)), records[-1].at)
        log.append(records[AT[0] :])
        begin = log.whole_after
    assert 100 < begin <= AT[0]
    stored(path, AT[1:])
    alter(path, decisions(path, AT[0], AT[1])[0], decisions(path, AT[2], len(records))[0])

    whole, folded, last = verified(path, 1)
    assert len(whole) == 2
    assert folded == last - AT[0]
    assert verified(path, 3) == (whole, AT[1] - AT[0], last)


@pytest.mark.parametrize(
    ("seqs", "after", "count", "chosen"),
    [
        ([], 0, 4, []),
        ([10, 20, 30, 40, 50, 60, 70, 80, 90], 0, 2, [50]),
        ([10, 20, 30, 40, 50, 60, 70, 80, 90], 0, 4, [20, 50, 70]),
        ([10, 20, 30, 40, 50, 60, 70, 80, 90], 40, 2, [70]),
        ([7], 0, 4, [7]),
        ([0, 100, 170], 0, 2, []),
        ([90, 10], 0, 3, [10, 90]),
    ],
)
def test_a_log_is_cut_where_its_snapshots_make_equal_parts(
    seqs: list[int], after: int, count: int, chosen: list[int]
) -> None:
    assert list(cut(seqs, after, 100, count)) == chosen


def test_jobs_are_asked_for_with_verify_only(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    assert main(["replay", str(log), "--jobs", "2"]) == 2
    assert "--jobs goes with --verify" in capsys.readouterr().err
