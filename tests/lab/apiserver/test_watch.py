"""Watches beyond the recordings: bookmarks, tables, resuming, lost history, and many watchers at once."""

from __future__ import annotations

import asyncio
import json
import operator
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from porter.lab.apiserver import ApiServer
from porter.lab.apiserver.asking import list_options
from porter.lab.apiserver.builtin import BUILTIN
from porter.lab.apiserver.objects import utc_now
from porter.lab.apiserver.store import Store
from porter.lab.apiserver.watch import Watch
from porter.lab.apiserver.ways import Alone, Place
from tests.lab.apiserver.client import Client
from tests.lab.apiserver.conftest import Running
from tests.lab.apiserver.samples import definition

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
CONFIG_MAP = next(kind for kind in BUILTIN if kind.name == "ConfigMap")
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def version(client: Client) -> str:
    return str(client.get(CONFIG_MAPS)["metadata"]["resourceVersion"])


def test_a_watch_without_a_version_begins_with_what_is_there(client: Client) -> None:
    client.post(CONFIG_MAPS, {"metadata": {"name": "a"}})

    seen = [(event["type"], event["object"]["metadata"]["name"]) for event in client.events(CONFIG_MAPS)]

    assert seen == [("ADDED", "a")]


def test_a_watch_may_ask_for_more_time_than_there_is(client: Client) -> None:
    client.post(CONFIG_MAPS, {"metadata": {"name": "a"}})

    with client.request("GET", f"{CONFIG_MAPS}?watch=1&timeoutSeconds=99999999999999") as answer:
        assert json.loads(answer.readline())["type"] == "ADDED"


def test_bookmarks_come_while_nothing_happens(client: Client) -> None:
    seen = [
        event["type"]
        for event in client.events(
            f"{CONFIG_MAPS}?allowWatchBookmarks=true&resourceVersion={version(client)}", seconds=5
        )
    ]

    assert set(seen) == {"BOOKMARK"}
    assert len(seen) > 3


def test_a_page_shows_the_list_as_it_was_at_its_first_page(client: Client) -> None:
    for index in range(4):
        client.post(CONFIG_MAPS, {"metadata": {"name": f"a-{index}"}, "data": {"n": "old"}})
    first = client.get(f"{CONFIG_MAPS}?limit=2")
    client.ask("DELETE", f"{CONFIG_MAPS}/a-2")
    client.patch(f"{CONFIG_MAPS}/a-3", {"data": {"n": "new"}})

    rest = client.get(f"{CONFIG_MAPS}?limit=2&continue={first['metadata']['continue']}")

    assert first["metadata"]["remainingItemCount"] == 2
    assert [(item["metadata"]["name"], item["data"]["n"]) for item in rest["items"]] == [("a-2", "old"), ("a-3", "old")]
    assert "continue" not in rest["metadata"]


def test_a_stopped_server_starts_again_on_its_port_with_its_objects(running: Running) -> None:
    client, url = running.client, running.server.url
    before = client.post(CONFIG_MAPS, {"metadata": {"name": "a"}})

    running.stop()
    running.start()

    assert running.server.url == url
    assert client.get(f"{CONFIG_MAPS}/a") == before
    assert list(client.events(f"{CONFIG_MAPS}?resourceVersion={before['metadata']['resourceVersion']}")) == []


def test_stopping_ends_an_open_watch_at_once(running: Running) -> None:
    ended = threading.Event()
    opened = threading.Event()

    def watch() -> None:
        try:
            with running.client.request("GET", f"{CONFIG_MAPS}?watch=1") as answer:
                opened.set()
                answer.read()
        except OSError:
            pass
        finally:
            ended.set()

    thread = threading.Thread(target=watch)
    thread.start()
    assert opened.wait(5)
    running.stop()

    assert ended.wait(3)
    thread.join()


def test_lost_history_is_told_as_410(running: Running) -> None:
    before = version(running.client)
    running.client.post(CONFIG_MAPS, {"metadata": {"name": "a"}})
    assert [event["type"] for event in running.client.events(f"{CONFIG_MAPS}?resourceVersion={before}")] == ["ADDED"]

    running.forget_history()
    seen = list(running.client.events(f"{CONFIG_MAPS}?resourceVersion={before}"))

    assert [(event["type"], event["object"]["code"]) for event in seen] == [("ERROR", 410)]
    assert [item["metadata"]["name"] for item in running.client.get(CONFIG_MAPS)["items"]] == ["a"]


