"""Endpoint entries that are taken in by their text: nothing may come out otherwise than by folding every one."""

import json
import sqlite3
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from porter.cli import main
from porter.events.codec import encode
from porter.events.entries import (
    AgentHeard,
    AgentSilent,
    AgentStarted,
    AssignmentDecided,
    EndpointsObserved,
    Observed,
    Recorded,
    ServiceObserved,
)
from porter.events.sources import open_source
from porter.model.names import NodeName
from porter.model.objects import Endpoints
from porter.reconciler.decide import decide
from porter.reconciler.fold import Reconciler
from porter.reconciler.skimming import Skimmer
from porter.replay.page.gathering import gather
from porter.replay.reading import begun
from porter.replay.refold import Difference
from porter.replay.story import About
from tests.reconciler import crowded
from tests.replay.recording import ADDRESS, BEGIN, POOL, log_at, recorded
from tests.worlds import RULES, eip, endpoints, lasting, nodes, observed, published, relisted, service

KEYS = ("default/any", "default/local")


def texts_of(entry: EndpointsObserved) -> str:
    return encode(entry)[2].decode()


def begin(reconciler: Reconciler, policies: tuple[str, str] = ("Cluster", "Local")) -> None:
    """Three nodes and two Services that have addresses, one of either policy."""
    things = [*nodes(3), eip("pool", "192.168.0.91-192.168.0.100", interface="eth0")]
    for entry in (*map(observed, things), *relisted()):
        reconciler.fold(entry, 1)
    for number, (key, policy) in enumerate(zip(KEYS, policies, strict=True)):
        shown = published(service(key, number, policy=policy), f"192.168.0.{91 + number}", node="node1")
        reconciler.fold(EndpointsObserved(endpoints=endpoints(key, "node1", "node2")), 2)
        reconciler.fold(ServiceObserved(service=shown), 3)


moves = st.builds(
    lambda key, ready, serving, unplaced, name: endpoints(
        key, *sorted(ready), serving=sorted(serving), unplaced=unplaced, **({"name": name} if name else {})
    ),
    st.sampled_from([*KEYS, "default/unknown"]),
    st.sets(st.sampled_from(crowded.NODES[:3]), max_size=3),
    st.sets(st.sampled_from(crowded.NODES[:3]), max_size=1),
    st.booleans(),
    st.sampled_from([None, None, None, "other", 'odd "ready":[', "é"]),
)
"""EndpointSlices of known Services and of an unknown one, some empty, some with odd names, some that another one has."""


def is_taken(skimmer: Skimmer, seq: int, text: str) -> bool:
    return skimmer.takes(seq, [text]) == 1


@given(st.lists(st.lists(moves, min_size=1, max_size=8), max_size=5))
def test_what_is_taken_decides_nothing_and_leaves_the_same_state(runs: list[list[Endpoints]]) -> None:
    plain, skimmed = Reconciler(RULES), Reconciler(RULES)
    begin(plain)
    begin(skimmed)
    skimmer = Skimmer(skimmed)
    seq = 10
    for run in runs:
        left = [EndpointsObserved(endpoints=slice_) for slice_ in run]
        while left:
            taken = skimmer.takes(seq, [texts_of(entry) for entry in left])
            for entry in left[:taken]:
                assert plain.fold(entry, seq) == []
                seq += 1
            for entry in left[taken : taken + 1]:
                assert skimmed.fold(entry, seq) == plain.fold(entry, seq)
                seq += 1
            left = left[taken + 1 :]
            assert skimmed.world.slices == plain.world.slices
    assert skimmed.snapshot() == plain.snapshot()
    assert lasting(skimmed.decisions) == lasting(decide(skimmed.world, RULES)), (
        "the plain fold takes the same short way"
    )


