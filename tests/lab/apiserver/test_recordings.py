"""The recordings of a Kubernetes 1.36 API server, replayed: the same requests must get the same answers."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.error
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from porter.lab.apiserver import ApiServer
from tests.lab.apiserver.client import Client
from tests.lab.apiserver.conftest import Running
from tests.loop import Loop

RECORDED = sorted((Path(__file__).parents[2] / "data" / "kube-api").glob("*.json"))

KNOWN_DIFFERENCES: dict[tuple[str, int], str] = {}
"""Exchanges that are not equal, each with its reason. One that becomes equal fails until it is taken out of here."""

TOOK = {"11-table": timedelta(seconds=15)}
"""How long the recorder had been under way since the scenario before: it shows in the age of the Node."""

_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MASKED_KEYS = {
    "resourceVersion": "<rv>",
    "clusterIP": "<cluster-ip>",
    "nodePort": "<node-port>",
    "healthCheckNodePort": "<node-port>",
    "description": "<description>",
    "serverAddress": "<server>",
    "continue": "<continue>",
}
_KEPT = ("", "0", "None", 0)


def mask(value: Any, key: str = "") -> Any:
    """Replace what differs from run to run by a placeholder that names it, as the recorder did."""
    if isinstance(value, dict):
        return {k: mask(v, k) for k, v in value.items()}
    if isinstance(value, list):
        if key == "managedFields":
            return "<managed-fields>"
        if key == "clusterIPs":
            return ["<cluster-ip>" if one != "None" else one for one in value]
        return [mask(one, key) for one in value]
    if key in _MASKED_KEYS and not isinstance(value, bool) and value not in _KEPT:
        return _MASKED_KEYS[key]
    if key == "serverRelativeURL":
        return re.sub(r"hash=[0-9A-F]+", "hash=<hash>", value)
    return mask_text(value, key) if isinstance(value, str) else value


def mask_text(value: str, key: str) -> str:
    if _TIME.match(value):
        return "<time>"
    value = _UID.sub("<uid>", value)
    value = re.sub(r"resourceVersion=\d+", "resourceVersion=<rv>", value)
    value = re.sub(r"\b10\.233\.\d+\.\d+\b", "<cluster-ip>", value)
    value = re.sub(r":3\d{4}/", ":<node-port>/", value)
    if key == "message":
        value = re.sub(r'Invalid value: "\{.*\}"', "Invalid value: <object>", value)
        value = re.sub(r"(too old resource version: )\d+ \(\d+\)", r"\1<rv> (<rv>)", value)
        value = re.sub(r"(Too large resource version: )\d+, current: \d+", r"\1<rv>, current: <rv>", value)
    return value


class Replay:
    """The requests of one scenario against one server, with the values that later requests take from earlier answers."""

    def __init__(self, client: Client, scenario: str) -> None:
        self._client, self._scenario = client, scenario
        self._captured: dict[str, str] = {}

    def fill(self, value: Any) -> Any:
        if isinstance(value, str):
            value = value.replace("continue=<continue>", "continue={{continue}}")
            return re.sub(r"\{\{(\w+)\}\}", lambda found: self._captured[found[1]], value)
        if isinstance(value, dict):
            return {k: self.fill(v) for k, v in value.items()}
        return [self.fill(one) for one in value] if isinstance(value, list) else value

    def exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        answer = self._client.ask(
            request["method"],
            self.fill(request["path"]),
            self.fill(request.get("body")),
            content_type=request.get("contentType", "application/json"),
            accept=request.get("accept", "application/json"),
        )
        for name, path in request.get("capture", {}).items():
            found = answer.body
            for part in path.split("."):
                found = found[part]
            self._captured[name] = str(found)
        body = kept(request, answer.body)
        return {"status": answer.status, "contentType": answer.kind, "body": mask(body)}

    def watch(self, request: dict[str, Any]) -> dict[str, Any]:
        """Open a watch, run the requests that belong into it, and keep the events until the server ends it."""
        events: list[Any] = []
        status: dict[str, Any] = {}
        opened = threading.Event()

        def read() -> None:
            try:
                with self._client.request("GET", self.fill(request["path"]), timeout=8) as answer:
                    status.update(status=answer.status)
                    opened.set()
                    events.extend(json.loads(line) for line in answer if line.strip())
            except urllib.error.HTTPError as error:
                with error:
                    status.update(status=error.code, body=mask(json.loads(error.read())))
            finally:
                opened.set()

        reader = threading.Thread(target=read)
        reader.start()
        opened.wait(5)
        time.sleep(0.1)
        during = [self.exchange(one) for one in request["during"]]
        reader.join(10)
        slim = [{"type": one["type"], "object": mask(kept(request, one["object"]))} for one in events]
        return {**status, "during": during, "events": slim}


def kept(request: dict[str, Any], body: Any) -> Any:
    return {key: body[key] for key in request["keep"] if key in body} if "keep" in request else body


class Clock:
    """Time that stands still until the test moves it, so that ages can be compared."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def recorded_server(loop: Loop, clock: Clock) -> Iterator[Running]:
    made = Running(loop, ApiServer(now=clock))
    yield made
    made.stop()


def test_there_are_sixteen_recordings() -> None:
    assert len(RECORDED) == 16


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_every_exchange_is_answered_as_recorded(path: Path, recorded_server: Running, clock: Clock) -> None:
    """The scenarios run in order, on one server: later ones use what earlier ones left."""
    recording = json.loads(path.read_text())
    replay = Replay(recorded_server.client, recording["scenario"])
    clock.moment += TOOK.get(recording["scenario"], timedelta())

    differing = {}
    for index, exchange in enumerate(recording["exchanges"]):
        request = exchange["request"]
        answer = replay.watch(request) if "during" in request else replay.exchange(request)
        if answer != exchange["answer"]:
            differing[recording["scenario"], index] = {"recorded": exchange["answer"], "answered": answer}

    unexpected = {place: found for place, found in differing.items() if place not in KNOWN_DIFFERENCES}
    assert not unexpected, json.dumps([{"at": place, **found} for place, found in unexpected.items()], indent=1)
    known = {place for place in KNOWN_DIFFERENCES if place[0] == recording["scenario"]}
    assert known <= set(differing), "a known difference is none any more: take it out of the table"
