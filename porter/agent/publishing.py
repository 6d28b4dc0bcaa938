"""What is to be shown in the API, told to the adapter whenever it may have changed.

Every agent tells its adapter everything; only the leader's adapter writes, and it writes only what differs.
"""

import asyncio

from porter.agent.pipeline import Batch
from porter.agent.resting import Rest
from porter.cluster.adapter import ClusterAdapter
from porter.cluster.eip_publication import EipPublication
from porter.events.entries import (
    AgentObserved,
    AssignmentDecided,
    AssignmentEnded,
    ClusterObserved,
    Decided,
    EipObserved,
    NodeObserved,
    Observed,
    Relisted,
    ServiceObserved,
)
from porter.model.names import ServiceKey
from porter.reconciler.fold import Reconciler
from porter.reconciler.usage import usage_of

_POOLS_PAUSE = 0.2  # seconds in which changes of pools are gathered into one look at all of them, and all their holders


class Publishing:
    """Follows the batches of one agent. Belongs to the event loop."""

    def __init__(self, reconciler: Reconciler, adapter: ClusterAdapter) -> None:
        self._reconciler = reconciler
        self._adapter = adapter
        self._pools_due: asyncio.TimerHandle | None = None
        self._rest = Rest(gather=_POOLS_PAUSE)

    def after(self, batch: Batch) -> None:
        """Tell the adapter about every Service that the batch concerns, and soon about the pools."""
        if not self._reconciler.world.complete:
            return  # what the log knows may be old: nothing is written from it
        keys = {key for entry in batch.observed for key in self._services_of(entry)}
        keys.update(key for decided in batch.decided for key in _service_of(decided))
        for key in sorted(keys):
            service = self._reconciler.world.services.get(key)
            self._adapter.publish(key, service, self._reconciler.assignments_of(key))
        if self._pools_due is None and (batch.decided or any(_concerns_pools(entry) for entry in batch.observed)):
            loop = asyncio.get_running_loop()
            self._pools_due = loop.call_at(self._rest.next(loop.time()), self._pools)

    def stop(self) -> None:
        """Tell nothing more."""
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


def _service_of(decided: Decided) -> tuple[ServiceKey, ...]:
    match decided:
        case AssignmentDecided(assignment=assignment):
            return (assignment.service,)
        case AssignmentEnded(service=service):
            return (service,)
        case _:
            return ()


def _concerns_pools(entry: Observed) -> bool:
    return isinstance(entry, EipObserved | NodeObserved | ClusterObserved | Relisted | AgentObserved)
