import asyncio
from pathlib import Path
from typing import Any

from porter.cluster.eip_publication import EipPublication
from porter.events.entries import (
    AgentGone,
    AgentSilent,
    ClusterObserved,
    EipPublished,
    LeaderObserved,
    Published,
    PublishFailed,
    Relisted,
    ServiceGone,
    ServiceObserved,
)
from porter.model import keys
from porter.model.addresses import parse_range
from porter.model.assignment import PoolState
from porter.model.names import EipName, NodeName, ServiceKey
from porter.model.objects import Agent, Nic
from porter.model.reasons import Reason, Verdict
from tests.cluster.cluster import EIPS, LEASES, SERVICES, Cluster, agent, assigned, cluster
from tests.cluster.cluster import Agent as Running
from tests.cluster.faults import until

WEB = ServiceKey("default/web")
LABEL, NODE = "eip.porter.kubesphere.io/v1alpha2", "layer2.porter.kubesphere.io/v1alpha1"


async def leading(one: Running) -> None:
    await one.adapter.wait_synced()
    await until(lambda: one.adapter.is_leader)


async def published(one: Running, name: str = "web", *wanted: Any) -> None:
    await until(lambda: name in {key.partition("/")[2] for key in one.world.services})
    one.want(name, *(wanted or (assigned(name, "192.168.0.91", "node1"),)))
    await until(lambda: not one.adapter.publishing)


def conditions(service: Any) -> dict[str, tuple[str, str, str]]:
    found = service["status"].get("conditions") or []
    return {one["type"].rpartition("/")[2]: (one["status"], one["reason"], one["message"]) for one in found}


