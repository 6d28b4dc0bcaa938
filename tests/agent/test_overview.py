"""The page for people and `porter status`: what they say of a running agent, live, and that nothing gets through them."""

import asyncio
import json
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from porter.agent.pages.http import HttpServer, Pages, listen
from porter.agent.pages.overview import MOST, main_part, page
from porter.agent.recent import Change, Recent, look_back, remembered
from porter.cli.status import lines
from porter.events.entries import AssignmentDecided, AssignmentEnded, LogSetAside, Recorded
from porter.events.errors import LogError
from porter.events.log import EventLog
from porter.events.sentences import sentence
from porter.model.assignment import Assignment
from porter.model.names import EipName, NodeName, ServiceKey
from porter.model.reasons import Reason, Verdict
from tests.agent.api import Api
from tests.agent.command import PORTER, Command
from tests.browser import Tab
from tests.loop import Loop
from tests.plugins.netns import Wire, settle

AT = datetime(2026, 11, 21, 10, tzinfo=UTC)
EVIL = "<script>alert('x')</script>"


def one(service: str = "default/web", address: str | None = "192.168.0.91", **more: Any) -> dict[str, Any]:
    found = {"service": service, "family": "IPv4", "address": address, "eip": "pool", "protocol": "layer2"}
    return {**found, "nodes": ["node1"], "reason": "first free", "since": AT, "failure": None, **more}


def status(*assignments: dict[str, Any], **more: Any) -> dict[str, Any]:
    pool = {"eip": "pool", "ready": True, "reason": Verdict(reason=Reason.POOL_READY), "sentence": "ready"}
    return {
        "node": "node1",
        "version": "1",
        "leader": "node2",
        "leading": False,
        "ready": True,
        "problems": [],
        "log": {"last_seq": 7, "waiting": 0},
        "assignments": list(assignments),
        "announcing": {},
        "eips": [pool],
        "changes": [Change(seq=7, at=AT, text="this node announces", bad=False)],
        **more,
    }


def test_every_service_is_in_the_part_that_fits_it() -> None:
    found = main_part(
        status(
            one("default/served"),
            one("default/waits", None, nodes=[], reason="every Eip is full"),
            one("default/silent", "192.168.0.92", nodes=[], reason="no endpoint"),
            one("default/contested", "192.168.0.93", failure="a stranger answers"),
        )
    )
    waits, silent, served = (found.index(f"default/{name}") for name in ("waits", "silent", "served"))

    heads = ("Services that wait for an address", "Addresses that nobody announces", "<h2>Addresses <small>2")
    places = [found.index(head) for head in heads]
    assert places[0] < waits < places[1] < silent < places[2] < served
    assert "every Eip is full" in found
    assert "<td>3</td>" in found  # all addresses are of the pool
    assert "<tr class='bad'><td>192.168.0.93</td><td>default/contested</td>" in found
    assert "</span>: a stranger answers</td>" in found


def test_no_word_from_outside_is_taken_for_html() -> None:
    found = page(
        status(
            one(EVIL, EVIL, nodes=[EVIL], eip=EVIL, reason=EVIL, failure=EVIL),
            one(EVIL, None, reason=EVIL),
            node=EVIL,
            leader=EVIL,
            problems=[EVIL],
            changes=[Change(seq=1, at=AT, text=EVIL, bad=True)],
        )
    )

    assert "<script>" not in found
    assert "alert('x')" not in found


def test_a_table_is_bounded_and_says_so() -> None:
    found = main_part(status(*(one(f"default/web-{n}", f"10.0.{n // 256}.{n % 256}") for n in range(MOST + 3))))

    assert f"<small>{MOST + 3}</small>" in found
    assert "and 3 more" in found
    assert f"default/web-{MOST}<" not in found


def test_an_agent_without_work_says_that() -> None:
    assert "No Service asks for an address, and there is no Eip." in main_part(status(eips=[], changes=[]))


def decided(seq: int, service: str, address: str | None) -> Recorded:
    assignment = Assignment(
        service=ServiceKey(service),
        family="IPv4",
        address=address,
        nodes=(NodeName("node1"),) if address else (),
        reason=Verdict(reason=Reason.HELD if address else Reason.NO_POOL),
    )
    return Recorded(seq, AT.replace(minute=seq), AssignmentDecided(cause=1, assignment=assignment))


