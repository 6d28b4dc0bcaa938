"""A writer is killed at moments of chance. What `append` returned for is there; nothing is there in part."""

import random
import subprocess
import sys
import threading

import pytest

from porter.events.entries import AgentStopped
from tests.events.conftest import Place

KILLS = 20


@pytest.mark.slow
def test_what_append_returned_for_survives_a_kill(lasting_place: Place) -> None:
    chance = random.Random(20261121)
    promised = 0
    for number in range(KILLS):
        promised_before = promised

        promised = _append_until_killed(lasting_place, number, seconds=chance.uniform(0.0, 0.15))

        assert promised >= promised_before
        with lasting_place.reader("node1") as log:
            entries = list(log.read())
        assert [recorded.seq for recorded in entries] == list(range(1, len(entries) + 1))
        assert len(entries) >= promised
        if entries:
            last = entries[-1]
            assert isinstance(last.entry, AgentStopped)
            assert last.entry.node.endswith(f"-{last.seq}"), "the last batch is there in part"
    assert promised > KILLS, "hardly anything was written: the kills tested nothing"


def _append_until_killed(place: Place, number: int, *, seconds: float) -> int:
    command = [sys.executable, "-m", "tests.events.writer", place.url, str(number)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        promised = int(writer.stdout.readline())  # it is open and begins to append
        killer = threading.Timer(seconds, writer.kill)
        killer.start()
        for line in writer.stdout:
            if line.endswith("\n"):
                promised = int(line)
        killer.join()
    assert writer.returncode < 0, "the writer ended by itself"
    return promised
