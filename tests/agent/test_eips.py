"""Eips that cannot work, in a running agent: each says why on its status, and the one that works is not disturbed."""

from functools import partial

import pytest

from tests.agent.api import EIPS, Api
from tests.agent.command import Command
from tests.plugins.netns import Wire

pytestmark = pytest.mark.root


def ready(api: Api, name: str) -> tuple[str, str] | None:
    """Status and message of the Eip's condition Ready; None before there is one."""
    conditions = api.get(f"{EIPS}/{name}").get("status", {}).get("conditions", [])
    return next(((one["status"], one["message"]) for one in conditions if one["type"] == "Ready"), None)


def test_an_eip_that_cannot_work_says_why_and_disturbs_no_other(api: Api, agent: Command, net: Wire) -> None:
    client = net.capture()
    reasons = {
        "nic": "eth9",
        "slash": "is no NIC's name",
        "loop": "'lo'",
        "stub": "bgp",
        "strange": "carrier-pigeon",
    }
    api.eip()
    api.eip("nic", "192.168.0.101", interface="eth9")
    api.eip("slash", "192.168.0.102", interface="eth/0")
    api.eip("loop", "192.168.0.103", interface="lo")
    api.eip("stub", "192.168.0.105", protocol="bgp")
    api.eip("strange", "192.168.0.106", protocol="carrier-pigeon")
    for name in ("pool", *reasons):
        api.service(f"of-{name}", eip=name)

    agent.start_ready()

    for name, words in reasons.items():
        agent.wait(f"a reason on {name}", partial(ready, api, name))
        status, message = ready(api, name) or ("", "")
        assert (status, words in message) == ("False", True), (name, message)
        assert api.addresses(f"of-{name}") == []
    agent.wait("the good one", lambda: api.addresses("of-pool") == ["192.168.0.91"])
    assert (ready(api, "pool") or ("", ""))[0] == "True"
    agent.wait("its announcement", lambda: agent.metrics()["porter_addresses_announced"] == 1)
    spoken_for = {frame[28:32] for frame in client.heard(3.5)}
    assert {each[3] for each in spoken_for if each != bytes(4)} <= {91, 5}
    assert "Traceback" not in agent.said
