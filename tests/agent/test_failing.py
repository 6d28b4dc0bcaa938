"""An address that cannot be announced: seen on the Service, by whoever asks the API."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest

from porter.cluster.reports import report_text
from porter.events.entries import AddressClaimed
from porter.model import keys
from porter.model.names import NodeName
from porter.model.objects import Agent, Nic
from porter.plugins.layer2.announcer import arp
from tests.agent.api import LEASES, SERVICES, Api
from tests.agent.command import Command
from tests.plugins.bench import ADDRESS, NODE, STRANGER
from tests.plugins.netns import Wire

pytestmark = pytest.mark.root


def never_handed_out(api: Api) -> str:
    """What the Eip says of its reserved addresses."""
    (eip,) = api.get("/apis/network.kubesphere.io/v1alpha2/eips")["items"]
    conditions = eip.get("status", {}).get("conditions", [])
    return " ".join(one["message"] for one in conditions if one["type"] == "Reserved")


def announced(api: Api) -> tuple[str, str]:
    """Status and message of the Service's condition Announced."""
    found = api.get(f"{SERVICES}/web").get("status", {}).get("conditions", [])
    said = [(one["status"], one["message"]) for one in found if one["type"] == keys.CONDITION_ANNOUNCED]
    return said[0] if said else ("", "")


@contextmanager
def stranger(net: Wire) -> Iterator[None]:
    """A host on the wire that answers for the address, until the block is over."""
    client, over = net.capture(), threading.Event()

    def answer() -> None:
        while not over.is_set():
            for frame in client.heard(0.02):
                asked = arp.parse(frame)
                if asked.is_probe and asked.target == ADDRESS and not over.is_set():
                    client.send(arp.answer(asked, STRANGER).pack())

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_stranger_with_the_address_is_named_on_the_service_and_in_the_log_until_it_is_silent(
    api: Api, agent: Command, net: Wire
) -> None:
    api.eip()
    api.service("web")
    with stranger(net):
        agent.start_ready()
        agent.wait("the reason", lambda: announced(api)[0] == "False")
        mac = STRANGER.hex(":")
        assert announced(api)[1] == (
            f"node1 cannot announce 192.168.0.91: another host answers for 192.168.0.91 on eth0: {mac}. It is asked again"
        )
        quarantine = f"192.168.0.91: another host ({mac}) answers for it, as node1 hears"
        agent.wait("the quarantine", lambda: quarantine in never_handed_out(api))
        assert agent.status()["assignments"][0]["failure"] == announced(api)[1].removeprefix("node1 ")
        assert agent.metrics()["porter_addresses_failing"] == 1
        (claimed,) = agent.of(AddressClaimed)
        assert claimed == AddressClaimed(address="192.168.0.91", nic="eth0", mac=mac, node=NodeName("node1"))

    agent.wait("the announcement", lambda: announced(api)[0] == "True", within=40)
    assert announced(api)[1] == f"node1 answers for 192.168.0.91 on eth0 with {NODE.hex(':')}"
    agent.wait("the end of the quarantine", lambda: "192.168.0.91:" not in never_handed_out(api))
    assert agent.status()["assignments"][0]["failure"] is None
    assert agent.metrics()["porter_addresses_failing"] == 0
    assert len(agent.of(AddressClaimed)) == 1


def test_a_claim_on_an_announced_address_is_logged_once_and_decides_nothing(
    api: Api, agent: Command, net: Wire
) -> None:
    client = net.capture()
    api.eip()
    api.service("web")
    agent.start_ready()
    agent.wait("the announcement", lambda: announced(api)[0] == "True")
    client.heard(3.0)
    before = len(agent.entries())

    for _ in range(20):
        client.send(arp.gratuitous_request(ADDRESS, mac=STRANGER).pack())
    assert client.heard(1.0) == [arp.gratuitous_request(ADDRESS, mac=NODE).pack()]

    expected = AddressClaimed(
        address="192.168.0.91", nic="eth0", mac=STRANGER.hex(":"), node=NodeName("node1"), held=True, defended=True
    )
    assert agent.entries()[before:] == [expected]
    assert announced(api)[0] == "True"


def test_a_stranger_that_insists_gets_the_address_where_that_is_wished_and_it_is_in_quarantine(
    api: Api, agent: Command, net: Wire
) -> None:
    agent.more = ["--on-conflict", "yield"]
    client = net.capture()
    api.eip()
    api.service("web")
    agent.start_ready()
    agent.wait("the announcement", lambda: announced(api)[0] == "True")

    with stranger(net):
        for _ in range(2):
            client.send(arp.gratuitous_request(ADDRESS, mac=STRANGER).pack())
            client.heard(0.2)
        agent.wait("the reason", lambda: announced(api)[0] == "False")
        mac = STRANGER.hex(":")
        quarantine = f"192.168.0.91: another host ({mac}) answers for it, as node1 hears"
        agent.wait("the quarantine", lambda: quarantine in never_handed_out(api))
        seen = AddressClaimed(address="192.168.0.91", nic="eth0", mac=mac, node=NodeName("node1"))
        assert agent.of(AddressClaimed) == [msgspec.structs.replace(seen, held=True, defended=True), seen]

    agent.wait("the announcement", lambda: announced(api)[0] == "True", within=40)
    agent.wait("the end of the quarantine", lambda: "192.168.0.91:" not in never_handed_out(api))


def test_a_claim_of_another_node_is_known_as_such_by_the_mac_on_its_lease(api: Api, agent: Command, net: Wire) -> None:
    client = net.capture()
    api.eip()
    api.service("web")
    nic = Nic(name="eth0", mac=STRANGER.hex(":"), networks=("192.168.0.6/24",))
    report = {keys.AGENT_REPORT: report_text(Agent(node=NodeName("node2"), nics=(nic,)))}
    spec = {"holderIdentity": "node2", "leaseDurationSeconds": 60}
    api.create(LEASES, {"metadata": {"name": "porter-node-node2", "annotations": report}, "spec": spec})
    agent.start_ready()
    agent.wait("the announcement", lambda: announced(api)[0] == "True")

    client.send(arp.gratuitous_request(ADDRESS, mac=STRANGER).pack())

    (claimed,) = agent.wait("the claim", lambda: agent.of(AddressClaimed))
    assert claimed.peer == "node2"
