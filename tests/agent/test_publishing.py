"""What an agent tells its adapter of the pools, and when."""

import asyncio
from collections.abc import Sequence

from porter.agent.pipeline import Batch
from porter.agent.publishing import Publishing
from porter.cluster.eip_publication import EipPublication
from porter.events.entries import Observed, ServiceGone
from porter.model.assignment import Assignment
from porter.model.names import ServiceKey
from porter.model.objects import Service
from porter.reconciler.fold import Reconciler
from tests.reconciler.stories import cluster
from tests.worlds import RULES, observed, relisted


class Told:
    """An adapter that notes what it is told."""

    def __init__(self) -> None:
        self.pools: list[tuple[str, int]] = []

    def publish(self, key: ServiceKey, service: Service | None, assignments: Sequence[Assignment]) -> None:
        pass

    def publish_eip(self, publication: EipPublication) -> None:
        self.pools.append((publication.pool.eip, sum(len(holders) for _, holders in publication.used)))


def fold(reconciler: Reconciler, *entries: Observed) -> Batch:
    """The batch that these observations make."""
    decided = [decision for seq, entry in enumerate(entries, 1) for decision in reconciler.fold(entry, seq)]
    return Batch(observed=entries, decided=tuple(decided))


def test_the_leader_alone_tells_of_the_pools_and_of_all_at_once_when_it_comes_to_lead() -> None:
    async def run() -> list[list[tuple[str, int]]]:
        told, reconciler = Told(), Reconciler(RULES)
        publishing, seen = Publishing(reconciler, told), []

        async def settled() -> None:
            await asyncio.sleep(0.3)
            seen.append([one for one in told.pools if one[0] == "edge"])
            told.pools.clear()

        publishing.after(fold(reconciler, *map(observed, cluster()), *relisted()))
        await settled()
        publishing.lead(True)
        seen.append(list(told.pools)[:1])
        told.pools.clear()
        publishing.after(fold(reconciler, ServiceGone(service=ServiceKey("default/web"))))
        await settled()
        publishing.lead(False)
        publishing.after(fold(reconciler, ServiceGone(service=ServiceKey("default/shop"))))
        await settled()
        return seen

    assert asyncio.run(run()) == [[], [("edge", 2)], [("edge", 2)], []]
