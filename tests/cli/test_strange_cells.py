"""SQLite stores anything anywhere: a log with a cell of another kind is damaged, and every command says so in a sentence."""

import sqlite3
from pathlib import Path

import pytest

from porter.cli import main
from porter.events.log import EventLog
from tests.events.examples import some

STRANGE = {
    "no number of the newest entry": "UPDATE stream SET last_seq = 'x'",
    "no number of entries": "UPDATE stream SET entries = x'ff00'",
    "no number of bytes": "UPDATE stream SET story_size = 'x'",
    "no end of a gap": "UPDATE gap SET last_seq = 'x'",
    "no checksum of a gap": "UPDATE gap SET checksum = 1.5",
    "no time": "UPDATE entry SET at = 'noon' WHERE seq = 30",
    "no kind": "UPDATE entry SET kind = x'ff00' WHERE seq = 12",
}
COMMANDS = {
    "replay": ["replay"],
    "replay --verify": ["replay", "--verify"],
    "explain": ["explain", "service", "default/web", "--event-log"],
    "show": ["log", "show", "--event-log"],
    "tail": ["log", "tail", "--event-log"],
    "stat": ["log", "stat", "--event-log"],
    "verify": ["log", "verify", "--event-log"],
    "export": ["log", "export", "-", "--event-log"],
    "compact": ["log", "compact", "--event-log"],
}


@pytest.mark.parametrize("statement", STRANGE.values(), ids=STRANGE)
def test_every_command_says_what_is_wrong_in_one_sentence_or_does_not_need_it(
    capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path, statement: str
) -> None:
    path = tmp_path / "porter.db"
    with EventLog.open(str(path), stream="node1", migrate=True) as log:
        log.append(some(1, 20))
        log.append(some(25, 30), let_go=True)
    connection = sqlite3.connect(path)
    assert connection.execute(statement).rowcount == 1
    connection.commit()
    connection.close()

    refused = {}
    for name, command in COMMANDS.items():
        code = main([*command, str(path)])
        said = capfdbinary.readouterr()
        assert code in {0, 1}
        if code and name != "verify":
            assert said.err.startswith(b"porter: ")
            assert said.err.count(b"\n") == 1
            refused[name] = said.err.decode()

    assert refused
    if "stream" in statement:
        damaged = f"{path} is damaged: malformed: its table stream holds what is of no kind that is stored there. "
        assert any(damaged in each for each in refused.values())
