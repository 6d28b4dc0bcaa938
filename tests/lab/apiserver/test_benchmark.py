"""The benchmark of the API server measures what it says it measures. How fast the server is, is not asked here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import pytest

from benchmarks.apiserver import lost
from benchmarks.apiserver_cluster import SENT, Watched, objects, traffic, watches
from benchmarks.apiserver_load import what_was_seen
from benchmarks.telling import tell


def test_every_watch_sees_every_write_of_its_kind() -> None:
    command = [sys.executable, "-m", "benchmarks.apiserver", "--json"]
    done = subprocess.run(
        [*command, "--nodes", "1", "--seconds", "0.3", "--rate", "100"],
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["watches"], found["lost"], found["refused"]) == (17, 0, 0)
    assert found["writes_per_s"] > 0
    assert found["events_per_write"] > 1
    assert 0 < found["seen_p50_ms"] <= found["seen_p99_ms"]


def test_twenty_nodes_have_the_watches_of_a_lab() -> None:
    counts = Counter(one.path for one in watches(20))

    assert len(watches(20)) == 207
    assert counts["/api/v1/services"] == 41
    assert counts["/api/v1/pods"] == 21
    assert all(path.startswith(("/api/v1/", "/apis/")) for path in counts)


def test_a_kubelet_sees_its_own_node_and_the_pods_on_it() -> None:
    pods = {obj["metadata"]["name"]: obj["spec"]["nodeName"] for path, obj in objects(3) if path.endswith("/pods")}
    own = next(one for one in watches(3) if one.fields == "spec.nodeName=node1")
    node = next(one for one in watches(3) if one.fields == "metadata.name=node1")

    assert {name for name in pods if own.sees("/api/v1/pods", name)} == {
        name for name, place in pods.items() if place == "node1"
    }
    assert [node.sees("/api/v1/nodes", name) for name in ("node0", "node1")] == [False, True]
    assert not node.sees("/api/v1/pods", "node1")


def test_the_shares_of_the_writes_are_a_hundred_and_each_sort_is_watched() -> None:
    sorts = traffic(20)

    assert sum(one.share for one in sorts) == 100
    assert {one.seen_at for one in sorts} - {""} <= {one.path for one in watches(20)}


def test_an_event_that_a_watch_did_not_see_or_saw_twice_is_lost() -> None:
    accepted = {("/pods", "a"): [1, 2, 3], ("/pods", "b"): [4], ("/nodes", "a"): [5]}
    pods, nodes = Watched(path="/pods"), Watched(path="/nodes")
    one = Watched(path="/pods", fields="metadata.name=b", names=frozenset("b"))

    assert lost([pods, pods, nodes, one, Watched(path="/services")], accepted, [[1, 2, 3, 4]] * 2 + [[5], [4], []]) == 0
    assert lost([pods, nodes], accepted, [[4, 1, 2], [5]]) == 1
    assert lost([pods], accepted, [[1, 2, 2, 4]]) == 2
    assert lost([one], accepted, [[1, 2, 3, 4]]) == 3


def test_what_was_read_is_deciphered_later_in_whatever_pieces_it_came() -> None:
    text = "".join(f'{{"written":"{SENT.format(at)}"}}\n' for at in range(40)).encode()
    for size in (1, 23, 24, 37, len(text)):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        read = [(number, 1000 + at, piece) for at, piece in enumerate(pieces) for number in (0, 1)]

        found = what_was_seen([bytes, bytes.upper], read, 0.5)

        assert found.by_watch == [list(range(40)), []]
        assert found.sent == list(range(40))
        assert found.seen == sorted(found.seen)
        assert found.seen[-1] <= 1000 + len(pieces) - 1
        assert found.seen[0] == 1000 + (text.index(b"sent-") + 23) // size


def test_what_was_measured_is_told_as_lines_or_as_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    figures = {"services": 5_000, "ratio": 1.25, "lease_requests_per_s": {"10 nodes": 4.0}}

    tell(figures.items(), as_json=False)
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    tell(figures.items(), as_json=True)

    assert lines == [["services", "5,000"], ["ratio", "1.25"], ["lease_requests_per_s", "{'10 nodes': 4.0}"]]
    assert json.loads(capsys.readouterr().out) == figures
