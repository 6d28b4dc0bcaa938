"""`porter replay --what-if`: what would have been otherwise, had something else been observed."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from porter.cli import main
from porter.events.entries import AgentHeard, AgentSilent, AgentStarted, EndpointsObserved, Observed, ServiceObserved
from porter.model.names import NodeName
from tests.replay.recording import ADDRESS, BEGIN, POOL, WEB, a_life_of_a_service, log_at, recorded
from tests.worlds import endpoints, nodes, observed, published, relisted, service


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return log_at(tmp_path / "porter.db", recorded(a_life_of_a_service()))


def supposed(
    capsys: pytest.CaptureFixture[str],
    log: Path,
    *edits: dict[str, Any],
    options: tuple[str, ...] = (),
) -> list[dict[str, Any]]:
    path = log.with_name("edits.jsonl")
    path.write_text("".join(f"{json.dumps(edit)}\n" for edit in edits), encoding="utf-8")
    assert main(["replay", str(log), "--what-if", str(path), "--format", "json", *options]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert list(found) == ["seq", "at", "supposed", "partings"]
    assert len(found["supposed"]) == len(edits)
    partings: list[dict[str, Any]] = found["partings"]
    return partings


def number(kind: str, place: int = -1) -> int:
    """Return the number of an entry of a type in the life of a Service."""
    return [one.seq for one in recorded(a_life_of_a_service()) if type(one.entry).__name__ == kind][place]


def owners(parting: dict[str, Any]) -> tuple[str | None, str | None]:
    return parting["recorded"]["node"], parting["supposed"]["node"]


def test_without_the_loss_of_a_node_its_address_would_have_stayed(
    capsys: pytest.CaptureFixture[str],
    log: Path,
) -> None:
    silent = number("AgentSilent")

    (one,) = supposed(capsys, log, {"drop": silent})

    assert (one["service"], one["seq"], one["until_seq"]) == (WEB, silent, number("ServiceGone"))
    assert owners(one) == ("node2", "node1")
    assert one["recorded"]["address"] == one["supposed"]["address"] == ADDRESS


def test_a_publication_that_follows_from_what_did_not_happen_did_not_happen_either(
    capsys: pytest.CaptureFixture[str],
    log: Path,
) -> None:
    """The log shows node2 on the Service after node1 was lost: without the loss that must not move the address."""
    after = number("AgentSilent") + 2

    (one,) = supposed(capsys, log, {"drop": number("AgentSilent")}, options=("--until", str(after)))

    assert owners(one) == ("node2", "node1")
    assert one["until"] is None


def test_a_node_lost_at_a_time_loses_its_addresses_until_it_is_back(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    log = log_at(tmp_path / "calm.db", recorded(_a_calm_cluster()))
    lost = {"at": "2026-11-21T10:00:20Z", "lose": "node1", "until": "2026-11-21T10:00:24Z"}

    (one,) = supposed(capsys, log, lost)

    assert owners(one) == ("node1", "node2")
    assert one["at"] == "2026-11-21T10:00:21Z"
    assert one["until"] is None
    assert one["supposed"]["reason"].startswith("taken over from node1: its Porter agent is silent")


def test_an_agent_that_is_lost_is_not_heard_again_by_the_record(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """So when the other node is lost, too, nobody is left."""
    heard = [*_a_calm_cluster(), AgentHeard(node=NodeName("node1")), AgentSilent(node=NodeName("node2"), seconds=6.0)]
    log = log_at(tmp_path / "heard.db", recorded([*heard, *_noise(2)]))

    *_, last = supposed(capsys, log, {"at": "2026-11-21T10:00:20Z", "lose": "node1"})

    assert owners(last) == ("node1", None)
    assert last["until"] is None


def test_an_agent_that_is_lost_until_a_moment_may_have_addresses_again(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    other = [*_a_calm_cluster(), AgentSilent(node=NodeName("node2"), seconds=6.0), *_noise(2)]
    log = log_at(tmp_path / "other.db", recorded(other))

    lost = {"at": "2026-11-21T10:00:20Z", "lose": "node1", "until": "2026-11-21T10:00:22Z"}

    found = supposed(capsys, log, lost)

    assert owners(found[0]) == ("node1", "node2")
    assert found[-1]["until"] is not None


def test_an_edited_pool_gives_other_addresses(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    edit = {"after": number("EipObserved"), "edit": "eip/pool", "set": {"address": "192.168.0.95"}}

    found = supposed(capsys, log, edit)

    assert {one["supposed"]["address"] for one in found if one["supposed"]} == {"192.168.0.95"}
    assert {one["recorded"]["address"] for one in found} == {ADDRESS}


def test_a_changed_entry_is_folded_as_changed(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    found = supposed(capsys, log, {"change": number("EndpointsObserved"), "set": {"ready": []}})

    assert found[0]["seq"] == number("EndpointsObserved")
    assert found[0]["supposed"] == {
        "address": ADDRESS,
        "eip": "pool",
        "node": None,
        "reason": "the Service has no ready endpoint",
    }


def test_an_added_entry_comes_after_the_one_that_it_names(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    gone = {"after": number("EndpointsObserved"), "add": "service.gone", "entry": {"service": WEB}}

    found = supposed(capsys, log, gone)

    assert found[0]["seq"] == number("EndpointsObserved") + 1
    assert found[0]["supposed"] is None


def test_an_edit_at_the_end_of_the_log_counts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = log_at(tmp_path / "calm.db", recorded(_a_calm_cluster()))

    (one,) = supposed(capsys, log, {"at": "2026-11-21T11:00:00Z", "lose": "node1"})

    assert owners(one) == ("node1", "node2")


def test_what_decides_nothing_differs_in_nothing(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    assert supposed(capsys, log, {"after": 20, "add": "leader.observed", "entry": {"holder": "node2"}}) == []
    assert supposed(capsys, log, {"drop": number("AgentSilent")}, options=("--service", "default/other")) == []


def test_the_text_fits_eighty_columns(capsys: pytest.CaptureFixture[str], log: Path, tmp_path: Path) -> None:
    path = tmp_path / "edits.jsonl"
    path.write_text(f'# a comment\n\n{{"drop": {number("AgentSilent")}}}\n', encoding="utf-8")

    assert main(["replay", str(log), "--what-if", str(path)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "Otherwise 1 time, 0 of them to the end of the log:" in lines
    assert f"       recorded: {ADDRESS} of Eip pool on node2" in lines
    assert f"       supposed: {ADDRESS} of Eip pool on node1" in lines


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("drop 12", "not JSON"),
        ("[1]", "an edit is a JSON object"),
        ('{"drop": 12, "change": 12}', "exactly one of drop, change, lose, edit, add"),
        ('{"drop": "12"}', "'drop' is the number of an entry, not '12'"),
        ('{"drop": 12, "at": "10:02"}', "'at' has no meaning here"),
        ('{"change": 12}', "'set' is an object"),
        ('{"lose": "node1"}', "say when: 'at' a moment, or 'after' an entry"),
        ('{"lose": "node1", "at": "yesterday"}', "'yesterday' is no moment"),
        ('{"edit": "pool", "after": 12, "set": {"disable": true}}', "'edit' names KIND/NAME"),
        ('{"add": "assignment.decided", "after": 12, "entry": {}}', "is nothing that is observed"),
        ('{"add": "node.gone", "after": 12, "entry": {}}', "'entry' is no node.gone: Object missing required field"),
        ('{"add": "node.gone", "after": 12, "entry": {"node": "a", "nod": "b"}}', "a node.gone has no field 'nod'"),
        ('{"change": 14, "set": {"type": "ClusterIP"}}', "line 1 says already what became of entry 14"),
        ('{"lose": "node1", "at": "2026-11-21T10:05", "until": "2026-11-21T10:04"}', "'until' is not after 'at'"),
        pytest.param('{"drop": ' + "[" * 99999 + "]" * 99999 + "}", "not JSON", id="deep"),
        ('{"drop": 99}', "the log has no such entry"),
        ('{"drop": 15}', "entry 15 is no observation"),
        ('{"lose": "node9", "after": 12}', "no node node9 is known at that moment"),
        ('{"edit": "eip/pol", "after": 12, "set": {"disable": true}}', "no eip pol is known at that moment"),
        ('{"edit": "eip/pool", "after": 12, "set": {"disabled": true}}', "Eip has no field 'disabled'; it has name,"),
        ('{"edit": "eip/pool", "after": 12, "set": {"disable": "yes"}}', "that is no Eip: Expected `bool`"),
    ],
)
def test_an_error_in_line_7_is_named_as_such(
    capsys: pytest.CaptureFixture[str],
    log: Path,
    tmp_path: Path,
    line: str,
    said: str,
) -> None:
    path = tmp_path / "edits.jsonl"
    path.write_text('{"drop": 14}\n{"after": 13, "lose": "node1"}\n' + "\n" * 4 + f"{line}\n", encoding="utf-8")

    assert main(["replay", str(log), "--what-if", str(path)]) == 1

    complaint = capsys.readouterr().err
    assert complaint.startswith(f"porter: {path}, line 7: ")
    assert said in complaint
    assert complaint.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "supposes nothing"), (b"# nothing\n\n", "supposes nothing"), (b"\xff\xfe", "is no text"), (None, "cannot")],
)
def test_a_file_that_is_none_is_refused(
    capsys: pytest.CaptureFixture[str],
    log: Path,
    tmp_path: Path,
    content: bytes | None,
    said: str,
) -> None:
    path = tmp_path / "edits.jsonl"
    if content is not None:
        path.write_bytes(content)

    assert main(["replay", str(log), "--what-if", str(path)]) == 1

    assert said in capsys.readouterr().err


def _a_calm_cluster() -> list[Observed]:
    """One Service, published on node1, and then nothing but endpoints that are written again."""
    plain = service("default/web")
    return [
        AgentStarted(node=NodeName("node1"), porter="1", schema="1"),
        *map(observed, nodes(2)),
        observed(POOL),
        EndpointsObserved(endpoints=endpoints("default/web", "node1", "node2")),
        ServiceObserved(service=published(plain, ADDRESS, node="node1")),
        *relisted(),
        *_noise(12),
    ]


def _noise(count: int) -> list[Observed]:
    places = (("node1", "node2"), ("node2",))
    return [EndpointsObserved(endpoints=endpoints("default/web", *places[turn % 2])) for turn in range(count)]


def test_edits_between_two_entries_count_in_the_order_of_time(capsys: pytest.CaptureFixture[str], log: Path) -> None:
    after = BEGIN + timedelta(seconds=number("EndpointsObserved"))
    early, late = (
        {"at": str(after + timedelta(milliseconds=ms)), "edit": "endpoints/default/web-1", "set": {"ready": ready}}
        for ms, ready in ((300, []), (600, ["node1"]))
    )

    in_order = supposed(capsys, log, early, late)

    assert supposed(capsys, log, late, early) == in_order
    assert supposed(capsys, log, early) != in_order
