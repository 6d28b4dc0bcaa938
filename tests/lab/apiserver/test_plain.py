"""Plain requests are answered past aiohttp: read as it reads them, answered as it answers them, or left to it."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import pytest
from aiohttp.http import HttpRequestParser
from hypothesis import given, settings
from hypothesis import strategies as st

from porter.lab.apiserver import ApiServer
from porter.lab.apiserver.connections import Connection, Connections
from porter.lab.apiserver.handling import Handler
from porter.lab.apiserver.plain import _fields, _line, plain_request
from porter.lab.apiserver.trouble import Troubles
from tests.lab.apiserver.client import MERGE, Client
from tests.lab.apiserver.conftest import Running
from tests.loop import Loop

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
A = {"metadata": {"name": "a"}, "data": {"k": "v"}}


def raw(method: str, path: str, body: Any = None, *, token: str = "t", also: str = "", **headers: str) -> bytes:
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: api:6443", f"Authorization: Bearer {token}"]
    lines += [f"{name.replace('_', '-')}: {text}" for name, text in headers.items()]
    lines += [f"Content-Length: {len(data)}"] if data else []
    return "\r\n".join([*lines, *([also] if also else [])]).encode() + b"\r\n\r\n" + data


def test_a_plain_request_is_read_in_one_look() -> None:
    found = plain_request(raw("PATCH", f"{CONFIG_MAPS}/a.b?fieldManager=me&dryRun=", b"{}", Content_Type=MERGE))

    assert found is not None
    assert (found.method, found.path, found.body) == ("PATCH", f"{CONFIG_MAPS}/a.b", b"{}")
    assert (found.query, found.path_qs) == (
        {"fieldManager": "me", "dryRun": ""},
        f"{CONFIG_MAPS}/a.b?fieldManager=me&dryRun=",
    )
    assert (found.headers["content-type"], found.host) == (MERGE, "api:6443")


@pytest.mark.parametrize(
    "data",
    [
        raw("GET", "/api/v1/pods")[:-1],
        raw("PUT", "/api/v1/pods", b"{}")[:-1],
        raw("PUT", "/api/v1/pods", b"{}") + b"GET",
        raw("GET", "/api/v1/pods") * 2,
        raw("GET", "/api/v1/pods").replace(b"1.1", b"1.0", 1),
        raw("GET", "/api/v1/pods").replace(b"Host", b"Toast"),
        raw("GET", "/api/v1/pods", also="Host: b"),
        raw("GET", "/api/v1/pods", also="Connection: close"),
        raw("GET", "/api/v1/pods", also="expect: 100-continue"),
        raw("PUT", "/api/v1/pods", b"{}", also="Content-Length: 2"),
        raw("PUT", "/api/v1/pods", b"{}").replace(b"Length: 2", b"Length: +2"),
        raw("POST", "/api/v1/pods", b"2\r\n{}\r\n0\r\n\r\n", also="Transfer-Encoding: chunked"),
        raw("HEAD", "/api/v1/pods"),
        raw("GET", "/api/v1/../pods"),
        raw("GET", "/api//pods"),
        raw("GET", "/api/v1/p%6fds"),
        raw("GET", "/api/v1/pods?labelSelector=a%3Db"),
        raw("GET", "/api/v1/pods?limit=1&limit=2"),
        raw("GET", "/api/v1/pods", also="X: \x01"),
        raw("GET", "/api/v1/pods", also=" folded"),
        raw("GET", "/api/v1/pods", also="Impersonate-User: a"),
        raw("GET", "/api/v1/pods", also="impersonate-extra-a: a"),
        raw("GET", "/api/v1/pods\n"),
        b"GET /api/v1/pods HTTP/1.1\r\n\r\n",
        b"GET /api/v1/pods HTTP/1.1\r\nHost: a\n\r\n\r\n",
        b"\r\nGET /api/v1/pods HTTP/1.1\r\nHost: a\r\n\r\n",
        b"",
    ],
)
def test_anything_else_is_left_to_aiohttp(data: bytes) -> None:
    assert plain_request(data) is None


def test_what_is_no_request_yet_is_not_remembered() -> None:
    before = _line.cache_info().currsize, _fields.cache_info().currsize
    for size in (1, 3000, 300_000):
        assert plain_request(b"x" * size) is None
        assert plain_request(b"GET /" + b"x" * size + b" HTTP/1.1\r\nHost: a\r\n") is None

    assert (_line.cache_info().currsize, _fields.cache_info().currsize) == before
    long = raw("GET", "/api/v1/pods", also="X: " + "x" * 3000)
    assert plain_request(long) is not None
    assert (_line.cache_info().currsize, _fields.cache_info().currsize) == before


_path = st.lists(st.text("aZ0._~:-", min_size=1, max_size=4), max_size=3).map(lambda parts: "/" + "/".join(parts))
_query = st.lists(st.text("ab=.-2", max_size=4), max_size=3).map("&".join)
_odd = st.text("/a.%?+&=", max_size=6)
_field = st.sampled_from(
    [
        "Accept: a, b;c=*/*",
        "accept:a",
        "X-a: a:\"b'",
        "x_y: a b",
        "Impersonate-Group: a",
        "A:  b",
        "A: b ",
        "A:",
        "A: \t",
    ]
)
_body = st.sampled_from([(b"", ""), (b"{}", "2"), (b"{}", "02"), (b"", "0"), (b"{}", "3")])


def lowered(headers: Any) -> list[tuple[str, str]]:
    return [(name.lower(), text) for name, text in headers.items()]


@settings(max_examples=300, deadline=None)
@given(path=_path | _path | _odd, query=_query | _query | _odd, fields=st.lists(_field, max_size=3), body=_body)
def test_what_is_read_is_what_aiohttp_reads(path: str, query: str, fields: list[str], body: tuple[bytes, str]) -> None:
    content, length = body
    lines = [f"PUT {path}?{query} HTTP/1.1" if query else f"PUT {path} HTTP/1.1", "Host: a", *fields]
    lines += [f"Content-Length: {length}"] if length else []
    data = "\r\n".join(lines).encode() + b"\r\n\r\n" + content
    found = plain_request(data)
    if found is None:
        return

    loop = asyncio.new_event_loop()
    try:
        parser = HttpRequestParser(mock.Mock(_reading_paused=False), loop, 2**16)
        [(message, payload)], upgraded, tail = parser.feed_data(data)
        assert (upgraded, tail, payload.is_eof()) == (False, b"", True)
        assert (found.method, found.path, found.path_qs) == (message.method, message.url.path, message.path)
        assert list(found.query.items()) == list(message.url.query.items())
        assert lowered(found.headers) == lowered(message.headers)
        assert found.body == (payload.read_nowait(-1) if content else b"")
        assert (found.version, found.keep_alive) == (message.version, not message.should_close)
    finally:
        loop.close()


def exchanged(client: Client, requests: list[bytes]) -> list[tuple[int, dict[str, str], str]]:
    """The answers to requests over one connection, without what no two servers share."""
    found = []
    with client.connection() as connection:
        for one in requests:
            connection.sendall(one)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            headers = {name: text for name, text in answer.getheaders() if name != "Date"}
            found.append((answer.status, headers, re.sub(r'"uid":"[^"]*"', "", answer.read().decode())))
    return found


def test_both_ways_answer_alike(start: Callable[[ApiServer], Running]) -> None:
    def server() -> Client:
        return start(ApiServer(tls=False, token="t", now=lambda: datetime(2026, 1, 1, tzinfo=UTC))).client

    def requests(also: str) -> list[bytes]:
        return [
            raw("POST", CONFIG_MAPS, A, also=also),
            raw("POST", CONFIG_MAPS, A, also=also),
            raw("POST", CONFIG_MAPS, {"metadata": {"name": "b"}, "nonsense": 1}, also=also),
            raw("POST", CONFIG_MAPS, b"{", also=also),
            raw("PUT", f"{CONFIG_MAPS}/a?dryRun=All", A | {"data": {"k": "w"}}, also=also),
            raw("PATCH", f"{CONFIG_MAPS}/a", {"data": {"l": "1"}}, Content_Type=MERGE, also=also),
            raw("PATCH", f"{CONFIG_MAPS}/a", {"data": {"l": "1"}}, Content_Type="text/plain", also=also),
            raw("GET", f"{CONFIG_MAPS}/a", also=also),
            raw("GET", f"{CONFIG_MAPS}?limit=1", Accept="application/json;as=Table;v=v1;g=meta.k8s.io", also=also),
            raw("GET", CONFIG_MAPS, Accept="text/html", also=also),
            raw("GET", CONFIG_MAPS, token="wrong", also=also),
            raw("DELETE", "/api/v1/namespaces/default", also=also),
            raw("DELETE", f"{CONFIG_MAPS}/b", b'{"propagationPolicy":"Background"}', also=also),
            *(raw("GET", path, also=also) for path in ("/api", "/apis/apps/v1", "/version", "/readyz", "/nowhere")),
        ]

    assert all(plain_request(one) for one in requests(""))
    assert not any(plain_request(one) for one in requests("Connection: keep-alive"))
    plain, by_aiohttp = (exchanged(server(), requests(also)) for also in ("", "Connection: keep-alive"))
    assert plain == by_aiohttp
    assert {status for status, *_ in plain} == {200, 201, 400, 401, 403, 404, 406, 409, 415}


class Wire(asyncio.Transport):
    """A connection that notes what is written to it."""

    def __init__(self, handler: Any) -> None:
        super().__init__()
        self.sent = b""
        self.taken: Any = None  # by whom it was taken over
        home = Connections(handler, mock.Mock)
        self.opened = home._opened
        self.connection = Connection(handler, home, mock.Mock)
        self.connection.connection_made(self)

    def write(self, data: Any) -> None:
        self.sent += data

    def is_closing(self) -> bool:
        return False

    def set_protocol(self, protocol: Any) -> None:
        self.taken = protocol


def with_handler(work: Callable[[Handler, Troubles], None]) -> None:
    """Do something in the loop of a server, with what answers its requests."""

    async def run() -> None:
        server = ApiServer(tls=False, token="t")
        await server.start()
        try:
            assert server._handler is not None
            work(server._handler, server._troubles)
        finally:
            await server.stop()

    asyncio.run(run())


def test_a_plain_request_is_answered_in_the_same_turn() -> None:
    def work(handler: Handler, _: Troubles) -> None:
        wire = Wire(handler)
        for _number in range(2):
            wire.sent = b""
            wire.connection.data_received(raw("GET", CONFIG_MAPS))
            assert wire.sent.startswith(b"HTTP/1.1 200 OK\r\n")
        assert (wire.opened, wire.taken) == ({wire.connection}, None)

    with_handler(work)


@pytest.mark.parametrize("why", ["not plain", "a watch", "trouble", "the client does not read"])
def test_whatever_would_wait_is_handed_over(why: str) -> None:
    data = raw("GET", f"{CONFIG_MAPS}?watch=1" if why == "a watch" else CONFIG_MAPS)
    data = data[:20] if why == "not plain" else data

    def work(handler: Handler, troubles: Troubles) -> None:
        wire = Wire(handler)
        if why == "trouble":
            troubles.put(b'{"delay": 60}')
        if why == "the client does not read":
            wire.connection.pause_writing()
        wire.connection.data_received(data)

        paused = [mock.call.pause_writing()] if why == "the client does not read" else []
        assert wire.taken.mock_calls == [mock.call.connection_made(wire), *paused, mock.call.data_received(data)]
        assert (wire.sent, wire.opened) == (b"", set())

    with_handler(work)


def test_a_server_that_stops_closes_connections_that_are_idle(running: Running) -> None:
    with running.client.connection() as connection:
        connection.sendall(raw("GET", "/readyz"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        running.stop()
        connection.settimeout(5)
        assert connection.recv(1) == b""
    running.start()
    with running.client.connection() as connection:
        connection.sendall(raw("GET", "/readyz"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def test_a_connection_whose_handshake_ends_when_the_server_has_stopped_is_closed(loop: Loop) -> None:
    """It would be answered by a server that is no more, and its client would never learn of the next one."""
    secure = Running(loop, ApiServer())
    context = ssl.create_default_context(cadata=secure.server.authority.decode())
    host, port = secure.server.url.removeprefix("https://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as made:
        assert secure.client.ask("GET", "/readyz").status == 200  # accepted after it, so it is accepted too
        secure.stop()
        with context.wrap_socket(made, server_hostname=host) as connection:
            connection.sendall(raw("GET", "/readyz"))
            assert connection.recv(1) == b""


def test_a_connection_goes_on_after_it_was_handed_over(client: Client) -> None:
    token = client.token
    with client.connection() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(3):
            data = raw("POST", CONFIG_MAPS, {"metadata": {"name": f"m-{number}"}}, token=token)
            for part in (data[:30], data[30:]) if number == 1 else (data,):
                connection.sendall(part)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert (answer.status, json.loads(answer.read())["metadata"]["name"]) == (201, f"m-{number}")
