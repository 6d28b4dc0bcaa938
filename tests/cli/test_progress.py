"""The bar of a long job: it shows how far the job is, also where it takes only a few of a log's entries."""

import io
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from porter.cli.progress import shown_progress


@dataclass
class Numbered:
    seq: int


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, seqs: Iterable[int], last: int, after: int = 0) -> list[tuple[int, int]]:
    """Take entries with these numbers, and return how far the bar said that it was, of how much."""
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal)
    with shown_progress("replaying", map(Numbered, seqs), last, after) as entries:
        assert [entry.seq for entry in entries] == list(seqs)
    found = re.findall(r"(\d+)/(\d+)", re.sub(r"\x1b\[[\d;?]*\w", "", terminal.getvalue()))
    return [(int(done), int(total)) for done, total in found]


def test_of_few_entries_among_many_the_bar_comes_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, range(5_000, 100_001, 5_000), 100_000)[-1] == (100_000, 100_000)


def test_of_a_part_of_a_log_the_bar_begins_where_that_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, range(60_000, 110_001, 5_000), 110_000, after=50_000)[-1] == (60_000, 60_000)


@pytest.mark.parametrize("after", [0, 50_000])
def test_a_short_job_shows_nothing(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    assert shown(monkeypatch, range(after + 1, after + 49_999), after + 49_999, after) == []
