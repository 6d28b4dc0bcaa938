"""`porter replay --diff`: what lies between two moments of a log."""

import json
from pathlib import Path
from typing import Any

import pytest

from porter.cli import main
from porter.events.entries import EipObserved, NodeGone
from porter.model.names import NodeName
from tests.replay.recording import ADDRESS, POOL, WEB, a_life_of_a_service, log_at, recorded
from tests.worlds import eip


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return log_at(tmp_path / "porter.db", recorded(a_life_of_a_service()))


def between(capsys: pytest.CaptureFixture[str], log: Path, span: str) -> dict[str, Any]:
    assert main(["replay", str(log), "--diff", span, "--format", "json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def seq_of(kind: str) -> int:
    """Return the number of the last entry of a type in the life of a Service."""
    return max(one.seq for one in recorded(a_life_of_a_service()) if type(one.entry).__name__ == kind)


def test_a_move_between_two_moments_has_both_sides_and_the_reason(
    capsys: pytest.CaptureFixture[str],
    log: Path,
) -> None:
    silent = seq_of("AgentSilent")

    found = between(capsys, log, f"{silent - 1}..{silent + 1}")

    assert list(found) == ["from", "to", "services", "pools", "objects"]
    assert (found["from"]["seq"], found["to"]["seq"]) == (silent - 1, silent + 1)
    (one,) = found["services"]
    assert (one["service"], one["family"]) == (WEB, "IPv4")
    assert (one["before"]["address"], one["before"]["node"]) == (ADDRESS, "node1")
    assert (one["after"]["address"], one["after"]["node"]) == (ADDRESS, "node2")
    assert one["after"]["reason"].startswith("taken over from node1")
    assert found["objects"] == [{"kind": "silent agent", "name": "node1", "what": "new", "fields": []}]


def test_a_service_that_went_had_something_and_has_nothing(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    gone = seq_of("ServiceGone")

    found = between(capsys, log, f"{gone - 1}..")

    (one,) = found["services"]
    assert one["before"]["address"] == ADDRESS
    assert one["after"] is None
    assert {"kind": "Service", "name": WEB, "what": "gone", "fields": []} in found["objects"]


def test_from_the_beginning_everything_is_new(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    found = between(capsys, log, "..15")

    assert found["from"] == {"seq": 0, "at": None}
    assert {one["what"] for one in found["objects"]} == {"new"}
    assert [(pool["eip"], pool["before"], pool["after"]) for pool in found["pools"]] == [("pool", None, "ready")]
    assert found["services"][0]["before"] is None


def test_an_edited_pool_names_its_fields(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    edited = eip("pool", "192.168.0.91", interface="eth1")
    life = recorded([*a_life_of_a_service(), EipObserved(eip=edited), NodeGone(node=NodeName("node2"))])
    log = log_at(tmp_path / "edited.db", life)
    before = seq_of("ServiceGone") + 1

    found = between(capsys, log, f"{before}..")

    assert POOL.address != edited.address
    assert {"kind": "Eip", "name": "pool", "what": "changed", "fields": ["address", "interface"]} in found["objects"]
    (pool,) = found["pools"]
    assert (pool["before"], pool["after"]) == ("ready", pool["after"])
    assert pool["after"] != "ready"


def test_the_same_moment_twice_differs_in_nothing(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    assert main(["replay", str(log), "--diff", "17..17"]) == 0

    assert capsys.readouterr().out.endswith("  nothing is otherwise\n")


def test_the_text_fits_eighty_columns(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    assert main(["replay", str(log), "--diff", "15..21"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert f"    after:  {ADDRESS} of Eip pool on node2" in lines
    assert "Observed otherwise: 3 objects" in lines


@pytest.mark.parametrize(
    ("span", "said"),
    [
        ("17", "'17' names no two moments: write A..B"),
        ("yesterday..", "'yesterday' is no moment"),
        ("2020-01-01..", "nothing was recorded up to that moment: the log begins with entry 1, "),
        ("21..15", "the second moment is before the first one"),
    ],
)
def test_what_is_no_span_is_refused(capsys: pytest.CaptureFixture[str], log: Path, span: str, said: str) -> None:
    assert main(["replay", str(log), "--diff", span]) == 1

    assert said in capsys.readouterr().err
