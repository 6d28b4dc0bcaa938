"""An agent is killed with SIGKILL at hundreds of moments of chance, also in the middle of its transactions.

Each time: what it acted upon is in its log, the chain of checksums holds, and the state that a replay comes to is the one
that the agent had. PORTER_KILLS=5000 in the environment kills more often.
"""

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path

import msgspec
import pytest

from porter.agent.starting import state_of
from porter.events.codec import encode, word_of
from porter.events.log import EventLog
from porter.events.snapshots import StoredSnapshot
from porter.events.verify import verify
from porter.reconciler.fold import Reconciler
from porter.reconciler.resuming import resume
from tests.agent.crashing import RETENTION, Acted, live, state
from tests.events.conftest import Place
from tests.events.postgresql import Server
from tests.worlds import RULES

KILLS = int(os.environ.get("PORTER_KILLS", "180"))
ON_A_SERVER = 6  # of which every sixth is on PostgreSQL
MOST_STEPS = 7  # of observing, deciding, recording and acting, in one life
STATEMENTS = 120  # about as many as an agent makes in that time


@pytest.fixture(scope="module")
def forks() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", "tests.agent.crashing"])
    return context


def lived(forks: ForkServerContext, place: Place, chance: random.Random) -> tuple[list[Acted], bool]:
    """Let an agent live for a while and kill it; return what it acted upon, and whether it died by its own hand."""
    statement = chance.randrange(1, STATEMENTS) if chance.random() < 0.6 else 0
    ours, theirs = forks.Pipe(duplex=False)
    agent = forks.Process(target=live, args=(place.url, chance.randrange(2**32), statement, theirs))
    agent.start()
    theirs.close()
    acted: list[Acted] = []
    with closing(ours):
        # So many steps and then a moment more: as long a life on a busy machine as on an idle one.
        steps = chance.randrange(MOST_STEPS)
        while steps >= 0 and (message := received(ours)) is not None:
            steps -= 1
            if message:
                acted.append(msgspec.json.decode(message, type=Acted))
        time.sleep(chance.uniform(0, 0.01))
        assert agent.pid is not None
        if agent.exitcode is None:
            with suppress(ProcessLookupError):  # it has died by its own hand since
                os.kill(agent.pid, signal.SIGKILL)
        while (message := received(ours)) is not None:
            if message:
                acted.append(msgspec.json.decode(message, type=Acted))
    agent.join(20)
    assert agent.exitcode == -signal.SIGKILL, "it ended by itself"
    agent.close()
    return acted, bool(statement)


def received(connection: Connection) -> bytes | None:
    """Return a message, None when the agent is dead."""
    try:
        return connection.recv_bytes()
    except (EOFError, OSError):
        return None


def folded(log: EventLog, until: int, *, oldest: bool) -> Reconciler:
    """Fold a log up to an entry: from the oldest snapshot that it has, or the newest before that entry."""
    after = log.whole_after
    usable: Iterable[StoredSnapshot] = (one for one in log.snapshots(until) if one.seq >= after)
    if oldest:
        usable = list(usable)[-1:] if after else []
    reconciler, seq = resume(RULES, usable)
    reconciler.fold_all(log.read(seq, until, whole_after=seq))
    return reconciler


def crash(forks: ForkServerContext, place: Place, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    last = decisions = compacted = by_itself = 0
    with place.writer():
        pass
    for number in range(kills):
        acted, itself = lived(forks, place, chance)
        by_itself += itself

        with place.reader("node1") as log:
            found = verify(log)
            assert found.holds, found.sentences()
            recorded = [one for one in log.read(last) if word_of(one.entry) == "decided"]
            told = [one for each in acted for one in each.decided]
            assert [encode(one.entry)[2].decode() for one in recorded][: len(told)] == told
            begun, _ = state_of(log, RULES)
            if number % 5 == 0:
                assert state(begun) == state(folded(log, log.last_seq, oldest=True))
            if acted and acted[-1].seq >= log.whole_after:
                then = min(acted[-1].seq, log.last_seq)
                assert state(folded(log, then, oldest=False)) == acted[-1].state
            if log.last_seq > last:
                assert log.head.entries <= RETENTION.entries + 1_000
            compacted += log.whole_after > 0
            last, decisions = log.last_seq, decisions + len(told)
    assert decisions > 2 * kills, "hardly anything was decided: the kills tested nothing"
    assert compacted > kills // 4, "hardly anything was compacted"
    assert kills // 4 < by_itself < kills


@pytest.mark.slow
@pytest.mark.timeout(120 + 2 * KILLS)
def test_what_was_acted_upon_survives_a_kill_at_any_moment(forks: ForkServerContext, tmp_path: Path) -> None:
    crash(forks, Place(url=f"sqlite:///{tmp_path}/porter.db"), KILLS, seed=20261121)


@pytest.mark.slow
@pytest.mark.timeout(120 + 2 * KILLS)
def test_what_was_acted_upon_survives_a_kill_also_on_a_server(forks: ForkServerContext, postgresql: Server) -> None:
    crash(forks, Place(url=postgresql.new_database(), server=postgresql), KILLS // ON_A_SERVER, seed=4)
