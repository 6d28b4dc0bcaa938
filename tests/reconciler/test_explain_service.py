"""A Service explained: the first gate that is not passed, every pool and every node with its reason."""

from typing import Any

import pytest

from porter.events.entries import AgentStarted, Announced, AnnouncementFailed, Applied, LeaderObserved, PublishFailed
from porter.model import keys
from porter.model.names import NodeName, ServiceKey
from porter.model.objects import Service
from porter.reconciler.explaining.case import Case
from porter.reconciler.explaining.history import History
from porter.reconciler.explaining.service import explain_service
from porter.reconciler.explaining.unknown import UnknownError
from tests.reconciler.explained import block_of, case_of, finding, gate, gates_of, pools_of, service_of
from tests.worlds import (
    Thing,
    eip,
    endpoints,
    fold,
    folded,
    node,
    nodes,
    observed,
    ports,
    published,
    served,
    service,
)

ADDRESS = "192.168.0.91"
POOL = eip("pool", f"{ADDRESS}-192.168.0.92")
WEB = service("default/web", age=5)
HELD = published(WEB, ADDRESS, node="node1")
ANNOUNCED = Announced(address=ADDRESS, protocol="layer2", nic="eth0", mac="02:00:00:00:00:01")
FAILED = AnnouncementFailed(address=ADDRESS, protocol="layer2", error="eth0 went away")
UNREACHABLE = "Traffic cannot reach it:"
UNWRITTEN = PublishFailed(what="Service default/web", error="forbidden")

GATES: dict[str, tuple[list[Thing], list[Applied], dict[str, bool | None], str]] = {
    "all passed": (
        [*nodes(), POOL, *served(HELD)],
        [ANNOUNCED],
        {"ours": True, "address": True, "published": True, "owner": True, "announced": True},
        "All gates are passed: node1 answers for 192.168.0.91",
    ),
    "not ours": (
        [*nodes(), POOL, *served(service("default/web", claimed_by="metallb"))],
        [],
        {"ours": False},
        f"{UNREACHABLE} not a Service of Porter's: its annotation lb.kubesphere.io/v1alpha1 names 'metallb'",
    ),
    "no address": (
        [*nodes(), *served(WEB)],
        [],
        {"ours": True, "address": False},
        f"{UNREACHABLE} no Eip is there for it: namespace default may use no IPv4 Eip",
    ),
    "not published, and nobody leads": (
        [*nodes(), POOL, *served(WEB)],
        [],
        {"ours": True, "address": True, "published": False, "owner": True},
        f"{UNREACHABLE} the Service in the API does not carry 192.168.0.91 yet; no agent leads, and so none writes it",
    ),
    "no owner": (
        [*nodes(), POOL, HELD],
        [],
        {"ours": True, "address": True, "published": True, "owner": False},
        f"{UNREACHABLE} the Service has no ready endpoint",
    ),
    "not announced": (
        [*nodes(), POOL, *served(HELD)],
        [],
        {"ours": True, "address": True, "published": True, "owner": True, "announced": False},
        f"{UNREACHABLE} node1 has not begun to answer for 192.168.0.91",
    ),
    "announcing failed": (
        [*nodes(), POOL, *served(HELD)],
        [ANNOUNCED, FAILED],
        {"ours": True, "address": True, "published": True, "owner": True, "announced": False},
        f"{UNREACHABLE} node1 cannot announce 192.168.0.91: eth0 went away",
    ),
}


@pytest.mark.parametrize(("things", "done", "gates", "verdict"), GATES.values(), ids=list(GATES))
def test_the_first_gate_that_is_not_passed_is_the_verdict(
    things: list[Thing],
    done: list[Applied],
    gates: dict[str, bool | None],
    verdict: str,
) -> None:
    block = block_of(case_of(*things, done=done))

    assert gates_of(block) == gates
    assert block.verdict == verdict
    assert block.reachable is all(gates.values())


def test_only_the_owners_log_says_whether_it_answers() -> None:
    block = block_of(case_of(*nodes(), POOL, *served(HELD), on="node2", done=[ANNOUNCED]))

    assert block.reachable is None
    assert block.verdict == "Nothing stands in its way: node1 is to answer for 192.168.0.91"
    assert gate(block, "announced").sentence == "whether node1 answers for it, its log knows"


def test_an_agent_that_starts_again_answers_for_nothing_yet() -> None:
    started = AgentStarted(node=NodeName("node1"), porter="1.0", schema="1")
    case = case_of(*nodes(), POOL, *served(HELD), done=[ANNOUNCED, started])  # type: ignore[list-item]

    assert gate(block_of(case), "announced").passed is False