def test_the_window_of_history_is_bounded(start: Callable[[ApiServer], Running]) -> None:
    client = start(ApiServer(tls=False, history=10)).client
    before = version(client)
    client.post(CONFIG_MAPS, {"metadata": {"name": "a"}})
    for index in range(30):
        client.patch(f"{CONFIG_MAPS}/a", {"data": {"n": str(index)}})

    seen = list(client.events(f"{CONFIG_MAPS}?resourceVersion={before}"))

    assert [event["type"] for event in seen] == ["ERROR"]


def test_a_watch_of_tables_sends_rows(client: Client) -> None:
    client.post(CONFIG_MAPS, {"metadata": {"name": "a"}, "data": {"k": "v"}})

    with client.request("GET", f"{CONFIG_MAPS}?watch=1&timeoutSeconds=1", accept=TABLE) as answer:
        assert b'"cells":["a",1,' in answer.read()


def test_a_table_of_nodes_shows_a_condition_without_a_type(client: Client) -> None:
    client.post("/api/v1/nodes", {"metadata": {"name": "n"}})
    client.patch("/api/v1/nodes/n/status", {"status": {"conditions": [{"status": "True"}], "addresses": [{}]}})

    with client.request("GET", "/api/v1/nodes?watch=1&timeoutSeconds=1", accept=TABLE) as answer:
        event = json.loads(answer.readline())

    assert event["object"]["rows"][0]["cells"][:2] == ["n", "Unknown"]


@pytest.mark.parametrize("from_the_start", [True, False])
def test_a_watch_of_tables_names_the_columns_once(client: Client, *, from_the_start: bool) -> None:
    before = client.post(CONFIG_MAPS, {"metadata": {"name": "a"}})["metadata"]["resourceVersion"]
    since = "" if from_the_start else f"&resourceVersion={before}"
    asked = f"{CONFIG_MAPS}?watch=1&timeoutSeconds=60&labelSelector=!other{since}"
    client.post(CONFIG_MAPS, {"metadata": {"name": "unseen", "labels": {"other": "yes"}}})

    with client.request("GET", asked, accept=TABLE) as first, client.request("GET", asked, accept=TABLE) as second:
        seen = [[json.loads(answer.readline())] for answer in (first, second)] if from_the_start else [[], []]
        for number in range(3):
            client.patch(f"{CONFIG_MAPS}/a", {"data": {"n": str(number)}})
            for answer, events in ((first, seen[0]), (second, seen[1])):
                events.append(json.loads(answer.readline()))

    for events in seen:
        named = [[column["name"] for column in one["object"]["columnDefinitions"] or []] for one in events]
        assert named == [["Name", "Data", "Age"], *[[]] * (len(events) - 1)]
        assert [one["object"]["rows"][0]["cells"][0] for one in events] == ["a"] * (3 + from_the_start)


def test_initial_events_at_a_version_that_has_not_come_are_refused(client: Client) -> None:
    now = int(version(client))
    query = f"sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion={now + 1000}"

    [event] = client.events(f"{CONFIG_MAPS}?{query}", seconds=10)

    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 504, "Timeout")
    assert event["object"]["message"] == f"Timeout: Too large resource version: {now + 1000}, current: {now}"


def test_a_definition_that_is_deleted_ends_its_watches_when_all_is_told(client: Client) -> None:
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    things = "/apis/example.com/v1/namespaces/default/things"
    client.post(definitions, definition({"type": "object"}))
    client.get(things)
    client.post(things, {"metadata": {"name": "a"}})
    with client.request("GET", f"{things}?watch=1&timeoutSeconds=60") as ended:
        events = [json.loads(ended.readline())]
        client.ask("DELETE", f"{definitions}/things.example.com")
        events += [json.loads(line) for line in ended]
    client.post(definitions, definition({"type": "object"}))
    client.get(things)
    with client.request("GET", f"{things}?watch=1&timeoutSeconds=60") as again:
        client.post(things, {"metadata": {"name": "b"}})
        events.append(json.loads(again.readline()))

    assert [(one["type"], one["object"]["metadata"]["name"]) for one in events] == [
        ("ADDED", "a"),
        ("DELETED", "a"),
        ("ADDED", "b"),
    ]


def test_a_table_shows_endpoints_without_an_address(client: Client) -> None:
    endpoints = "/api/v1/namespaces/default/endpoints"
    client.post(endpoints, {"metadata": {"name": "a"}, "subsets": [{"addresses": [{}], "ports": [{}]}]})

    shown = client.get(f"{endpoints}/a", accept=TABLE)

    assert shown["rows"][0]["cells"][:2] == ["a", ":0"]


