"""What is to be shown in the API, told to the adapter whenever it may have changed.

Every agent tells its adapter of all Services; only the leader's adapter writes, and it writes only what differs. Of the
pools the leader alone tells: to look at all their holders takes long in a large cluster.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from porter.agent.pipeline import Batch
from porter.agent.resting import Rest
from porter.cluster.eip_publication import EipPublication
from porter.events.entries import (
    AgentObserved,
    ClusterObserved,
    EipObserved,
    NodeObserved,
    Observed,
    Relisted,
    ServiceObserved,
)
from porter.model.assignment import Assignment
from porter.model.names import ServiceKey
from porter.model.objects import Service
from porter.reconciler.fold import Reconciler
from porter.reconciler.usage import usage_of

_POOLS_PAUSE = 0.2  # seconds in which changes of pools are gathered into one look at all of them, and their holders


class Adapter(Protocol):
    """What publishing needs of `porter.cluster.adapter`."""

    def publish(self, key: ServiceKey, service: Service | None, assignments: Sequence[Assignment]) -> None:
        """Want this Service shown so."""

    def publish_eip(self, publication: EipPublication) -> None:
        """Want this Eip's status shown so."""


class Publishing:
    """Follows the batches of one agent. Belongs to the event loop."""

    def __init__(self, reconciler: Reconciler, adapter: Adapter) -> None:
        self._reconciler = reconciler
        self._adapter = adapter
        self._leading = False
        self._pools_due: asyncio.TimerHandle | None = None
        self._rest = Rest(gather=_POOLS_PAUSE)

    def after(self, batch: Batch) -> None:
        """Tell the adapter about every Service that the batch concerns, and soon about the pools."""
        if not self._reconciler.world.complete:
            return  # what the log knows may be old: nothing is written from it
        keys = {key for entry in batch.observed for key in self._services_of(entry)}
        for key in sorted(keys | batch.services_decided()):
            service = self._reconciler.world.services.get(key)
            self._adapter.publish(key, service, self._reconciler.assignments_of(key))
        if not self._leading or self._pools_due is not None:
            return
        if batch.decided or any(_concerns_pools(entry) for entry in batch.observed):
            loop = asyncio.get_running_loop()
            self._pools_due = loop.call_at(self._rest.next(loop.time()), self._pools)

    def lead(self, leads: bool) -> None:  # noqa: FBT001 - a callback
        """Tell of the pools at once when this agent has come to lead: what it told when it led before is old."""
        self._leading = leads
        if leads and self._reconciler.world.complete:
            self.stop()
            self._pools()

    def stop(self) -> None:
        """Tell no more of what is past."""
        if self._pools_due is not None:
            self._pools_due.cancel()

    def _services_of(self, entry: Observed) -> tuple[ServiceKey, ...]:
        match entry:
            case ServiceObserved(service=service):
                return (service.key,)
            case Relisted():
                # The last list completes the picture: what was decided before is compared with the API once.
                return tuple(self._reconciler.world.services)
            case _:
                return ()

    def _pools(self) -> None:
        self._pools_due = None
        with self._rest.after(asyncio.get_running_loop().time):
            self._tell_pools()

    def _tell_pools(self) -> None:
        reconciler = self._reconciler
        for usage in usage_of(reconciler.world, reconciler.decisions, reconciler.rules).values():
            publication = EipPublication(
                pool=usage.state,
                range=usage.range,
                used=tuple(usage.used.items()),
                full=usage.full,
                reserved=usage.reserved,
                beyond=usage.beyond,
            )
            self._adapter.publish_eip(publication)


def _concerns_pools(entry: Observed) -> bool:
    return isinstance(entry, EipObserved | NodeObserved | ClusterObserved | Relisted | AgentObserved)
