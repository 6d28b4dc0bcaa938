"""`porter replay --follow`, and what carried each change out."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from porter.cli import main
from porter.events.export import write_file
from porter.events.log import EventLog
from tests.processes import killed
from tests.replay.pages import ADDRESS, example
from tests.replay.recording import WEB, a_life_of_a_service, log_at, recorded


def timeline(capsys: pytest.CaptureFixture[str], log: Path, *options: str) -> list[dict[str, Any]]:
    assert main(["replay", str(log), "--format", "json", *options]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["timeline"]
    return found


def deeds(change: dict[str, Any]) -> list[tuple[str, int, float]]:
    return [(one["what"], one["seq"], round(one["after"], 3)) for one in change["applied"]]


def exported(folder: Path, node: str) -> Path:
    path = folder / f"{node}.jsonl"
    write_file(next(log.records for log in example() if log.node == node), path)
    return path


def test_the_leaders_log_tells_when_it_published_and_when_all_saw_it(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    first, second = timeline(capsys, exported(tmp_path, "node1"))

    assert (first["what"], first["to"], first["decided_after"]) == ("assigned", "node2", 0.001)
    assert deeds(first) == [("published", 18, 0.029), ("shown", 19, 0.039)]
    assert (second["what"], second["from"], second["to"]) == ("moved", "node2", "node1")
    assert deeds(second) == [("published", 22, 0.019), ("shown", 23, 0.029), ("announced", 24, 0.029)]


def test_the_log_of_a_node_that_loses_tells_when_it_withdrew(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    first, second = timeline(capsys, exported(tmp_path, "node2"))

    assert [what for what, _, _ in deeds(first)] == ["shown", "announced"]
    assert [what for what, _, _ in deeds(second)] == ["withdrawn"]


def test_deeds_are_of_the_change_before_them_and_of_no_other(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    log = exported(tmp_path, "node1")

    changes = timeline(capsys, log, "--until", "20")
    whole = timeline(capsys, log)

    assert deeds(changes[0]) == deeds(whole[0])
    assert all(one["seq"] < whole[1]["seq"] for one in whole[0]["applied"])


def test_an_eips_story_has_the_end_of_its_addresses(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = log_at(tmp_path / "porter.db", recorded(a_life_of_a_service()))

    assert timeline(capsys, log, "--eip", "pool")[-1]["what"] == "ended"
    assert timeline(capsys, log, "--eip", "pool") == timeline(capsys, log)


def test_what_is_added_is_told_as_it_comes(tmp_path: Path) -> None:
    records = recorded(a_life_of_a_service())
    path = tmp_path / "porter.db"
    log_at(path, records[:17])
    code = "import sys; from porter.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "replay", str(path), "--follow", "--format", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower, killed(follower):
        assert follower.stdout is not None
        before = [json.loads(follower.stdout.readline()) for _ in range(2)]
        with EventLog.open(str(path), stream="node1") as log:
            log.append(records[17:])
        after = [json.loads(follower.stdout.readline()) for _ in range(3)]
        follower.send_signal(signal.SIGINT)
        assert follower.wait(timeout=20) == 130

    told = [*before, *after]
    assert [one["seq"] for one in told] == [15, 17, 19, 21, 24]
    assert {one["service"] for one in told} == {WEB}
    assert {one["address"] or one["previous_address"] for one in told} == {ADDRESS}
