"""docs/log.md says what is true of the code, and its samples are what the commands print."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
import pytest

from porter.cli import main
from porter.cli.log import COMMANDS
from porter.cli.log.choosing import what_options, when_options
from porter.cli.log.stat import Statistics
from porter.replay.reading import installed_rules
from tests.logs import recorded, write_log
from tests.reconciler.stories import entries

PAGE = (Path(__file__).parents[2] / "docs" / "log.md").read_text()
SAMPLES = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


ON_DISK = r"[\d.]+ .?B on disk"
"""It depends on the version of SQLite."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = write_log(tmp_path / "porter.db", recorded(entries(), installed_rules()))
    with monkeypatch.context() as patch:
        patch.setenv("PORTER_EVENT_LOG", str(path))
        patch.setenv("TZ", "UTC")
        patch.chdir(tmp_path)
        time.tzset()
        yield path
    time.tzset()


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.partition("\n")[0] for sample in SAMPLES])
def test_a_sample_is_what_the_commands_print(sample: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command, shown in re.findall(r"^\$ porter (.*)\n((?:(?!\$ ).*\n)*)", sample, re.MULTILINE):
        assert main(command.split()) == 0

        said = capsys.readouterr().out.replace(str(place), "/var/lib/porter/porter.db")
        assert re.sub(ON_DISK, "", said) == re.sub(ON_DISK, "", shown)


def rows(heading: str) -> list[str]:
    """Return the names in the first column of the table below a heading."""
    return re.findall(r"^\| `(.+?)`", PAGE.partition(f"{heading}\n")[2].partition("\n#")[0], re.MULTILINE)


def test_every_command_is_in_the_table() -> None:
    assert {name.removeprefix("porter log ") for name in rows("# Looking into a log")} == set(COMMANDS)


def test_every_filter_is_in_the_table() -> None:
    filters = click.command()(what_options(lambda: None)).params

    assert rows("## Find entries") == [name for option in filters for name in option.opts if name.startswith("--")]


def test_every_moment_is_told() -> None:
    for option in click.command()(when_options(lambda: None)).params:
        assert f"`{option.opts[0]}`" in PAGE


def test_every_key_of_the_statistics_is_told() -> None:
    told = PAGE.partition("prints a list with an object for each: ")[2].partition("\n\n")[0]

    assert re.findall(r"`(\w+)`", told) == list(msgspec.structs.asdict(SOME))


SOME = Statistics(
    log="",
    entries=0,
    first=0,
    last=0,
    oldest=None,
    newest=None,
    missing=0,
    bytes=0,
    disk_bytes=0,
    bytes_per_entry=0,
    entries_per_hour=0,
    bytes_per_day=0,
    snapshots=0,
    kinds={},
)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_the_help_fits_a_hundred_columns_and_says_something(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log", *command.split(), "--help"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert len(lines) > 8
