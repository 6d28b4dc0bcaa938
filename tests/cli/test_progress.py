"""The bar of a long job: it shows how far the job is, also where it takes only a few of a log's entries."""

import io
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from porter.cli import main
from porter.cli.progress import shown_progress
from porter.events.entries import AgentHeard, Recorded
from porter.events.export import write_file
from porter.events.sources import open_source
from porter.model.names import NodeName
from tests.replay.recording import BEGIN, log_at

TIME = (BEGIN + timedelta(seconds=51_000.5)).isoformat()


@dataclass
class Numbered:
    seq: int


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def watched(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """What is shown from now on, on standard error."""
    made = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", made)
    return made


def bars(terminal: Terminal) -> list[tuple[int, int]]:
    """How far the bar said that it was, of how much."""
    found = re.findall(r"(\d+)/(\d+)", re.sub(r"\x1b\[[\d;?]*\w", "", terminal.getvalue()))
    return [(int(done), int(total)) for done, total in found]


def shown(monkeypatch: pytest.MonkeyPatch, seqs: Iterable[int], last: int, after: int = 0) -> list[tuple[int, int]]:
    """Take entries with these numbers, and return how far the bar said that it was, of how much."""
    terminal = watched(monkeypatch)
    with shown_progress("replaying", map(Numbered, seqs), lambda: last, after) as entries:
        assert [entry.seq for entry in entries] == list(seqs)
    return bars(terminal)


def test_of_few_entries_among_many_the_bar_comes_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, range(5_000, 100_001, 5_000), 100_000)[-1] == (100_000, 100_000)


def test_of_a_part_of_a_log_the_bar_begins_where_that_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, range(60_000, 110_001, 5_000), 110_000, after=50_000)[-1] == (60_000, 60_000)


@pytest.mark.parametrize("after", [0, 50_000])
def test_a_short_job_shows_nothing(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    assert shown(monkeypatch, range(after + 1, after + 49_999), after + 49_999, after) == []


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with one log as a database and as a file: 54,000 entries, one a second."""
    place, heard = tmp_path_factory.mktemp("logs"), AgentHeard(node=NodeName("node1"))
    log = log_at(place / "db", [Recorded(seq, BEGIN + timedelta(seconds=seq), heard) for seq in range(1, 54_001)])
    with open_source(str(log)) as source:
        write_file(source.rows(), place / "file")
    return place


@pytest.mark.parametrize(
    ("name", "options", "total"),
    [
        ("db", ["--until", TIME], 51_000),
        ("file", ["--until", TIME], 51_000),
        ("db", ["--verify", "--until", "52000"], 52_000),
        ("db", ["--diff", "1..52000"], 52_000),
    ],
    ids=["time", "time in a file", "verified", "two moments"],
)
def test_up_to_a_moment_the_bar_is_of_what_is_read(
    monkeypatch: pytest.MonkeyPatch, logs: Path, name: str, options: list[str], total: int
) -> None:
    terminal = watched(monkeypatch)

    main(["replay", *options, str(logs / name)])

    assert {of for _, of in bars(terminal)} == {total}
    assert max(done for done, _ in bars(terminal)) > total - 5_000