class Slow:
    """Something to write to that never takes a push, and has had enough after some events.

    While it waits for the first time, something else is done.
    """

    def __init__(self, enough: int, meanwhile: Callable[[], object] = bool) -> None:
        self.parts: list[bytes] = []
        self.enough, self.meanwhile = enough, meanwhile
        self.done = asyncio.Event()

    async def write(self, data: bytes) -> None:
        if not self.parts:
            self.meanwhile()
        self.parts.append(data)
        self.enough -= data.count(b"\n")
        if self.enough <= 0:
            self.done.set()
        await asyncio.sleep(0)

    def place(self) -> Place:
        return Place(Alone(operator.not_))

    @property
    def events(self) -> list[Any]:
        return [json.loads(line) for line in b"".join(self.parts).splitlines()]


def put(store: Store, name: str, size: int = 1) -> None:
    store.put(CONFIG_MAP.resource, {"metadata": {"name": name, "namespace": "default"}, "data": {"n": "x" * size}})


def watched(store: Store, sink: Slow, **query: str) -> None:
    options = list_options({"watch": "1", "timeoutSeconds": "60"} | query, CONFIG_MAP)
    watch = Watch(store, CONFIG_MAP, namespace="", options=options, form="", now=utc_now)
    asyncio.run(watch.run(sink, bookmark_every=60, stopping=sink.done))


def test_the_end_of_the_initial_events_promises_what_was_sent_and_no_more() -> None:
    store = Store()
    for index in range(3):
        put(store, f"a-{index}", 50_000)  # so that they are written in more than one go
    sink, sent = Slow(5, lambda: put(store, "b")), store.revision

    watched(store, sink, sendInitialEvents="true", resourceVersionMatch="NotOlderThan", allowWatchBookmarks="true")

    assert [event["type"] for event in sink.events] == ["ADDED", "ADDED", "ADDED", "BOOKMARK", "ADDED"]
    assert sink.events[3]["object"]["metadata"]["resourceVersion"] == str(sent)
    assert sink.events[4]["object"]["metadata"]["name"] == "b"


def test_a_slow_watcher_has_one_batch_written_to_it_at_a_time() -> None:
    store = Store()
    before = store.revision
    for index in range(700):  # more than are kept as they are
        put(store, f"a-{index}", 10_000)
    sink = Slow(700)

    watched(store, sink, resourceVersion=str(before))

    assert [event["object"]["metadata"]["name"] for event in sink.events] == [f"a-{index}" for index in range(700)]
    assert max(map(len, sink.parts)) < 64 * 1024 + 11_000
    assert len(sink.parts) < 150  # and small ones go together


