"""Every entry has a sentence, and can be found by the Service and the node that it is about."""

import pytest

from porter.events.entries import AddressClaimed, AgentObserved, Entry
from porter.events.sentences import sentence
from porter.events.subjects import concerns_node, concerns_service
from porter.model.names import NodeName
from porter.model.objects import Agent, Nic
from tests.events.golden import FULL

SENTENCES = {
    "agent.started": "the agent of node1 started: Porter 1.0.0, schema 1, layer2 1.0.0, bgp 1.0.0",
    "objects.relisted": (
        "all 6 services were listed; new or changed: default/web, pool-a, node1 and 3 more; gone: default/old"
    ),
    "service.gone": "Service default/web is gone",
    "eip.observed": (
        "Eip pool-a is 192.168.0.91-192.168.0.100 (layer2 on eth0), disabled, another program's, being deleted"
    ),
    "node.observed": "Node node1 is not Ready, without network, excluded by label, being deleted, at 192.168.0.2",
    "endpoints.observed": "Service default/web has ready endpoints on node1, node2",
    "agent.silent": "the agent of node1 is silent: its Lease was not renewed for 12.5 s",
    "leader.observed": "node1 leads",
    "address.claimed": (
        "node node2, 52:54:00:00:00:03, claims 192.168.0.91 on eth0, which node1 announces and has defended; "
        "node2's kernel answers for addresses of its other NICs too (arp_ignore is 0): set strictARP: true in kube-proxy's "
        "configuration (kubectl edit configmap kube-proxy -n kube-system, there config.conf: ipvs.strictARP) and restart it "
        "(kubectl rollout restart daemonset kube-proxy -n kube-system)"
    ),
    "assignment.decided": "Service default/web has 192.168.0.91 of Eip pool-a on node2: taken over from node1 (entry 7)",
    "pool.decided": "Eip pool-a is not ready: it overlaps with the older Eip pool-b (entry 9)",
    "address.announced": "this node announces 192.168.0.91 on eth0 with 52:54:00:00:00:02 (layer2)",
    "service.published": "Service default/web was given 192.168.0.91 of Eip pool-a on node2 in the API",
    "watch.closed": "services are not followed any more: the API server 192.168.0.1 cannot be reached",
    "watch.opened": "services are followed again after 91.2 s",
    "log.resumed": (
        "the log takes entries again after 4.5 s: the disk is full; 7 observations were let go, and a snapshot knows them"
    ),
    "log.set_aside": (
        "the log was damaged and is now /var/lib/porter/porter.db.damaged-1, this one began anew: it is damaged"
    ),
    "publish.failed": "Service default/web could not be written, and will be tried again: 409 Conflict",
    "agent.stopped": "the agent of node1 stopped; not stopped in order, and perhaps not withdrawn: layer2",
}
ABOUT_THE_SERVICE = {
    "objects.relisted",
    "service.observed",
    "service.gone",
    "endpoints.observed",
    "assignment.decided",
    "assignment.ended",
    "address.announced",
    "service.published",
}
NOT_ABOUT_NODE1 = {
    "service.gone",
    "eip.observed",
    "eip.gone",
    "endpoints.gone",
    "namespace.observed",
    "namespace.gone",
    "cluster.observed",
    "assignment.ended",
    "pool.decided",
    "address.announced",
    "address.withdrawn",
    "address.failed",
    "plugin.failed",
    "service.published",
    "eip.published",
    "publish.failed",
    "watch.closed",
    "watch.opened",
    "log.resumed",
    "log.set_aside",
}


@pytest.mark.parametrize(("kind", "entry"), [(kind, entry) for (kind, _), entry in FULL.items()])
def test_an_entry_has_one_sentence(kind: str, entry: Entry) -> None:
    said = sentence(entry)

    assert said == SENTENCES.get(kind, said)
    assert "\n" not in said
    assert not said.endswith((".", " ", ":"))


@pytest.mark.parametrize(("kind", "entry"), [(kind, entry) for (kind, _), entry in FULL.items()])
def test_an_entry_is_found_by_its_service_and_its_nodes(kind: str, entry: Entry) -> None:
    assert concerns_service(entry, "default/web") == (kind in ABOUT_THE_SERVICE)
    assert concerns_node(entry, "node1") == (kind not in NOT_ABOUT_NODE1)
    assert not concerns_service(entry, "default/other")
    assert not concerns_node(entry, "node9")


@pytest.mark.parametrize("held", [False, True])
def test_a_node_whose_kernel_answers_is_told_of_with_the_cure(held: bool) -> None:  # noqa: FBT001
    claimed = AddressClaimed(
        address="192.168.0.91",
        nic="eth0",
        mac="52:54:00:00:00:03",
        node=NodeName("node1"),
        peer=NodeName("node2"),
        held=held,
        weak=True,
    )

    told = sentence(claimed)

    assert told.startswith("node node2, 52:54:00:00:00:03, ")
    assert "; node2's kernel answers for addresses of its other NICs too (arp_ignore is 0): set strictARP: true" in told
    assert "kubectl edit configmap kube-proxy -n kube-system" in told


def test_nics_that_cannot_be_used_are_told_of_as_such() -> None:
    nics = (
        Nic(name="eth0", mac=""),
        Nic(name="eth1", mac="", up=False),
        Nic(name="eth2", mac="", carrier=False),
        Nic(name="eth3", mac="", arp=False),
    )

    told = sentence(AgentObserved(agent=Agent(node=NodeName("node1"), nics=nics)))

    assert told == "the agent of node1 has eth0, eth1 (down), eth2 (down) and 1 more"
    told = sentence(AgentObserved(agent=Agent(node=NodeName("node1"), nics=nics[2:])))
    assert told == "the agent of node1 has eth2 (down), eth3 (no ARP)"
