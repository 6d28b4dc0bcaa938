"""`porter replay`, through its front door: the story, its JSON, its filters, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from porter.cli import main
from porter.events.entries import AgentSilent, AssignmentDecided, AssignmentEnded, Recorded
from porter.model.names import NodeName
from porter.replay.story import Cause, Change, Standing
from porter.replay.text import change_lines, standing_lines
from tests.replay.recording import ADDRESS, BEGIN, WEB, a_life_of_a_service, log_at, recorded


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return log_at(tmp_path / "porter.db", recorded(a_life_of_a_service()))


def replayed(capsys: pytest.CaptureFixture[str], log: Path, *options: str, code: int = 0) -> dict[str, Any]:
    assert main(["replay", str(log), "--format", "json", *options]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def until_gone() -> str:
    """Return the number of the entry before the Service goes."""
    return str(len(recorded(a_life_of_a_service())) - 2)


def test_the_json_has_the_documented_keys(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    found = replayed(capsys, log, "--until", until_gone())

    assert list(found) == ["seq", "at", "assignments", "timeline", "differences", "compared"]
    (assignment,) = found["assignments"]
    assert set(assignment) >= {"service", "address", "eip", "protocol", "node", "reason"}
    assert set(found["timeline"][0]) >= {"seq", "at", "service", "from", "to", "cause", "reason"}
    assert found["timeline"][0]["cause"].keys() == {"seq", "at", "kind", "text"}


def test_the_timeline_tells_who_had_the_address_and_why(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    found = replayed(capsys, log)

    told = [(one["what"], one["address"], one["from"], one["to"], one["cause"]["kind"]) for one in found["timeline"]]
    winner = told[1][3]
    assert told == [
        ("assigned", ADDRESS, None, None, "service.observed"),
        ("moved", ADDRESS, None, winner, "endpoints.observed"),
        *([] if winner == "node1" else [("moved", ADDRESS, winner, "node1", "service.observed")]),
        ("moved", ADDRESS, "node1", "node2", "agent.silent"),
        ("ended", None, "node2", None, "service.gone"),
    ]
    assert found["timeline"][-2]["reason"].startswith("taken over from node1: its Porter agent is silent")
    assert found["assignments"] == []


def test_the_last_change_is_since_when_it_stands(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    found = replayed(capsys, log, "--until", until_gone())

    (standing,) = found["assignments"]
    last = found["timeline"][-1]
    assert (standing["service"], standing["address"], standing["node"]) == (WEB, ADDRESS, "node2")
    assert (standing["since"], standing["since_at"]) == (last["seq"], last["at"])


@pytest.mark.parametrize(("moment", "seq"), [("2026-11-21T10:00:00Z", 1), ("2026-11-21T10:00:02.5Z", 3)])
def test_a_moment_may_be_a_time(capsys: pytest.CaptureFixture[str], log: Path, moment: str, seq: int) -> None:
    assert replayed(capsys, log, "--at", moment)["seq"] == seq


def test_a_nodes_story_is_what_it_had(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    found = replayed(capsys, log, "--node", "node1")

    assert all("node1" in (one["from"], one["to"]) for one in found["timeline"])
    assert found["timeline"][-1]["from"] == "node1"


def test_the_text_fits_eighty_columns_and_says_what_was_new(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    assert main(["replay", str(log), "--service", WEB]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert f"       {ADDRESS}: new, on nobody" in lines
    assert f"       {ADDRESS}: node1 -> node2" in lines
    assert f"       {ADDRESS}: released by node2" in lines
    assert not any("differ" in line for line in lines)


def test_a_decision_that_was_recorded_otherwise_is_a_difference(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    records = [_elsewhere(record) for record in recorded(a_life_of_a_service())]
    log = log_at(tmp_path / "other.db", records)

    assert main(["replay", str(log), "--verify"]) == 1
    text = capsys.readouterr().out

    assert "recorded: Service default/web has 192.168.0.91" in text
    assert "this version decides: Service default/web" in text
    assert "decides differently" in text.splitlines()[-1]
    assert replayed(capsys, log, "--verify", code=1)["differences"]


def _elsewhere(record: Recorded) -> Recorded:
    """Record that node9 got what node2 got."""
    entry = record.entry
    if not isinstance(entry, AssignmentDecided) or entry.assignment.nodes != ("node2",):
        return record
    assignment = msgspec.structs.replace(entry.assignment, nodes=(NodeName("node9"),))
    return Recorded(record.seq, record.at, msgspec.structs.replace(entry, assignment=assignment))


def test_a_decision_for_another_cause_is_a_difference(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    records = recorded(a_life_of_a_service())
    last = records[-1]
    assert isinstance(last.entry, AssignmentEnded)
    moved = Recorded(last.seq, last.at, msgspec.structs.replace(last.entry, cause=last.entry.cause - 1))
    log = log_at(tmp_path / "cause.db", [*records[:-1], moved])

    (one,) = replayed(capsys, log, "--verify", code=1)["differences"]

    assert one["recorded"].endswith(f"(entry {last.entry.cause - 1})")
    assert one["decided"].endswith(f"(entry {last.entry.cause})")


def test_decisions_that_lie_behind_the_moment_are_no_differences(
    capsys: pytest.CaptureFixture[str],
    log: Path,
) -> None:
    silent = next(one.seq for one in recorded(a_life_of_a_service()) if isinstance(one.entry, AgentSilent))

    found = replayed(capsys, log, "--until", str(silent))

    assert (found["timeline"][-1]["seq"], found["timeline"][-1]["to"]) == (silent, "node2")
    assert found["differences"] == []


def test_a_decision_that_the_record_lacks_is_a_difference(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = log_at(tmp_path / "short.db", recorded(a_life_of_a_service())[:-1])

    (one,) = replayed(capsys, log, "--verify", code=1)["differences"]

    assert one["recorded"] is None
    assert one["decided"].startswith("Service default/web loses 192.168.0.91")


def test_a_log_that_this_version_wrote_verifies(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    assert main(["replay", str(log), "--verify"]) == 0

    assert capsys.readouterr().out.endswith("entries replayed: this version decides the same.\n")
    found = replayed(capsys, log, "--verify")
    assert found["compared"] == {"first": 1, "last": found["seq"]}


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--service", "web"], 2, "is not NAMESPACE/NAME"),
        (["--service", "default/wep"], 1, "the log knows no Service default/wep"),
        (["--node", "node7"], 1, "the log knows no Node node7; it knows node1, node2"),
        (["--eip", "pol"], 1, "the log knows no Eip pol; it knows pool"),
        (["--at", "yesterday"], 1, "'yesterday' is no moment"),
        (["--at", "99999999999999999999"], 1, "is no moment"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_fits_nothing_is_refused(
    capsys: pytest.CaptureFixture[str],
    log: Path,
    options: list[str],
    code: int,
    said: str,
) -> None:
    assert main(["replay", str(log), *options]) == code

    assert said in capsys.readouterr().err


def test_replay_changes_nothing_that_it_reads(log: Path) -> None:
    before = {path.name: path.read_bytes() for path in log.parent.iterdir()}

    assert main(["replay", str(log)]) == 0

    assert {path.name: path.read_bytes() for path in log.parent.iterdir()} == before


def test_long_names_are_broken_at_eighty_columns() -> None:
    nodes = ", ".join(f"worker-{number}.rack.example.com" for number in range(4))
    why = "chosen by rendezvous hashing"
    cause = Cause(seq=7, at=BEGIN, kind="endpoints.observed", text=f"Service default/web has endpoints on {nodes}")
    change = Change(
        seq=8,
        at=BEGIN,
        service=WEB,
        family="IPv4",
        what="moved",
        address=ADDRESS,
        previous_address=ADDRESS,
        eip="pool",
        from_=nodes,
        to=nodes,
        cause=cause,
        reason=why,
        decided_after=0.001,
    )
    standing = Standing(
        service=WEB,
        address=ADDRESS,
        eip="pool",
        protocol="everywhere",
        node=nodes,
        nodes=tuple(nodes.split(", ")),
        reason=why,
        since=8,
        since_at=BEGIN,
    )

    lines = [*standing_lines(8, BEGIN, [standing]), *change_lines(change)]

    assert max(map(len, lines)) <= 80
    assert sum("worker-3.rack.example.com" in line for line in lines) == 4  # owner; from; to; in the cause
