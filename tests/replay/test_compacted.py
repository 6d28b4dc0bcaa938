"""A log whose beginning compaction has taken out: what is left of its story is told, and the fold goes on from a snapshot."""

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from porter.cli import main
from porter.events.entries import EndpointsObserved, Observed, Recorded
from porter.events.errors import CompactedLogError
from porter.events.export import write_file
from porter.events.log import EventLog
from porter.events.retention import Retention
from porter.events.sources import open_source
from porter.reconciler.fold import Reconciler
from porter.reconciler.resuming import packed
from porter.replay.compacting import compact_log
from porter.replay.reading import installed_rules
from porter.replay.verifying import Verification
from tests.replay.recording import ADDRESS, BEGIN, WEB, a_life_of_a_service, log_at, recorded
from tests.worlds import endpoints

LOST = 21
"""The decision that node2 takes over from node1."""


def _noise() -> list[Observed]:
    return [EndpointsObserved(endpoints=endpoints(WEB, "node1", "node2")) for _ in range(5)]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """The life of a Service but for its end, and some noise."""
    return log_at(tmp_path / "whole.db", recorded([*a_life_of_a_service()[:-1], *_noise()]))


@pytest.fixture
def compacted(tmp_path: Path) -> Path:
    """The same log, compacted by an age that keeps no observation of what the snapshot knows."""
    path = log_at(tmp_path / "compacted.db", recorded([*a_life_of_a_service()[:-1], *_noise()]))
    with EventLog.open(str(path), stream="node1") as log:
        done = compact_log(log, installed_rules(), Retention(age=timedelta(0)), BEGIN + timedelta(hours=1))
        assert done.entries < done.entries_before
        assert log.whole_after > 0
        log.append(recorded([*a_life_of_a_service()[:-1], *_noise(), *a_life_of_a_service()[-1:]])[-2:])
    return path


