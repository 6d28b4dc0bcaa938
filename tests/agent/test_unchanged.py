"""A cluster in which nothing changes, its time compressed: nothing is written, to the API or to the log."""

from collections import Counter

import pytest

from porter.events.entries import RESOURCES, EndpointsObserved
from tests.agent.api import SERVICES, SLICES, Api
from tests.agent.command import Command
from tests.agent.test_life import serving
from tests.plugins.netns import Wire

REWRITES = 1_000
LONG = 3
"""Watches of each kind that end in order in ten minutes: the server is asked for 4 to 5."""


def noise(number: int) -> dict[str, object]:
    """What Kubernetes writes on an EndpointSlice whenever it looks at a Service's pods."""
    return {"metadata": {"annotations": {"endpoints.kubernetes.io/last-change-trigger-time": f"{number}"}}}


@pytest.mark.root
def test_ten_minutes_of_an_unchanged_cluster_cost_renewals_and_nothing_else(
    api: Api, agent: Command, net: Wire
) -> None:
    api.watches_last, agent.lease = 1, 10.0  # the Leases are silent for less than that, on a busy machine too
    serving(api, agent, net)
    agent.wait("the word of its owner", lambda: "node1 answers" in str(api.get(f"{SERVICES}/web")["status"]))
    agent.wait("all written", lambda: agent.metrics()["porter_entries_waiting"] == 0)
    entries, asked = len(agent.entries()), len(api.audited)

    def times(verb: str, begin: int) -> int:
        """How often the agent has asked for each kind that does not change, at least."""
        count = Counter(one.asked.resource for one in api.asked_by_agents(begin) if one.asked.verb == verb)
        return min(count[kind] for kind in RESOURCES if kind != "leases")

    agent.wait("watches that ended", lambda: times("watch", asked) >= LONG)
    lists = len(api.audited)
    api.forget_history()
    agent.wait("new lists", lambda: times("list", lists) >= 1)
    for beat in range(10):
        ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": f"2026-11-21T10:{beat:02}:00Z"}
        api.patch("/api/v1/nodes/node1/status", {"status": {"conditions": [ready]}})
    api.rewrite(f"{SLICES}/web-1", map(noise, range(REWRITES)))
    moved = {"addresses": ["10.233.64.6"], "nodeName": "node2", "conditions": {"ready": True}}
    api.patch(f"{SLICES}/web-1", {"endpoints": [moved]})
    agent.wait("what has changed at last", lambda: agent.entries()[entries:])

    assert sum(one.asked.verb == "patch" and one.asked.name == "web-1" for one in api.audited[asked:]) == REWRITES + 1
    assert [type(one) for one in agent.entries()[entries:]] == [EndpointsObserved]
    renewals = {("patch", "porter-node-node1"), ("update", "porter-leader")}

    def written() -> set[tuple[str, str]]:
        found = (one.asked for one in api.asked_by_agents(asked))
        return {(one.verb, one.name) for one in found if one.verb not in {"get", "list", "watch"}}

    agent.wait("renewals", lambda: renewals <= written())
    assert written() == renewals