def test_a_write_that_failed_is_why_it_is_not_published() -> None:
    reconciler = folded(*nodes(), POOL, *served(WEB))
    fold(reconciler, LeaderObserved(holder=NodeName("node1")))
    done = case_of(done=[UNWRITTEN]).history

    known = explain_service(Case.of(reconciler, done), WEB.key).families[0]
    other = explain_service(Case.of(reconciler), WEB.key).families[0]

    assert gate(known, "published").sentence.endswith("does not carry 192.168.0.91 yet; writing it failed: forbidden")
    assert gate(other, "published").sentence.endswith("does not carry 192.168.0.91 yet; the leader node1 writes it")


def test_another_address_in_the_api_is_named() -> None:
    web = published(service("default/web", wanted_address=ADDRESS), "10.0.0.1")

    block = block_of(case_of(*nodes(), POOL, *served(web)))

    assert "the Service in the API carries 10.0.0.1, not 192.168.0.91" in block.verdict


@pytest.mark.parametrize(
    ("pool", "fields", "status"),
    [
        pytest.param(eip("other", "10.0.0.0/24", disable=True), {}, "disabled", id="disabled"),
        pytest.param(eip("other", "192.168.0.0/24", age=9), {}, "not-ready", id="overlapping"),
        pytest.param(eip("other", "x"), {}, "not-ready", id="not a range"),
        pytest.param(eip("other", "10.0.0.0/24", foreign=True), {}, "not-ready", id="another program's"),
        pytest.param(
            eip("other", "10.0.0.0/24", namespaces=("team",)), {}, "other-namespace", id="of another namespace"
        ),
        pytest.param(
            eip("other", "10.0.0.0/24", protocol="everywhere"),
            {"wanted_protocol": "layer2"},
            "other-protocol",
            id="of another protocol",
        ),
        pytest.param(eip("other", "fd00::/64"), {}, "other-family", id="of another family"),
        pytest.param(eip("other", "10.0.0.0/24"), {"wanted_eip": "pool"}, "other-wanted", id="another one wanted"),
        pytest.param(
            eip("other", "10.0.0.0/24"), {"wanted_address": ADDRESS}, "other-wanted", id="not around the wanted address"
        ),
        pytest.param(eip("aaa", "192.168.0.11"), {}, "full", id="full"),
        pytest.param(eip("zzz", "10.0.0.0/24"), {}, "able", id="with room"),
    ],
)
def test_a_pool_that_was_not_chosen_has_its_reason(pool: Thing, fields: dict[str, Any], status: str) -> None:
    case = case_of(*nodes(), POOL, pool, *served(service("default/web", **fields)))

    block = block_of(case)

    assert pools_of(block).pop("pool") == "chosen"
    assert [found.status for found in block.pools[1:]] == [status]
    assert 0 < len(block.pools[1].sentence) < 120


def test_a_pool_that_is_not_ready_says_why() -> None:
    block = block_of(case_of(*nodes(), POOL, eip("younger", "192.168.0.0/24", age=9), WEB))

    assert finding(block, "younger").sentence == "not ready: it overlaps with the older Eip pool"


def test_a_pool_of_the_namespace_or_the_default_one_is_why_another_is_passed_over() -> None:
    plain = eip("plain", "10.0.0.0/24", age=2)
    bound = case_of(*nodes(), eip("pool", ADDRESS, namespaces=("default",)), plain, WEB)
    default = case_of(*nodes(), eip("pool", ADDRESS, default=True), plain, WEB)

    assert finding(block_of(bound), "plain").sentence == "namespace default has Eips of its own: pool"
    assert finding(block_of(default), "plain").sentence == "it is not the default Eip; that is pool"


@pytest.mark.parametrize(
    ("wanted", "status", "sentence"),
    [
        ("192.168.0.11", "address-refused", "the address is never handed out: address of node node1"),
        ("nonsense", "address-refused", "the wanted address 'nonsense' is not an IP address"),
        ("fd00::1", "address-refused", "the Service does not use that IP family: it names no IPv4 address"),
        ("10.9.9.9", "other-wanted", "the wanted address 10.9.9.9 is not in it"),
    ],
)
def test_a_wanted_address_that_is_refused_is_told_beside_its_pool(wanted: str, status: str, sentence: str) -> None:
    block = block_of(case_of(*nodes(), eip("pool", "192.168.0.0/24"), service("default/web", wanted_address=wanted)))

    assert (finding(block, "pool").status, finding(block, "pool").sentence) == (status, sentence)