def test_since_when_is_the_newest_decision_and_nothing_after_its_end() -> None:
    recent = Recent()
    recent.before(remembered([decided(1, "default/a", "192.168.0.91"), decided(2, "default/b", None)]))
    recent.take(decided(3, "default/a", None))
    gone = AssignmentEnded(cause=4, service=ServiceKey("default/b"), family="IPv4", reason=Verdict(reason=Reason.HELD))
    recent.take(Recorded(4, AT, gone))

    assert recent.since(ServiceKey("default/a"), "IPv4") == AT.replace(minute=3)
    assert recent.since(ServiceKey("default/b"), "IPv4") is None
    assert [(change.seq, change.bad) for change in recent.changes] == [(4, False), (3, True), (2, True), (1, False)]


def again(seq: int, old: Recorded, **changed: object) -> Recorded:
    assert isinstance(old.entry, AssignmentDecided)
    assignment = msgspec.structs.replace(old.entry.assignment, **changed)
    return Recorded(seq, AT.replace(minute=seq), AssignmentDecided(cause=1, assignment=assignment))


def test_an_address_is_held_for_as_long_as_it_is_on_its_node_whatever_is_decided_of_its_pool() -> None:
    held, waits = decided(1, "default/a", "192.168.0.91"), decided(2, "default/b", None)
    other = Verdict(reason=Reason.POOL_EXHAUSTED)
    alive, restarted = Recent(), Recent()
    for one in (held, waits, again(3, held, eip=EipName("new"), reason=Verdict(reason=Reason.HELD)), again(4, waits)):
        alive.take(one)
    restarted.take(again(5, held, eip=EipName("new")))
    restarted.before(remembered([held, waits]))

    for recent in (alive, restarted):
        assert recent.since(ServiceKey("default/a"), "IPv4") == AT.replace(minute=1)
        assert recent.since(ServiceKey("default/b"), "IPv4") == AT.replace(minute=2)

    alive.take(again(6, held, nodes=(NodeName("node2"),)))
    alive.take(again(7, waits, reason=other))
    assert alive.since(ServiceKey("default/a"), "IPv4") == AT.replace(minute=6)
    assert alive.since(ServiceKey("default/b"), "IPv4") == AT.replace(minute=7)


@pytest.mark.parametrize("to", ["", "/var/lib/porter/porter.db.damaged-1"])
def test_a_log_that_is_lost_or_set_aside_is_among_what_happened_and_somebody_should_look_at_it(to: str) -> None:
    recent = Recent()
    entry = LogSetAside(to=to, problem="it is damaged")

    recent.take(Recorded(1, AT, entry))

    assert recent.changes == (Change(seq=1, at=AT, text=sentence(entry), bad=True),)


def test_what_happens_before_an_agent_has_read_its_log_is_newer_than_all_that_is_there() -> None:
    recent = Recent()
    gone = AssignmentEnded(cause=3, service=ServiceKey("default/b"), family="IPv4", reason=Verdict(reason=Reason.HELD))
    recent.take(decided(4, "default/a", "192.168.0.92"))
    recent.take(Recorded(5, AT, gone))
    assert [change.seq for change in recent.changes] == [5, 4]

    older = [decided(1, "default/a", None), decided(2, "default/b", None), decided(3, "default/c", None)]
    recent.before(remembered(older))

    since = {name: recent.since(ServiceKey(f"default/{name}"), "IPv4") for name in "abc"}
    assert since == {"a": AT.replace(minute=4), "b": None, "c": AT.replace(minute=3)}
    assert [change.seq for change in recent.changes] == [5, 4, 3, 2, 1]


def test_a_log_that_cannot_be_read_to_its_end_tells_what_comes_before_and_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_after: int, _until: int) -> Iterator[Recorded]:
        yield decided(1, "default/a", "192.168.0.91")
        raise LogError("entry 2 is of a kind that this Porter does not know")

    recent = Recent()
    with closing(EventLog.open(f"sqlite:///{tmp_path}/log.db", stream="node1", migrate=True)) as log:
        monkeypatch.setattr(log, "read", read)
        asyncio.run(look_back(recent, log, 2))

    assert recent.complete, "or what ends is remembered for ever"
    assert [change.seq for change in recent.changes] == [1]


def test_the_terminal_shows_the_same_in_80_columns() -> None:
    plain = json.loads(
        json.dumps(
            status(
                one("default/served", since=AT.isoformat()),
                one("default/contested", "192.168.0.92", since=None, failure="a stranger answers"),
                one("a-long-namespace/a-service-with-a-long-name", None, reason="every Eip is full " * 6, since=None),
                eips=[{"eip": "pool", "ready": False, "sentence": "no plugin is installed for protocol 'ospf' " * 3}],
                problems=["the API server cannot be reached: " + "very " * 20 + "far"],
                ready=False,
                changes=[{"seq": 1, "at": AT.isoformat(), "text": "this node announces", "bad": False}],
            ),
            default=str,
        )
    )
    found = list(lines(plain))

    assert max(map(len, found)) <= 90  # with the marks for colours
    text = "\n".join(found)
    for word in (
        "not ready",
        "1 waiting for an address",
        "192.168.0.91  default/served     node1, since 2026-11-21",
        "192.168.0.92  default/contested  node1: a stranger answers",
        "Eip pool: 2 in use, not ready: no plugin is installed for protocol 'ospf'",
    ):
        assert word in text


