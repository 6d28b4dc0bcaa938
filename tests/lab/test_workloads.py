import random
from collections import Counter
from typing import Any

import pytest

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


def rolling(**limits: int | str) -> Object:
    return {"type": "RollingUpdate", "rollingUpdate": limits}


@pytest.mark.parametrize(
    ("strategy", "fewest", "most"),
    [
        (rolling(maxUnavailable=0, maxSurge=1), 4, 5),
        (rolling(maxUnavailable=2, maxSurge=0), 2, 4),
        (rolling(maxUnavailable="50%", maxSurge="50%"), 2, 6),
        (rolling(maxUnavailable="10%", maxSurge="0%"), 3, 4),  # both come to nothing: one goes
        ({"type": "Recreate"}, 0, 4),
    ],
)
def test_a_rollout_keeps_to_its_strategy(strategy: Object, fewest: int, most: int) -> None:
    old, _ = settle(objects.deployment(replicas=4), [], NODES)
    changed = objects.deployment(replicas=4, image="other", strategy=strategy)
    pods, counts = old, [len(old)]

    for _ in range(20):
        step = plan(changed, pods, NODES, chance=random.Random(len(counts)))
        counts.append(len(pods) + len(step.create))  # if the new ones come first
        pods = [pod for pod in pods if pod not in step.delete]
        counts.append(len(pods))  # if the old ones go first
        pods = pods + [objects.running(pod, ip="10.244.1.9") for pod in step.create]

    assert not [pod for pod in pods if pod in old]
    assert (min(counts), max(counts), len(pods)) == (fewest, most, 4)


def test_a_paused_deployment_is_not_rolled_over() -> None:
    old, _ = settle(objects.deployment(), [], NODES)

    pods, _ = settle(objects.deployment(image="other", paused=True), old, NODES)

    assert pods == old


def test_pods_are_born_only_where_the_node_selector_allows() -> None:
    nodes = [*NODES[:2], {**NODES[2], "metadata": {"name": "node3", "labels": {"disk": "fast"}}}]
    for kind in ("Deployment", "DaemonSet"):
        workload = objects.deployment(kind=kind)
        workload["spec"]["template"]["spec"]["nodeSelector"] = {"disk": "fast"}

        pods, _ = settle(workload, [], nodes)

        assert {pod["spec"]["nodeName"] for pod in pods} == {"node3"}


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


@pytest.mark.parametrize(("most", "fewest"), [(2, 1), ("100%", 0), ("34%", 1)])
def test_a_daemon_set_replaces_as_many_at_a_time_as_it_may(most: int | str, fewest: int) -> None:
    old, _ = settle(objects.deployment(kind="DaemonSet"), [], NODES)
    strategy = rolling(maxUnavailable=most)

    new, found = settle(objects.deployment(kind="DaemonSet", image="other", updateStrategy=strategy), old, NODES)

    assert found == fewest
    assert not [pod for pod in new if pod in old]


def test_a_daemon_set_that_waits_for_deletions_replaces_nothing_by_itself() -> None:
    old, _ = settle(objects.deployment(kind="DaemonSet"), [], NODES)
    changed = objects.deployment(kind="DaemonSet", image="other", updateStrategy={"type": "OnDelete"})

    same, _ = settle(changed, old, NODES)
    after, _ = settle(changed, old[1:], NODES)

    assert same == old
    assert len(after) == 3
    assert old[0] not in after


def test_pods_that_end_are_no_replicas() -> None:
    workload = objects.deployment(replicas=3)
    pods, _ = settle(workload, [], NODES)
    pods = [objects.leaving(pods[0]), *pods[1:]]

    step = plan(workload, pods, NODES, chance=random.Random(1))
    after, _ = settle(workload, pods, NODES)

    assert (len(step.create), step.delete) == (1, [])
    assert (step.status["replicas"], step.status["readyReplicas"], step.status["terminatingReplicas"]) == (2, 2, 1)
    assert len(after) == 4


def test_recreate_waits_until_the_old_pods_have_ended() -> None:
    old, _ = settle(objects.deployment(), [], NODES)
    changed = objects.deployment(image="other", strategy={"type": "Recreate"})
    ending = [objects.leaving(pod) for pod in old]

    assert not plan(changed, ending, NODES, chance=random.Random(1)).create
    assert not plan(changed, ending[:1], NODES, chance=random.Random(1)).create
    assert len(plan(changed, [], NODES, chance=random.Random(1)).create) == 2


def test_a_daemon_sets_next_pod_waits_until_the_one_before_has_ended() -> None:
    workload = objects.deployment(kind="DaemonSet", image="other")
    old, _ = settle(objects.deployment(kind="DaemonSet"), [], NODES)
    pods = [objects.leaving(old[0]), *old[1:]]

    step = plan(workload, pods, NODES, chance=random.Random(1))
    after = plan(workload, pods[1:], NODES, chance=random.Random(1))

    assert (step.create, step.delete) == ([], [])
    assert (step.status["currentNumberScheduled"], step.status["numberReady"]) == (3, 3)
    assert step.status["updatedNumberScheduled"] is None
    assert [pod["spec"]["nodeName"] for pod in after.create] == [old[0]["spec"]["nodeName"]]


def test_pods_of_a_deployment_that_is_gone_are_orphans() -> None:
    pods, _ = settle(objects.deployment(), [], NODES)
    stranger = objects.pod("alone", on="node1", ip="10.244.1.5")

    assert orphans([*pods, stranger], []) == pods
    assert not orphans(pods, [objects.deployment()])
