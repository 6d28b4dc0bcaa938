"""A Service whose metadata and status are both to be written: two patches, one on top of the other."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web

from porter.events.entries import Published
from tests.cluster.cluster import QUICK
from tests.cluster.faults import answer, refuse, until
from tests.cluster.publishing import PATH, WEB, Bench, bench, web_service

STATUS = f"{PATH}/status"
SHOWN = {"loadBalancer": {"ingress": [{"ip": "192.168.0.91", "ipMode": "VIP"}]}}


class Api:
    """A Service that takes patches, and what happens when it is asked for the first time for each half."""

    def __init__(self, one: Bench) -> None:
        self.one = one
        self.object = web_service()
        self.sent: list[tuple[str, str, Any]] = []
        """Of each patch: its half, the version it was made for, and the addresses it names."""
        self.checks_versions = True
        self.at_metadata: Callable[[], None] = lambda: None
        self.at_status: Callable[[], web.StreamResponse | None] = lambda: None
        one.server.routes |= {PATH: self.take_metadata, STATUS: self.take_status}

    def change(self, **metadata: Any) -> None:
        self.object["metadata"] |= metadata | {"resourceVersion": f"{int(self.version) + 1}"}

    @property
    def version(self) -> str:
        return str(self.object["metadata"]["resourceVersion"])

    @property
    def known(self) -> str | None:
        """The version that the publisher goes by."""
        view = self.one.services.mirror.views.get(WEB)
        return None if view is None else view.version

    async def take_metadata(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return answer(self.object)
        refused = await self._heard("metadata", request)
        if refused is not None:
            return refused
        body = await request.json()
        self.change(**{part: body["metadata"][part] for part in ("labels", "annotations") if part in body["metadata"]})
        self.at_metadata()
        return answer(self.object)

    async def take_status(self, request: web.Request) -> web.StreamResponse:
        refused = await self._heard("status", request) or self.at_status()
        if refused is not None:
            return refused
        self.object["status"] |= (await request.json())["status"]
        self.change()
        return answer(self.object)

    async def _heard(self, half: str, request: web.Request) -> web.StreamResponse | None:
        body = await request.json()
        found = body.get("status", {}).get("loadBalancer", {}).get("ingress", ())
        self.sent.append((half, body["metadata"].get("resourceVersion", ""), [each["ip"] for each in found]))
        if self.checks_versions and body["metadata"]["resourceVersion"] != self.version:
            return refuse(409, "the object has been modified")
        return None


def test_the_second_is_made_on_top_of_the_first_and_nothing_is_worked_out_between(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path) as one:
            api = Api(one)
            between: list[str | None] = []

            def look() -> None:
                between.append(api.known)

            api.at_status = look
            one.want()
            await until(lambda: one.reports)

            assert api.sent == [("metadata", "1", []), ("status", "2", ["192.168.0.91"])]
            assert between == ["1"]
            assert api.known == "3"
            assert [type(entry) for entry in one.reports] == [Published]
            assert one.services.mirror.known[WEB].addresses == ("192.168.0.91",)
            assert one.services.mirror.known[WEB].written_node == "node1"
            assert one.publisher.writes == 2

    asyncio.run(main())


def test_where_the_second_fails_the_first_is_known_and_is_not_sent_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path) as one:
            api = Api(one)
            known: list[str | None] = []

            def fail() -> web.StreamResponse | None:
                known.append(api.known)
                return refuse(500, "etcd has no leader") if len(known) == 1 else None

            api.at_status = fail
            one.want()
            await until(lambda: any(isinstance(entry, Published) for entry in one.reports))

            assert api.sent == [("metadata", "1", [])] + [("status", "2", ["192.168.0.91"])] * 2
            assert known == ["1", "2"]
            assert api.known == "3"

    asyncio.run(main())


def test_a_wish_that_comes_between_the_two_is_what_the_second_says(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path) as one:
            api = Api(one)
            wishes = iter(["192.168.0.92"])

            def want_another() -> None:
                for address in wishes:
                    one.want(address)

            api.at_metadata = want_another
            one.want("192.168.0.91")
            await until(lambda: one.reports)

            assert [address for half, _, address in api.sent if half == "status"] == [["192.168.0.92"]]
            assert one.reports[-1].addresses == ("192.168.0.92",)

    asyncio.run(main())


def test_who_leads_no_more_sends_no_second(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path) as one:
            api = Api(one)

            def depose() -> None:
                one.leads = False

            api.at_metadata = depose
            one.want()
            await until(lambda: api.known == "2")
            await asyncio.sleep(0.1)

            assert [half for half, _, _ in api.sent] == ["metadata"]
            assert one.reports == []

    asyncio.run(main())


def test_who_is_deposed_while_the_second_waits_for_its_turn_does_not_send_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path, timings=replace(QUICK.publish, per_second=2.0, burst=1)) as one:
            api = Api(one)

            def depose_soon() -> None:
                asyncio.get_running_loop().call_later(0.1, setattr, one, "leads", False)

            api.at_metadata = depose_soon
            one.want()
            await until(lambda: api.known == "2")

            assert [half for half, _, _ in api.sent] == ["metadata"]

    asyncio.run(main())


def test_a_second_that_does_not_last_is_held_back_though_the_first_is_new(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path, timings=replace(QUICK.publish, undone_wait=30.0)) as one:
            api = Api(one)

            def drop() -> web.StreamResponse:
                api.change()
                return answer(api.object)

            api.at_status = drop
            one.want(node="node1")
            await until(lambda: one.reports)
            one.want(node="node2")
            await until(lambda: [half for half, _, _ in api.sent].count("metadata") > 1)
            await asyncio.sleep(0.1)

            assert [half for half, _, _ in api.sent] == ["metadata", "status", "metadata"]

    asyncio.run(main())


def test_another_who_writes_between_the_two_is_read_first(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path) as one:
            api = Api(one)
            others = iter(["example.com/team"])

            def interfere() -> web.StreamResponse | None:
                for key in others:
                    api.change(labels=api.object["metadata"]["labels"] | {key: "blue"})
                    return refuse(409, "the object has been modified")
                return None

            api.at_status = interfere
            one.want()
            await until(lambda: one.reports)

            assert [(half, version) for half, version, _ in api.sent if half == "status"] == [
                ("status", "2"),
                ("status", "3"),
            ]
            assert api.object["metadata"]["labels"]["example.com/team"] == "blue"
            assert api.object["status"] == api.object["status"] | SHOWN

    asyncio.run(main())