def test_most_of_what_merely_moves_is_taken() -> None:
    reconciler = Reconciler(RULES)
    begin(reconciler)
    skimmer = Skimmer(reconciler)
    places = [("node1",), ("node1", "node2"), ("node1", "node3")]
    for key in KEYS:
        for ready in places:
            skimmer.takes(10, [texts_of(EndpointsObserved(endpoints=endpoints(key, *ready)))])

    for key in KEYS:  # of the Local one the owner has an endpoint each time
        for ready in places:
            assert is_taken(skimmer, 11, texts_of(EndpointsObserved(endpoints=endpoints(key, *ready))))
            assert reconciler.world.slices[f"{key}-1"].ready == ready


@pytest.mark.parametrize(
    "text",
    [
        '{"endpoints":{"namespace":"default","name":"any-1","service":"any","ready":["node2"],"ready":["node1"]}}',
        '{"endpoints":{"namespace":"default","name":"any-1","service":"any","more":1,"ready":["node1"]}}',
        '{"endpoints": {"namespace":"default","name":"any-1","service":"any","ready":["node1"]}}',
        '{"endpoints":{"namespace":"default","name":"any-1","service":"any","ready":["node1"]}} ',
        '{"endpoints":{"namespace":"default","name":"any-1","service":"any","ready":["node1"]}',
        '{"endpoints":{"namespace":"default","name":"any-1","service":"any","ready":["node1"]}]',
        '{"endpoints":{"namespace":"default","name":"any-1","service":"any","ready":["node1","bad"]}}}',
        '{"endpoints":{"namespace":"default","name":"any-1","service":"any"}}',
        "",
    ],
)
def test_a_text_that_porter_does_not_write_is_never_taken(text: str) -> None:
    reconciler = Reconciler(RULES)
    begin(reconciler)
    skimmer = Skimmer(reconciler)
    known = EndpointsObserved(endpoints=endpoints("default/any", "node1"))

    assert not any(is_taken(skimmer, seq, text) for seq in (10, 11))
    assert [is_taken(skimmer, seq, texts_of(known)) for seq in (12, 13)] == [False, True]
    assert not any(is_taken(skimmer, seq, text) for seq in (14, 15))


def test_names_that_json_escapes_are_taken_for_what_they_are() -> None:
    reconciler = Reconciler(RULES)
    begin(reconciler)
    skimmer = Skimmer(reconciler)
    for ready in (('odd","ready":["',), ("\\", '"]}}'), ("é", "node1")):
        text = texts_of(EndpointsObserved(endpoints=endpoints("default/any", *ready)))

        assert [is_taken(skimmer, seq, text) for seq in (10, 11)] == [False, True]
        assert reconciler.world.slices["default/any-1"].ready == ready


def test_what_the_state_holds_already_is_not_taken() -> None:
    reconciler = Reconciler(RULES)
    begin(reconciler)
    skimmer = Skimmer(reconciler, after=20)
    text = texts_of(EndpointsObserved(endpoints=endpoints("default/any", "node3")))

    assert [is_taken(skimmer, seq, text) for seq in (19, 20, 21)] == [False, False, True]


def moving(count: int) -> Iterator[Observed]:
    """Yield a life in which the endpoints of one Service move `count` times, and nobody's address does."""
    yield AgentStarted(node=NodeName("node1"), porter="1", schema="1")
    yield from map(observed, nodes(3))
    yield observed(POOL)
    yield from relisted()
    plain = service("default/web")
    yield ServiceObserved(service=plain)
    yield EndpointsObserved(endpoints=endpoints("default/web", "node1", "node2"))
    yield ServiceObserved(service=published(plain, ADDRESS, node="node1"))
    places = cycle([("node1",), ("node2",), ("node3",), ("node1", "node3")])
    for _, ready in zip(range(count), places, strict=False):
        yield EndpointsObserved(endpoints=endpoints("default/web", *ready))


def kept(records: Iterator[Recorded], read: list[Recorded]) -> Iterator[Recorded]:
    """Yield the records, and keep those that were asked for."""
    for record in records:
        read.append(record)
        yield record


@pytest.fixture
def long_log(tmp_path: Path) -> Path:
    return log_at(tmp_path / "porter.db", recorded(moving(1_200)))


