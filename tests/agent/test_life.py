"""The agent of one node from start to end, on a wire: what it logs, answers and writes."""

import json
import signal
import time

import pytest

from porter.events.entries import (
    RESOURCES,
    AgentStarted,
    AgentStopped,
    Announced,
    AssignmentDecided,
    Relisted,
    Withdrawn,
)
from porter.events.schema import SCHEMA_VERSION
from porter.model.names import NodeName
from porter.plugins.layer2.announcer import arp
from porter.plugins.registry import Registry
from porter.plugins.shipped import shipped_version
from tests.agent.api import LEASES, SERVICES, Api
from tests.agent.command import Command
from tests.plugins.bench import ADDRESS, ASKER, CLIENT, NODE, OTHER, is_reply
from tests.plugins.netns import Capture, Wire

pytestmark = pytest.mark.root
BURST = 3.0  # seconds that an address is announced again and again after it was taken


def answers(client: Capture, address: bytes = ADDRESS, *, within: float = 0.5) -> bool:
    """Whether the node answers for the address."""
    client.send(arp.question(address, mac=CLIENT, sender=ASKER).pack())
    try:
        frame = arp.parse(client.first(within, where=lambda each: is_reply(each) and each[28:32] == address))
    except TimeoutError:
        return False
    assert frame is not None
    return frame.sender_mac == NODE


def serving(api: Api, agent: Command, net: Wire) -> Capture:
    """Have one Service served, and return the client's ear."""
    client = net.capture()
    api.eip()
    api.service("web")
    agent.start_ready()
    agent.wait("an answer on the wire", lambda: answers(client))
    return client


def test_the_first_entry_of_every_start_names_the_versions(agent: Command) -> None:
    agent.start_ready()
    agent.kill()
    before = len(agent.entries())
    agent.start_ready()

    entries = agent.entries()
    for first in (entries[0], entries[before]):
        assert isinstance(first, AgentStarted)
        assert (first.node, first.porter, first.schema) == ("node1", shipped_version(), SCHEMA_VERSION)
        assert first.plugins == Registry.discover().infos
        assert {"layer2", "bgp", "vip"} <= {plugin.name for plugin in first.plugins}


def test_an_unchanged_world_costs_no_write_no_entry_and_no_frame(api: Api, agent: Command, net: Wire) -> None:
    client = serving(api, agent, net)
    agent.wait("all written", lambda: agent.metrics()["porter_entries_waiting"] == 0)
    client.heard(BURST)
    entries, writes, renewals = len(agent.entries()), list(api.writes), len(api.requests)

    frames = client.heard(3.0)

    assert frames == []
    assert agent.entries()[entries:] == []
    assert api.writes == writes
    assert {what for _, what in api.requests[renewals:]} == {f"{LEASES}/porter-leader", f"{LEASES}/porter-node-node1"}


def test_with_an_interval_an_address_is_announced_again_and_again(api: Api, agent: Command, net: Wire) -> None:
    agent.more = ["--gratuitous-interval", "1"]
    client = serving(api, agent, net)
    client.heard(BURST)

    frames = [frame for frame in client.heard(3.0) if not is_reply(frame)]

    assert len(frames) >= 2
    assert {(frame[0:6], frame[6:12], frame[28:32]) for frame in frames} == {(arp.BROADCAST, NODE, ADDRESS)}


def test_a_restart_logs_only_what_differs_and_decides_nothing_anew(api: Api, agent: Command, net: Wire) -> None:
    client = serving(api, agent, net)
    assert agent.terminate() == 0
    before, writes = agent.entries(), list(api.writes)

    agent.start_ready()
    agent.wait("an answer on the wire", lambda: answers(client))

    assert api.addresses("web") == ["192.168.0.91"]
    new = agent.entries()[len(before) :]
    assert [one for one in new if isinstance(one, AssignmentDecided)] == []
    lists = [one for one in new if isinstance(one, Relisted)]
    assert sorted(one.resource for one in lists) == [
        "eips",
        "endpointslices",
        "leases",
        "namespaces",
        "nodes",
        "services",
    ]
    assert [one for one in lists if one.services or one.eips or one.nodes or one.endpoints or one.gone] == []
    assert api.writes == writes


