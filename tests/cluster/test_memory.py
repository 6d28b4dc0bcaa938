"""What comes and goes leaves nothing behind, in an agent that leads and in one that does not: memory stays flat."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sized
from pathlib import Path
from typing import Any

from porter.cluster.eip_publication import EipPublication
from porter.model.assignment import PoolState
from porter.model.names import EipName, ServiceKey
from porter.model.reasons import Reason, Verdict
from tests.cluster.cluster import EIPS, SERVICES, agent, assigned, cluster
from tests.cluster.faults import until

CONTAINERS = (dict, set, frozenset, list, deque)
PASSED_OVER = {"_passed", "_leases"}
"""What says beside it how much of the past it remembers; and the Leases, which are renewed meanwhile."""


def containers(thing: object, path: str, seen: set[int]) -> Iterator[tuple[str, Sized]]:
    """Return every container that the objects of porter.cluster hold, below one of them."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, CONTAINERS):
        yield path, thing
        for inner in [*thing.values()] if isinstance(thing, dict) else [*thing]:
            yield from containers(inner, f"{path}[]", seen)
    elif type(thing).__module__.startswith("porter.cluster"):
        for name, inner in getattr(thing, "__dict__", {}).items():
            if name not in PASSED_OVER:
                yield from containers(inner, f"{path}.{name}", seen)


def remembered(thing: object) -> dict[str, int]:
    found: dict[str, int] = {}
    for path, container in containers(thing, type(thing).__name__, set()):
        found[path] = found.get(path, 0) + len(container)
    return {path: count for path, count in found.items() if count}


def test_eips_that_come_and_go_leave_nothing_behind(tmp_path: Path) -> None:
    async def main() -> list[dict[str, int]]:
        seen = []
        async with cluster(tmp_path) as kube, agent(kube) as one:
            await one.adapter.wait_synced()
            await until(lambda: one.adapter.is_leader)
            for round_ in range(4):
                name = EipName(f"pool-{round_}")
                ready = PoolState(eip=name, ready=True, reason=Verdict(reason=Reason.POOL_READY))
                await kube.eip(name, "192.168.0.91-192.168.0.100")
                await until(lambda name=name: name in one.world.eips)  # type: ignore[misc]
                one.adapter.publish_eip(EipPublication(pool=ready))
                await until(lambda: not one.adapter.publishing)
                await kube.delete(f"{EIPS}/{name}")
                await until(lambda: not one.world.eips)
                one.adapter.publish_eip(EipPublication(pool=ready))  # decided before it was known to be gone
                await until(lambda: not one.adapter.publishing)
                seen.append(remembered(one.adapter))
        return seen

    first, *_, last = asyncio.run(main())
    assert {path: (first.get(path), count) for path, count in last.items() if count != first.get(path)} == {}


def test_services_that_come_and_go_leave_nothing_behind(tmp_path: Path) -> None:
    async def main() -> list[list[dict[str, int]]]:
        seen = []
        async with cluster(tmp_path) as kube, agent(kube, "node1") as one, agent(kube, "node2") as two:
            both = (one, two)
            for each in both:
                await each.adapter.wait_synced()
            await until(lambda: one.adapter.is_leader or two.adapter.is_leader)

            async def come_and_go(name: str) -> None:
                key: Any = ServiceKey(f"default/{name}")
                await kube.service(name)
                await until(lambda: all(key in each.world.services for each in both))
                for each in both:
                    each.want(name, assigned(name, "192.168.0.91", "node1"))
                    each.adapter.announced(key, answers=True, message="node1 answers")
                await until(lambda: not any(each.adapter.publishing for each in both))
                await kube.delete(f"{SERVICES}/{name}")
                await until(lambda: not any(key in each.world.services for each in both))
                for each in both:
                    each.want(name)  # as is decided when a Service has gone
                    each.adapter.says_nothing(key)
                await until(lambda: not any(each.adapter.publishing for each in both))

            for round_ in range(4):
                await come_and_go(f"web-{round_}")
                seen.append([remembered(each.adapter) for each in both])
        return seen

    first, *_, last = asyncio.run(main())
    for before, after in zip(first, last, strict=True):
        assert {path: (before.get(path), count) for path, count in after.items() if count != before.get(path)} == {}
    assert any("_services.mirror" in path for path in first[0]), "it has looked at something"