class Served:
    """The pages of an agent that has whatever a test gives it, over HTTP."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.status = found
        self.version = 0
        self._loop = Loop()
        listener = listen("127.0.0.1:0")
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._server = self._loop.run(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> HttpServer:
        async def metrics() -> bytes:
            return b""

        pages = Pages(problems=list, status=lambda: self.status, version=lambda: self.version, metrics=metrics)
        server = HttpServer(listener, pages)
        await server.start()
        return server

    def change(self, found: dict[str, Any]) -> None:
        self.status = found
        self.version += 1

    def stop(self) -> None:
        if not self._loop.closed:
            self._loop.run(self._server.stop())
            self._loop.close()


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served(status(one("default/a")))
    yield made
    made.stop()


def test_the_page_is_live_in_a_browser_and_says_when_it_is_not(served: Served, browser: Tab) -> None:
    browser.go(served.url)
    settle(lambda: browser.run("document.getElementById('live')?.textContent") == "live", 20)
    assert "default/a" in browser.run("document.body.innerText")

    served.change(status(one("default/a"), one(EVIL, "192.168.0.92")))
    settle(lambda: "192.168.0.92" in browser.run("document.body.innerText"), 20)
    assert EVIL in browser.run("document.body.innerText")
    assert browser.complaints() == []

    served.stop()
    settle(lambda: browser.run("document.getElementById('live').className") == "off", 20)


@pytest.mark.parametrize("page", ["", "overview.css", "changes", "healthz", "readyz", "status", "metrics"])
def test_nothing_can_be_changed_through_a_page(served: Served, page: str) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        request = urllib.request.Request(f"{served.url}/{page}", data=b"{}", method=method)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=10)
        caught.value.close()
        assert caught.value.code == 405


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_narrow_window(served: Served, browser: Tab, tmp_path: Path, scheme: str) -> None:
    long = "a-namespace-with-a-long-name/" + "a-service-with-a-name-that-is-long-" * 3
    served.change(
        status(
            *(one(f"default/web-{n}", f"192.168.0.{91 + n}", nodes=[f"node{n % 3 + 1}"]) for n in range(4)),
            one(long, None, nodes=[], reason="every Eip that it may use is full: pool (9 of 9)", since=None),
            one("default/quiet", "192.168.0.99", nodes=[], reason="the Service has no ready endpoint"),
            ready=False,
            problems=["services: the API server https://192.168.0.1:6443 cannot be reached: connection refused"],
        )
    )
    browser.prefer(scheme)
    for width in (1280, 400):
        browser.size(width, 900)
        browser.go(served.url)
        settle(lambda: browser.run("document.getElementById('live')?.textContent") == "live", 20)
        browser.screenshot(tmp_path / f"{scheme}-{width}.png")
        assert browser.run("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.root
def test_the_page_of_a_running_agent_follows_it(api: Api, agent: Command, net: Wire) -> None:
    assert net.node
    agent.start_ready()
    code, text = agent.page("/")
    assert (code, "No Service asks for an address" in text) == (200, True)
    assert [agent.page(f"/overview.{kind}")[0] for kind in ("css", "js")] == [200, 200]
    with agent.stream("/changes") as stream:
        first = stream.readline()
        api.eip()
        api.service("web")
        seen = next(line for line in stream if "192.168.0.91" in line)
        told = subprocess.run(
            ["ip", "netns", "exec", agent.netns, str(PORTER), "status", "--http", f"127.0.0.1:{agent._port}"],
            capture_output=True,
            text=True,
            check=True,
        )
        (before,) = agent.status()["assignments"]
        assert agent.terminate() == 0
        stream.read()  # it ends with the agent, in order
    agent.start_ready()
    agent.wait("since when it was so before", lambda: agent.status()["assignments"] == [before])

    assert first.startswith("data: <h1>node1")
    assert "default/web" in seen
    assert "192.168.0.91  default/web  node1, since " in told.stdout


def test_an_agent_that_is_not_there_is_one_sentence() -> None:
    done = subprocess.run([PORTER, "status", "--http", "127.0.0.1:1"], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr == (
        "porter: no agent answers on 127.0.0.1:1: [Errno 111] Connection refused; --http says where its pages are\n"
    )
