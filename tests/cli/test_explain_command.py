"""`porter explain`, through its front door."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from porter.cli import main
from porter.events.entries import AgentObserved, EipObserved, Entry, NodeObserved
from porter.model.objects import Way
from porter.replay.reading import installed_rules
from tests.logs import recorded, write_log
from tests.reconciler.stories import entries
from tests.worlds import agent, eip, nic, node, nodes, observed, relisted, served, service

ALL = ["service default/shop", "service default/blog", "eip edge", "node node2", "what-if --node-lost node1"]


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def use_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: list[Entry]) -> None:
    path = write_log(tmp_path / "porter.db", recorded(written, installed_rules()))
    monkeypatch.setenv("PORTER_EVENT_LOG", str(path))


@pytest.fixture
def _story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_log(tmp_path, monkeypatch, entries())


def said(capsys: pytest.CaptureFixture[str], question: str) -> str:
    assert main(["explain", *question.split()]) == 0
    return capsys.readouterr().out


def answered(capsys: pytest.CaptureFixture[str], question: str) -> dict[str, Any]:
    found = json.loads(said(capsys, f"{question} --format json"))
    assert isinstance(found, dict)
    return found


def refused(capsys: pytest.CaptureFixture[str], question: str, *, code: int) -> str:
    assert main(["explain", *question.split()]) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    return shown.err


@pytest.mark.usefixtures("_story")
@pytest.mark.parametrize("question", ALL)
def test_text_fits_eighty_columns(capsys: pytest.CaptureFixture[str], question: str) -> None:
    lines = said(capsys, question).splitlines()

    assert len(lines) > 5
    assert max(map(len, lines)) <= 80


@pytest.mark.usefixtures("_story")
@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("service default/shop", "All gates are passed: node1 answers for 192.168.0.10."),
        ("service default/web", "Nothing stands in its way: node2 is to answer for 192.168.0.14."),
        ("service default/blog", "Traffic cannot reach it: no address is free in Eip edge."),
        ("eip old", "It hands out no address: Eip old is disabled (spec.disable)."),
        ("node node3", "It may announce no address: the Node is not Ready."),
    ],
)
def test_what_matters_is_the_first_line(capsys: pytest.CaptureFixture[str], question: str, first: str) -> None:
    assert said(capsys, question).splitlines()[0] == first


@pytest.mark.usefixtures("_story")
def test_json_says_what_text_says(capsys: pytest.CaptureFixture[str]) -> None:
    blog = answered(capsys, "service default/blog")
    edge = answered(capsys, "eip edge")
    node3 = answered(capsys, "node node3")
    lost = answered(capsys, "what-if --node-lost node1")

    assert (blog["seq"], blog["at"], blog["supposed"]) == (33, "2026-11-21T10:00:33Z", [])
    assert blog["families"][0]["gates"][-1] == {
        "name": "address",
        "passed": False,
        "sentence": "no address is free in Eip edge",
    }
    assert edge["room"] == {"size": 5, "used": 2, "reserved": 3, "free": 0}
    assert node3["reason"] == "node-not-ready"
    assert [(one["service"], one["from"], one["to"]) for one in lost["moved"]] == [
        ("default/shop", ["node1"], ["node2"]),
    ]
    assert len(lost["supposed"]) == 1


@pytest.mark.usefixtures("_story")
def test_every_answer_can_be_had_of_any_moment(capsys: pytest.CaptureFixture[str]) -> None:
    before = answered(capsys, "service default/shop --at 32")["families"][0]

    assert [gate["passed"] for gate in before["gates"]] == [True, True, True, True, False]
    assert before["verdict"] == "Traffic cannot reach it: node1 has not begun to answer for 192.168.0.10"
    for question in ("eip edge", "node node1", "what-if --node-lost node1"):
        assert answered(capsys, f"{question} --at 2026-11-21T10:00:32+00:00")["seq"] == 32


@pytest.mark.usefixtures("_story")
@pytest.mark.parametrize(
    ("question", "complaint"),
    [
        ("service default/wbe", "Service 'default/wbe' at that moment; similar: default/web, "),
        ("service web/shop", "Service 'web/shop' at that moment; similar: default/shop"),
        ("eip egde", "Eip 'egde' at that moment; similar: edge\n"),
        ("node nod2", "Node 'nod2' at that moment; similar: node2, "),
        ("what-if --pool-disabled odl", "Eip 'odl' at that moment; similar: old\n"),
        ("eip edge --what-if node-lost=nod1", "Node 'nod1' at that moment; similar: node1, "),
    ],
)
def test_an_unknown_name_is_one_sentence_and_1(
    capsys: pytest.CaptureFixture[str],
    question: str,
    complaint: str,
) -> None:
    shown = refused(capsys, question, code=1)

    assert shown.startswith(f"porter: the log knows no {complaint}")
    assert shown.count("\n") == 1


@pytest.mark.usefixtures("_story")
def test_a_moment_before_the_first_entry_has_nothing_to_explain(capsys: pytest.CaptureFixture[str]) -> None:
    shown = refused(capsys, "eip edge --at 2020-01-01", code=1)

    assert shown.startswith("porter: nothing was recorded up to that moment: the log begins with entry 1, ")


@pytest.mark.usefixtures("_story")
@pytest.mark.parametrize(
    ("question", "complaint"),
    [
        ("service web", "'web' is not NAMESPACE/NAME"),
        ("what-if", "nothing is supposed: give one of --node-lost, --node-drained, --pool-disabled"),
        ("node node1 --what-if node-lost", "'node-lost' is none of node-lost=NAME, node-drained=NAME, "),
        ("node node1 --what-if fire=node1", "'fire=node1' is none of node-lost=NAME, "),
    ],
)
def test_wrong_usage_is_2(capsys: pytest.CaptureFixture[str], question: str, complaint: str) -> None:
    assert complaint in refused(capsys, question, code=2)


@pytest.mark.usefixtures("_story")
def test_any_answer_may_be_asked_for_as_it_would_be(capsys: pytest.CaptureFixture[str]) -> None:
    service_lines = said(capsys, "service default/shop --what-if node-lost=node1").splitlines()
    node_answer = answered(capsys, "node node2 --what-if node-lost=node1 --what-if pool-disabled=edge")
    eip_answer = answered(capsys, "eip edge --what-if pool-disabled=edge")

    assert service_lines[0].startswith("Supposed: node1 is lost: ")
    assert "Nothing stands in its way: node2 is to answer for 192.168.0.10." in service_lines
    assert [one["address"] for one in node_answer["owns"]] == ["192.168.0.10", "192.168.0.14"]
    assert len(node_answer["supposed"]) == 2
    assert eip_answer["disabled"] is True


def test_long_lists_are_cut_in_text_with_a_count_and_whole_in_json(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = eip("pool", "192.168.0.100-192.168.0.150")
    things = [*nodes(20), pool, *served(*[service(f"x/s{at:02}", at) for at in range(60)])]
    use_log(tmp_path, monkeypatch, [*map(observed, things), *relisted()])

    text = said(capsys, "eip pool")
    answer = answered(capsys, "eip pool")

    assert "held: 51\n" in text
    assert "    and 41 more; --format json lists all\n" in text
    assert (len(answer["holders"]), len(answer["waiting"])) == (51, 9)
    assert "    and 8 more; --format json lists all\n" in said(capsys, "service x/s00")
    node_answer = answered(capsys, "node node1")
    (group,) = node_answer["others"]
    assert group["count"] == len(group["addresses"]) == 51 - len(node_answer["owns"])
    assert f") and {group['count'] - 3} more" in " ".join(said(capsys, "node node1").split())


@pytest.mark.parametrize(("address", "room"), [("10.0.0.0/8", "16,777,2"), ("fd00:1::/48", "about 1.21e+24 free of ")])
def test_a_vast_pool_is_explained_in_a_few_lines(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    room: str,
) -> None:
    found = eip("vast", address)
    use_log(tmp_path, monkeypatch, [*map(observed, nodes()), EipObserved(eip=found), *relisted()])

    text = said(capsys, "eip vast")

    assert f"    room      {room}" in text
    assert len(text.splitlines()) < 30
    assert answered(capsys, "eip vast")["room"]["size"] in {2**24, 2**80}


def test_two_families_have_a_verdict_and_a_block_each(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    web = service("x/web", ip_families=("IPv6", "IPv4"))
    unready = NodeObserved(node=node("node1", "192.168.0.11", ready=False))
    things = [*nodes(1), eip("pool", "192.168.0.91"), *served(web, by=["node1"])]
    use_log(tmp_path, monkeypatch, [*map(observed, things), unready, *relisted()])

    lines = said(capsys, "service x/web").splitlines()

    assert lines[0].startswith("IPv6: Traffic cannot reach it: no Eip is there for it: ")
    assert [line for line in lines if line in {"IPv4", "IPv6"}] == ["IPv6", "IPv4"]


def test_a_node_says_how_it_reaches_what_pools_name_and_what_its_kernel_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    eth0 = nic("eth0", "192.168.0.11/24", arp=False, arp_ignore=0)
    seen = agent("node1", eth0, ways=(Way(to="10.1.2.3", nic="eth0"), Way(to="10.9.9.9")))
    use_log(tmp_path, monkeypatch, [*map(observed, nodes()), *relisted(), AgentObserved(agent=seen)])

    text = " ".join(said(capsys, "node node1").split())

    assert "10.1.2.3 is reached over eth0" in text
    assert "10.9.9.9 is reached over none of them" in text
    assert "no ARP, answers ARP for addresses of other NICs" in text
