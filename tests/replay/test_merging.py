"""`porter replay --merge`: several logs of one cluster by one clock, and when two nodes announced an address, or none."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from porter.cli import main
from porter.events.entries import (
    AgentSilent,
    AgentStarted,
    AgentStopped,
    Announced,
    AssignmentDecided,
    AssignmentEnded,
    EndpointsObserved,
    Entry,
    Recorded,
    Withdrawn,
)
from porter.events.export import write_file
from porter.model.assignment import Assignment
from porter.model.names import NodeName, ServiceKey
from porter.model.objects import Endpoints
from porter.model.reasons import Reason, Verdict
from tests.replay.recording import ADDRESS, BEGIN, WEB

Entries = list[tuple[float, Entry]]
_DOWN = Verdict(reason=Reason.NO_ELIGIBLE_NODE, detail="the cluster has no nodes")


def started(node: str) -> AgentStarted:
    return AgentStarted(node=NodeName(node), porter="1", schema="2")


def owned(*nodes: str, service: str = WEB) -> AssignmentDecided:
    """Decide that these nodes announce the address."""
    assignment = Assignment(
        service=ServiceKey(service),
        family="IPv4",
        address=ADDRESS,
        nodes=tuple(map(NodeName, nodes)),
        reason=Verdict(reason=Reason.HELD),
        placement=Verdict(reason=Reason.STICKY) if nodes else _DOWN,
    )
    return AssignmentDecided(cause=1, assignment=assignment)


def ended() -> AssignmentEnded:
    return AssignmentEnded(cause=1, service=WEB, family="IPv4", reason=Verdict(reason=Reason.NOT_OURS, detail="gone"))


def shared(number: int) -> EndpointsObserved:
    """Observe what every agent observes."""
    ready = (NodeName(f"node{number}"),)
    return EndpointsObserved(endpoints=Endpoints(namespace="default", name="web-1", service="web", ready=ready))


ON = Announced(address=ADDRESS, protocol="layer2", nic="eth0")
OFF = Withdrawn(address=ADDRESS, protocol="layer2", nic="eth0")


def log(folder: Path, node: str, entries: Entries, *, ahead: float = 0.0) -> str:
    """Write a node's log; each entry at so many seconds, by a clock that is ahead by so many."""
    path = folder / f"{node}.jsonl"
    records = [
        Recorded(seq, BEGIN + timedelta(seconds=at + ahead), entry) for seq, (at, entry) in enumerate(entries, start=1)
    ]
    write_file(records, path)
    return str(path)


