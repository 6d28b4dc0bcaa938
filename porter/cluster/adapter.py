"""The one door between an agent and its cluster: what is seen comes out as entries, what is wanted goes in.

It owns the watches, the Leases and the publisher, and runs them in one event loop. It never decides anything.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any, TypeVar

from porter.cluster import resources
from porter.cluster.connection import Connection
from porter.cluster.eip_publication import EipPublication
from porter.cluster.errors import ClusterError, GivenUpError, UnreachableError
from porter.cluster.facts import Facts
from porter.cluster.health import AdapterHealth, Trouble
from porter.cluster.interest import Interest
from porter.cluster.known import Known
from porter.cluster.leadership import LEASE, Leadership
from porter.cluster.membership import Membership
from porter.cluster.mirror import Mirror
from porter.cluster.node_lease import NodeLease, Wall, utc_now
from porter.cluster.publish import Outcome, Publisher
from porter.cluster.resources import Kind
from porter.cluster.timings import AdapterTimings
from porter.cluster.views import EipView, LeaseView, ServiceView
from porter.cluster.watch import Watch
from porter.events.entries import LeaderObserved, Observed
from porter.model.assignment import Assignment
from porter.model.names import NodeName, ServiceKey
from porter.model.objects import Agent, Service

V = TypeVar("V")
W = TypeVar("W")
K = TypeVar("K", bound=str)

_LAST_WORDS = 1.0  # seconds in which a stopping agent sends the Events that wait


class ClusterAdapter:
    """All between one agent and the API server. `emit` and `report` are called in the loop and must not block."""

    def __init__(
        self,
        connection: Connection,
        namespace: str,
        node: NodeName,
        *,
        known: Known,
        emit: Callable[[Observed], None],
        report: Callable[[Outcome], None],
        lease_duration: float = 15.0,
        read_only: bool = False,
        clock: Callable[[], float] = monotonic,
        wall: Wall = utc_now,
        timings: AdapterTimings | None = None,
        on_leadership: Callable[[bool], None] | None = None,
    ) -> None:
        """`lease_duration`: seconds that a Lease counts without being renewed, a node's and the leader's.

        `read_only`: watch only; no Lease is held and nothing is written.
        """
        self.node = node
        self._connection = connection
        self._emit = Interest(services=known.services, slices=known.slices, emit=emit).take
        self._clock = clock
        self._timings = timings or AdapterTimings()
        self._read_only = read_only
        self._duration = lease_duration
        self._on_leadership = on_leadership or (lambda _leads: None)
        self._holder: NodeName | None = known.leader
        self._tasks: list[asyncio.Task[None]] = []
        self._writing: list[asyncio.Task[None]] = []
        self._facts_due = asyncio.Event()
        self._facts = Facts(connection, known=known.cluster, emit=emit)
        self.membership = Membership(
            clock=clock,
            emit=emit,
            silent=known.silent,
            patience=lease_duration * 2 / 3,
            slack=min(1.0, lease_duration / 5),
        )
        self._lost_at: float | None = None
        """When the API server was first found away, until it is found back."""
        self._node_lease = NodeLease(
            connection,
            namespace=namespace,
            node=node,
            duration=lease_duration,
            on_lost=self._lost,
            on_back=self._back,
            wall=wall,
        )
        self._leadership = Leadership(
            connection,
            namespace=namespace,
            node=node,
            duration=lease_duration,
            clock=clock,
            on_change=self._leads,
            on_holder=self._held_by,
            wall=wall,
        )
        self._services = self._watch(resources.services(), known.services, on_view=self._service_seen)
        self._eips = self._watch(resources.eips(), known.eips, on_view=self._eip_seen)
        self._leases = self._watch(
            resources.leases(namespace),
            known.agents,
            on_view=self._lease_seen,
            on_trouble=self._leases_interrupted,
        )
        self._watches: tuple[Watch[Any, Any], ...] = (
            self._eips,
            self._watch(resources.namespaces(), known.namespaces),
            self._watch(resources.nodes(), known.nodes),
            self._leases,
            self._watch(resources.endpointslices(), known.slices, on_list=self._facts_due.set),
            self._services,
        )
        self._publisher = Publisher(
            connection,
            node=node,
            services=self._services,
            eips=self._eips,
            leads=lambda: self._leadership.is_leader,
            report=report,
            clock=clock,
            wall=wall,
            timings=self._timings.publish,
        )

    # -- life

    async def start(self) -> None:
        """Begin to watch, to hold the Leases and to publish; returns at once. The API server need not be there yet."""
        jobs = [watch.run() for watch in self._watches if watch is not self._leases]
        jobs += [self._follow_leases(), self._read_facts(), self._tick()]
        if not self._read_only:
            jobs.append(self._node_lease.run())
            self._writing = [asyncio.create_task(job) for job in (self._leadership.run(), self._publisher.run())]
        self._tasks = [asyncio.create_task(job) for job in jobs]

    async def watch_over(self) -> None:
        """Wait until something ends that never should: raises what is a bug of ours, and otherwise never returns."""
        done, _ = await asyncio.wait([*self._tasks, *self._writing], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def run(self) -> None:
        """Start, go on until cancelled, and stop in order."""
        await self.start()
        try:
            await self.watch_over()
        finally:
            await self.stop()

    async def stop_publishing(self) -> None:
        """Write nothing more, and let another agent lead; watching and the node's Lease go on. Safe to call twice.

        Events about what was written wait until `stop`.
        """
        writing, self._writing = self._writing, []
        await _end(writing)
        if writing:
            await self._leadership.release()

    async def stop(self) -> None:
        """End everything and release the Leases, then send Events for a second: call it when all is withdrawn.

        Safe to call twice.
        """
        await self.stop_publishing()
        tasks, self._tasks = self._tasks, []
        await _end(tasks)
        if tasks and not self._read_only:
            await self._node_lease.release()
            await self._publisher.flush(_LAST_WORDS)

    async def wait_synced(self) -> None:
        """Wait until every kind was listed once."""
        await asyncio.gather(*(watch.synced.wait() for watch in self._watches))

    # -- in

    def publish(self, key: ServiceKey, service: Service | None, assignments: Sequence[Assignment]) -> None:
        """Want this Service shown so, one assignment per family; none: take off what Porter wrote.

        Call it on every agent, whoever leads, whenever a decision for the Service changed and whenever the Service
        itself did: whoever comes to lead writes what is missing, and nothing else.
        """
        self._publisher.want_service(key, service, assignments)

    def publish_eip(self, publication: EipPublication) -> None:
        """Want this Eip's status shown so. Call it when this agent has come to lead, and whenever it changed since."""
        self._publisher.want_eip(publication)

    def announced(self, key: ServiceKey, *, answers: bool, message: str) -> None:
        """Write on the Service that this node answers for it, or why it cannot; whether this node leads or not.

        The message begins with this node's name: so that the leader knows whose word it is when the owner changes.
        """
        if not self._read_only:
            self._publisher.announced(key, answers=answers, message=message)

    def says_nothing(self, key: ServiceKey) -> None:
        """Take back what `announced` wanted and is not written yet: another node announces the Service now."""
        self._publisher.says_nothing(key)

    def report_agent(self, agent: Agent) -> None:
        """Tell this on the node's Lease; written at once when it is something new."""
        self._node_lease.report(agent)

    def retry(self) -> None:
        """Try now what waits for the API server: something, a NIC that has carrier again, says it may be there."""
        self._node_lease.retry()
        for watch in self._watches:
            watch.retry()

    # -- out

    @property
    def is_leader(self) -> bool:
        """This agent may publish now."""
        return self._leadership.is_leader

    @property
    def publishing(self) -> bool:
        """Something wanted is not yet compared or written."""
        return self._publisher.busy

    @property
    def health(self) -> AdapterHealth:
        """How everything fares now."""
        watches = tuple(watch.health for watch in self._watches)
        suffering: dict[str, list[str]] = {}
        for one in watches:
            if one.error is not None:
                suffering.setdefault(one.error, []).append(one.resource)
        for error in (self._node_lease.error, self._leadership.error, self._facts.error):
            if error is not None:
                what, _, cause = error.partition(": ")
                suffering.setdefault(cause, []).append(what)
        return AdapterHealth(
            watches=watches,
            leader=self.is_leader,
            frozen=self.membership.frozen,
            troubles=tuple(Trouble(what=tuple(what), sentence=cause) for cause, what in suffering.items()),
        )

    # -- inside

    def _watch(
        self,
        kind: Kind[V, W],
        known: Mapping[K, V],
        *,
        on_view: Callable[[str, W | None], None] | None = None,
        on_list: Callable[[], None] | None = None,
        on_trouble: Callable[[ClusterError], None] | None = None,
    ) -> Watch[V, W]:
        pace = self._timings.watch
        if kind.resource == "leases" and not self._read_only:  # one's own renewals come back: silence is a fault sooner
            pace = replace(pace, silence=min(pace.silence, self._duration))
        return Watch(
            kind,
            connection=self._connection,
            mirror=Mirror(known),
            emit=self._emit,
            clock=self._clock,
            timings=pace,
            on_view=on_view,
            on_list=on_list,
            on_trouble=on_trouble or self._interrupted,
            on_well=self._back,
        )

    def _service_seen(self, key: str, view: ServiceView | None) -> None:
        self._publisher.service_seen(key, view)

    def _eip_seen(self, name: str, view: EipView | None) -> None:
        self._publisher.eip_seen(name, view)

    def _lease_seen(self, key: str, view: LeaseView | None) -> None:
        if key == f"/{LEASE}":
            self._leadership.observe(view)
            return
        if key.startswith("/"):
            return
        node = NodeName(key)
        if view is None:
            self.membership.forget(node)
        else:
            self.membership.hear(node, view)
        if node == self.node:
            self._own_lease_seen(view)
        elif self._read_only:
            self.membership.prove_fresh()

    def _own_lease_seen(self, view: LeaseView | None) -> None:
        if view is None or not view.holder:
            self._node_lease.renew_soon()
        else:
            self.membership.prove_fresh()

    def _leases_interrupted(self, error: ClusterError) -> None:
        """Judge nobody; and where a line a third of the duration was due, silence on the others is suspect too."""
        self.membership.interrupt()
        self._interrupted(error)
        if isinstance(error, UnreachableError):
            for watch in self._watches:
                watch.doubt(self._duration / 2)

    def _interrupted(self, error: ClusterError) -> None:
        if isinstance(error, UnreachableError) and not isinstance(error, GivenUpError):
            self._lost()

    def _lost(self) -> None:
        if self._lost_at is None:
            self._lost_at = self._clock()

    def _back(self) -> None:
        """One has got through: so can all. What heard nothing since the server was lost may be dead and not know it."""
        since, self._lost_at = self._lost_at, None
        if since is not None:
            self._node_lease.retry()
            for watch in self._watches:
                watch.retry(quiet_since=since)

    def _held_by(self, holder: NodeName | None) -> None:
        if holder != self._holder:
            self._holder = holder
            self._emit(LeaderObserved(holder=holder))

    def _leads(self, leads: bool) -> None:  # noqa: FBT001 - a callback
        self._publisher.lead(leads)
        self._on_leadership(leads)

    async def _follow_leases(self) -> None:
        """Follow the Leases once this node's own is renewed: an earlier run has released it."""
        if not self._read_only:
            await self._node_lease.asked.wait()
        await self._leases.run()

    async def _read_facts(self) -> None:
        while True:
            await self._facts_due.wait()
            self._facts_due.clear()
            await self._facts.read()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._timings.tick)
            self.membership.judge()
            self._leadership.check()


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
