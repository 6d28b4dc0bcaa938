"""The Lease by which this node's agent shows that it lives, and tells of its NICs.

Written every third of its duration, at once when the report changes, and released in order at the end. One request a
renewal, whatever happens in the cluster. It judges nobody, but being the one that asks regularly it is the first to
learn that the API server is away, and that it is back.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from math import ceil
from typing import Any

from porter.cluster.backoff import Backoff, between
from porter.cluster.connection import MERGE_PATCH, Connection
from porter.cluster.errors import ClusterError, NotFoundError, UnreachableError, no_namespace
from porter.cluster.reports import lease_name, report_text
from porter.cluster.resources import leases_path
from porter.cluster.timeouts import end_now
from porter.model import keys
from porter.model.names import NodeName
from porter.model.objects import Agent

Wall = Callable[[], datetime]
_LONGEST_WAIT = 0.5  # seconds between attempts while the API server is away: one small request each


def utc_now() -> datetime:
    """The wall clock, for the times that people read in the API."""
    return datetime.now(UTC)


def micro_time(moment: datetime) -> str:
    """Write a moment as the API's MicroTime."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def whole_seconds(moment: datetime) -> str:
    """Write a moment as the API's Time."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


class NodeLease:
    """Keeps the Lease of one node. `error` is the last trouble in one sentence, or None."""

    def __init__(
        self,
        connection: Connection,
        *,
        namespace: str,
        node: NodeName,
        duration: float,
        on_lost: Callable[[], None] | None = None,
        on_back: Callable[[], None] | None = None,
        wall: Wall = utc_now,
    ) -> None:
        """`on_lost` is called when the API server did not answer, at every attempt; `on_back` at the first answer."""
        self.error: str | None = None
        self.renewals = 0
        self.asked = asyncio.Event()
        """The API server has answered the first attempt, whatever it said."""
        self._connection = connection
        self._namespace = namespace
        self._path = leases_path(namespace)
        self._name = lease_name(node)
        self._agent = Agent(node=node)
        self._duration = duration
        self._wall = wall
        self._on_lost = on_lost or (lambda: None)
        self._on_back = on_back or (lambda: None)
        self._due = asyncio.Event()
        self._limit: asyncio.Timeout | None = None
        self._lost = False

    @property
    def agent(self) -> Agent:
        """What the Lease tells."""
        return self._agent

    def report(self, agent: Agent) -> None:
        """Tell this from now on; written at once when it is something new."""
        if agent != self._agent:
            self._agent = agent
            self._due.set()

    def renew_soon(self) -> None:
        """Write at once: somebody has deleted or changed the Lease."""
        self._due.set()

    def retry(self) -> None:
        """Try now what waits or has not been answered: the API server may be there again."""
        if self._lost:
            self._due.set()
            end_now(self._limit)

    async def run(self) -> None:
        """Renew until cancelled."""
        third = self._duration / 3
        backoff = Backoff(first=min(0.2, third / 4), most=min(third / 2, _LONGEST_WAIT))
        while True:
            self._due.clear()
            try:
                await self._renew(timeout=third)
            except TimeoutError:  # see `retry`
                continue
            except ClusterError as error:
                self.error = f"the Lease of this node cannot be renewed: {error}"
                self._tell(lost=isinstance(error, UnreachableError))
                wait = backoff.next()
            else:
                self.error = None
                self._tell(lost=False)
                self.renewals += 1
                backoff.reset()
                wait = between(0.9 * third, third)
            try:
                async with asyncio.timeout(wait):
                    await self._due.wait()
            except TimeoutError:
                pass

    async def release(self) -> None:
        """Say that this agent stops; call it when everything is withdrawn and `run` was cancelled. Raises nothing."""
        try:
            await self._connection.request(
                "PATCH",
                f"{self._path}/{self._name}",
                body={"spec": {"holderIdentity": "", "renewTime": micro_time(self._wall())}},
                content_type=MERGE_PATCH,
                timeout=2.0,
            )
        except ClusterError as error:
            self.error = f"the Lease of this node was not released: {error}"

    async def _renew(self, timeout: float) -> None:  # noqa: ASYNC109 - the client's own limit
        try:
            async with asyncio.timeout(None) as self._limit:
                await self._write(self._body(), timeout=timeout)
        finally:
            self._limit = None

    def _tell(self, *, lost: bool) -> None:
        was, self._lost = self._lost, lost
        if not lost:
            self.asked.set()
        if lost:
            self._on_lost()
        elif was:
            self._on_back()

    async def _write(self, body: dict[str, Any], timeout: float) -> None:  # noqa: ASYNC109 - the client's own limit
        try:
            await self._connection.request(
                "PATCH",
                f"{self._path}/{self._name}",
                body=body,
                content_type=MERGE_PATCH,
                timeout=timeout,
            )
        except NotFoundError:
            metadata = body["metadata"] | {"name": self._name, "namespace": self._namespace}
            created = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", **body, "metadata": metadata}
            try:
                await self._connection.request("POST", self._path, body=created, timeout=timeout)
            except NotFoundError:
                raise no_namespace(self._namespace) from None

    def _body(self) -> dict[str, Any]:
        return {
            "metadata": {"annotations": {keys.AGENT_REPORT: report_text(self._agent)}},
            "spec": {
                "holderIdentity": self._agent.node,
                "leaseDurationSeconds": ceil(self._duration),
                "renewTime": micro_time(self._wall()),
            },
        }
