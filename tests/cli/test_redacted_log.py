"""`porter log export --redact`, through its front door: what comes out can be shown, read, verified and replayed."""

import json
from pathlib import Path
from typing import Any

import pytest

from porter.cli import main
from porter.events.sources import open_source
from porter.events.verify import verify
from porter.replay.reading import installed_rules
from tests.logs import recorded, write_log
from tests.reconciler.stories import entries


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_log(tmp_path / "porter.db", recorded(entries(), installed_rules()))


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 0
    return capsys.readouterr().out


def exported(capsys: pytest.CaptureFixture[str], log: Path, name: str, *options: str) -> Path:
    path = log.parent / name
    run(capsys, "log", "export", "--event-log", str(log), "--redact", *options, str(path))
    return path


def replayed(capsys: pytest.CaptureFixture[str], path: Path, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(capsys, "replay", str(path), "--format", "json", *options))
    return found


def test_a_redacted_export_holds_no_name_of_the_original(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    path = exported(capsys, log, "redacted.jsonl")

    text = path.read_text()

    assert '"service-1"' in text
    for name in ("node1", "node2", "default", "/web", "192.168.", "eth0", "52:54:"):
        assert name not in text


def test_a_redacted_export_replays_as_the_original_does(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    path = exported(capsys, log, "redacted.jsonl.xz")

    before, after = replayed(capsys, log), replayed(capsys, path)

    assert before["timeline"]
    assert [(one["seq"], one["what"]) for one in after["timeline"]] == [
        (one["seq"], one["what"]) for one in before["timeline"]
    ]
    assert after["differences"] == before["differences"] == []
    assert run(capsys, "replay", str(path), "--verify").endswith("this version decides the same.\n")


def test_a_redacted_export_is_sealed_anew(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    for options in ([], ["--from", "5", "--until", "20"]):
        with open_source(str(exported(capsys, log, f"{len(options)}.jsonl.gz", *options))) as source:
            found = verify(source)

            assert found.holds
            assert not found.unsealed


def test_parts_of_a_log_get_the_same_names(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    whole = exported(capsys, log, "whole.jsonl").read_text().splitlines()
    part = exported(capsys, log, "part.jsonl", "--from", "8", "--until", "12").read_text().splitlines()

    bodies = [json.loads(line)["entry"] for line in (*whole[7:12], *part)]
    assert bodies[:5] == bodies[5:]


def test_what_was_redacted_says_so(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    path = exported(capsys, log, "redacted.jsonl")

    assert "+redacted" in run(capsys, "log", "show", "--event-log", str(path), "--kind", "agent.started")