@pytest.mark.parametrize(
    ("pools", "sentence"),
    [
        ([], "the Eip is gone; the Service keeps its address until it releases it"),
        ([eip("pool", ADDRESS, disable=True)], "; the Eip is disabled for others (spec.disable)"),
        ([eip("pool", "10.0.0.0/24")], "; 192.168.0.91 is outside its range now, and is kept until it is released"),
        ([eip("pool", ADDRESS, protocol="stub")], "; the Eip is not ready: protocol stub is only a stub"),
    ],
    ids=["gone", "disabled", "another range", "not ready"],
)
def test_an_address_that_is_kept_in_spite_of_its_pool_says_so(pools: list[Thing], sentence: str) -> None:
    block = block_of(case_of(*nodes(), *pools, *served(HELD)))

    assert block.address == ADDRESS
    assert sentence in finding(block, "pool").sentence


def test_every_node_has_its_reason() -> None:
    local = published(service("default/web", policy="Local"), ADDRESS, node="node1")

    block = block_of(case_of(*nodes(4), node("node4", ready=False), POOL, *served(local, by=["node1", "node3"])))

    assert [(one.node, one.eligible, one.sentence) for one in block.candidates] == [
        ("node1", True, "eligible"),
        ("node2", False, "externalTrafficPolicy is Local and no ready endpoint is on it"),
        ("node3", True, "eligible"),
        ("node4", False, "the Node is not Ready"),
    ]


def test_the_nodes_of_a_shared_address_are_judged_for_all_who_share_it() -> None:
    def sharing(name: str, age: int, port: int) -> Service:
        fields: dict[str, Any] = {"policy": "Local", "selector": (("app", "web"),), "ports": ports(port)}
        return service(f"default/{name}", age=age, wanted_address=ADDRESS, **fields)

    shared = [sharing("web", 1, 80), sharing("dns", 2, 53)]
    ends = [endpoints("default/web", "node1", "node2"), endpoints("default/dns", "node2", "node3")]

    block = block_of(case_of(*nodes(), POOL, *shared, *ends))

    assert block.sharers == ("default/dns",)
    assert [one.node for one in block.candidates if one.eligible] == ["node2"]


def test_each_family_has_a_block_of_its_own_in_the_services_order() -> None:
    web = service("default/web", ip_families=("IPv6", "IPv4"))

    six, four = service_of(case_of(*nodes(), POOL, *served(web))).families

    assert (six.family, six.address, six.reachable) == ("IPv6", None, False)
    assert (four.family, four.address) == ("IPv4", ADDRESS)


def test_a_load_balancer_ip_that_differs_from_the_annotation_is_told() -> None:
    differing = service("default/web", wanted_address=ADDRESS, load_balancer_ip="192.168.0.92")
    agreeing = service("default/web", wanted_address=f"{ADDRESS}, fd00::1", load_balancer_ip="192.168.0.91")

    (note,) = service_of(case_of(*nodes(), POOL, differing)).notes

    asked = f"{keys.wanted_address('porter')} asks for {ADDRESS} and spec.loadBalancerIP for 192.168.0.92"
    assert note == f"the annotation {asked}: the annotation wins"
    assert service_of(case_of(*nodes(), POOL, agreeing)).notes == ()


def test_before_all_is_listed_nothing_is_decided_and_what_was_stands() -> None:
    reconciler = folded(*nodes(), POOL, *served(HELD))
    fold(reconciler, AgentStarted(node=NodeName("node1"), porter="1.0", schema="1"))
    fold(reconciler, observed(service("default/new")))
    case = Case.of(reconciler, History())

    kept, new = service_of(case), service_of(case, "default/new")

    assert kept.families[0].address == ADDRESS
    assert kept.notes[0].startswith("what was decided before stands until all is listed again; still missing: eips, ")
    assert new.families[0].verdict.startswith("Traffic cannot reach it: nothing is decided until all is listed; ")


def test_a_service_that_is_not_there_is_an_error_that_names_similar_ones() -> None:
    with pytest.raises(UnknownError, match=r"no Service 'shop/web' at that moment; similar: default/web$"):
        explain_service(case_of(*nodes(), WEB), ServiceKey("shop/web"))
    with pytest.raises(UnknownError, match=r"no Service 'a/b' at that moment, and no other Service either$"):
        explain_service(case_of(*nodes()), ServiceKey("a/b"))


def test_a_service_that_keeps_its_address_from_an_eip_of_another_protocol_says_so() -> None:
    held = published(service("default/web", wanted_protocol="layer2", written_protocol="layer2"), ADDRESS)

    explained = service_of(case_of(*nodes(), eip("pool", ADDRESS, protocol="everywhere"), *served(held)))

    assert explained.notes == (
        f"it keeps {ADDRESS} and asks for protocol layer2: its protocol is everywhere since Eip pool was edited",
    )
