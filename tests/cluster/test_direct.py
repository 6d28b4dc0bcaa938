"""Writes that go straight to the server: as the HTTP client would have sent them, on connections that are kept."""

import asyncio
import contextlib
import gzip
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from porter.cluster import direct
from porter.cluster.access import open_access
from porter.cluster.connection import MERGE_PATCH, Connection
from porter.cluster.direct import Direct
from porter.cluster.errors import UnreachableError
from porter.errors import PorterError
from tests.cluster.cluster import NAMESPACE, cluster
from tests.cluster.faults import FaultServer, answer, faulty, kubeconfig, refuse

WEB = "/api/v1/namespaces/default/services/web"
Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def opened(path: Path, *, straight: bool = True) -> AsyncIterator[Connection]:
    access = await open_access(path, None, environ={})
    assert access.direct is not None
    if not straight:
        await access.direct.close()
        access = replace(access, direct=None)
    async with Connection(access, kubeconfig=path, context=None, environ={}, service_account=Path()) as connection:
        yield connection


@contextlib.asynccontextmanager
async def raw(tmp_path: Path, serve: Raw) -> AsyncIterator[Connection]:
    """A server that says on each connection what a test scripts."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, opened(kubeconfig(tmp_path / "kubeconfig", f"http://127.0.0.1:{port}")) as connection:
        yield connection


async def request_of(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


def said(body: bytes = b"{}", more: str = "") -> bytes:
    return f"HTTP/1.1 200 OK\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


# What the server of the test below answers, by name; the same to both ways.
ANSWERS: dict[str, Callable[[], web.Response]] = {
    "ok": lambda: answer({"kind": "Service"}),
    "created": lambda: answer({"a": "ä" * 3000}, status=201),
    "empty": lambda: web.Response(status=204),
    "conflict": lambda: refuse(409, "it has changed"),
    "forbidden": lambda: refuse(403, "no"),
    "invalid": lambda: refuse(422, "no such field"),
    "throttled": lambda: refuse(429, "slow", Retry_After="7"),
    "away": lambda: refuse(503, "later", Retry_After="3"),
    "failed": lambda: web.Response(status=500, text="not JSON\nat all"),
    "closing": lambda: web.Response(text="{}", headers={"Connection": "close"}),
}


def test_a_write_that_goes_straight_says_and_hears_what_one_through_the_client_does(tmp_path: Path) -> None:
    async def main() -> None:
        async with faulty(tmp_path) as (server, _):
            heard: list[Any] = []

            async def handle(request: web.Request) -> web.StreamResponse:
                kept = ("Accept", "User-Agent", "Content-Type", "Authorization", "Host", "Content-Length")
                fields = {field: request.headers.get(field) for field in kept}
                heard.append((request.method, request.raw_path, fields, await request.read()))
                return ANSWERS[request.path.rpartition("/")[2]]()

            server.routes |= {f"/{name}": handle for name in ANSWERS}
            straight = await outcomes(tmp_path / "kubeconfig", straight=True)
            asked, heard = heard, []

            assert straight == await outcomes(tmp_path / "kubeconfig", straight=False)
            assert asked == heard
            assert len(asked) == 3 * len(ANSWERS)

    asyncio.run(main())


async def outcomes(path: Path, *, straight: bool) -> list[object]:
    writes: list[tuple[str, dict[str, Any]]] = [
        ("PATCH", {"body": {"a": "ä"}, "content_type": MERGE_PATCH}),
        ("POST", {"body": {}, "query": {"fieldManager": "a b&c"}}),
        ("PUT", {"body": [1]}),
    ]
    found: list[object] = []
    async with opened(path, straight=straight) as connection:
        for name, (method, more) in itertools.product(ANSWERS, writes):
            try:
                found.append(await connection.request(method, f"/{name}", **more))
            except PorterError as error:
                found.append((type(error), str(error), getattr(error, "retry_after", None)))
    return found


def test_writes_one_after_the_other_go_over_one_connection_and_those_at_once_over_more(tmp_path: Path) -> None:
    async def main() -> None:
        async with faulty(tmp_path) as (server, connection):
            peers: list[object] = []

            async def handle(request: web.Request) -> web.StreamResponse:
                assert request.transport is not None
                peers.append(request.transport.get_extra_info("peername"))
                await asyncio.sleep(0.05)
                return answer({})

            server.routes[WEB] = handle
            for _ in range(3):
                await connection.request("PATCH", WEB, body={})
            assert len(set(peers)) == 1
            await asyncio.gather(*(connection.request("PATCH", WEB, body={}) for _ in range(4)))
            assert len(set(peers)) == 4

    asyncio.run(main())


def test_a_write_that_was_cut_off_is_said_and_never_sent_again(tmp_path: Path) -> None:
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await request_of(reader))
        writer.write(said() if len(requests) == 2 else said(b"{}" * 9)[:-5])
        writer.close()

    async def main() -> None:
        async with raw(tmp_path, serve) as connection:
            with pytest.raises(
                UnreachableError, match=f"the answer of the API server to PUT {WEB} was cut off: the API"
            ):
                await connection.request("PUT", WEB, body={})
            assert len(requests) == 1
            assert await connection.request("PUT", WEB, body={}) == b"{}"

    asyncio.run(main())


def test_an_answer_that_is_none_is_said_and_the_connection_is_given_up(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"220 mail.example.com ESMTP\r\n\r\n")
        assert await reader.read() == b""
        writer.close()

    async def main() -> None:
        async with raw(tmp_path, serve) as connection:
            with pytest.raises(UnreachableError, match="was cut off: it does not begin as an answer"):
                await connection.request("PATCH", WEB, body={})

    asyncio.run(main())


def test_a_connection_that_the_server_has_closed_is_not_written_to(tmp_path: Path) -> None:
    connections: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(0)
        await request_of(reader)
        writer.write(said())
        await asyncio.sleep(0.05)
        writer.close()

    async def main() -> None:
        async with raw(tmp_path, serve) as connection:
            for _ in range(2):
                assert await connection.request("PATCH", WEB, body={}) == b"{}"
                await asyncio.sleep(0.2)
            assert len(connections) == 2

    asyncio.run(main())


def test_a_server_that_does_not_answer_costs_its_connections_their_trust(tmp_path: Path) -> None:
    connections: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(0)
        with contextlib.suppress(asyncio.IncompleteReadError):
            while b"mute" not in await request_of(reader):
                await asyncio.sleep(0.05)
                writer.write(said())
            await reader.read()
        writer.close()

    async def main() -> None:
        async with raw(tmp_path, serve) as connection:
            await asyncio.gather(*(connection.request("PATCH", WEB, body={}) for _ in range(3)))
            assert len(connections) == 3
            with pytest.raises(UnreachableError, match=f"did not answer PATCH {WEB} in time"):
                await connection.request("PATCH", WEB, body={"mute": True}, timeout=0.1)
            await connection.request("PATCH", WEB, body={})
            assert len(connections) == 4

    asyncio.run(main())


def test_a_connection_that_was_idle_for_long_is_not_used_again() -> None:
    connections: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(0)
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                await request_of(reader)
                writer.write(said())
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            way = Direct.to(url, tls=None, server_hostname=None, keep=0.1)
            assert way is not None
            for pause in (0.0, 0.2, 0.0):
                await asyncio.sleep(pause)
                await way.ask("PUT", "/", query={}, headers={}, body=b"", within=5.0, connect_within=5.0)
            await way.close()
        assert len(connections) == 2

    asyncio.run(main())


def test_what_is_read_may_be_compressed_and_what_is_written_goes_on_beneath_a_path(tmp_path: Path) -> None:
    async def main() -> None:
        server = FaultServer()
        await server.start()
        path = kubeconfig(tmp_path / "kubeconfig", f"{server.url}/k8s/clusters/c-1")

        async def handle(request: web.Request) -> web.StreamResponse:
            if "gzip" not in request.headers["Accept-Encoding"]:
                return answer({})
            return web.Response(body=gzip.compress(b"[]"), headers={"Content-Encoding": "gzip"})

        server.routes[f"/k8s/clusters/c-1{WEB}"] = handle
        async with opened(path) as connection:
            assert await connection.request("GET", WEB) == b"[]"
            assert await connection.request("PATCH", WEB, body={}) == b"{}"
        await server.stop()

    asyncio.run(main())


def test_a_write_goes_over_tls_and_all_connections_end_with_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path, tls=True) as kube, opened(kube.path) as connection:
            names = [f"n{number}" for number in range(4)]
            path = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
            made = (connection.request("POST", path, body={"metadata": {"name": name}}) for name in names)
            assert all(b'"uid"' in body for body in await asyncio.gather(*made))
            await connection.close()
            with pytest.raises(UnreachableError, match="cannot be reached: it was closed on this side"):
                await connection.request("POST", path, body={"metadata": {"name": "late"}})

    asyncio.run(main())


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("https://192.168.0.1:6443", True),
        ("https://[fd00::1]:6443/", True),
        ("http://api", True),
        ("https://user:word@api", False),
        ("https://api?a=b", False),
        ("https://api:port", False),
        ("https://", False),
        ("ftp://api", False),
        ("https://äpi", False),
    ],
)
def test_only_a_plain_url_is_gone_to_straight(url: str, plain: bool) -> None:  # noqa: FBT001
    assert (direct.Direct.to(url, tls=None, server_hostname=None) is not None) == plain
