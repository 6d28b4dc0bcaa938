"""The pages of an agent over HTTP: what they say, and that each metric is on its page of the docs and moves."""

import re
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from porter.agent.pages.http import ListenError, listen, split_address
from porter.agent.pages.metrics import Readings, exposition
from porter.events.entries import AssignmentDecided
from porter.plugins.layer2.announcer import responder, tally
from tests.agent.api import Api
from tests.agent.command import Command
from tests.plugins.netns import Wire

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
NOTHING = Readings(
    entries={"observed": 0},
    entries_waiting=0,
    problems=0,
    addresses=0,
    waiting_services=0,
    unannounced=0,
    announced=0,
    failing=0,
    leader=False,
    plugin_failures={},
    plugin_counts={"layer2": {"answered": 0}},
    watch_ages={"nodes": 0.0},
)
MOVED = Readings(
    entries={"observed": 1},
    entries_waiting=2,
    problems=3,
    addresses=4,
    waiting_services=5,
    unannounced=6,
    announced=7,
    failing=10,
    leader=True,
    plugin_failures={"layer2": "it hangs"},
    plugin_counts={"layer2": {"answered": 9}},
    watch_ages={"nodes": 8.0},
)


def samples(readings: Readings) -> Mapping[str, float]:
    lines = exposition(lambda: readings)().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def test_the_docs_list_every_metric_with_its_labels_and_help() -> None:
    rows = re.findall(r"^\| `(porter_\w+)` \|(.*)\| (.+) \|$", PAGE, re.MULTILINE)
    text = exposition(lambda: NOTHING)().decode()
    labelled = re.findall(r"^(porter_\w+)\{(.+)\}", text, re.MULTILINE)
    labels = {name: re.findall(r"(\w+)=", found) for name, found in labelled}

    told = re.findall(r"^# HELP (porter_\w+) (.+)$", text, re.MULTILINE)
    assert [(name, re.findall(r"`(\w+)`", cell), words) for name, cell, words in rows] == [
        (name, labels.get(name, []), words) for name, words in told
    ]


def test_the_docs_name_every_outcome_of_a_frame() -> None:
    outcomes = PAGE[PAGE.index("| outcome |") : PAGE.index("## What an agent says")]
    told = re.findall(r"^\| `([a-z-]+)` \| .+ \|$", outcomes, re.MULTILINE)

    reasons = {value for name, value in vars(responder).items() if name.isupper() and isinstance(value, str)}
    assert told == ["answered", "sent", *sorted(reasons | {tally.KERNEL, tally.UNSENT})]


def test_every_metric_shows_its_own_reading() -> None:
    before, after = samples(NOTHING), samples(MOVED)

    assert before.keys() == after.keys()
    assert set(before.values()) == {0.0}
    assert list(after.values()) == [1, 2, 3, 4, 5, 6, 7, 10, 1, 1, 9, 8]


def test_the_series_of_what_is_gone_are_gone() -> None:
    now = [MOVED]
    show = exposition(lambda: now[0])
    assert b'protocol="layer2"' in show()
    assert b'resource="nodes"' in show()

    now[0] = msgspec.structs.replace(MOVED, plugin_counts={}, watch_ages={"eips": 1.0}, entries={})

    assert re.findall(r"^porter_\w+\{(.+)\}", show().decode(), re.MULTILINE) == ['resource="eips"']


