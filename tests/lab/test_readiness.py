from datetime import timedelta
from typing import Any

import pytest

from porter.lab.controllers.readiness import Silence, not_ready, pods_to_unready, taints
from tests.lab import objects


def lease(version: str) -> dict[str, Any]:
    return {"metadata": {"name": "node1", "resourceVersion": version}}


def test_a_lease_that_stands_still_is_silence_after_the_grace_time() -> None:
    silence = Silence(grace=timedelta(seconds=4))
    silence.observe([lease("1")], now=100.0)
    silence.observe([lease("1")], now=103.9)

    assert not silence.is_silent("node1", now=104.0)
    assert silence.is_silent("node1", now=104.1)


def test_a_renewed_lease_is_no_silence() -> None:
    silence = Silence(grace=timedelta(seconds=4))
    silence.observe([lease("1")], now=100.0)
    silence.observe([lease("2")], now=103.0)

    assert not silence.is_silent("node1", now=106.0)


def test_a_node_without_lease_is_given_the_grace_time() -> None:
    silence = Silence(grace=timedelta(seconds=4))

    assert not silence.is_silent("node1", now=100.0)
    assert silence.is_silent("node1", now=104.5)


def test_nobody_is_blamed_for_a_time_in_which_the_judge_itself_stood_still() -> None:
    silence = Silence(grace=timedelta(seconds=4))
    silence.observe([lease("1")], now=100.0)
    silence.forgive(now=200.0)

    assert not silence.is_silent("node1", now=203.0)


def test_a_silent_node_says_unknown_once() -> None:
    conditions = not_ready(objects.node("node1"), at="t1")

    assert conditions is not None
    assert [(c["status"], c["reason"], c["lastTransitionTime"]) for c in conditions] == [
        ("Unknown", "NodeStatusUnknown", "t1")
    ]
    assert not_ready(objects.node("node1", ready="Unknown"), at="t2") is None


def test_only_ready_pods_of_silent_nodes_are_marked() -> None:
    pods = [
        objects.pod("a", on="node1", ip="10.244.1.2"),
        objects.pod("b", on="node1", ip="10.244.1.3", ready=False),
        objects.pod("c", on="node2", ip="10.244.2.2"),
    ]

    marked = pods_to_unready(pods, {"node1": True, "node2": False}, at="t1")

    assert [(pod["metadata"]["name"], conditions[0]["status"]) for pod, conditions in marked] == [("a", "False")]


@pytest.mark.parametrize(
    ("ready", "known", "wanted"),
    [
        ("True", [("not-ready", "NoSchedule")], []),
        ("True", [], None),
        ("Unknown", [], [("unreachable", "NoSchedule"), ("unreachable", "NoExecute")]),
        ("Unknown", [("unreachable", "NoExecute"), ("unreachable", "NoSchedule")], None),
        ("False", [("unreachable", "NoExecute")], [("not-ready", "NoSchedule")]),
    ],
)
def test_a_node_is_tainted_as_long_as_it_is_not_ready(
    ready: str, known: list[tuple[str, str]], wanted: list[tuple[str, str]] | None
) -> None:
    mine = {"key": "example.com/gpu", "effect": "NoSchedule"}

    def written(found: list[tuple[str, str]]) -> list[dict[str, str]]:
        return [mine, *({"key": f"node.kubernetes.io/{key}", "effect": effect} for key, effect in found)]

    node = objects.node("node1", ready=ready) | {"spec": {"taints": written(known)}}

    assert taints(node) == (None if wanted is None else written(wanted))
