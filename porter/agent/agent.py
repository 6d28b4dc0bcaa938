"""One node's agent: started, tied together, and ended in order."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime

from msgspec.structs import replace

from porter.agent.complaints import Complaints
from porter.agent.own_announcements import OwnAnnouncements
from porter.agent.own_node import OwnNode
from porter.agent.pages.http import HttpServer, Pages, listen
from porter.agent.pages.metrics import exposition
from porter.agent.pipeline import Batch, Pipeline
from porter.agent.publishing import Publishing
from porter.agent.recent import Recent, look_back
from porter.agent.recorder import Recorder
from porter.agent.rivals import Rivals
from porter.agent.settings import Settings
from porter.agent.starting import Beginning, begin
from porter.agent.telling import Teller
from porter.agent.upkeep import Upkeep
from porter.agent.words import Words
from porter.cluster.adapter import ClusterAdapter
from porter.cluster.connection import Connection
from porter.events.entries import (
    AddressClaimed,
    AgentGone,
    AgentObserved,
    AgentStarted,
    AgentStopped,
    Applied,
    ClusterObserved,
    EipGone,
    EipObserved,
    NodeGone,
    NodeObserved,
    Observed,
    Relisted,
)
from porter.events.schema import SCHEMA_VERSION
from porter.model.objects import Agent as AgentReport
from porter.plugins.registry import Registry
from porter.plugins.reports import Reported
from porter.plugins.runner import Runner
from porter.plugins.shipped import shipped_version
from porter.reconciler.decide import Rules
from porter.reconciler.nics import can_reach_targets
from porter.reconciler.surroundings import Surroundings, surroundings_of

_LOG = logging.getLogger("porter.agent")
_WITHDRAW = 3.0  # seconds that plugins have to withdraw everything when the agent ends
_POOLS = EipObserved | EipGone | Relisted
_AROUND = NodeObserved | NodeGone | AgentObserved | AgentGone | ClusterObserved | Relisted


async def run_agent(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; before it has begun SIGTERM cancels it.

    Raises PorterError for what the user must mend before it can start.
    """
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    registry = Registry.discover()
    for problem in registry.problems:
        _LOG.error("plugin of %s is not used: %s", problem.distribution, problem.sentence)
    async with await Connection.open(settings.kubeconfig, settings.context) as connection:
        with ExitStack() as stack:  # the log comes last: nothing is changed before all else is known to be right
            listener = None if settings.http is None else stack.enter_context(listen(settings.http))
            rules = Rules(protocols=registry.rules)
            beginning = begin(settings.event_log, node=settings.node, rules=rules, now=_now())
            stack.enter_context(beginning.log)
            await Agent(
                settings, registry=registry, beginning=beginning, connection=connection, listener=listener
            ).run()