def test_every_kind_is_listed_once_and_an_unchanged_world_makes_no_entry(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube:
            await kube.service("web")
            await kube.eip("pool-a", "192.168.0.91-192.168.0.100")
            async with agent(kube) as one:
                await leading(one)
                await until(lambda: one.of(ClusterObserved) and one.world.agents)
                await asyncio.sleep(0.3)
                before = len(one.seen)
                await kube.patch(f"{SERVICES}/web", {"metadata": {"annotations": {"noise": "1"}}})
                await kube.patch(f"{SERVICES}/web", {"metadata": {"labels": {"noise": "1"}}})
                await asyncio.sleep(1.2)

                assert sorted(entry.resource for entry in one.of(Relisted)) == [
                    "eips",
                    "endpointslices",
                    "leases",
                    "namespaces",
                    "nodes",
                    "services",
                ]
                assert one.seen[before:] == []
                assert one.of(LeaderObserved) == [LeaderObserved(holder=NodeName("node1"))]
                assert one.world.services[WEB].claimed_by == "porter"
                assert one.adapter.health.connected
                assert one.adapter.health.errors == ()

    asyncio.run(main())


def test_a_second_start_with_what_was_known_tells_only_what_happened_meanwhile(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube:
            for name in ("web", "old"):
                await kube.service(name)
            async with agent(kube) as one:
                await one.adapter.wait_synced()
            await kube.delete(f"{SERVICES}/old")
            await kube.service("new")
            async with agent(kube, world=one.world) as two:
                await two.adapter.wait_synced()
                told = next(entry for entry in two.of(Relisted) if entry.resource == "services")

            assert [one.name for one in told.services] == ["new"]
            assert told.gone == ("default/old",)

    asyncio.run(main())


def test_a_new_service_takes_two_writes_and_one_event(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube, agent(kube) as one:
            await leading(one)
            await kube.service("web")
            await published(one)

            web = await kube.get(f"{SERVICES}/web")
            assert web["metadata"]["labels"] == {LABEL: "pool-a"}
            assert web["metadata"]["annotations"] == {keys.CLAIM: "porter", NODE: "node1"}
            assert web["status"]["loadBalancer"] == {"ingress": [{"ip": "192.168.0.91", "ipMode": "VIP"}]}
            assert conditions(web) == {"Assigned": ("True", "FirstFree", "192.168.0.91 of Eip pool-a")}
            assert one.reports == [
                Published(
                    service=WEB,
                    addresses=("192.168.0.91",),
                    eip=EipName("pool-a"),
                    node=NodeName("node1"),
                ),
            ]
            assert one.adapter._publisher.writes == 2
            assert await kube.events() == [("AddressAssigned", "192.168.0.91 of Eip pool-a, announced by node1")]

    asyncio.run(main())


def test_what_is_published_is_not_published_again_by_anybody(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube:
            await kube.service("web")
            async with agent(kube) as one:
                await leading(one)
                await published(one)
            async with agent(kube, "node2") as two:
                await leading(two)
                revision = (await kube.get(f"{SERVICES}/web"))["metadata"]["resourceVersion"]
                await published(two, "web", assigned("web", "192.168.0.91", "node1", reason=Reason.HELD))
                await asyncio.sleep(0.1)

                assert (await kube.get(f"{SERVICES}/web"))["metadata"]["resourceVersion"] == revision
                assert two.reports == []
                assert len(await kube.events()) == 1

    asyncio.run(main())


def test_own_writes_are_seen_at_once_and_only_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube:
            await kube.service("web")
            async with agent(kube) as one:
                await leading(one)
                await published(one)
                await asyncio.sleep(0.2)

                shown = [entry.service for entry in one.of(ServiceObserved)]
                first, both = ("node1", ()), ("node1", ("192.168.0.91",))
                # The state between the two patches is one that only the watch shows, if it is fast.
                assert [(s.written_node, s.addresses) for s in shown] in ([both], [first, both])

    asyncio.run(main())


def test_a_change_of_owner_is_one_write_and_one_event(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube:
            await kube.service("web")
            async with agent(kube) as one:
                await leading(one)
                await published(one)
                await published(one, "web", assigned("web", "192.168.0.91", "node2", reason=Reason.HELD))

                web = await kube.get(f"{SERVICES}/web")
                assert web["metadata"]["annotations"][NODE] == "node2"
                assert one.adapter._publisher.writes == 3
                assert sorted(reason for reason, _ in await kube.events()) == ["AddressAssigned", "OwnerChanged"]

    asyncio.run(main())


def test_a_service_that_waits_says_why_and_nobody_announcing_says_why(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube:
            await kube.service("web")
            await kube.service("idle")
            async with agent(kube) as one:
                await leading(one)
                await published(one, "web", assigned("web", None, reason=Reason.POOL_EXHAUSTED))
                await published(one, "idle", assigned("idle", "192.168.0.92"))

                web, idle = await kube.get(f"{SERVICES}/web"), await kube.get(f"{SERVICES}/idle")
                assert conditions(web) == {"Assigned": ("False", "PoolExhausted", "no address is free in Eip pool-a")}
                assert conditions(idle)["Announced"] == ("False", "NoEligibleNode", "no node may announce it: x")
                assert ("Waiting", "no address is free in Eip pool-a") in await kube.events()

    asyncio.run(main())


def test_a_service_that_is_no_longer_ours_is_cleaned_and_another_programs_address_stays(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube:
            await kube.service("web")
            async with agent(kube) as one:
                await leading(one)
                await published(one)
                one.adapter.announced(WEB, answers=True, message="node1 answers for 192.168.0.91")
                await until(lambda: not one.adapter.publishing)
                web = await kube.get(f"{SERVICES}/web")
                assert conditions(web)["Announced"] == ("True", "Announced", "node1 answers for 192.168.0.91")
                mixed = {"loadBalancer": {"ingress": [{"ip": "192.168.0.91"}, {"ip": "10.9.9.9"}]}}
                await kube.patch(f"{SERVICES}/web", {"metadata": {"annotations": {keys.CLAIM: None}}})
                await until(lambda: one.world.services[WEB].claimed_by is None)
                await kube.patch(f"{SERVICES}/web/status", {"status": mixed})
                await until(lambda: one.world.services[WEB].addresses == ("192.168.0.91", "10.9.9.9"))
                one.want("web")
                await until(lambda: not one.adapter.publishing)

                web = await kube.get(f"{SERVICES}/web")
                assert LABEL not in web["metadata"].get("labels", {})
                assert NODE not in web["metadata"].get("annotations", {})
                assert web["status"]["loadBalancer"]["ingress"] == [{"ip": "10.9.9.9", "ipMode": "VIP"}]
                assert conditions(web) == {}
                assert one.reports[-1] == Published(service=WEB)

    asyncio.run(main())


def test_nothing_is_written_for_a_service_that_asks_for_something_else_meanwhile(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube:
            await kube.service("web")
            async with agent(kube) as one:
                await leading(one)
                decided_for = one.service("web")
                await kube.patch(f"{SERVICES}/web", {"metadata": {"annotations": {keys.CLAIM: None}}})
                await until(lambda: one.service("web").claimed_by is None)
                one.adapter.publish(WEB, decided_for, [assigned("web", "192.168.0.91", "node1")])
                await until(lambda: not one.adapter.publishing)

                assert "ingress" not in (await kube.get(f"{SERVICES}/web"))["status"]["loadBalancer"]

    asyncio.run(main())


def test_finalizers_of_older_versions_are_taken_off_and_others_stay(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube:
            await kube.service("web")
            finalizers = ["example.com/mine", *sorted(keys.OLD_FINALIZERS)]
            await kube.patch(f"{SERVICES}/web", {"metadata": {"finalizers": finalizers}})
            async with agent(kube) as one:
                await leading(one)
                await published(one)

                assert (await kube.get(f"{SERVICES}/web"))["metadata"]["finalizers"] == ["example.com/mine"]

    asyncio.run(main())


def test_an_eip_of_an_older_version_can_be_deleted_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube:
            await kube.eip("pool-a", "192.168.0.91-192.168.0.100")
            finalizers = ["example.com/mine", *sorted(keys.OLD_FINALIZERS)]
            await kube.patch(f"{EIPS}/pool-a", {"metadata": {"finalizers": finalizers}})
            async with agent(kube) as one:
                await leading(one)
                ready = PoolState(eip=EipName("pool-a"), ready=True, reason=Verdict(reason=Reason.POOL_READY))
                one.adapter.publish_eip(EipPublication(pool=ready))
                await until(lambda: not one.adapter.publishing)

                eip = await kube.get(f"{EIPS}/pool-a")
                assert eip["metadata"]["finalizers"] == ["example.com/mine"]
                assert eip["status"]["ready"] is True

    asyncio.run(main())


def test_what_is_decided_of_an_eip_that_has_gone_meanwhile_is_not_written_on_the_next_of_its_name(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube:
            await kube.eip("pool-a", "192.168.0.91-192.168.0.100")
            async with agent(kube) as one:
                await leading(one)
                await kube.delete(f"{EIPS}/pool-a")
                await until(lambda: not one.world.eips)
                ready = PoolState(eip=EipName("pool-a"), ready=True, reason=Verdict(reason=Reason.POOL_READY))
                one.adapter.publish_eip(EipPublication(pool=ready))
                await until(lambda: not one.adapter.publishing)
                await kube.eip("pool-a", "192.168.0.91-192.168.0.100")
                await until(lambda: one.world.eips)
                await until(lambda: not one.adapter.publishing)

                assert "ready" not in (await kube.get(f"{EIPS}/pool-a")).get("status", {})
                assert one.reports == []

    asyncio.run(main())


def test_a_status_that_somebody_edits_is_mended_and_a_conflict_is_tried_on_the_newest_state(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube:
            await kube.service("web")
            async with agent(kube) as one:
                await leading(one)
                await published(one)
                for number in range(20):  # changes race with the writes
                    one.want("web", assigned("web", "192.168.0.91", f"node{number}"))
                    await kube.patch(f"{SERVICES}/web", {"metadata": {"annotations": {"noise": str(number)}}})
                await kube.patch(f"{SERVICES}/web/status", {"status": {"loadBalancer": {"ingress": []}}})
                await asyncio.sleep(0.2)
                await until(lambda: not one.adapter.publishing)

                web = await kube.get(f"{SERVICES}/web")
                assert web["metadata"]["annotations"][NODE] == "node19"
                assert web["metadata"]["annotations"]["noise"] == "19"
                assert web["status"]["loadBalancer"]["ingress"][0]["ip"] == "192.168.0.91"

    asyncio.run(main())


def test_an_eip_shows_its_use_its_readiness_and_what_is_reserved(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube:
            await kube.eip("pool-a", "192.168.0.91-192.168.0.93")
            async with agent(kube) as one:
                await leading(one)
                wanted = EipPublication(
                    pool=PoolState(eip=EipName("pool-a"), ready=True, reason=Verdict(reason=Reason.POOL_READY)),
                    range=parse_range("192.168.0.91-192.168.0.93"),
                    used=(("192.168.0.91", (WEB, ServiceKey("default/b"))), ("192.168.0.93", (WEB,))),
                    reserved=(("192.168.0.92", "address of node orion"),),
                    full=True,
                )
                one.adapter.publish_eip(wanted)
                await until(lambda: not one.adapter.publishing)
                status = (await kube.get(f"{EIPS}/pool-a"))["status"]
                shown = {key: value for key, value in status.items() if key != "conditions"}
                assert shown == {
                    "firstIP": "192.168.0.91",
                    "lastIP": "192.168.0.93",
                    "poolSize": 3,
                    "v4": True,
                    "used": {"192.168.0.91": "default/web;default/b", "192.168.0.93": "default/web"},
                    "usage": 2,
                    "occupied": True,
                    "ready": True,
                }
                assert [(c["type"], c["status"], c["message"]) for c in status["conditions"]] == [
                    ("Ready", "True", "ready"),
                    ("Reserved", "True", "1 never handed out: 192.168.0.92: address of node orion"),
                ]
                assert one.reports == [EipPublished(eip=EipName("pool-a"), usage=2, ready=True)]

                one.adapter.publish_eip(wanted)
                await until(lambda: not one.adapter.publishing)
                assert len(one.reports) == 1

    asyncio.run(main())


def test_many_services_are_published_with_two_writes_each(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube:
            for number in range(60):
                await kube.service(f"web-{number}")
            async with agent(kube) as one:
                await leading(one)
                for number in range(60):
                    one.want(f"web-{number}", assigned(f"web-{number}", f"192.168.0.{number + 1}", "node1"))
                await until(lambda: not one.adapter.publishing, 20)

                assert one.adapter._publisher.writes == 120
                listed = (await kube.get(SERVICES))["items"]
                held = [
                    one["status"]["loadBalancer"]["ingress"][0]["ip"]
                    for one in listed
                    if "web" in one["metadata"]["name"]
                ]
                assert len(set(held)) == 60
                assert not one.adapter.health.errors

    asyncio.run(main())


def test_the_server_may_lose_its_history_or_go_away_and_nothing_is_lost(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube:
            await kube.service("web")
            await kube.service("old")
            async with agent(kube) as one:
                await leading(one)
                await kube.server.stop()
                await until(lambda: not one.adapter.health.connected)
                await asyncio.sleep(0.2)
                kube.server.forget_history()
                await kube.server.start()
                await kube.delete(f"{SERVICES}/old")
                await kube.service("new")
                kube.server.forget_history()
                await until(lambda: "default/new" in one.world.services and "default/old" not in one.world.services, 10)
                await until(lambda: one.adapter.health.connected and one.adapter.is_leader, 10)

                assert WEB in one.world.services
                assert not [entry for entry in one.of(ServiceGone) if entry.service == WEB]
                assert not one.of(AgentSilent)

    asyncio.run(main())


def test_the_lease_tells_of_the_agent_and_is_made_again_when_somebody_deletes_it(tmp_path: Path) -> None:
    async def main(kube: Cluster) -> None:
        async with agent(kube) as one:
            await one.adapter.wait_synced()
            nics = (Nic(name="eth0", mac="52:54:00:00:00:01", networks=("192.168.0.2/24",)),)
            one.adapter.report_agent(Agent(node=NodeName("node1"), nics=nics))
            await until(lambda: one.world.agents.get(NodeName("node1")) == Agent(node=NodeName("node1"), nics=nics))
            await kube.delete(f"{LEASES}/porter-node-node1")
            await until(lambda: one.of(AgentGone))
            await until(lambda: NodeName("node1") in one.world.agents)
            assert not one.world.agents[NodeName("node1")].leaving

        assert not (await kube.get(f"{LEASES}/porter-node-node1"))["spec"].get("holderIdentity")
        assert not (await kube.get(f"{LEASES}/porter-leader"))["spec"].get("holderIdentity")

    async def start() -> None:
        async with cluster(tmp_path) as kube:
            await main(kube)

    asyncio.run(start())


def test_a_reader_only_writes_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube:
            await kube.service("web")
            before = kube.server.revision
            async with agent(kube, read_only=True) as one:
                await one.adapter.wait_synced()
                one.want("web", assigned("web", "192.168.0.91", "node1"))
                one.adapter.announced(WEB, answers=True, message="x")
                await asyncio.sleep(0.3)

            assert kube.server.revision == before

    asyncio.run(main())


def test_what_the_server_refuses_is_told_once_in_a_sentence(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path) as kube:
            await kube.service("web")
            async with agent(kube) as one:
                await leading(one)
                one.want("web", assigned("web", "not-an-address", "node1"))
                await asyncio.sleep(0.6)

                failures = [entry for entry in one.reports if isinstance(entry, PublishFailed)]
                assert len(failures) == 1
                assert failures[0].what == "Service default/web"
                assert "must be a valid IP address" in failures[0].error

    asyncio.run(main())
