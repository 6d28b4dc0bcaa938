"""Who may publish: one Lease, taken and renewed by PUT with the resourceVersion that was read.

Time is this process's monotonic clock only. Another's Lease is judged by when it was last seen to change, and this one
stops acting before its own can run out, even if its event loop was asleep meanwhile: `is_leader` asks the clock.
"""

import asyncio
from collections.abc import Callable
from math import ceil
from typing import Any
from uuid import uuid4

from porter.cluster.answers import lease_of
from porter.cluster.backoff import between
from porter.cluster.connection import Connection
from porter.cluster.errors import ClusterError, ConflictError, NotFoundError, no_namespace
from porter.cluster.node_lease import Wall, micro_time, utc_now
from porter.cluster.reports import lease_view
from porter.cluster.resources import leases_path
from porter.cluster.views import LeaseView
from porter.model.names import NodeName

LEASE = "porter-leader"


class Leadership:
    """Tries to hold the leader's Lease. `on_change` is called with whether this process leads, each once a change."""

    def __init__(
        self,
        connection: Connection,
        *,
        namespace: str,
        node: NodeName,
        duration: float,
        clock: Callable[[], float],
        on_change: Callable[[bool], None],
        on_holder: Callable[[NodeName | None], None],
        wall: Wall = utc_now,
    ) -> None:
        self.error: str | None = None
        self._connection = connection
        self._namespace = namespace
        self._path = leases_path(namespace)
        self._node = node
        self._identity = f"{node}_{uuid4()}"  # a node's name has no underscore
        self._duration = duration
        self._clock = clock
        self._wall = wall
        self._on_change = on_change
        self._on_holder = on_holder
        self._lease: LeaseView | None = None
        self._changed_at = clock()
        self._acting_until: float | None = None
        self._told = False
        self._led = False
        """This process has led: only a new one may take the Lease that an earlier process of its node left."""
        self._wake = asyncio.Event()

    @property
    def is_leader(self) -> bool:
        """This process may act now. Exact at any moment, whatever the event loop did."""
        return self._acting_until is not None and self._clock() < self._acting_until

    def observe(self, lease: LeaseView | None) -> None:
        """Take in the Lease as the watch shows it; None: it is gone."""
        if lease is not None and self._lease is not None and lease.version == self._lease.version:
            return
        if self._acting_until is not None:
            # The watch may be behind: only the server's answer to a renewal tells whether the Lease is lost.
            if lease is None or lease.holder != self._identity:
                self._wake.set()
            return
        self._take(lease)
        if lease is None or not lease.holder:
            self._wake.set()

    async def run(self) -> None:
        """Try to lead until cancelled."""
        third = self._duration / 3
        while True:
            self._wake.clear()
            wait = between(0.8 * third, third)
            try:
                if not await self._step(timeout=third):
                    wait = between(third / 4, third / 2)
                self.error = None
            except ConflictError:
                wait = await self._read_again()
            except NotFoundError:
                self.error = f"the Lease {LEASE} cannot be held: {no_namespace(self._namespace)}"
                self._acting_until = None
                self._take(None)
            except ClusterError as error:
                self.error = f"the Lease {LEASE} cannot be held: {error}"
                wait = between(third / 8, third / 4)
            self.check()
            await self._rest(wait)

    async def release(self) -> None:
        """Stop acting at once and let others lead; call it when `run` was cancelled. Raises nothing."""
        held, self._acting_until = self._acting_until is not None, None
        self.check()
        if not held or self._lease is None:
            return
        try:
            await self._put(self._lease, holder="", timeout=2.0)
        except ClusterError as error:
            self.error = f"the Lease {LEASE} was not released: {error}"

    # -- inside

    async def _step(self, timeout: float) -> bool:  # noqa: ASYNC109 - the client's own limit
        """Create, renew or take the Lease if it may be; return whether this process holds it."""
        lease = self._lease
        if lease is None:
            lease = await self._read(timeout)
        if lease is None:
            sent = self._clock()
            body = self._body(holder=self._identity, transitions=0)
            self._hold(await self._connection.request("POST", self._path, body=body, timeout=timeout), sent)
            return True
        free = lease.holder in {"", self._identity} or (not self._led and _node_of(lease.holder) == self._node)
        slack = min(1.0, lease.duration / 5)  # a renewal under way is no missed one; nodes are judged with the same
        ran_out = self._clock() - self._changed_at > lease.duration + slack
        if not (free or ran_out):
            return False
        sent = self._clock()
        self._hold(await self._put(lease, holder=self._identity, timeout=timeout), sent)
        return True

    async def _read_again(self) -> float:
        """Somebody else wrote: stop acting unless the Lease still names this process; return how long to wait."""
        try:
            lease = await self._read(self._duration / 3)
        except ClusterError as error:
            self.error = f"the Lease {LEASE} cannot be held: {error}"
            return between(0.05, 0.2)
        if lease is None or lease.holder != self._identity:
            self._acting_until = None
        return 0.0 if lease is not None and lease.holder == self._identity else between(0.05, 0.2)

    async def _read(self, timeout: float) -> LeaseView | None:  # noqa: ASYNC109 - the client's own limit
        try:
            data = await self._connection.request("GET", f"{self._path}/{LEASE}", timeout=timeout)
        except NotFoundError:
            self._take(None)
            return None
        lease = lease_view(lease_of(data))
        self._take(lease)
        return lease

    async def _put(self, lease: LeaseView, *, holder: str, timeout: float) -> bytes:  # noqa: ASYNC109 - as above
        taken = lease.transitions + (1 if holder and lease.holder != holder else 0)
        body = self._body(holder=holder, transitions=taken)
        body["metadata"] |= {"resourceVersion": lease.version, "uid": lease.uid}
        return await self._connection.request("PUT", f"{self._path}/{LEASE}", body=body, timeout=timeout)

    def _body(self, *, holder: str, transitions: int) -> dict[str, Any]:
        now = micro_time(self._wall())
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": LEASE, "namespace": self._namespace},
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": ceil(self._duration),
                "renewTime": now,
                "leaseTransitions": transitions,
            },
        }

    def _hold(self, answer: bytes, sent: float) -> None:
        self._take(lease_view(lease_of(answer)))
        self._led = True
        self.check()  # the right to act may have ended since the last look: what was left undone then is done now
        self._acting_until = sent + 0.8 * self._duration  # others wait for the whole duration, and from later on

    def _take(self, lease: LeaseView | None) -> None:
        if lease is not None and self._lease is not None and lease.version == self._lease.version:
            return
        before = self._lease.holder if self._lease is not None else ""
        self._lease = lease
        self._changed_at = self._clock()
        holder = lease.holder if lease is not None else ""
        if holder != self._identity and self._acting_until is not None and lease is not None:
            self._acting_until = None
            self.check()
        if _node_of(holder) != _node_of(before):
            self._on_holder(NodeName(_node_of(holder)) if holder else None)

    def check(self) -> None:
        """Call `on_change` if the right to act has ended meanwhile. Call it a few times a second."""
        if self.is_leader != self._told:
            self._told = not self._told
            self._on_change(self._told)

    async def _rest(self, wait: float) -> None:
        """Wait, but tell at once when the right to act ends, or when the Lease comes free."""
        if self.is_leader and self._acting_until is not None:
            wait = min(wait, max(0.0, self._acting_until - self._clock()) + 0.001)
        try:
            async with asyncio.timeout(wait):
                await self._wake.wait()
        except TimeoutError:
            pass
        self.check()


def _node_of(identity: str) -> str:
    return identity.split("_", 1)[0]
