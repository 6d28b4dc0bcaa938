import random
from collections import Counter
from typing import Any

from porter.lab.controllers.workloads import HASH, orphans, plan
from tests.lab import objects

NODES = [objects.node("node1"), objects.node("node2"), objects.node("node3")]
Object = dict[str, Any]


def settle(workload: Object, pods: list[Object], nodes: list[Object]) -> tuple[list[Object], int]:
    """Do what the plans say until there is nothing to do. Returns the pods and the fewest ready ones on the way."""
    fewest = len(pods)
    for _ in range(50):
        step = plan(workload, pods, nodes, chance=random.Random(1 + len(pods)))
        if not step.create and not step.delete:
            return pods, fewest
        gone = {pod["metadata"]["name"] for pod in step.delete}
        pods = [pod for pod in pods if pod["metadata"]["name"] not in gone]
        fewest = min(fewest, len(pods))
        pods += [objects.running(pod, ip="10.244.1.9") for pod in step.create]
    raise AssertionError("the plans never come to rest")


def test_replicas_are_spread_over_the_ready_nodes() -> None:
    nodes = [*NODES[:2], objects.node("node3", ready="Unknown")]

    created = plan(objects.deployment(replicas=4), [], nodes, chance=random.Random(1)).create

    assert Counter(pod["spec"]["nodeName"] for pod in created) == {"node1": 2, "node2": 2}


def test_pods_are_named_as_real_ones_are() -> None:
    pod = plan(objects.deployment(), [], NODES, chance=random.Random(1)).create[0]

    name, mark, tail = pod["metadata"]["name"].split("-")
    assert (name, len(mark), len(tail)) == ("web", 10, 5)
    assert pod["metadata"]["labels"] == {"app": "web", HASH["Deployment"]: mark}
    assert pod["metadata"]["ownerReferences"][0]["uid"] == "uid-web"


def test_without_ready_nodes_nothing_is_created() -> None:
    assert not plan(objects.deployment(), [], [objects.node("a", ready="Unknown")], chance=random.Random(1)).create


def test_scaling_down_keeps_the_rest() -> None:
    pods, _ = settle(objects.deployment(replicas=5), [], NODES)

    fewer, _ = settle(objects.deployment(replicas=2), pods, NODES)

    assert len(fewer) == 2
    assert all(pod in pods for pod in fewer)


def test_a_changed_template_replaces_all_pods_and_three_of_four_stay_ready() -> None:
    old, _ = settle(objects.deployment(replicas=4), [], NODES)

    new, fewest = settle(objects.deployment(replicas=4, image="luksa/kubia:2"), old, NODES)

    assert fewest >= 3
    assert len(new) == 4
    assert not [pod for pod in new if pod in old]


def test_the_status_is_what_rollout_status_waits_for() -> None:
    workload = objects.deployment()
    pods, _ = settle(workload, [], NODES)

    status = plan(workload, pods, NODES, chance=random.Random(1)).status

    expected = {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}
    assert {key: status[key] for key in expected} == expected
    assert status["unavailableReplicas"] is None
    assert status["observedGeneration"] == 1


def test_an_unchanged_deployment_gives_the_same_status_again() -> None:
    workload = objects.deployment()
    pods, _ = settle(workload, [], NODES)
    first = plan(workload, pods, NODES, chance=random.Random(1)).status
    dated = [{**condition, "lastTransitionTime": "t1"} for condition in first["conditions"]]

    again = plan({**workload, "status": {"conditions": dated}}, pods, NODES, chance=random.Random(1)).status

    assert again["conditions"] == dated


def test_a_daemon_set_has_one_pod_on_each_node_and_follows_the_nodes() -> None:
    workload = objects.deployment(kind="DaemonSet")
    pods, _ = settle(workload, [], NODES)
    assert sorted(pod["spec"]["nodeName"] for pod in pods) == ["node1", "node2", "node3"]

    pods, _ = settle(workload, pods, NODES[:2])

    assert sorted(pod["spec"]["nodeName"] for pod in pods) == ["node1", "node2"]


def test_restarting_a_daemon_set_replaces_one_pod_at_a_time() -> None:
    old, _ = settle(objects.deployment(kind="DaemonSet"), [], NODES)

    new, fewest = settle(objects.deployment(kind="DaemonSet", image="other"), old, NODES)

    assert fewest == 2
    assert not [pod for pod in new if pod in old]


def test_pods_of_a_deployment_that_is_gone_are_orphans() -> None:
    pods, _ = settle(objects.deployment(), [], NODES)
    stranger = objects.pod("alone", on="node1", ip="10.244.1.5")

    assert orphans([*pods, stranger], []) == pods
    assert not orphans(pods, [objects.deployment()])
