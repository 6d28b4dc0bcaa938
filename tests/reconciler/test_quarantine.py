"""An address that a stranger answers for is handed out to nobody new; who holds it keeps it, and keeps asking."""

from porter.model.addresses import parse_range
from porter.model.names import NodeName, ServiceKey
from porter.model.objects import Rival
from porter.model.reasons import Reason
from porter.reconciler.reserved import Reserved
from porter.reconciler.terms import Slot
from tests.worlds import (
    agent,
    decided,
    eip,
    fold,
    folded,
    nic,
    node,
    nodes,
    observed,
    published,
    served,
    service,
    world_of,
)

POOL = eip("pool", "192.168.0.91-192.168.0.93")
RIVAL = Rival(address="192.168.0.91", mac="02:00:00:00:00:99")
WORRIED = agent("node1", nic("eth0", "192.168.0.11/24"), rivals=(RIVAL,))
CALM = agent("node1", nic("eth0", "192.168.0.11/24"))
WHY = "another host (02:00:00:00:00:99) answers for it, as node1 hears"
WEB: Slot = (ServiceKey("default/web"), "IPv4")


def test_a_quarantined_address_is_skipped_and_the_eip_says_why() -> None:
    things = [*nodes(2), WORRIED, POOL, *served(service("default/web"))]

    found = decided(*things).assignments[WEB]

    assert found.address == "192.168.0.92"
    world = world_of(*things)
    assert ("192.168.0.91", WHY) in list(Reserved(world).within(parse_range(POOL.address), POOL))


def test_a_quarantined_address_that_is_asked_for_by_name_is_waited_for() -> None:
    reconciler = folded(*nodes(2), WORRIED, POOL, *served(service("default/web", wanted_address="192.168.0.91")))
    (waiting,) = reconciler.assignments_of("default/web")
    assert (waiting.address, waiting.reason.reason) == (None, Reason.ADDRESS_RESERVED)
    assert waiting.sentence.endswith(WHY)

    fold(reconciler, observed(CALM))

    (served_now,) = reconciler.assignments_of("default/web")
    assert served_now.address == "192.168.0.91"


def test_who_holds_a_quarantined_address_keeps_it_and_its_node() -> None:
    held = published(service("default/web"), "192.168.0.91", node="node1")
    reconciler = folded(*nodes(2), POOL, *served(held))

    assert fold(reconciler, observed(WORRIED)) == []

    (kept,) = reconciler.assignments_of("default/web")
    assert (kept.address, kept.nodes) == ("192.168.0.91", (NodeName("node1"),))
    assert [one.address for one in reconciler.announcements(NodeName("node1"))["layer2"]] == ["192.168.0.91"]


def test_a_held_address_in_a_pod_range_that_comes_later_is_kept_and_announced_by_nobody() -> None:
    held = published(service("default/web"), "192.168.0.91", node="node1")
    reconciler = folded(*nodes(2), POOL, *served(held))

    fold(reconciler, observed(node("node3", pod_ranges=("192.168.0.64/26",))))

    (kept,) = reconciler.assignments_of("default/web")
    assert (kept.address, kept.nodes) == ("192.168.0.91", ())
    assert kept.sentence == "the address is never handed out: pod range of node node3 192.168.0.64/26"
    fold(reconciler, observed(node("node3")))
    assert reconciler.assignments_of("default/web")[0].nodes == ("node1",)