@pytest.mark.root
def test_the_metrics_of_a_running_agent_move_with_what_happens(api: Api, agent: Command, net: Wire) -> None:
    agent.start_ready()
    agent.wait("leadership", lambda: agent.metrics()["porter_leader"] == 1)
    calm = agent.metrics()
    assert (calm["porter_addresses"], calm["porter_services_waiting"], calm["porter_problems"]) == (0, 0, 0)
    assert {name for name in calm if "age" in name} == {
        f'porter_watch_age_seconds{{resource="{kind}"}}'
        for kind in ("eips", "endpointslices", "leases", "namespaces", "nodes", "services")
    }

    api.service("web")
    agent.wait("a Service that waits", lambda: agent.metrics()["porter_services_waiting"] == 1)
    api.eip()
    agent.wait("an address", lambda: agent.metrics()["porter_addresses"] == 1)
    agent.wait("an announcement", lambda: agent.metrics()["porter_addresses_announced"] == 1)
    assert agent.metrics()["porter_services_waiting"] == 0
    busy = agent.metrics()
    for word in ("observed", "decided", "applied"):
        assert busy[f'porter_entries_total{{word="{word}"}}'] > calm.get(f'porter_entries_total{{word="{word}"}}', 0)

    sent, answered = (f'porter_frames_total{{outcome="{each}",protocol="layer2"}}' for each in ("sent", "answered"))
    agent.wait("its frames", lambda: agent.metrics().get(sent, 0) >= 3)
    assert agent.metrics()[answered] == 0

    net.on_node("link", "set", "eth0", "down")
    agent.wait("no node", lambda: agent.metrics()["porter_addresses_without_node"] == 1)
    assert agent.metrics()["porter_addresses_announced"] == 0
    net.on_node("link", "set", "eth0", "up")
    agent.wait("an announcement", lambda: agent.metrics()["porter_addresses_announced"] == 1)

    status = agent.status()
    assert (status["node"], status["leading"], status["ready"], status["problems"]) == ("node1", True, True, [])
    assert [one["address"] for one in status["announcing"]["layer2"]] == ["192.168.0.91"]
    assert [(one["service"], one["nodes"]) for one in status["assignments"]] == [("default/web", ["node1"])]

    api.go_away()
    agent.wait("a problem", lambda: agent.metrics()["porter_problems"] > 0)
    age = 'porter_watch_age_seconds{resource="leases"}'
    agent.wait("an old watch", lambda: agent.metrics()[age] > 1)


@pytest.mark.root
def test_a_log_that_takes_nothing_is_told_once_and_misses_nothing_after(api: Api, agent: Command) -> None:
    api.eip()
    api.service("web")
    agent.start_ready()
    agent.wait("an announcement", lambda: agent.metrics()["porter_addresses_announced"] == 1)
    agent.wait("all written", lambda: agent.metrics()["porter_entries_waiting"] == 0)

    with sqlite3.connect(agent.log, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        api.service("second")
        agent.wait("entries that wait", lambda: agent.metrics()["porter_entries_waiting"] > 0)
        agent.wait("an answer all the same", lambda: api.addresses("second") == ["192.168.0.92"])
        agent.wait("two addresses", lambda: agent.metrics()["porter_addresses_announced"] == 2)
        code, text = agent.page("/readyz")
        assert (code, text) == (503, "event log: it has not answered for 2 s\n")
        other.execute("ROLLBACK")
    other.close()

    agent.wait("readiness", lambda: agent.page("/readyz") == (200, "ok\n"))
    agent.wait("all written", lambda: agent.metrics()["porter_entries_waiting"] == 0)
    assert len([line for line in agent.said.splitlines() if "takes no entries" in line]) == 1
    seconds = [one.assignment for one in agent.of(AssignmentDecided) if one.assignment.service == "default/second"]
    assert seconds[-1].address == "192.168.0.92"
    assert agent.status()["log"] == {
        "last_seq": len(agent.entries()),
        "waiting": 0,
        "let_go": 0,
        "set_aside": None,
    }


@pytest.mark.root
def test_a_log_that_is_deleted_is_told_in_a_sentence_and_among_the_changes(api: Api, agent: Command) -> None:
    agent.start_ready()
    agent.log.unlink()
    api.service("web")
    agent.wait("a new log", lambda: agent.status()["log"]["set_aside"] is not None)

    status = agent.status()
    assert status["log"]["set_aside"] == "nowhere: it was deleted, or moved away, while the agent wrote to it"
    [told] = [change for change in status["changes"] if change["text"].startswith("the log was lost, this one began")]
    assert told["bad"]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("127.0.0.1:7472", ("127.0.0.1", 7472)),
        ("[::1]:7472", ("::1", 7472)),
        (":7472", ("127.0.0.1", 7472)),
        ("localhost:0", ("localhost", 0)),
    ],
)
def test_where_to_listen_is_read(text: str, where: tuple[str, int]) -> None:
    assert split_address(text) == where


@pytest.mark.parametrize("text", ["", "7472", "::1:7472", "host:", "host:70000", "host:٣", "host:-1"])
def test_where_not_to_listen_is_refused(text: str) -> None:
    with pytest.raises(ListenError, match="is not HOST:PORT"):
        split_address(text)


def test_a_host_that_there_is_not_is_refused() -> None:
    with pytest.raises(ListenError, match=r"cannot serve HTTP on no-such-host\.invalid:1"):
        listen("no-such-host.invalid:1")
