"""`porter log`, through its front door."""

import json
import re
import sqlite3
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from porter.cli import main
from porter.events.entries import Recorded
from porter.events.log import EventLog
from tests.events.examples import BEGIN, some
from tests.events.golden import FULL

ALL = [
    Recorded(seq, BEGIN + timedelta(seconds=seq), entry)
    for seq, entry in enumerate(FULL.values(), start=1)
    if seq <= 30  # as many as the tests count
]


@pytest.fixture
def event_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "porter.db"
    with EventLog.open(str(path), stream="node1", migrate=True) as log:
        log.append(ALL)
    monkeypatch.setenv("PORTER_EVENT_LOG", f"sqlite:///{path}")
    monkeypatch.setenv("TZ", "UTC")
    return path


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["log", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def numbers(lines: list[str]) -> list[int]:
    return [json.loads(line)["seq"] for line in lines]


@pytest.mark.usefixtures("event_log")
def test_text_fits_eighty_columns(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, "show")

    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("2026-11-21 (")
    assert lines[1].split()[:1] == ["1"]
    assert lines[1].endswith("observed the agent of node1 started: Porter 1.0.0, schema 1,")


@pytest.mark.usefixtures("event_log")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], list(range(1, len(ALL) + 1))),
        (["--after", "27"], [28, 29, 30]),
        (["--until", "2"], [1, 2]),
        (["--after", "5", "--limit", "2"], [6, 7]),
        (["--kind", "eip.gone", "--kind", "node.gone"], [6, 8]),
        (["--word", "decided"], [19, 20, 21]),
        (["--service", "default/web", "--word", "applied"], [22, 26]),
        (["--node", "node2", "--word", "decided"], [19, 20]),
        (["--service", "default/other"], []),
        (["--eip", "pool-a", "--word", "applied"], [26, 27]),
        (["--address", "192.168.0.91", "--word", "applied"], [22, 23, 24, 26]),
        (["--address", "192.168.0.92"], [2, 3]),
        (["--from", "28"], [28, 29, 30]),
        (["--from", "5", "--until", "6"], [5, 6]),
        (["--from", "2026-11-21T10:00:27.5Z"], [28, 29, 30]),
        (["--until", "2026-11-21T10:00:02.5Z"], [1, 2]),
        (["--from", "2026-11-21T10:00:05Z", "--until", "2026-11-21T10:00:06.5Z"], [5, 6]),
        (["--from", "2026-11-21T11:00Z"], []),
        (["--until", "2026-11-20T11:00Z"], []),
    ],
    ids=str,
)
def test_filters_choose_entries(capsys: pytest.CaptureFixture[str], options: list[str], expected: list[int]) -> None:
    assert numbers(shown(capsys, "show", "--format", "json", *options)) == expected


@pytest.mark.usefixtures("event_log")
def test_json_is_the_lines_of_an_export(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert shown(capsys, "export", f"{tmp_path}/log.jsonl") == [f"{len(ALL)} entries written to {tmp_path}/log.jsonl"]

    exported = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    for line in exported:
        assert len(bytes.fromhex(line.pop("checksum"))) == 16
    assert exported[-1].pop("end")
    assert [json.loads(line) for line in shown(capsys, "show", "--format", "json")] == exported


@pytest.mark.usefixtures("event_log")
def test_tail_shows_the_newest(capsys: pytest.CaptureFixture[str]) -> None:
    assert numbers(shown(capsys, "tail", "--format", "json", "-n", "2")) == [29, 30]
    assert numbers(shown(capsys, "tail", "--format", "json")) == list(range(21, 31))
    assert numbers(shown(capsys, "tail", "--format", "json", "-n", "2", "--word", "decided")) == [20, 21]
    assert shown(capsys, "tail", "-n", "0") == []


def test_tail_follows_an_agent_that_writes(event_log: Path) -> None:
    follow = [sys.executable, "-c", "import sys; from porter.cli import main; sys.exit(main())", "log", "tail", "-f"]
    with (
        subprocess.Popen([*follow, "-n", "1", "--format", "json"], stdout=subprocess.PIPE, text=True) as tail,
        EventLog.open(str(event_log), stream="node1") as log,
    ):
        assert tail.stdout is not None
        assert json.loads(tail.stdout.readline())["seq"] == len(ALL)

        log.append(some(len(ALL) + 1, len(ALL) + 2))

        assert json.loads(tail.stdout.readline())["seq"] == len(ALL) + 1
        assert json.loads(tail.stdout.readline())["seq"] == len(ALL) + 2
        tail.terminate()


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz"])
def test_export_and_import_make_the_same_log(
    capsys: pytest.CaptureFixture[str],
    event_log: Path,
    tmp_path: Path,
    suffix: str,
) -> None:
    copy = tmp_path / "copy.db"
    shown(capsys, "export", f"{tmp_path}/log.jsonl{suffix}")

    said = shown(capsys, "import", f"{tmp_path}/log.jsonl{suffix}", "--event-log", str(copy))

    assert said == [f"{len(ALL)} entries read into {copy}, stream node1"]
    with (
        EventLog.open(str(copy), read_only=True) as imported,
        EventLog.open(str(event_log), read_only=True) as original,
    ):
        assert list(imported.rows()) == list(original.rows())


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["log", *arguments]) == 1
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    return said.err


