"""Pods that no kubelet ends: which of them are taken away."""

from datetime import timedelta
from typing import Any

from porter.lab.controllers.podgc import Absence
from tests.lab import objects

NODES = [objects.node("node1"), objects.node("node2", ready="Unknown")]
PODS = [objects.pod(f"on-{n}", on=f"node{n}", ip=f"10.244.{n}.2") for n in (1, 2, 3)]


def names(pods: list[dict[str, Any]]) -> list[str]:
    return [pod["metadata"]["name"] for pod in pods]


def test_pods_of_a_node_that_is_gone_are_lost_after_a_while() -> None:
    absence = Absence(grace=timedelta(seconds=4))

    assert absence.lost(PODS, NODES, now=100.0) == []
    assert absence.lost(PODS, NODES, now=104.0) == []
    assert names(absence.lost(PODS, NODES, now=104.5)) == ["on-3"]


def test_a_node_that_was_away_for_a_moment_loses_nothing() -> None:
    absence = Absence(grace=timedelta(seconds=4))
    absence.lost(PODS, NODES, now=100.0)
    absence.lost(PODS, [*NODES, objects.node("node3")], now=103.0)
    absence.lost(PODS, NODES, now=104.0)

    assert absence.lost(PODS, NODES, now=107.0) == []


def test_pods_that_end_on_a_silent_node_stay() -> None:
    absence = Absence(grace=timedelta(seconds=4))

    assert absence.lost([objects.leaving(PODS[1])], NODES, now=100.0) == []
    assert absence.lost([objects.leaving(PODS[1])], NODES, now=200.0) == []


def test_pods_that_end_on_a_silent_node_out_of_service_are_lost() -> None:
    taint = {"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}
    nodes = [node | {"spec": {"taints": [taint]}} for node in NODES]
    ending = [objects.leaving(pod) for pod in PODS[:2]]

    assert names(Absence(grace=timedelta(seconds=4)).lost([*ending, *PODS], nodes, now=100.0)) == ["on-2"]
