"""Answers to own writes that come when a newer list has been taken in: no watch would bring what is newer than they."""

import asyncio
import copy
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from porter.events.entries import Published, PublishFailed
from porter.model.names import ServiceKey
from tests.cluster.faults import line, listing, refuse, stream, until
from tests.cluster.publishing import PATH, WEB, bench
from tests.cluster.test_two_patches import STATUS, Api

EXPIRED = line("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"})


class Watched:
    """The Services of a server, listed as they are, and followed by streams that say what they are told to."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.says: list[asyncio.Queue[bytes]] = []
        api.one.server.routes["/api/v1/services"] = self.serve

    def tell(self) -> None:
        """Bring the object as it is now, in the last watch."""
        self.says[-1].put_nowait(line("MODIFIED", copy.deepcopy(self.api.object)))

    async def list_again(self) -> None:
        """End the watch, and return when the list that follows was taken in."""
        before = self.api.one.services.mirror.lists
        self.says[-1].put_nowait(EXPIRED)
        await until(lambda: self.api.one.services.mirror.lists > before)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return listing(copy.deepcopy(self.api.object), version=self.api.version)
        queue = asyncio.Queue[bytes]()
        self.says.append(queue)

        async def chunks() -> AsyncIterator[bytes]:
            while True:
                yield await queue.get()

        return await stream(request, chunks())


async def following(api: Api) -> Watched:
    """Have the watch that the bench began with replaced by one that says what it is told to."""
    found = Watched(api)
    api.one.services.doubt(-1.0)
    await until(lambda: bool(found.says))
    return found


def answer_late(watched: Watched) -> list[str | None]:
    """Have the next answers for the status come when another has written and a list was taken in; what is known then."""
    known: list[str | None] = []

    async def slow(request: web.Request) -> web.StreamResponse:
        answer = await watched.api.take_status(request)
        watched.api.change(
            annotations=watched.api.object["metadata"].get("annotations", {}) | {"example.com/seen": "yes"}
        )
        await watched.list_again()
        known.append(watched.api.known)
        return answer

    watched.api.one.server.routes[STATUS] = slow
    return known


def test_an_answer_that_is_older_than_a_list_is_not_gone_back_to(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path) as one:
            api = Api(one)
            watched = await following(api)
            known = answer_late(watched)
            one.want()
            await until(lambda: one.reports)
            assert (known, api.version, api.known) == (["4"], "4", "4")
            assert [type(entry) for entry in one.reports] == [Published]

            api.object["status"] = {"loadBalancer": {}}
            api.change()
            watched.tell()
            await until(lambda: api.known == "5")
            assert one.services.mirror.known[WEB].addresses == ()

            one.server.routes[STATUS] = api.take_status
            one.want("192.168.0.92")
            await until(lambda: len(one.reports) > 1)
            assert one.reports[1].addresses == ("192.168.0.92",)
            assert api.sent[-1] == ("status", "5", ["192.168.0.92"])

    asyncio.run(main())


def test_a_condition_that_is_answered_late_is_not_gone_back_to_either(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path) as one:
            api = Api(one)
            watched = await following(api)
            answer_late(watched)
            api.checks_versions = False
            one.publisher.announced(ServiceKey(WEB), answers=True, message="here")
            await until(lambda: one.publisher.writes == 1)
            assert api.known == api.version == "3"

            api.change()
            watched.tell()
            await until(lambda: api.known == "4")

    asyncio.run(main())


def test_a_list_between_two_patches_of_which_the_second_fails_is_no_reason_to_complain(tmp_path: Path) -> None:
    async def main() -> None:
        async with bench(tmp_path) as one:
            api = Api(one)
            watched = await following(api)
            taken = asyncio.Event()
            first = copy.deepcopy(api.object)

            async def list_slowly(request: web.Request) -> web.StreamResponse:
                if "watch" in request.query:
                    return await watched.serve(request)
                await taken.wait()
                return listing(first if not taken_in else copy.deepcopy(api.object), version=api.version)

            taken_in: list[str] = []
            one.server.routes["/api/v1/services"] = list_slowly
            watched.says[-1].put_nowait(EXPIRED)
            await until(lambda: one.services.mirror.is_listing)

            async def slow(request: web.Request) -> web.StreamResponse:
                if taken_in:
                    return await api.take_status(request)
                taken.set()
                before = one.services.mirror.lists
                await until(lambda: one.services.mirror.lists > before)
                taken_in.append("first")
                return refuse(500, "etcd has no leader")

            one.server.routes[STATUS] = slow
            one.want()
            await until(lambda: any(isinstance(entry, Published) for entry in one.reports))

            failed = [entry.error for entry in one.reports if isinstance(entry, PublishFailed)]
            assert all("etcd has no leader" in error for error in failed)
            assert [half for half, _, _ in api.sent] == ["metadata", "status"]
            assert one.server.asked("PATCH", PATH) == 1
            assert api.known == api.version

    asyncio.run(main())