@pytest.mark.usefixtures("event_log")
def test_import_refuses_a_log_that_has_entries(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shown(capsys, "export", f"{tmp_path}/log.jsonl")

    assert "has 30 entries; import into an empty log only" in refused(capsys, "import", f"{tmp_path}/log.jsonl")


@pytest.mark.usefixtures("event_log")
def test_import_leaves_nothing_of_a_file_with_a_fault(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shown(capsys, "export", f"{tmp_path}/log.jsonl")
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write("and so on\n")

    said = refused(capsys, "import", f"{tmp_path}/log.jsonl", "--event-log", f"{tmp_path}/copy.db")

    assert f"{tmp_path}/log.jsonl, line 31: " in said
    assert not (tmp_path / "copy.db").exists()


def test_import_leaves_an_empty_log_where_it_failed_half_way(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with EventLog.open(f"{tmp_path}/a.db", stream="node1", migrate=True) as log:
        log.append(some(1, 3000))
    shown(capsys, "export", f"{tmp_path}/log.jsonl", "--event-log", f"{tmp_path}/a.db")
    copying = ["import", f"{tmp_path}/log.jsonl", "--event-log", f"{tmp_path}/copy.db", "--stream", "node1"]
    EventLog.open(f"{tmp_path}/copy.db", stream="node1", migrate=True).close()
    copy = sqlite3.connect(tmp_path / "copy.db", isolation_level=None)
    copy.execute("CREATE TRIGGER late BEFORE INSERT ON entry WHEN NEW.seq = 2500 BEGIN SELECT RAISE(ABORT, 'no'); END")

    refused(capsys, *copying)

    assert copy.execute("SELECT count(*) FROM entry").fetchone() == (0,)
    copy.execute("DROP TRIGGER late")
    copy.close()
    assert shown(capsys, *copying) == [f"3000 entries read into {tmp_path}/copy.db, stream node1"]


def test_import_refuses_a_file_that_was_altered(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with EventLog.open(f"{tmp_path}/a.db", stream="node1", migrate=True) as log:
        log.append(some(1, 9))
    shown(capsys, "export", f"{tmp_path}/log.jsonl", "--event-log", f"{tmp_path}/a.db")
    path = tmp_path / "log.jsonl"
    path.write_text(path.read_text().replace("wéb-4-x", "wéb-4-y"))

    said = refused(capsys, "import", str(path), "--stream", "node1", "--event-log", f"{tmp_path}/copy.db")

    assert "is not as it was written: entry 4 " in said
    assert not (tmp_path / "copy.db").exists()


@pytest.mark.usefixtures("event_log")
def test_import_refuses_a_part_of_a_log(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shown(capsys, "export", "--after", "3", f"{tmp_path}/log.jsonl")

    said = refused(capsys, "import", f"{tmp_path}/log.jsonl", "--event-log", f"{tmp_path}/copy.db")

    assert "begins with entry 4; only a whole log can be imported" in said


def test_import_wants_to_know_whose_log_it_is(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with EventLog.open(f"{tmp_path}/a.db", stream="node1", migrate=True) as log:
        log.append(some(1, 3))
    shown(capsys, "export", f"{tmp_path}/log.jsonl", "--event-log", f"{tmp_path}/a.db")

    copying = ["import", f"{tmp_path}/log.jsonl", "--event-log", f"{tmp_path}/copy.db"]
    assert "does not say whose log it is; name the node with --stream" in refused(capsys, *copying)

    assert shown(capsys, *copying, "--stream", "node7") == [f"3 entries read into {tmp_path}/copy.db, stream node7"]


@pytest.mark.usefixtures("event_log")
def test_upgrade_says_when_there_is_nothing_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, "upgrade") == ["schema 2: nothing to do"]


def test_upgrade_makes_no_log_where_there_is_none(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "there is no log at" in refused(capsys, "upgrade", "--event-log", f"{tmp_path}/none.db")
    assert not (tmp_path / "none.db").exists()


def test_a_log_of_a_newer_porter_is_refused(capsys: pytest.CaptureFixture[str], event_log: Path) -> None:
    connection = sqlite3.connect(event_log)
    connection.execute("UPDATE porter_schema SET version_num = '3'")
    connection.commit()
    connection.close()

    for command in ("show", "tail", "stat", "upgrade"):
        assert "was written by a newer Porter (schema 3, this one knows 2)" in refused(capsys, command)


@pytest.mark.usefixtures("event_log")
def test_stat_counts_the_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, "stat")

    assert lines[1] == "30 entries, 1 to 30"
    assert lines[2] == "from 2026-11-21 10:00:01.123 to 2026-11-21 10:00:30.123 (29 s)"
    assert lines[4].startswith("3724 entries an hour, ")
    assert [line.split() for line in lines[6:]] == [
        ["1", "3%", kind] for kind in sorted(kind for kind, _ in list(FULL)[:30])
    ]


def test_stat_tells_the_same_to_programs(capsys: pytest.CaptureFixture[str], event_log: Path) -> None:
    (found,) = json.loads("\n".join(shown(capsys, "stat", "--format", "json")))

    assert found["disk_bytes"] == event_log.stat().st_size
    assert found["kinds"] == dict.fromkeys(sorted(kind for kind, _ in list(FULL)[:30]), 1)
    assert (found["entries"], found["first"], found["last"], found["missing"]) == (30, 1, 30, 0)
    assert found["bytes"] == pytest.approx(found["bytes_per_entry"] * 30, abs=2)
    assert found["bytes_per_day"] == pytest.approx(found["bytes"] * 24 * 3600 / 29, rel=0.01)


def test_stat_counts_each_log_of_a_shared_database(capsys: pytest.CaptureFixture[str], event_log: Path) -> None:
    with EventLog.open(str(event_log), stream="node2", migrate=True) as log:
        log.append(some(1, 7))

    assert [line for line in shown(capsys, "stat") if " entries, " in line] == [
        "30 entries, 1 to 30",
        "7 entries, 1 to 7",
    ]
    assert [line for line in shown(capsys, "stat", "--stream", "node2") if " entries, " in line] == [
        "7 entries, 1 to 7"
    ]


def test_stat_of_an_empty_log_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    EventLog.open(f"{tmp_path}/porter.db", stream="node1", migrate=True).close()

    assert shown(capsys, "stat", "--event-log", f"{tmp_path}/porter.db")[-1] == "no entries"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--kind", "eip.lost"], "'eip.lost' is not a kind of entry. Kinds: agent.started, "),
        (["--service", "web"], "'web' is not NAMESPACE/NAME"),
        (["--address", "192.168.0.300"], "'192.168.0.300' is not an IP address"),
        (["--from", "noon"], "'noon' is no moment: write an entry's number, "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.usefixtures("event_log")
def test_a_filter_that_means_nothing_is_refused(
    capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert main(["log", "show", *options]) in (1, 2)

    assert said in capsys.readouterr().err


@pytest.mark.usefixtures("event_log")
def test_verify_says_that_the_chain_holds(capsys: pytest.CaptureFixture[str], event_log: Path) -> None:
    assert shown(capsys, "verify") == [
        f"{event_log}, stream node1",
        f"  {len(ALL)} entries, 1 to {len(ALL)}: the chain holds",
    ]


def test_verify_names_what_was_altered(capsys: pytest.CaptureFixture[str], event_log: Path) -> None:
    with EventLog.open(str(event_log), stream="node2") as log:
        log.append(some(1, 7))
    connection = sqlite3.connect(event_log)
    connection.execute("UPDATE entry SET body = replace(body, 'pool-a', 'pool-b') WHERE seq = 6 AND stream = 'node1'")
    connection.commit()
    connection.close()

    assert main(["log", "verify"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{event_log}, stream node1",
        f"  {len(ALL)} entries, 1 to {len(ALL)}: the chain breaks",
        "  entry 6 (eip.gone) is not as it was written, or does not follow entry 5",
        "  all that follows holds",
        f"{event_log}, stream node2",
        "  7 entries, 1 to 7: the chain holds",
    ]
    assert main(["log", "verify", "--format", "json"]) == 1
    (one, other) = json.loads(capsys.readouterr().out)
    assert (one["holds"], one["found"]["breaks"][0]["seq"]) == (False, 6)
    assert (other["holds"], other["found"]["entries"]) == (True, 7)
    assert main(["log", "verify", "--stream", "node2"]) == 0


@pytest.mark.usefixtures("event_log")
def test_verify_reads_an_exported_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    shown(capsys, "export", str(path))
    lines = path.read_bytes().splitlines(keepends=True)

    assert shown(capsys, "verify", "--event-log", str(path))[1].endswith("the chain holds")

    path.write_bytes(b"".join(lines[:9] + lines[10:]))
    assert main(["log", "verify", "--event-log", str(path)]) == 1
    assert "entry 10 " in capsys.readouterr().out


def test_compact_takes_out_what_is_old_and_keeps_the_story(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "porter.db"
    with EventLog.open(str(path), stream="node1", migrate=True) as log:
        log.append(some(1, 20_001))
    compacting = ["compact", "--event-log", str(path), "--keep-age", "1s"]

    (said,) = shown(capsys, *compacting)

    before, left = (int(number) for number in re.findall(r"of (\d+) entries taken out; (\d+) are left", said)[0])
    assert (before, left < 12_000) == (20_001, True)
    assert shown(capsys, "verify", "--event-log", str(path))[1].endswith(
        f"{left} entries, {20_002 - left} to 20001, {20_001 - left} others were compacted away or not exported: "
        "the chain holds"
    )
    assert shown(capsys, *compacting)[0].startswith(f"{path}, stream node1: nothing to take out of {left} entries")


def test_compact_wants_a_log_that_is_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "there is no log at" in refused(capsys, "compact", "--event-log", f"{tmp_path}/none.db")
    assert not (tmp_path / "none.db").exists()
