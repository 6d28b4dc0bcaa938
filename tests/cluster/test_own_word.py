"""The condition Announced over real HTTP: the announcing node writes it, the leader asks when the owner changes."""

import asyncio
from pathlib import Path

from porter.model import keys
from porter.model.names import ServiceKey
from tests.cluster.cluster import SERVICES, Agent, Cluster, agent, assigned, cluster
from tests.cluster.faults import until

WEB = ServiceKey("default/web")
CANNOT = "node1 cannot announce 192.168.0.91: another host answers for it"
ANSWERS = "answers for 192.168.0.91 on eth0 with 02:00:00:00:01:01"
ASKED = ("Unknown", "OwnerChanged", "node2 is to announce it, and has not said yet that it does")


async def announced(kube: Cluster) -> tuple[str, str, str] | None:
    service = await kube.get(f"{SERVICES}/web")
    found = service["status"].get("conditions") or []
    said = next((one for one in found if one["type"] == keys.CONDITION_ANNOUNCED), None)
    return None if said is None else (said["status"], said["reason"], said["message"])


async def version(kube: Cluster) -> str:
    found: str = (await kube.get(f"{SERVICES}/web"))["metadata"]["resourceVersion"]
    return found


async def quiet(*agents: Agent) -> None:
    """Wait until all have written everything, and all have seen what the others wrote."""
    await until(lambda: not any(one.adapter.publishing for one in agents))
    await asyncio.sleep(0.2)
    await until(lambda: not any(one.adapter.publishing for one in agents))


async def serving(*agents: Agent, by: str = "node1") -> None:
    for one in agents:
        await until(lambda one=one: WEB in one.world.services)  # type: ignore[misc]
        one.want("web", assigned("web", "192.168.0.91", by))
    await quiet(*agents)


def test_the_announcing_node_says_that_it_cannot_and_later_that_it_does(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube, agent(kube) as one:
            await kube.service("web")
            await until(lambda: one.adapter.is_leader)
            await serving(one)
            assert await announced(kube) is None

            one.adapter.announced(WEB, answers=False, message=CANNOT)
            await quiet(one)
            assert await announced(kube) == ("False", "AnnouncementFailed", CANNOT)

            one.adapter.announced(WEB, answers=True, message=f"node1 {ANSWERS}")
            await quiet(one)
            assert await announced(kube) == ("True", "Announced", f"node1 {ANSWERS}")
            before = await version(kube)
            one.adapter.announced(WEB, answers=True, message=f"node1 {ANSWERS}")
            await quiet(one)
            assert await version(kube) == before

    asyncio.run(main())


def test_when_the_owner_changes_it_is_unknown_until_the_new_owner_has_said(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube, agent(kube) as one, agent(kube, "node2") as two:
            await kube.service("web")
            await until(lambda: one.adapter.is_leader or two.adapter.is_leader)
            await serving(one, two)
            one.adapter.announced(WEB, answers=False, message=CANNOT)
            await quiet(one, two)
            assert await announced(kube) == ("False", "AnnouncementFailed", CANNOT)

            one.adapter.says_nothing(WEB)
            await serving(one, two, by="node2")
            assert await announced(kube) == ASKED

            two.adapter.announced(WEB, answers=True, message=f"node2 {ANSWERS}")
            await quiet(one, two)
            assert await announced(kube) == ("True", "Announced", f"node2 {ANSWERS}")

    asyncio.run(main())


def test_a_new_owner_that_has_said_it_already_is_not_asked(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube, agent(kube) as one, agent(kube, "node2") as two:
            await kube.service("web")
            await until(lambda: one.adapter.is_leader or two.adapter.is_leader)
            await serving(one, two)
            one.adapter.announced(WEB, answers=True, message=f"node1 {ANSWERS}")
            await quiet(one, two)

            two.adapter.announced(WEB, answers=True, message=f"node2 {ANSWERS}")
            await quiet(one, two)  # the leader, which still knows node1 as the owner, asks it; node1 says it again
            one.adapter.says_nothing(WEB)
            await serving(one, two, by="node2")

            assert await announced(kube) == ("True", "Announced", f"node2 {ANSWERS}")

    asyncio.run(main())


def test_a_word_that_came_too_late_is_mended_by_the_owner(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube, agent(kube) as one, agent(kube, "node2") as two:
            await kube.service("web")
            await until(lambda: one.adapter.is_leader or two.adapter.is_leader)
            await serving(one, two, by="node2")
            two.adapter.announced(WEB, answers=True, message=f"node2 {ANSWERS}")
            await quiet(one, two)

            before = await version(kube)
            one.adapter.announced(WEB, answers=False, message=CANNOT)
            await until(lambda: not one.adapter.publishing)
            assert await version(kube) != before
            one.adapter.says_nothing(WEB)
            await quiet(one, two)

            assert await announced(kube) == ("True", "Announced", f"node2 {ANSWERS}")

    asyncio.run(main())


def test_what_is_taken_back_before_it_was_written_is_never_written(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube, agent(kube) as one:
            await kube.service("web")
            await until(lambda: WEB in one.world.services)

            one.adapter.announced(WEB, answers=False, message=CANNOT)
            one.adapter.says_nothing(WEB)
            await quiet(one)

            assert await announced(kube) is None

    asyncio.run(main())
