"""docs/replay.md says what is true of the code, and its samples are what the command prints."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import msgspec
import pytest

from porter.cli import main
from porter.cli.replay import replay
from porter.replay.between import Between, Held, ObjectBetween, Point, PoolBetween, ServiceBetween, What
from porter.replay.clocks import Clock
from porter.replay.edits import EDITABLE
from porter.replay.lanes import Window, WindowKind
from porter.replay.merging import Deed as NodeDeed
from porter.replay.merging import NodeLog
from porter.replay.story import Cause, Change, Deed, DeedName, Disagreement, Shown, Standing, Story
from porter.replay.what_if import Parting
from tests.replay.pages import write_example

PAGE = (Path(__file__).parents[2] / "docs" / "replay.md").read_text()
SAMPLES = re.findall(r"^```console\n\$ (porter|cat) (.*)\n((?:.*\n)*?)```$", PAGE, re.MULTILINE)

ANSWERS: dict[str, list[Any]] = {
    "The story and --verify": [Story, Standing, Change, Cause, Deed, Disagreement],
    "--diff": [Between, Point, ServiceBetween, Held, PoolBetween, ObjectBetween],
    "--what-if": [Parting, Held],
    "--merge": [NodeLog, Clock, Window, NodeDeed],
}


@pytest.fixture
def _example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    write_example(tmp_path)
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path)
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_example")
@pytest.mark.parametrize(("program", "command", "shown"), SAMPLES, ids=[command for _, command, _ in SAMPLES])
def test_a_sample_is_what_the_command_prints(
    program: str,
    command: str,
    shown: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if program == "cat":
        assert Path(command).read_text(encoding="utf-8") == shown
        return

    assert main(command.split()) == 0

    assert capsys.readouterr().out == shown


def test_there_is_a_sample_of_every_mode() -> None:
    commands = " ".join(command for _, command, _ in SAMPLES)

    assert all(option in commands for option in ("--verify", "--diff", "--what-if", "--merge"))
    assert all(shown for _, _, shown in SAMPLES)


def test_every_option_is_in_the_table() -> None:
    table = PAGE.partition("| option |")[2].partition("\n\n")[0]
    options = {
        name
        for one in replay.params
        if isinstance(one, click.Option)
        for name in one.opts
        if name not in {"-h", "--help"}
    }

    assert set(re.findall(r"`(--[a-z-]+)`", table)) == options


@pytest.mark.parametrize("heading", ANSWERS)
def test_every_key_is_documented(heading: str) -> None:
    section = PAGE.partition(f"### {heading}\n")[2].partition("\n###")[0]
    named = set(re.findall(r"`([a-z_]+)`", section))

    for struct in ANSWERS[heading]:
        assert {field.encode_name for field in msgspec.structs.fields(struct)} <= named, struct


@pytest.mark.parametrize("names", [get_args(Shown), get_args(DeedName), get_args(What), get_args(WindowKind), EDITABLE])
def test_every_word_that_a_value_can_have_is_documented(names: tuple[str, ...]) -> None:
    assert all(f"`{name}`" in PAGE for name in names)
