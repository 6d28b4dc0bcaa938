"""Plain requests over one connection: each is answered like any other, and the connection stays usable."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.apiserver.client import MERGE, Client

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
def connection(client: Client) -> Iterator[http.client.HTTPConnection]:
    made = http.client.HTTPConnection(client.url.removeprefix("http://"), timeout=20)
    yield made
    made.close()


def ask(
    connection: http.client.HTTPConnection, client: Client, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, dict[str, str], Any]:
    plain = {"Authorization": f"Bearer {client.token}", "Content-Type": "application/json"}
    data = json.dumps(body).encode() if body is not None else None
    connection.request(method, path, data, plain | {name.replace("_", "-"): text for name, text in headers.items()})
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), json.loads(answer.read() or "null")


def test_many_writes_go_over_one_connection(connection: http.client.HTTPConnection, client: Client) -> None:
    created = ask(connection, client, "POST", CONFIG_MAPS, {"metadata": {"name": "a"}})
    first = connection.sock.getsockname()
    patched = ask(connection, client, "PATCH", f"{CONFIG_MAPS}/a", {"data": {"k": "v"}}, Content_Type=MERGE)
    replaced = ask(connection, client, "PUT", f"{CONFIG_MAPS}/a", {"metadata": {"name": "a"}, "data": {"k": "w"}})
    refused = ask(connection, client, "POST", CONFIG_MAPS, {"metadata": {"name": "a"}})

    assert [answer[0] for answer in (created, patched, replaced, refused)] == [201, 200, 200, 409]
    assert [answer[2]["data"] for answer in (patched, replaced)] == [{"k": "v"}, {"k": "w"}]
    assert connection.sock.getsockname() == first
    assert client.get(f"{CONFIG_MAPS}/a") == replaced[2]


def test_an_answer_is_the_same_whether_the_connection_is_kept_or_not(
    connection: http.client.HTTPConnection, client: Client
) -> None:
    ask(connection, client, "POST", CONFIG_MAPS, {"metadata": {"name": "a"}})
    same = {"metadata": {"name": "a", "labels": {"a": "b"}}}
    kept = ask(connection, client, "PUT", f"{CONFIG_MAPS}/a", same)
    ended = ask(connection, client, "PUT", f"{CONFIG_MAPS}/a", same, Connection="close")

    assert (kept[0], kept[2]) == (ended[0], ended[2])
    assert ended[1]["Connection"] == "close"
    for name in ("Content-Type", "Content-Length"):
        assert kept[1][name] == ended[1][name]
    assert kept[1]["Date"].endswith(" GMT")


@pytest.mark.parametrize("manner", ["in two parts", "in chunks"])
def test_a_body_may_come_late(client: Client, manner: str) -> None:
    body = json.dumps({"metadata": {"name": "a"}, "data": {"k": "v" * 1000}}).encode()
    length = f"Content-Length: {len(body)}" if manner == "in two parts" else "Transfer-Encoding: chunked"
    head = (
        f"POST {CONFIG_MAPS} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {client.token}\r\n"
        f"Content-Type: application/json\r\n{length}\r\n\r\n"
    )
    parts = [body[:100], body[100:]]
    if manner == "in chunks":
        parts = [b"%x\r\n%b\r\n" % (len(part), part) for part in parts] + [b"0\r\n\r\n"]
    with client.connection() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(head.encode())
        for part in parts:
            time.sleep(0.02)  # so that they come one by one; all the same if they do not
            connection.sendall(part)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        made = json.loads(answer.read())

    assert answer.status == 201
    assert made["data"] == {"k": "v" * 1000}


def test_a_write_with_a_warning_says_so(connection: http.client.HTTPConnection, client: Client) -> None:
    status, headers, made = ask(connection, client, "POST", CONFIG_MAPS, {"metadata": {"name": "a"}, "nonsense": 1})

    assert status == 201
    assert headers["Warning"] == '299 - "unknown field \\"nonsense\\""'
    assert "nonsense" not in made


def test_a_write_that_stores_nothing_is_answered_with_its_own_object(
    connection: http.client.HTTPConnection, client: Client
) -> None:
    first = client.post(CONFIG_MAPS, {"metadata": {"name": "a"}, "data": {"k": "v"}})
    client.post(CONFIG_MAPS, {"metadata": {"name": "b"}})

    same = ask(connection, client, "PATCH", f"{CONFIG_MAPS}/a", {"data": {"k": "v"}}, Content_Type=MERGE)
    tried = ask(connection, client, "PATCH", f"{CONFIG_MAPS}/a?dryRun=All", {"data": {"k": "w"}}, Content_Type=MERGE)

    assert same[2] == first
    assert (tried[2]["metadata"]["name"], tried[2]["data"]) == ("a", {"k": "w"})


def test_a_path_is_known_only_as_long_as_its_kind_is_served(client: Client) -> None:
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    names = {"plural": "things", "kind": "Thing"}
    spec = {"group": "x.io", "scope": "Cluster", "names": names, "versions": [version]}

    before = client.ask("GET", "/apis/x.io/v1/things").status
    client.post(definitions, {"metadata": {"name": "things.x.io"}, "spec": spec})
    client.get("/apis/x.io/v1/things")
    client.ask("DELETE", f"{definitions}/things.x.io")

    assert (before, client.ask("GET", "/apis/x.io/v1/things").status) == (404, 404)
