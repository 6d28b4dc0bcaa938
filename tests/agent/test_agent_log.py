"""What `porter run` says on standard error: the same in lines for people and as JSON for programs."""

import json
import logging
import re
import sys
from pathlib import Path
from typing import Any

from porter.cli.agent_log import AsJson
from porter.events.codec import decode
from porter.events.entries import PoolDecided
from porter.model.assignment import PoolState
from porter.model.names import EipName
from porter.model.reasons import Reason, Verdict

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
ENTRY = PoolDecided(
    cause=3, pool=PoolState(eip=EipName("edge"), ready=False, reason=Verdict(reason=Reason.POOL_FOREIGN))
)


def line(message: str, *args: object, **more: Any) -> str:
    record = logging.getLogger("porter").makeRecord(
        "porter", logging.WARNING, "file.py", 1, message, args, more.pop("exc_info", None), extra=more
    )
    record.created = 1_700_000_000.25
    return AsJson().format(record)


def test_a_line_is_one_object_whatever_is_said() -> None:
    said = line('%s says \n"no" \udcff', "node1")

    assert "\n" not in said
    assert json.loads(said) == {
        "at": "2023-11-14T22:13:20.250000Z",
        "level": "warning",
        "logger": "porter",
        "message": 'node1 says \n"no" \udcff',
    }


def test_what_tells_of_an_entry_carries_it_as_an_exported_log_does() -> None:
    found = json.loads(line("a sentence", entry=ENTRY))

    assert (found["kind"], found["word"]) == ("pool.decided", "decided")
    assert decode(found["kind"], found["version"], json.dumps(found["entry"])) == ENTRY


def test_a_bug_of_ours_is_a_line_too() -> None:
    try:
        json.loads("")
    except ValueError:
        found = json.loads(line("it failed", exc_info=sys.exc_info()))

    assert found["message"] == "it failed"
    assert found["exception"].startswith("Traceback (most recent call last):\n")


def test_every_key_is_documented() -> None:
    keys = json.loads(line("a", entry=ENTRY, exc_info=(ValueError, ValueError(), None))).keys()

    table = PAGE[PAGE.index("## What an agent says") :]
    assert re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.+?) \|", table, re.MULTILINE))) == list(keys)