def test_a_replay_reads_only_what_has_to_be_folded_and_ends_where_it_ended(long_log: Path) -> None:
    with open_source(str(long_log)) as source:
        plain, records = begun(source, source.read())
        everything = len(list(plain.steps(records)))
        skimming, fewer = begun(source, source.read(), skims=True)
        read: list[Recorded] = []
        assert len(list(skimming.steps(kept(fewer, read)))) == everything
        assert len(read) < 600 < source.last_seq  # the first 512 were read before it was known what may be left out
        assert (skimming.seq, skimming.at) == (plain.seq, plain.at)
        assert skimming.reconciler.snapshot() == plain.reconciler.snapshot()


def test_a_page_counts_the_entries_that_need_not_be_folded(long_log: Path) -> None:
    with open_source(str(long_log)) as source:
        refold, records = begun(source, source.read(), skims=True)
        read: list[Recorded] = []
        picture = gather("x", kept(records, read), refold, About())
        assert len(read) < picture.entries == picture.last == source.last_seq


def test_of_a_redacted_log_whose_lots_are_read_ahead_every_entry_is_folded(long_log: Path, tmp_path: Path) -> None:
    exported, again = str(tmp_path / "redacted.jsonl"), str(tmp_path / "again.db")
    assert main(["log", "export", exported, "--event-log", str(long_log), "--redact"]) == 0
    assert main(["log", "import", exported, "--event-log", again]) == 0

    with open_source(again) as source:
        refold, records = begun(source, source.read(), skims=True)
        read: list[Recorded] = []
        assert list(refold.steps(kept(records, read)))
        assert len(read) == source.last_seq