class Agent:
    """The parts of an agent and the order in which they come and go. Belongs to one event loop."""

    def __init__(
        self,
        settings: Settings,
        *,
        registry: Registry,
        beginning: Beginning,
        connection: Connection,
        listener: socket.socket | None = None,
    ) -> None:
        """`listener`: where to serve the pages over HTTP, listening already; None for nowhere."""
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._registry = registry
        self._reconciler = beginning.reconciler
        self._announcements = OwnAnnouncements(settings.node, self._reconciler)
        self._surroundings = Surroundings()
        self._look_around()
        upkeep = Upkeep(
            beginning.log,
            state=self._reconciler.snapshot,
            clock=_now,
            snapshot=beginning.snapshot,
            retention=settings.retention,
        )
        self._recent = Recent()
        self._log, self._began_after = beginning.log, beginning.log.last_seq
        self._recorder = Recorder(beginning.log, _now, upkeep, report=self._applied, heard=self._recent.take)
        self._set_aside = beginning.set_aside
        if self._set_aside is not None:
            self._recorder.set_aside = self._set_aside.to
        self._pipeline = Pipeline(self._reconciler, self._recorder, self._act)
        self._runner = Runner(
            registry,
            node=settings.node,
            nics=lambda: self._own.nics,
            surroundings=lambda: self._surroundings,
            report=self._from_thread(self._reported),
            gratuitous_interval=settings.gratuitous_interval,
            yields_to_strangers=settings.yields_to_strangers,
        )
        self._adapter = ClusterAdapter(
            connection,
            namespace=settings.namespace,
            node=settings.node,
            known=self._reconciler.world,
            emit=self._dry if settings.dry_run else self._pipeline.observe,
            report=self._applied,
            lease_duration=settings.lease_duration,
            read_only=settings.dry_run,
            on_leadership=self._led,
        )
        self._publishing = Publishing(self._reconciler, self._adapter)
        self._words = Words(settings.node, self._adapter)
        self._own = OwnNode(
            settings.node,
            targets=can_reach_targets(self._reconciler.world),
            rivals=lambda: self._rivals.rivals,
            look_up=connection.server_addresses,
            tell=self._report,
            on_nics=self._other_nics,
        )
        self._rivals = Rivals(self._own.report)
        self._teller = Teller(
            settings,
            reconciler=self._reconciler,
            recorder=self._recorder,
            pipeline=self._pipeline,
            runner=self._runner,
            adapter=self._adapter,
            recent=self._recent,
            words=self._words,
        )
        self._complaints = Complaints(self._teller.troubles)
        self._exposition = exposition(self._teller.readings)
        self._http = None if listener is None else HttpServer(listener, self._pages())

    async def run(self) -> None:
        """Run until told to stop; then withdraw, release the Leases, and write the last entry."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stopping.set)
        if self._http is not None:
            await self._http.start()
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(self._recorder.run())
            self._pipeline.observe(self._started())
            await self._pipeline.step()
            if self._set_aside is not None:
                self._applied(self._set_aside)
            await self._start_announcing()
            await self._adapter.start()
            jobs = (
                self._pipeline.run(),
                self._adapter.watch_over(),
                self._complaints.run(),
                self._own.find_api_servers(),
                look_back(self._recent, self._log, self._began_after),
            )
            working = [group.create_task(job) for job in jobs]
            try:
                await self._stopping.wait()
                _LOG.info("stopping: withdrawing, then releasing the Leases")
            finally:
                await self._stop(working)
                writing.cancel()
        await self._recorder.close()

    async def _stop(self, working: Sequence[asyncio.Task[None]]) -> None:
        """Publish nothing more, fall silent, then let others take over."""
        self._publishing.stop()
        self._rivals.stop()
        await self._adapter.stop_publishing()
        self._own.stop()
        unfinished: tuple[str, ...] = ()
        if not self._settings.dry_run:
            unfinished = await self._loop.run_in_executor(None, self._runner.stop, _WITHDRAW)
            if unfinished:
                _LOG.error("not stopped in order, and perhaps not withdrawn: %s", ", ".join(unfinished))
        for task in working:
            task.cancel()
        await self._adapter.stop()
        if self._http is not None:
            await self._http.stop()
        await asyncio.sleep(0)  # what the plugins reported last is still on its way from their threads
        self._pipeline.applied(AgentStopped(node=self._settings.node, unfinished=unfinished))
        await self._recorder.flushed()

    def _started(self) -> AgentStarted:
        return AgentStarted(
            node=self._settings.node,
            porter=shipped_version(),
            schema=SCHEMA_VERSION,
            plugins=self._registry.infos,
            options=self._settings.options,
        )

    async def _start_announcing(self) -> None:
        """Announce what this node last owned, before the API server was asked anything."""
        await self._own.start()
        if not self._settings.dry_run:
            self._runner.start()
            self._announce()

    def _other_nics(self, carrier: bool) -> None:  # noqa: FBT001 - a callback
        self._runner.again()
        if carrier:
            self._adapter.retry()

    def _report(self, report: AgentReport) -> None:
        self._adapter.report_agent(report)
        if self._settings.dry_run and self._reconciler.world.agents.get(report.node) != report:
            self._pipeline.observe(AgentObserved(agent=report))  # decide as if this agent held a Lease

    def _dry(self, entry: Observed) -> None:
        """Take in an observation of a dry run, which holds no Lease and is there all the same."""
        if isinstance(entry, Relisted):
            entry = replace(entry, gone=tuple(name for name in entry.gone if not self._is_own_lease(entry, name)))
        self._pipeline.observe(entry)

    def _is_own_lease(self, entry: Relisted, name: str) -> bool:
        return entry.resource == "leases" and name == self._settings.node

    def _act(self, batch: Batch) -> None:
        for decision in batch.decided:
            self._teller.decided(decision)
        if any(isinstance(entry, _AROUND) for entry in batch.observed) and self._look_around():
            self._runner.again()
        if any(isinstance(entry, _POOLS) for entry in batch.observed):
            self._own.reach(can_reach_targets(self._reconciler.world))
        if self._announcements.after(batch):
            self._announce()
        self._rivals.want(self._own.announced)
        self._publishing.after(batch)

    def _led(self, leads: bool) -> None:  # noqa: FBT001 - a callback
        self._publishing.lead(leads)

    def _announce(self) -> None:
        services = self._announcements.services
        self._own.announced = services
        self._words.want(services)
        if not self._settings.dry_run:
            self._runner.apply(self._announcements.wanted)

    def _look_around(self) -> bool:
        """Gather what plugins must know of the other nodes, and tell whether it is something new."""
        before, self._surroundings = self._surroundings, surroundings_of(self._reconciler.world, self._settings.node)
        return before != self._surroundings

    def _reported(self, entry: Reported) -> None:
        if isinstance(entry, AddressClaimed):
            self._pipeline.observe(entry)
            self._rivals.claimed(entry)
        else:
            self._applied(entry)

    def _applied(self, entry: Applied) -> None:
        self._pipeline.applied(entry)
        self._teller.applied(entry)
        self._words.applied(entry)
        self._rivals.applied(entry)

    def _pages(self) -> Pages:
        return Pages(
            problems=self._teller.problems,
            status=self._teller.status,
            version=self._teller.version,
            metrics=self._metrics,
        )

    async def _metrics(self) -> bytes:
        await self._loop.run_in_executor(None, self._runner.count)
        return self._exposition()

    def _from_thread(self, call: Callable[..., None]) -> Callable[..., None]:
        """Wrap a call so that any thread may make it: it happens on the event loop."""

        def passed_on(*args: object) -> None:
            with suppress(RuntimeError):  # the loop has ended, and with it everything that could care
                self._loop.call_soon_threadsafe(call, *args)

        return passed_on


def _now() -> datetime:
    return datetime.now(UTC)
