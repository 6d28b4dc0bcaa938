"""docs/explain.md says what is true of the code, and its samples are what the command prints."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from porter.cli import main
from porter.cli.explaining.supposing import KINDS
from porter.model.objects import Nic
from porter.reconciler.explaining.eip import EipExplanation, Holder, Span, Waiter
from porter.reconciler.explaining.gates import Gate, GateName
from porter.reconciler.explaining.history import When
from porter.reconciler.explaining.node import NodeExplanation, Owned, Refused, RefusedGroup
from porter.reconciler.explaining.pool_findings import PoolFinding, PoolStatus
from porter.reconciler.explaining.room import ReservedRange, Room
from porter.reconciler.explaining.service import FamilyExplanation, NodeFinding, ServiceExplanation
from porter.reconciler.explaining.what_if import Consequences, Dependent, Shift
from porter.replay.reading import installed_rules
from tests.logs import recorded, write_log
from tests.reconciler.stories import entries

PAGE = (Path(__file__).parents[2] / "docs" / "explain.md").read_text()
SAMPLES = re.findall(r"^```console\n\$ porter (.*)\n((?:.*\n)*?)```$", PAGE, re.MULTILINE)

ANSWERS: dict[str, list[Any]] = {
    "service": [ServiceExplanation, FamilyExplanation, When, Gate, NodeFinding, PoolFinding],
    "eip": [EipExplanation, Span, Room, Holder, ReservedRange, Waiter],
    "node": [NodeExplanation, Nic, Owned, RefusedGroup, Refused],
    "what-if": [Consequences, Shift, Dependent],
}


@pytest.fixture
def _story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    path = write_log(tmp_path / "porter.db", recorded(entries(), installed_rules()))
    with monkeypatch.context() as patch:
        patch.setenv("PORTER_EVENT_LOG", str(path))
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_story")
@pytest.mark.parametrize(("command", "shown"), SAMPLES, ids=[command for command, _ in SAMPLES])
def test_a_sample_is_what_the_command_prints(command: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command.split()) == 0

    assert capsys.readouterr().out == shown


def test_there_is_a_sample_of_every_command() -> None:
    assert {command.split()[1] for command, _ in SAMPLES} == set(ANSWERS)


def first_column(section: str) -> set[str]:
    return {
        name for cell in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for name in re.findall(r"`(.+?)`", cell)
    }


def section(heading: str) -> str:
    return PAGE.partition(f"{heading}\n")[2].partition("\n#")[0]


def keys_of(struct: Any) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(struct)}


@pytest.mark.parametrize("command", ANSWERS)
def test_every_key_is_documented_and_no_other(command: str) -> None:
    told = section(f"### porter explain {command}")
    outer, *inner = ANSWERS[command]
    beside = "supposed" if command == "what-if" else ""

    assert first_column(told) | {beside} - {""} == keys_of(outer)
    for struct in inner:
        assert keys_of(struct) <= set(re.findall(r"`(.+?)`", told)), struct


@pytest.mark.parametrize(
    ("heading", "names"),
    [("## A Service", {*get_args(GateName), *get_args(PoolStatus)}), ("## What if?", {f"--{kind}" for kind in KINDS})],
)
def test_every_gate_status_and_question_is_in_its_table(heading: str, names: set[str]) -> None:
    assert {name.split()[0] for name in first_column(section(heading))} == names