def test_an_agent_that_is_killed_leaves_silence_and_announces_again_without_the_api(
    api: Api, agent: Command, net: Wire
) -> None:
    client = serving(api, agent, net)
    agent.kill()
    api.go_away()
    time.sleep(0.3)  # the announcer follows its agent
    assert not answers(client)

    agent.start()

    agent.wait("an answer on the wire", lambda: answers(client))
    code, text = agent.page("/readyz")
    assert code == 503
    assert all(kind in text for kind in RESOURCES)
    agent.wait("the reason", lambda: "cannot be reached" in agent.page("/readyz")[1])
    agent.wait("one line for it", lambda: "cannot be reached" in agent.said)

    api.come_back()
    agent.wait("ready", lambda: agent.page("/readyz")[0] == 200)
    assert answers(client)
    assert api.addresses("web") == ["192.168.0.91"]


@pytest.mark.parametrize("history", [True, False], ids=["with its history", "without its history"])
def test_an_api_server_that_was_away_changes_nothing(api: Api, agent: Command, net: Wire, *, history: bool) -> None:
    client = serving(api, agent, net)
    before = agent.entries()

    api.go_away()
    agent.wait("its absence", lambda: agent.page("/readyz")[0] == 503)
    time.sleep(2.5)
    assert answers(client)
    said = agent.said
    api.come_back(history=history)
    agent.wait("ready", lambda: agent.page("/readyz")[0] == 200)
    assert answers(client)

    changed = [one for one in agent.entries()[len(before) :] if isinstance(one, AssignmentDecided | Withdrawn)]
    assert changed == []
    complaints = [line for line in said.splitlines() if "cannot be reached" in line and "WARNING" in line]
    assert len(complaints) == 1

    api.service("other")
    agent.wait("a second answer", lambda: answers(client, OTHER))
    assert (api.addresses("web"), api.addresses("other")) == (["192.168.0.91"], ["192.168.0.92"])


@pytest.mark.parametrize("without", ["", "uvloop"])
def test_sigterm_withdraws_releases_both_leases_and_says_so_last(
    api: Api, agent: Command, net: Wire, without: str
) -> None:
    agent.without = without
    client = serving(api, agent, net)
    assert api.holder("porter-leader").startswith("node1")
    assert api.holder("porter-node-node1") == "node1"

    assert agent.terminate() == 0

    assert not answers(client)
    assert (api.holder("porter-leader"), api.holder("porter-node-node1")) == ("", "")
    *_, before, last = agent.entries()
    assert last == AgentStopped(node=NodeName("node1"))
    assert isinstance(before, Withdrawn)
    assert api.addresses("web") == ["192.168.0.91"]


def test_sigterm_while_it_publishes_leaves_what_the_next_one_finishes(api: Api, agent: Command, net: Wire) -> None:
    names = [f"web{number}" for number in range(4)]
    patches = 0

    def rule(method: str, path: str) -> bool:
        nonlocal patches
        if method == "PATCH" and path.startswith(SERVICES):
            patches += 1
            if patches == len(names):  # under way, as others are
                agent.signal(signal.SIGTERM)
            return patches > len(names)
        return False

    assert net.node
    api.forbidden = rule
    api.eip()
    for name in names:
        api.service(name)
    agent.start()
    assert agent.wait_for_its_end() == 0
    before = api.shown()
    assert len(before) < len(names), "it was told to end before it was done"
    assert (api.holder("porter-leader"), api.holder("porter-node-node1")) == ("", "")
    assert agent.of(AgentStopped)

    api.forbidden = lambda _method, _path: False
    agent.start_ready()
    agent.wait("all addresses", lambda: len(api.shown()) == len(names))

    found = api.shown()
    assert before.items() <= found.items()
    assert len({address for (address,) in found.values()}) == len(names)


def test_dry_run_logs_decisions_and_neither_writes_nor_announces(api: Api, agent: Command, net: Wire) -> None:
    client = net.capture()
    api.forbidden = lambda method, _path: method != "GET"
    api.eip()
    api.service("web")
    agent.more = ["--dry-run", "--log-format", "json"]

    agent.start_ready()
    (decided,) = agent.wait("a decision", lambda: agent.of(AssignmentDecided))

    assert decided.assignment.address == "192.168.0.91"
    assert client.heard(2.0) == []
    assert agent.of(Announced) == []
    assert agent.terminate() == 0
    assert {method for method, _ in api.requests} == {"GET"}
    said = [json.loads(line) for line in agent.said.splitlines()]
    (line,) = [one for one in said if one.get("kind") == "assignment.decided"]
    assert line["entry"]["assignment"]["address"] == "192.168.0.91"
    assert [one["level"] for one in said if one["message"].startswith("stopping")] == ["info"]
