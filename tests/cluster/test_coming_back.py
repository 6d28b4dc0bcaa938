"""After a while without an API server: whoever gets through first wakes all that wait."""

import asyncio
from pathlib import Path

from porter.cluster.timings import AdapterTimings, WatchTimings
from tests.cluster.cluster import Agent, agent, cluster
from tests.cluster.faults import until

SLOW = AdapterTimings(tick=0.02, watch=WatchTimings(first_wait=30.0, longest_wait=30.0))


async def lost(one: Agent) -> None:
    await until(lambda: not any(watch.connected for watch in one.adapter.health.watches))


def test_the_first_renewal_has_every_watch_try_again_at_once(tmp_path: Path) -> None:
    async def main() -> float:
        async with cluster(tmp_path) as kube, agent(kube, timings=SLOW) as one:
            await one.adapter.wait_synced()
            await kube.server.stop()
            await lost(one)
            await until(lambda: any("Lease of this node" in error for error in one.adapter.health.errors))
            await kube.server.start()
            began = asyncio.get_running_loop().time()
            await until(lambda: one.adapter.health.connected and not one.adapter.health.errors)
            return asyncio.get_running_loop().time() - began

    assert asyncio.run(main()) < 3  # each by itself would wait for 15 to 30 seconds


def test_a_nic_that_has_carrier_again_has_every_watch_try_again_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube, agent(kube, timings=SLOW, read_only=True) as one:
            await one.adapter.wait_synced()
            await kube.server.stop()
            await lost(one)
            await kube.server.start()
            await asyncio.sleep(1.0)
            assert not one.adapter.health.connected  # without a Lease nobody asks meanwhile

            one.adapter.retry()

            await until(lambda: one.adapter.health.connected)

    asyncio.run(main())


def test_what_is_well_is_not_disturbed_by_a_retry(tmp_path: Path) -> None:
    async def main() -> int:
        async with cluster(tmp_path) as kube, agent(kube, timings=SLOW, read_only=True) as one:
            await one.adapter.wait_synced()
            await until(lambda: one.adapter.health.connected)
            await asyncio.sleep(0.2)
            before = one.connection.requests
            one.adapter.retry()
            await asyncio.sleep(0.5)
            return one.connection.requests - before

    assert asyncio.run(main()) == 0
