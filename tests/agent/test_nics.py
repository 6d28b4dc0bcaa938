"""The NICs of a node in a running agent: what becomes of them is told on its Lease, and an announcement follows."""

import json
from functools import partial
from typing import Any

import pytest

from porter.events.entries import AgentObserved, Announced, Withdrawn
from porter.model import keys
from porter.model.objects import Way
from tests.agent.api import EIPS, LEASES, Api
from tests.agent.command import Command
from tests.plugins.netns import Wire

pytestmark = pytest.mark.root
TARGET = "10.9.1.1"


@pytest.fixture
def routed(api: Api, agent: Command, net: Wire) -> Command:
    """The agent of a node with two NICs; the pool's is the one that reaches the target: eth0, by the default route."""
    net.connect("eth1", "02:00:00:00:01:02")
    net.on_node("address", "add", "172.16.0.5/24", "dev", "eth1")
    net.on_node("route", "add", "default", "via", "192.168.0.1")
    api.eip(interface=f"can_reach:{TARGET}")
    api.service("web")
    agent.start_ready()
    agent.wait("an announcement", lambda: announced_on(agent) == ["eth0"])
    return agent


def announced_on(agent: Command) -> list[str]:
    return [entry.nic for entry in agent.entries() if isinstance(entry, Announced)]


def on_lease(api: Api) -> Any:
    annotations = api.get(f"{LEASES}/porter-node-node1")["metadata"]["annotations"]
    return json.loads(annotations[keys.AGENT_REPORT])


def test_an_announcement_follows_a_static_route_to_what_the_pool_must_reach(
    api: Api, routed: Command, net: Wire
) -> None:
    assert on_lease(api)["ways"] == [{"to": TARGET, "nic": "eth0"}]

    net.on_node("route", "add", "10.9.0.0/16", "via", "172.16.0.1")
    routed.wait("the other NIC", lambda: announced_on(routed) == ["eth0", "eth1"])
    net.on_node("route", "del", "10.9.0.0/16")
    routed.wait("the first NIC", lambda: announced_on(routed) == ["eth0", "eth1", "eth0"])

    api.patch(f"{EIPS}/pool", {"spec": {"interface": "eth0"}})
    routed.wait("nothing to be reached", lambda: "ways" not in on_lease(api))

    told = [entry.agent.ways for entry in routed.entries() if isinstance(entry, AgentObserved)]
    assert (Way(to=TARGET, nic="eth1"),) in told


def test_a_nic_that_cannot_be_used_is_told_of_and_its_addresses_are_let_go(
    api: Api, routed: Command, net: Wire
) -> None:
    for change, back, field in (("down", "up", "up"), ("arp off", "arp on", "arp")):
        net.on_node("link", "set", "eth0", *change.split())
        routed.wait("its state", partial(tells, api, field, False))
        routed.wait("silence", lambda: isinstance(last_word(routed), Withdrawn))

        net.on_node("link", "set", "eth0", *back.split())
        net.on_node("route", "replace", "default", "via", "192.168.0.1")  # which went with the link
        routed.wait("its state again", partial(tells, api, field, True))
        routed.wait("the address again", lambda: isinstance(last_word(routed), Announced))


def test_a_nic_made_again_is_told_of_and_announced_on(api: Api, routed: Command, net: Wire) -> None:
    net.disconnect()
    routed.wait("silence", lambda: isinstance(last_word(routed), Withdrawn))
    routed.wait("its absence", lambda: [nic["name"] for nic in on_lease(api)["nics"]] == ["eth1"])

    net.connect(mac="02:00:00:00:01:77")
    net.on_node("address", "add", "192.168.0.5/24", "dev", "eth0")
    net.on_node("route", "add", "default", "via", "192.168.0.1")

    routed.wait("the address again", lambda: isinstance(last_word(routed), Announced))
    again = last_word(routed)
    assert isinstance(again, Announced)
    assert (again.nic, again.mac) == ("eth0", "02:00:00:00:01:77")


def tells(api: Api, field: str, value: bool) -> bool:  # noqa: FBT001
    nic = on_lease(api)["nics"][0]
    return nic["name"] == "eth0" and nic.get(field, True) is value


def last_word(agent: Command) -> Announced | Withdrawn:
    return [entry for entry in agent.entries() if isinstance(entry, Announced | Withdrawn)][-1]
