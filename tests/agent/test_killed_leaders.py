"""A leader that is killed while it publishes, again and again: no address changes, and none is given twice.

It is killed with the patch of a Service or an Event under way, which the server still takes, or no more. PORTER_CHAOS_KILLS says
how often, by default 4; try 50 by hand after a change of publishing or of the log.
"""

import asyncio
import multiprocessing
import os
import random
import signal
from collections.abc import Iterator
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import pytest

from benchmarks.api_agents import Agent
from porter.cluster.connection import Connection
from porter.model.names import NodeName
from tests.agent.api import EVENTS, SERVICES, Api
from tests.plugins.netns import settle

KILLS = int(os.environ.get("PORTER_CHAOS_KILLS") or 4)
NEW = 4
"""Services that come with each leader."""


def lead(kubeconfig: Path, log: Path) -> None:
    """Be an agent without an announcer, until killed."""

    async def main() -> None:
        connection = await Connection.open(kubeconfig)
        async with connection, Agent(log, NodeName("node1"), connection, 2.0).running():
            await asyncio.Event().wait()

    asyncio.run(main())


@pytest.fixture(scope="module")
def forks() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.api_agents", __name__])
    return context


@pytest.fixture
def leaders(bare: Api, forks: ForkServerContext, tmp_path: Path) -> Iterator["Leaders"]:
    bare.install()
    bare.node("node1")
    bare.eip("pool", "172.16.1.1-172.16.1.254")
    made = Leaders(forks, bare.kubeconfig(tmp_path / "kubeconfig"), tmp_path)
    yield made
    made.end()


class Leaders:
    """One leader after the other, all with the same log."""

    def __init__(self, forks: ForkServerContext, kubeconfig: Path, log: Path) -> None:
        self._forks = forks
        self._given = (kubeconfig, log)
        self._process: ForkServerProcess | None = None

    def start(self) -> int:
        """Start one and return its process id."""
        self._process = self._forks.Process(target=lead, args=self._given)
        self._process.start()
        assert self._process.pid is not None
        return self._process.pid

    def wait(self) -> int | None:
        """Wait until it has ended and return its exit code."""
        assert self._process is not None
        self._process.join(60)
        return self._process.exitcode

    def end(self) -> None:
        if self._process is not None and self._process.is_alive():
            self._process.kill()
            self._process.join()


@pytest.mark.timeout(60 + 20 * KILLS)
def test_no_address_changes_and_none_is_given_twice(bare: Api, leaders: Leaders) -> None:
    chance = random.Random(7)
    before: dict[str, list[str]] = {}
    for kill in range(KILLS):
        for number in range(NEW):
            bare.service(f"web{kill:02}-{number}")
        on_event = (KILLS - kill) % 2 == 0  # it has published everything then, which the last one must not
        left = chance.randrange(2, NEW + 1) if on_event else chance.randrange(1, 2 * NEW)
        end = ("POST", EVENTS) if on_event else ("PATCH", SERVICES)
        taken = chance.random() < 0.5  # the patch, although who sent it is dead
        pid: list[int] = []

        def rule(
            method: str, path: str, *, end: tuple[str, str] = end, taken: bool = taken, pid: list[int] = pid
        ) -> bool:
            nonlocal left
            if method == end[0] and path.startswith(end[1]):
                left -= 1
                if left <= 0 and pid:
                    os.kill(pid[0], signal.SIGKILL)
                    return not taken
            return False

        bare.forbidden = rule
        pid.append(leaders.start())
        assert leaders.wait() == -signal.SIGKILL
        after = bare.shown()
        assert before.items() <= after.items(), "what was given stays"
        before = after
    assert len(before) < KILLS * NEW, "they were killed before they were done"
    assert bare.told() or KILLS == 1, "some have told what the next ones must not tell again"

    bare.forbidden = lambda _method, _path: False
    leaders.start()
    settle(lambda: len(bare.shown()) == KILLS * NEW, 60)
    found = bare.shown()
    assert before.items() <= found.items()
    assert len({address for (address,) in found.values()}) == len(found)
    bare.service("last")
    settle(lambda: "last" in bare.told(), 60)  # Events are sent in order: all others were before
    assert len(bare.told()) == len(set(bare.told())), "nothing is told twice"
