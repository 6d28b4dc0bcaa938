"""Lines that no Porter has exported are refused in a sentence that names them, and never with a traceback."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from porter.cli import main
from porter.errors import PorterError
from porter.events.export import write_file
from porter.events.log import EventLog
from tests.events.examples import some

COMMANDS = {
    "replay": ["replay", "{}"],
    "verify": ["log", "verify", "--event-log", "{}"],
    "stat": ["log", "stat", "--event-log", "{}"],
    "import": ["log", "import", "--event-log", "{}.db", "{}"],
}
SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "a time that UTC has not": lambda line: re.sub(rb'"at":"[^"]*"', b'"at":"0001-01-01T00:00:00+14:00"', line),
    "a number that no database has": lambda line: re.sub(rb'"seq":\d+', b'"seq":9223372036854775808', line),
    "a number below 1": lambda line: re.sub(rb'"seq":\d+', b'"seq":-4', line),
    "a version that no database has": lambda line: re.sub(rb'"version":\d+', b'"version":99999999999', line),
    "text that is no UTF-8": lambda line: line.replace(b"-x", b"-\xff", 1),
    "a body without a bottom": lambda line: re.sub(
        rb'"entry":.*', b'"entry":' + b"[" * 99999 + b"]" * 99999 + b"}", line
    ),
}


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    path = tmp_path / "node1.jsonl"
    with EventLog.open("sqlite://", stream="node1") as log:
        log.append(some(1, 6))
        write_file(log.rows(), path)
    return path


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_line_is_refused_in_a_sentence(
    capsys: pytest.CaptureFixture[str],
    exported: Path,
    spoil: Callable[[bytes], bytes],
    command: list[str],
) -> None:
    lines = exported.read_bytes().splitlines(keepends=True)
    spoilt = spoil(lines[3])
    assert spoilt != lines[3]
    exported.write_bytes(b"".join([*lines[:3], spoilt, *lines[4:]]))

    assert main([one.format(exported) for one in command]) == 1

    assert f"{exported}, line 4: " in capsys.readouterr().err


def test_a_link_that_contradicts_the_line_before_breaks_the_chain(
    capsys: pytest.CaptureFixture[str], exported: Path
) -> None:
    lines = exported.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b'"checksum"', b'"previous":"00","checksum"')
    exported.write_bytes(b"".join(lines))

    assert main(["log", "verify", "--event-log", str(exported)]) == 1
    assert "entry 4 says that it follows another entry than entry 3" in capsys.readouterr().out
    assert main(["log", "import", "--event-log", f"{exported}.db", "--stream", "node1", str(exported)]) == 1


@pytest.mark.parametrize("name", ["node1.jsonl/x.jsonl", "x" * 300, "x" * 250])
def test_a_place_that_cannot_be_written_is_named(exported: Path, name: str) -> None:
    with pytest.raises(PorterError, match="cannot be written"):
        write_file(some(1, 2), exported.parent / name)
