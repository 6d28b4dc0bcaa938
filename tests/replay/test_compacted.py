"""A log whose beginning compaction has taken out: what is left of its story is told, and the fold goes on from a snapshot."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from porter.cli import main
from porter.events.entries import EndpointsObserved, Observed
from porter.events.log import EventLog
from porter.events.retention import Retention
from porter.replay.compacting import compact_log
from porter.replay.reading import installed_rules
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