def merged(capsys: pytest.CaptureFixture[str], *logs: str, options: tuple[str, ...] = ()) -> dict[str, Any]:
    assert main(["replay", "--merge", *logs, "--format", "json", *options]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert list(found) == ["logs", "windows", "timeline"]
    return found


def windows(found: dict[str, Any]) -> list[tuple[str, list[str], float | None]]:
    assert all(one["address"] == ADDRESS for one in found["windows"])
    return [(one["what"], one["nodes"], one["seconds"]) for one in found["windows"]]


def a_handover(gap: float) -> tuple[Entries, Entries]:
    """Return what two nodes log while an address goes from node1 to node2, so many seconds after node1 withdrew it."""
    one: Entries = [
        (0, started("node1")),
        (1, owned("node1")),
        (1, ON),
        *((at, shared(at)) for at in range(2, 7)),
        (10, owned("node2")),
        (10, OFF),
        (20, shared(20)),
    ]
    other: Entries = [
        (0, started("node2")),
        (1, owned("node1")),
        *((at, shared(at)) for at in range(2, 7)),
        (10, owned("node2")),
        (10 + gap, ON),
        (20, shared(20)),
    ]
    return one, sorted(other, key=lambda entry: entry[0])


def test_a_handover_without_a_gap_has_no_window(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    one, other = a_handover(0.0)

    found = merged(capsys, log(tmp_path, "node1", one), log(tmp_path, "node2", other))

    assert windows(found) == []


def test_a_gap_is_a_window_in_which_nobody_announced(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    one, other = a_handover(1.5)

    found = merged(capsys, log(tmp_path, "node1", one), log(tmp_path, "node2", other))

    assert windows(found) == [("nobody", [], 1.5)]
    assert found["windows"][0]["at"] == "2026-11-21T10:00:10Z"
    assert found["windows"][0]["until"] == "2026-11-21T10:00:11.500000Z"


def test_an_overlap_is_a_window_in_which_two_announced(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    one, other = a_handover(-2.0)

    found = merged(capsys, log(tmp_path, "node1", one), log(tmp_path, "node2", other))

    assert windows(found) == [("several", ["node1", "node2"], 2.0)]


@pytest.mark.parametrize("ahead", [3600.0, -0.25], ids=["an hour ahead", "a quarter of a second behind"])
def test_a_clock_that_is_off_is_found_and_taken_into_account(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    ahead: float,
) -> None:
    one, other = a_handover(1.5)

    found = merged(capsys, log(tmp_path, "node1", one), log(tmp_path, "node2", other, ahead=ahead))

    clock = found["logs"][1]["clock"]
    assert (clock["ahead"], clock["samples"], clock["spread"]) == (ahead, 6, 0.0)
    assert found["logs"][0]["clock"]["ahead"] == 0.0
    assert windows(found) == [("nobody", [], 1.5)]
    assert found["timeline"][-1]["at"] == "2026-11-21T10:00:11.500000Z"


def test_what_one_log_has_twice_says_nothing_of_the_clocks(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    one: Entries = [(0.0, started("node1")), (1.0, shared(1)), (2.0, shared(2)), (3.0, shared(1)), (4.0, shared(2))]
    other: Entries = [(0.0, started("node2")), (3.0, shared(1)), (4.0, shared(3))]

    found = merged(capsys, log(tmp_path, "node1", one), log(tmp_path, "node2", other))

    assert found["logs"][1]["clock"] == {"ahead": 0.0, "samples": 0, "spread": 0.0}


def test_an_agent_that_was_killed_announces_nothing_from_its_last_entry_on(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    one: Entries = [
        (0.0, started("node1")),
        (1.0, owned("node1")),
        (1.0, ON),
        (5.0, shared(5)),
        (30.0, started("node1")),
    ]
    other: Entries = [
        (0.0, started("node2")),
        (1.0, owned("node1")),
        (8.0, owned("node2")),
        (8.0, ON),
        (30.0, shared(30)),
    ]

    found = merged(capsys, log(tmp_path, "node1", one), log(tmp_path, "node2", other))

    assert windows(found) == [("nobody", [], 3.0)]


@pytest.mark.parametrize("ahead", [0.0, 3600.0])
def test_an_agent_that_was_killed_announced_as_long_as_others_heard_its_lease(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    ahead: float,
) -> None:
    """Its log is quiet while nothing changes; the others tell how long its Lease was renewed."""
    one: Entries = [
        (0.0, started("node1")),
        (1.0, owned("node1")),
        (1.0, ON),
        (2.0, shared(2)),
        (40.0, started("node1")),
    ]
    silent = AgentSilent(node=NodeName("node1"), seconds=3.0)
    other: Entries = [
        (0.0, started("node2")),
        (1.0, owned("node1")),
        (2.0, shared(2)),
        (20.0, silent),
        (20.0, owned("node2")),
        (20.5, ON),
        (45.0, silent),
        (50.0, shared(30)),
    ]

    found = merged(capsys, log(tmp_path, "node1", one), log(tmp_path, "node2", other, ahead=ahead))

    assert windows(found) == [("nobody", [], 3.5)]
    assert [told["text"].partition(" announces")[0] for told in found["timeline"]].count("this node") == 2


def test_who_has_only_listed_the_lease_of_a_killed_agent_says_nothing_of_how_long_it_lived(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """node2 starts when node1 is dead: it has waited for a renewal for as long as the Lease lasts, and saw none."""
    one: Entries = [
        (0.0, started("node1")),
        (1.0, owned("node1")),
        (1.0, ON),
        (2.0, shared(2)),
        (40.0, started("node1")),
    ]
    other: Entries = [
        (0.0, started("node2")),
        (1.0, owned("node1")),
        (2.0, shared(2)),
        (10.0, started("node2")),
        (11.0, owned("node2")),
        (11.0, ON),
        (15.0, AgentSilent(node=NodeName("node1"), seconds=4.0, renewed=False)),
        (50.0, shared(30)),
    ]

    found = merged(capsys, log(tmp_path, "node1", one), log(tmp_path, "node2", other))

    assert windows(found) == [("nobody", [], 9.0)]


def test_a_clock_that_was_set_back_is_told_and_the_timeline_stays_in_order(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    one: Entries = [(3600.0, started("node1")), (3601.0, owned("node1")), (2.0, ON), (9.0, shared(9))]
    other: Entries = [(0.0, started("node2")), (1.0, owned("node1")), (9.0, shared(9))]
    logs = (log(tmp_path, "node2", other), log(tmp_path, "node1", one))

    found = merged(capsys, *logs)
    main(["replay", "--merge", *map(str, logs)])

    assert [stored["setbacks"] for stored in found["logs"]] == [[], [{"seq": 3, "seconds": 3599.0}]]
    times = [told["at"] for told in found["timeline"]]
    assert times == sorted(times)
    assert "at entry 3 its clock was set back by" in " ".join(capsys.readouterr().out.split())


def a_late_handover(*, set_at: float = 0.0, by: float = 0.0) -> tuple[Entries, Entries]:
    """Return what two nodes log of a hand-over of 1.5 s, long after the second one's clock was set by so many seconds."""
    before, after = range(2, 14), range(60, 72)
    one: Entries = [
        (0, started("node1")),
        (1, owned("node1")),
        (1, ON),
        *((at, shared(at)) for at in before),
        (40, owned("node2")),
        (40, OFF),
        *((at, shared(at)) for at in after),
    ]
    other: Entries = [
        (0, started("node2")),
        (1, owned("node1")),
        *((at, shared(at)) for at in before),
        (40, owned("node2")),
        (41.5, ON),
        *((at, shared(at)) for at in after),
    ]
    return one, [(at + (by if at >= set_at else 0.0), entry) for at, entry in other]


@pytest.mark.parametrize("by", [3600.0, 30.0, -3600.0, -30.0])
@pytest.mark.parametrize("set_at", [20.0, 41.0, 50.0], ids=["before", "within", "after"])
def test_a_clock_that_was_set_while_the_log_was_written_is_corrected_by_stretches(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, set_at: float, by: float
) -> None:
    one, other = a_late_handover(set_at=set_at, by=by)
    logs = log(tmp_path, "node1", one), log(tmp_path, "node2", other)

    found = merged(capsys, *logs)
    main(["replay", "--merge", *logs])

    assert [each["ahead"] for each in found["logs"][1]["stretches"]] == [0.0, by]
    assert [len(each["stretches"]) for each in found["logs"]] == [1, 2]
    ((what, nodes, seconds),) = windows(found)
    assert (what, nodes) == ("nobody", [])
    assert seconds == 1.5
    said = " ".join(capsys.readouterr().out.split())
    assert f"from entry {found['logs'][1]['stretches'][1]['first_seq']} on its clock is " in said
    assert "times around that say little" not in said


def test_what_came_late_is_no_clock_that_was_set(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A queue that was worked off after a cut, one that came alone, and a clock of the first log's that was set."""
    one, other = a_late_handover()
    queue = [(at if not 60 <= at < 72 else 90 + at / 1000, entry) for at, entry in other]
    alone = [(at if round(at) != 60 else 69.5, entry) for at, entry in other]
    alone.sort(key=lambda each: each[0])
    first = [(at + (30 if at >= 20 else 0), entry) for at, entry in one]

    for name, theirs, own in (("queue", queue, one), ("alone", alone, one), ("first", other, first)):
        (tmp_path / name).mkdir()
        found = merged(capsys, log(tmp_path / name, "node1", own), log(tmp_path / name, "node2", theirs))

        assert [len(each["stretches"]) for each in found["logs"]] == [1, 1]


def test_a_step_that_too_little_tells_of_is_told_and_not_corrected(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    one, other = a_late_handover(set_at=70.5, by=-3600.0)  # one shared observation is left

    logs = log(tmp_path, "node1", one), log(tmp_path, "node2", other)
    found = merged(capsys, *logs)
    main(["replay", "--merge", *logs])

    assert len(found["logs"][1]["stretches"]) == 1
    assert "times around that say little" in " ".join(capsys.readouterr().out.split())


def test_an_agent_that_stopped_announces_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    one: Entries = [
        (0.0, started("node1")),
        (1.0, owned("node1")),
        (1.0, ON),
        (4.0, AgentStopped(node=NodeName("node1"))),
    ]
    other: Entries = [
        (0.0, started("node2")),
        (1.0, owned("node1")),
        (5.0, owned("node2")),
        (5.0, ON),
        (9.0, shared(9)),
    ]

    found = merged(capsys, log(tmp_path, "node1", one), log(tmp_path, "node2", other))

    assert ("several", ["node1", "node2"], None) not in windows(found)
    assert found["timeline"][-1]["text"].startswith("this node announces")


def test_where_the_owners_log_is_not_here_nobody_says_nobody(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    other: Entries = [(0.0, started("node2")), (1.0, owned("node1")), (8.0, shared(8))]

    found = merged(capsys, log(tmp_path, "node2", other))

    assert windows(found) == []


def test_an_address_that_no_node_may_announce_has_its_reason(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    one: Entries = [
        (0.0, started("node1")),
        (1.0, owned("node1")),
        (1.0, ON),
        (2.0, owned()),
        (2.0, OFF),
        (9.0, ended()),
    ]

    found = merged(capsys, log(tmp_path, "node1", one))

    assert windows(found) == [("nobody", [], 7.0)]
    assert found["windows"][0]["reason"] == "no node may announce it: the cluster has no nodes"


def test_a_service_that_is_gone_needs_nobody(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    one: Entries = [
        (0.0, started("node1")),
        (1.0, owned("node1")),
        (1.0, ON),
        (2.0, ended()),
        (2.1, OFF),
        (9.0, shared(9)),
    ]
    other: Entries = [(0.0, started("node2")), (1.0, owned("node1")), (2.4, ended()), (9.0, shared(9))]

    found = merged(capsys, log(tmp_path, "node1", one), log(tmp_path, "node2", other))

    assert windows(found) == []


def test_the_text_names_clocks_windows_and_who_did_what_in_eighty_columns(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    one, other = a_handover(1.5)
    logs = [log(tmp_path, "node1", one), log(tmp_path, "node2", other, ahead=0.5)]

    assert main(["replay", "--merge", *logs]) == 0

    text = capsys.readouterr().out
    assert "2 logs, by the clock of node1:\n" in text
    assert "    its clock is 500 ms ahead (by 6 shared observations, give or take 0 ms)\n" in text
    assert f"{ADDRESS}  for 1.5 s: nobody\n" in text
    assert "node2, entry 9: this node announces" in text
    paths = [line for line in text.splitlines() if str(tmp_path) in line]
    assert all(len(line) <= 80 for line in text.splitlines() if line not in paths)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([(0.0, started("node1"))], "are both logs of node1: give one log a node"),
        ([(0.0, shared(1))], "does not say whose log it is"),
    ],
)
def test_logs_that_do_not_fit_together_are_refused(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    content: Entries,
    said: str,
) -> None:
    logs = [log(tmp_path, "node1", [(0.0, started("node1"))]), log(tmp_path, "copy", content)]

    assert main(["replay", "--merge", *logs]) == 1

    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--merge", "--verify"], "do not go together"),
        (["--merge", "--until", "3"], "--until does not go with --merge"),
        (["--merge", "--service", "default/web"], "not with --service or --eip"),
        (["a.jsonl", "b.jsonl"], "several logs at once are replayed with --merge only"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    said: str,
) -> None:
    assert main(["replay", *options]) == 2

    assert said in capsys.readouterr().err