@pytest.mark.parametrize("before_the_end", [1, 5, 700])
def test_up_to_a_moment_nothing_after_it_is_taken_in(
    capsys: pytest.CaptureFixture[str], long_log: Path, before_the_end: int
) -> None:
    last = len(recorded(moving(1_200))) - before_the_end
    at = recorded(moving(1_200))[last - 1].at

    for moment in (str(last), at.isoformat()):
        assert main(["replay", str(long_log), "--format", "json", "--until", moment]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["seq"] == last
        assert told["at"].startswith(f"{at:%Y-%m-%dT%H:%M:%S}")
    assert at > BEGIN


@pytest.mark.parametrize(
    "damage",
    [
        """UPDATE entry SET body = '{"endpoints":' WHERE seq = 900""",
        "UPDATE entry SET kind = 'endpoints.unheard' WHERE seq = 900",
        "UPDATE entry SET version = 99 WHERE seq = 900",
        "UPDATE entry SET body = x'ff00' WHERE seq = 900",
        "UPDATE entry SET body = 1.5 WHERE seq = 900",
        "DELETE FROM entry WHERE seq = 900",
        "UPDATE entry SET at = 1e300 WHERE seq = 900",
    ],
)
def test_a_row_that_is_wrong_among_those_that_are_taken_is_refused_as_ever(
    capsys: pytest.CaptureFixture[str], long_log: Path, damage: str
) -> None:
    with sqlite3.connect(long_log) as connection:
        connection.execute(damage)
    connection.close()

    assert main(["replay", str(long_log), "--verify"]) != 0
    refused = capsys.readouterr().err
    assert main(["replay", str(long_log), "--until", "2099-01-01T00:00"]) != 0  # by the clock nothing is taken
    assert capsys.readouterr().err == refused
    assert "900" in refused or "899" in refused


def moving_about(times: int) -> Iterator[Observed]:
    """Yield a life in which the endpoints move for more than a page, and then the address goes away and comes back."""
    yield from moving(600)
    for _ in range(times):
        yield AgentSilent(node=NodeName("node1"), seconds=6.0)
        yield AgentHeard(node=NodeName("node1"))


def decisions_in(records: list[Recorded]) -> list[int]:
    return [one.seq for one in records if isinstance(one.entry, AssignmentDecided) and one.seq > 512]


def test_where_differences_alone_are_asked_for_decisions_are_not_read_that_were_recorded_as_they_are_taken(
    tmp_path: Path,
) -> None:
    records = recorded(moving_about(5))
    with open_source(str(log_at(tmp_path / "porter.db", records))) as source:
        refold, all_of_them = begun(source, source.read(), skims=True)
        told = list(refold.steps(all_of_them))
        comparing, fewer = begun(source, source.read(), skims=True, tells=False)
        read: list[Recorded] = []
        steps = list(comparing.steps(kept(fewer, read)))

        assert not [step for step in [*told, *steps] if isinstance(step, Difference)]
        assert len(decisions_in(records)) == 10
        assert decisions_in(read) == [source.last_seq]
        assert comparing.is_settled
        assert comparing.reconciler.snapshot() == refold.reconciler.snapshot()


@pytest.mark.parametrize(
    ("old", "new", "differences"),
    [
        pytest.param("", "", 0, id="nothing"),
        pytest.param("}}", "}} ", 0, id="a space"),
        pytest.param('{"cause"', '{"more":1,"cause"', 0, id="a field that nobody knows"),
        pytest.param("its Porter agent is silent", "it is", 0, id="words"),
        pytest.param('"agent-silent"', '"node-not-ready"', 0, id="why another node may not"),
        pytest.param('"nodes":["', '"nodes":["x","', 1, id="its nodes"),
        pytest.param('"cause":', '"cause":1', 1, id="its cause"),
        pytest.param('"service":"default/web"', '"service":"default/other"', 2, id="its Service"),
        pytest.param('"agent-silent"', '"unheard-of"', None, id="a reason that nobody knows"),
    ],
)
def test_a_decision_that_was_recorded_otherwise_is_told_alike_by_its_text_and_by_what_it_says(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, old: str, new: str, differences: int | None
) -> None:
    records = recorded(moving_about(5))
    path = log_at(tmp_path / "porter.db", records)
    altered = decisions_in(records)[4]  # the agent has fallen silent once more
    with sqlite3.connect(path) as connection:
        body = encode(records[altered - 1].entry)[2].decode()
        assert old in body
        connection.execute("UPDATE entry SET body = ? WHERE seq = ?", (body.replace(old, new, 1), altered))
    connection.close()

    told = []
    for asked in ([], ["--until", "2099-01-01T00:00"]):  # by the clock nothing is taken
        status = main(["replay", str(path), "--verify", *asked])
        told.append((status, *capsys.readouterr()))
    assert told[0] == told[1]
    if differences is None:
        assert f"entry {altered}" in told[0][2]
    else:
        assert told[0][0] == (1 if differences else 0)
        assert told[0][1].count("recorded:") == differences


def test_a_difference_is_told_alike_whether_entries_are_taken_or_all_are_folded(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """What this version decides and the record does not have is told before the next entry, whatever that is."""
    records = recorded(moving(600))
    gone = len(records)
    more = recorded([*moving(600), AgentSilent(node=NodeName("node1"), seconds=6.0)])[gone:]
    silent, decided = more[0], more[1:]
    assert decided
    late = [EndpointsObserved(endpoints=endpoints("default/web", *ready)) for ready in (("node2",), ("node3",)) * 3]
    entries = [silent.entry, late[0], *(one.entry for one in decided), *late[1:]]
    whole = [*records, *(Recorded(gone + number, silent.at, entry) for number, entry in enumerate(entries, 1))]
    path = log_at(tmp_path / "porter.db", whole)
    exported = tmp_path / "porter.jsonl"
    assert main(["log", "export", str(exported), "--event-log", str(path)]) == 0
    capsys.readouterr()

    told = []
    for log in (path, exported):
        assert main(["replay", str(log), "--verify", "--format", "json"]) == 1
        told.append(json.loads(capsys.readouterr().out)["differences"])
    assert told[0] == told[1]
    assert len(told[0]) == 2