def story(capsys: pytest.CaptureFixture[str], log: Path, *options: str, code: int = 0) -> dict[str, Any]:
    assert main(["replay", str(log), "--format", "json", *options]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_its_story_is_the_recorded_one_with_the_observations_that_are_left(
    capsys: pytest.CaptureFixture[str],
    whole: Path,
    compacted: Path,
) -> None:
    before, after = story(capsys, whole), story(capsys, compacted)

    kept = [{**one, "applied": []} for one in before["timeline"]]
    assert [{**one, "applied": []} for one in after["timeline"]][: len(kept)] == kept
    assert after["timeline"][-1]["what"] == "ended"
    assert after["differences"] == []


def test_it_verifies(capsys: pytest.CaptureFixture[str], compacted: Path) -> None:
    assert main(["replay", str(compacted), "--verify"]) == 0

    with EventLog.open(str(compacted), read_only=True) as log:
        (snapshot,), last = log.snapshots(), log.last_seq
    assert capsys.readouterr().out == (
        f"{last - snapshot.seq} entries replayed: this version decides the same. "
        f"What led to entry {snapshot.seq} was taken out and is not compared.\n"
    )

    assert main(["replay", str(compacted), "--verify", "--until", str(snapshot.seq)]) == 0

    assert capsys.readouterr().out.startswith("Nothing was compared: ")

    assert story(capsys, compacted, "--verify")["compared"] == {"first": snapshot.seq + 1, "last": last}
    assert story(capsys, compacted, "--verify", "--until", str(snapshot.seq))["compared"] is None


def test_what_a_snapshot_says_stands_although_no_entry_tells_of_it(
    capsys: pytest.CaptureFixture[str],
    whole: Path,
) -> None:
    with EventLog.open(str(whole), stream="node1") as log:
        everything = Retention(age=timedelta(0), story_age=timedelta(0))
        compact_log(log, installed_rules(), everything, BEGIN + timedelta(hours=1))
        assert log.head.entries == 1

    found = story(capsys, whole)

    (standing,) = found["assignments"]
    assert (standing["service"], standing["address"], standing["node"]) == (WEB, ADDRESS, "node2")
    assert standing["since"] == found["seq"]
    assert found["timeline"] == []


def test_from_the_snapshot_on_all_can_be_asked(capsys: pytest.CaptureFixture[str], compacted: Path) -> None:
    with EventLog.open(str(compacted), read_only=True) as log:
        known, last = log.whole_after + 1, log.last_seq
    edits = compacted.with_name("edits.jsonl")
    edits.write_text(json.dumps({"drop": last - 1}) + "\n", encoding="utf-8")

    between = story(capsys, compacted, "--diff", f"{known}..{last}")
    (one,) = story(capsys, compacted, "--what-if", str(edits))["partings"]

    assert [change["after"] for change in between["services"]] == [None]
    assert (one["recorded"], one["supposed"]["node"]) == (None, "node2")


def test_before_the_snapshot_the_state_is_not_known(capsys: pytest.CaptureFixture[str], compacted: Path) -> None:
    with EventLog.open(str(compacted), read_only=True) as log:
        (snapshot,) = log.snapshots()

    for question in (["replay", "--diff", f"{LOST - 1}..{LOST}"], ["explain", "service", WEB, "--at", str(LOST)]):
        log_option = ["--event-log"] if question[0] == "explain" else []
        assert main([*question, *log_option, str(compacted)]) == 1

        assert (
            "what led there was taken out of the log by compaction, or let go while it took no entries: "
            f"ask from entry {snapshot.seq} on"
        ) in capsys.readouterr().err


def _with_gap(log: EventLog, records: Sequence[Recorded], through: int) -> None:
    """Append the rest of some records but for those up to entry `through`, as a full disk leaves it: a snapshot follows."""
    reconciler = Reconciler(installed_rules())
    reconciler.fold_all(records)
    log.append([one for one in records if one.seq > through], let_go=True)
    log.store_snapshot(packed(reconciler.snapshot(), seq=records[-1].seq, at=records[-1].at))


@pytest.fixture(params=["log", "export"])
def gapped(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The log of a disk that was full from the entry after the take-over on: all before are there."""
    records = recorded([*a_life_of_a_service()[:-1], *_noise()])
    path = tmp_path / "gapped.db"
    with EventLog.open(str(path), stream="node1", migrate=True) as log:
        log.append(records[:LOST])
        _with_gap(log, records, LOST + 3)
    if request.param == "log":
        return path
    with open_source(str(path)) as source:
        write_file(source.rows(), tmp_path / "gapped.jsonl", source.snapshots())
    return tmp_path / "gapped.jsonl"


def test_before_a_gap_all_can_be_asked_where_all_entries_before_it_are_there(
    capsys: pytest.CaptureFixture[str], gapped: Path
) -> None:
    at = (BEGIN + timedelta(seconds=LOST - 1)).isoformat()
    for moment in (str(LOST), str(LOST + 3), at):
        assert main(["replay", str(gapped), "--verify", "--until", moment]) == 0
        assert capsys.readouterr().out == f"{LOST} entries replayed: this version decides the same.\n"

        (between,) = story(capsys, gapped, "--diff", f"{LOST - 2}..{moment}")["services"]
        assert (between["before"]["node"], between["after"]["node"]) == ("node1", "node2")

        assert main(["explain", "service", WEB, "--event-log", str(gapped), "--at", moment]) == 0
        assert "node2" in capsys.readouterr().out


def test_after_a_gap_the_state_is_that_of_the_snapshot_which_follows_it(
    capsys: pytest.CaptureFixture[str], gapped: Path
) -> None:
    with open_source(str(gapped)) as source:
        last = source.last_seq

    for until in ((), ("--until", str(LOST + 4)), ("--until", str(last))):
        assert main(["replay", str(gapped), "--verify", *until]) == 0
        assert capsys.readouterr().out.startswith("Nothing was compared: ")


def test_between_two_gaps_the_fold_goes_on_from_the_snapshot_between_them(
    capsys: pytest.CaptureFixture[str], compacted: Path
) -> None:
    records = recorded([*a_life_of_a_service()[:-1], *_noise(), *a_life_of_a_service()[-1:], *_noise()])
    with EventLog.open(str(compacted), stream="node1") as log:
        (snapshot,), before = log.snapshots(), log.last_seq
        _with_gap(log, records, before + 2)

    assert main(["replay", str(compacted), "--verify", "--until", str(before)]) == 0

    assert capsys.readouterr().out.startswith(
        f"{before - snapshot.seq} entries replayed: this version decides the same."
    )


COMPACT = """
import sys
from datetime import UTC, datetime, timedelta
from porter.events.log import EventLog
from porter.events.retention import Retention

with EventLog.open(sys.argv[1], stream="node1") as log:
    print(log.last_seq, flush=True)
    sys.stdin.readline()
    while log.compact(Retention(age=timedelta(0)), datetime(2027, 1, 1, tzinfo=UTC)):
        pass
    print(log.whole_after, flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_taken_out_while_it_is_read_is_not_told_as_a_difference(tmp_path: Path, jobs: int) -> None:
    """The agent compacts its log behind the back of a slow reader, and ahead of it."""
    moves = [EndpointsObserved(endpoints=endpoints(WEB, "node1", *["node2"] * (n % 2))) for n in range(1_200)]
    records = recorded([*a_life_of_a_service()[:-1], *moves, *a_life_of_a_service()[-1:]])
    path = log_at(tmp_path / "porter.db", records)
    with EventLog.open(str(path), stream="node1") as log:
        for seq in (600, 1_100):
            reconciler = Reconciler(installed_rules())
            reconciler.fold_all(records[:seq])
            log.store_snapshot(packed(reconciler.snapshot(), seq=seq, at=records[seq - 1].at))
    command = [sys.executable, "-c", COMPACT, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as agent:
        assert agent.stdin is not None
        assert agent.stdout is not None
        assert agent.stdout.readline() == f"{len(records)}\n"
        with open_source(str(path)) as source, Verification(source, jobs=jobs) as verification:
            agent.stdin.write("compact\n")
            agent.stdin.flush()
            assert agent.stdout.readline() == "1099\n"
            with pytest.raises(CompactedLogError, match="it was compacted while it was read: try again"):
                list(verification.differences())
        agent.stdin.write("end\n")
