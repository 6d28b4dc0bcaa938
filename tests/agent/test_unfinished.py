"""The end of an agent one of whose plugins does not stop."""

import asyncio
import os
import signal
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from porter.agent.agent import Agent
from porter.agent.settings import Settings
from porter.agent.starting import begin
from porter.cluster.connection import Connection
from porter.events.entries import AgentStopped
from porter.events.log import EventLog
from porter.model.assignment import Announcement
from porter.model.names import NodeName
from porter.model.objects import Eip
from porter.model.protocol import PlacementRequest
from porter.plugins.api import Host
from porter.plugins.registry import Registry
from porter.reconciler.decide import Rules
from tests.agent.api import Api


class Hanging:
    """A protocol whose start never returns until it is let go."""

    name, version, stub, stable = "hanging", "1.0", None, True

    def __init__(self) -> None:
        self.began, self.let_go = threading.Event(), threading.Event()

    def validate(self, eip: Eip) -> Sequence[str]:  # noqa: ARG002 - the interface
        return ()

    def place(self, request: PlacementRequest) -> Sequence[NodeName]:
        return request.eligible

    def start(self, host: Host) -> None:  # noqa: ARG002 - the interface
        self.began.set()
        self.let_go.wait(30)

    def apply(self, announcements: Sequence[Announcement]) -> None: ...

    def stop(self) -> None: ...


@pytest.mark.parametrize("hangs", [True, False])
def test_the_last_entry_claims_no_more_than_was_withdrawn(api: Api, tmp_path: Path, *, hangs: bool) -> None:
    plugin, url = Hanging(), f"sqlite:///{tmp_path}/node1.db"
    settings = Settings(node=NodeName("node1"), event_log=url, kubeconfig=api.kubeconfig(tmp_path / "kubeconfig"))

    async def main() -> None:
        async with await Connection.open(settings.kubeconfig) as connection:
            registry = Registry.of(plugin)
            rules = Rules(protocols=registry.rules)
            beginning = begin(url, node=settings.node, rules=rules, now=datetime.now(UTC))
            with beginning.log:
                agent = Agent(settings, registry=registry, beginning=beginning, connection=connection)
                running = asyncio.create_task(agent.run())
                await asyncio.to_thread(plugin.began.wait, 10)
                if not hangs:
                    plugin.let_go.set()
                os.kill(os.getpid(), signal.SIGTERM)
                await running

    try:
        asyncio.run(main())
    finally:
        plugin.let_go.set()

    with EventLog.open(url, read_only=True) as log:
        *_, last = log.read()
    assert last.entry == AgentStopped(node=NodeName("node1"), unfinished=("hanging",) if hangs else ())