def test_two_hundred_watchers_each_see_every_write_in_order(running: Running) -> None:
    watchers, writes = 200, 100
    seen: list[list[str]] = [[] for _ in range(watchers)]
    start = version(running.client)

    def watch(index: int) -> None:
        path = f"{CONFIG_MAPS}?resourceVersion={start}"
        for event in running.client.events(path, seconds=60):
            seen[index].append(event["object"]["metadata"]["resourceVersion"])
            if len(seen[index]) == writes:
                return

    threads = [threading.Thread(target=watch, args=(index,)) for index in range(watchers)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    running.client.post(CONFIG_MAPS, {"metadata": {"name": "a"}})
    for index in range(writes - 1):
        running.client.patch(f"{CONFIG_MAPS}/a", {"data": {"n": str(index)}})
    for thread in threads:
        thread.join(60)

    assert len(seen[0]) == writes
    assert seen[0] == sorted(seen[0], key=int)
    assert all(one == seen[0] for one in seen)


def test_a_watcher_that_does_not_read_harms_nobody(start: Callable[[ApiServer], Running]) -> None:
    harms_nobody(start(ApiServer(tls=False, history=10)).client)


def harms_nobody(client: Client) -> None:
    """Have a watcher that does not read, of a server with a history of 10, and one that does."""
    client.post(CONFIG_MAPS, {"metadata": {"name": "a"}})
    since = version(client)
    asked = f"GET {CONFIG_MAPS}?watch=1&timeoutSeconds=60&resourceVersion={since} HTTP/1.0\r\n"
    host, port = client.url.removeprefix("http://").split(":")
    stalled = socket.socket()
    stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # what nobody reads must not fit into the kernel
    with stalled:
        stalled.settimeout(20)
        stalled.connect((host, int(port)))
        stalled.sendall(f"{asked}Authorization: Bearer {client.token}\r\n\r\n".encode())
        quick = client.events(f"{CONFIG_MAPS}?resourceVersion={since}", seconds=60)
        for index in range(60):
            made = client.patch(f"{CONFIG_MAPS}/a", {"data": {"n": f"{index}" + "x" * 200_000}})
            assert next(quick)["object"]["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
        with stalled.makefile("rb") as lines:
            seen = [line for line in lines if line.startswith(b"{")]

    assert sum(map(len, seen)) < 30 * 200_000  # the server does not heap up what is not read
    assert [json.loads(line)["object"].get("code") for line in seen][-1] == 410


def test_a_page_whose_first_has_expired_can_be_gone_on_with_as_the_list_is_now(running: Running) -> None:
    client = running.client
    for index in range(4):
        client.post(CONFIG_MAPS, {"metadata": {"name": f"a-{index}"}})
    first = client.get(f"{CONFIG_MAPS}?limit=2")
    client.ask("DELETE", f"{CONFIG_MAPS}/a-2")
    running.forget_history()

    expired = client.ask("GET", f"{CONFIG_MAPS}?limit=2&continue={first['metadata']['continue']}")
    rest = client.get(f"{CONFIG_MAPS}?limit=2&continue={expired.body['metadata']['continue']}")

    assert (expired.status, expired.body["reason"]) == (410, "Expired")
    assert "or use the continue token in this response" in expired.body["message"]
    assert [item["metadata"]["name"] for item in rest["items"]] == ["a-3"]


def test_the_first_page_at_a_version_shows_that_version(client: Client) -> None:
    before = client.post(CONFIG_MAPS, {"metadata": {"name": "a"}})["metadata"]["resourceVersion"]
    client.post(CONFIG_MAPS, {"metadata": {"name": "b"}})

    page = client.get(f"{CONFIG_MAPS}?limit=5&resourceVersion={before}")
    whole = client.get(f"{CONFIG_MAPS}?resourceVersion={before}")

    assert [item["metadata"]["name"] for item in page["items"]] == ["a"]
    assert [item["metadata"]["name"] for item in whole["items"]] == ["a", "b"]


def test_a_watch_over_http_1_0_is_lines_and_nothing_else(running: Running) -> None:
    client = running.client
    client.post(CONFIG_MAPS, {"metadata": {"name": "a"}})
    asked = f"GET {CONFIG_MAPS}?watch=1&timeoutSeconds=2 HTTP/1.0\r\nAuthorization: Bearer {client.token}\r\n\r\n"
    with client.connection() as connection, connection.makefile("rb") as lines:
        connection.sendall(asked.encode())
        while lines.readline() != b"\r\n":
            pass
        first = json.loads(lines.readline())
        client.patch(f"{CONFIG_MAPS}/a", {"data": {"k": "v"}})
        rest = [json.loads(line) for line in lines]

    assert (first["type"], [event["type"] for event in rest]) == ("ADDED", ["MODIFIED"])


def test_a_watch_that_fails_in_the_middle_is_cut_without_another_answer_in_it(
    start: Callable[[ApiServer], Running],
) -> None:
    broken = threading.Event()

    def now() -> datetime:
        if broken.is_set():
            raise OSError("no clock")
        return utc_now()

    client = start(ApiServer(tls=False, now=now)).client
    client.post(CONFIG_MAPS, {"metadata": {"name": "a"}})
    broken.set()
    asked = f"GET {CONFIG_MAPS}?watch=1 HTTP/1.1\r\nHost: a\r\nAccept: {TABLE}\r\nAuthorization: Bearer {client.token}\r\n\r\n"
    with client.connection() as connection, connection.makefile("rb") as lines:
        connection.sendall(asked.encode())
        answered = lines.read()

    assert answered.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answered.endswith(b"\r\n\r\n")
    assert answered.count(b"HTTP/1.1") == 1


def test_a_client_that_asks_whether_to_send_its_body_is_told_to(running: Running) -> None:
    client = running.client
    body = json.dumps({"metadata": {"name": "a"}})
    asked = (
        f"POST {CONFIG_MAPS} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {client.token}\r\nExpect: 100-continue\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with client.connection() as connection, connection.makefile("rb") as lines:
        connection.sendall(asked.encode())
        told = lines.readline()
        connection.sendall(body.encode())
        answered = lines.read()

    assert told == b"HTTP/1.1 100 Continue\r\n"
    assert answered.startswith(b"\r\nHTTP/1.1 201 Created\r\n")


def test_any_other_expectation_is_refused(running: Running) -> None:
    client = running.client
    asked = f"GET {CONFIG_MAPS} HTTP/1.1\r\nHost: a\r\nExpect: a-miracle\r\nConnection: close\r\n\r\n"
    with client.connection() as connection, connection.makefile("rb") as lines:
        connection.sendall(asked.encode())
        answered = lines.read()

    assert answered.startswith(b"HTTP/1.1 417 ")
