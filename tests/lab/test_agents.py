"""Faults of a node with a real agent on it: each is seen on the wire, and gone after `recover`."""

import functools
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from porter.events.entries import AssignmentDecided, LogResumed
from porter.events.log import EventLog
from porter.events.verify import verify
from porter.lab import Lab, clocks, processes
from porter.lab.apiserver.rbac import rights
from porter.lab.faults import How
from porter.lab.furniture import answer_of_agent, problems_of_agent
from porter.lab.probing import Prober, Report
from porter.lab.processes import porter
from porter.lab.stage import AGENT_PORT
from porter.lab.state import Process
from porter.manifests import render
from porter.model import keys
from tests.lab import labs
from tests.lab.labs import YAML

pytestmark = [pytest.mark.root, pytest.mark.slow]
until = functools.partial(labs.until, within=20.0)

ADDRESS = "192.168.0.91"
SELDOM = {
    f'ClusterRole porter: get "{kind}" in API group "{group}"'
    for kind, group in [
        ("services", ""),
        ("nodes", ""),
        ("namespaces", ""),
        ("eips", "network.kubesphere.io"),
        ("endpointslices", "discovery.k8s.io"),
    ]
}
"""Needed after a write that met another (test_publish_faults), or a list that is older than the watch (test_mirror)."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up("g", nodes=2, lease_duration=3.0, clocks=True) as made:
        for file in ("porter-layer2-eip.yaml", "porter-layer2.yaml", "porter-layer2-svc.yaml"):
            made.kube("apply", "-f", str(YAML / file))
        made.api.patch("Eip", "porter-layer2-eip", {"metadata": {"finalizers": sorted(keys.OLD_FINALIZERS)[:1]}})
        yield made


def owners(lab: Lab) -> list[str]:
    names = {lab.mac(node.name): node.name for node in lab.topology.nodes}
    return sorted({names.get(answer.mac, answer.mac) for answer in lab.arp(ADDRESS, wait=0.2)})


def written(lab: Lab) -> str:
    annotations = lab.api.get("Service", "porter-layer2-svc")["metadata"]["annotations"]
    return str(annotations["layer2.porter.kubesphere.io/v1alpha1"])


def agent(lab: Lab, node: str) -> Process:
    process = lab.stage.process("agent", node)
    assert process is not None
    return process


@contextmanager
def traffic(lab: Lab) -> Iterator[Prober]:
    """Echoes to the address all the while, and some before and after."""
    with lab.traffic(ADDRESS, interval=0.05) as prober:
        time.sleep(0.2)
        yield prober
        time.sleep(0.2)


def answering(report: Report) -> list[str]:
    """Who answered, one after the other."""
    return [host for _, host in report.owners]


def unready(lab: Lab, node: str) -> str:
    """Why a node's agent is not ready, as it says; nothing when it is."""
    return problems_of_agent(lab.namespace(node), AGENT_PORT)


def test_what_porter_manifests_prints_applies_over_what_the_lab_installed_without_a_warning(lab: Lab) -> None:
    printed = subprocess.run(porter("manifests", "--only", "crd"), capture_output=True, text=True, check=True).stdout
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: porter-system, labels: {a: b}}\n"

    told = lab.kube("apply", "-f", "-", text=f"{namespace}---\n{printed}", check=False)

    lines = [line.split()[0] for line in told.splitlines()]
    assert lines == [
        "namespace/porter-system",
        "customresourcedefinition.apiextensions.k8s.io/eips.network.kubesphere.io",
    ]
    assert "Warning" not in told


@pytest.mark.sees("agent", "power", "link")
@pytest.mark.parametrize("kind", ["agent", "power", "link"])
def test_another_node_takes_over_and_after_recovery_one_node_answers(lab: Lab, kind: str) -> None:
    until("one owner", lambda: len(owners(lab)) == 1)
    (owner,) = owners(lab)
    before = agent(lab, owner)

    with traffic(lab) as moving:
        lab.fail(owner, kind)
        assert processes.alive(before) == (kind == "link")
        until("another owner", lambda: len(owners(lab)) == 1 and owners(lab) != [owner])
        (survivor,) = owners(lab)
        until("the survivor on the Service", lambda: written(lab) == survivor)  # by another leader, if the owner led
    with traffic(lab) as staying:
        lab.recover(owner)
        until("a ready agent", lambda: not unready(lab, owner))  # else it takes up what it had when it starts
        until("both nodes ready", lambda: "NotReady" not in lab.kube("get", "nodes"))

    assert owners(lab) == [survivor]
    assert answering(moving.report) == [owner, survivor]
    is_silent = kind != "agent"  # the node of a killed agent goes on answering who knows its MAC
    assert (moving.report.lost > 0) == is_silent
    assert (answering(staying.report)[-1], staying.report.lost) == (survivor, 0)
    if kind != "link":  # one that was cut off answers a moment longer for what it had, until it hears of the other
        assert answering(staying.report) == [survivor]


@pytest.mark.sees("hang")
def test_an_agent_that_hangs_keeps_its_address_until_it_goes_on(lab: Lab) -> None:
    (owner,) = owners(lab)
    process = agent(lab, owner)
    state = Path(f"/proc/{process.pid}/stat")

    with traffic(lab) as prober:
        lab.fail(owner, "hang")
        until("a stopped process", lambda: state.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "T")
        until("another node on the Service", lambda: written(lab) != owner)
        (kept, survivor) = (owners(lab), written(lab))
        lab.recover(owner)
        until("a running process", lambda: state.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "T")
        until("the other's answer", lambda: owners(lab) == [survivor])

    assert kept == [owner], "its announcer goes on, and the other node asks in vain so long"
    assert (answering(prober.report), prober.report.lost) == ([owner, survivor], 0)
    assert agent(lab, owner) == process


@pytest.mark.sees("kubelet")
def test_a_node_whose_kubelet_is_silent_hands_over_its_address_and_nothing_is_lost(lab: Lab) -> None:
    (owner,) = owners(lab)

    with traffic(lab) as prober:
        lab.fail(owner, "kubelet")
        until("another owner", lambda: len(owners(lab)) == 1 and owners(lab) != [owner])
        (survivor,) = owners(lab)
        lab.recover(owner)
        until("both nodes ready", lambda: "NotReady" not in lab.kube("get", "nodes"))

    assert owners(lab) == [survivor]
    assert (answering(prober.report), prober.report.lost) == ([owner, survivor], 0)


@pytest.mark.sees("disk")
def test_an_agent_whose_disk_is_full_announces_says_so_and_records_it_all_later(lab: Lab) -> None:
    (owner,) = owners(lab)
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}], "selector": {"app": "porter-layer2"}}
    annotations = {
        key: value
        for key, value in lab.api.get("Service", "porter-layer2-svc")["metadata"]["annotations"].items()
        if not key.startswith(("layer2.", "kubectl."))
    }
    metadata = {"name": "second", "annotations": annotations}

    with traffic(lab) as prober:
        lab.fail(owner, "disk")
        lab.api.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
        until("no readiness", lambda: unready(lab, owner).startswith("event log: the disk that holds "))
        until("an address all the same", lambda: bool(lab.api.get("Service", "second")["status"].get("loadBalancer")))
        with EventLog.open(str(lab.event_log(owner)), read_only=True) as log:
            before = log.last_seq
        lab.recover(owner)
        until("readiness", lambda: not unready(lab, owner))

    assert (answering(prober.report), prober.report.lost) == ([owner], 0)
    with EventLog.open(str(lab.event_log(owner)), read_only=True) as log:
        entries = [one.entry for one in log.read(before)]
        assert verify(log).holds
    assert [one.problem for one in entries if isinstance(one, LogResumed) if "is full" in one.problem]
    assert "default/second" in [one.assignment.service for one in entries if isinstance(one, AssignmentDecided)]
    lab.api.delete("Service", "second")


@pytest.mark.sees("clock")
def test_a_clock_that_steps_under_its_agent_moves_no_address_and_loses_nothing(lab: Lab) -> None:
    (owner,) = owners(lab)
    process = agent(lab, owner)

    def renewed() -> float:
        """How far the node's Lease says that the agent's clock is off."""
        lease = lab.api.get("Lease", f"porter-node-{owner}", namespace="porter-system")
        return datetime.fromisoformat(lease["spec"]["renewTime"]).timestamp() - time.time()

    with traffic(lab) as prober:
        lab.fail(owner, "clock", How(step=-3600.0))
        until("a renewal an hour ago", lambda: abs(renewed() + 3600) < 60)
        time.sleep(4)  # more than the lease that the agents were given
        lab.recover(owner)
        until("a renewal now", lambda: abs(renewed()) < 60)

    assert (answering(prober.report), prober.report.lost) == ([owner], 0)
    assert (owners(lab), written(lab)) == ([owner], owner)
    assert agent(lab, owner) == process
    assert processes.alive(process)


def test_an_agent_that_ended_while_its_clock_was_wrong_is_started_with_one_that_is_right(lab: Lab) -> None:
    lab.fail("node1", "clock")
    before = agent(lab, "node1")
    processes.end(before)
    until("its end", lambda: not processes.alive(before))
    processes.collect(before.pid)

    lab.recover("node1")

    until("another agent", lambda: not unready(lab, "node1"))
    told = clocks.told(answer_of_agent(lab.namespace("node1"), AGENT_PORT))
    assert told is not None
    assert abs(told.timestamp() - time.time()) < 60
    until("one owner", lambda: len(owners(lab)) == 1)


def test_the_agents_have_the_rights_that_the_manifests_grant_and_need_each_of_them(lab: Lab) -> None:
    """The last test of this lab: what the agents asked for in all that happened before is the evidence."""
    requests = [json.loads(line) for line in lab.stage.audit_log().read_text(encoding="utf-8").splitlines()]
    theirs: list[Any] = [
        one for one in requests if one["user"]["username"] == "system:serviceaccount:porter-system:porter"
    ]
    assert len(theirs) > 100

    refused = [one["requestURI"] for one in theirs if one["annotations"]["authorization.k8s.io/decision"] == "forbid"]
    needed = {one["annotations"]["lab/right"] for one in theirs if "lab/right" in one["annotations"]}

    assert refused == []
    assert granted() - needed <= SELDOM, sorted(granted() - needed - SELDOM)


def granted() -> set[str]:
    """Every verb on every kind that the manifests grant, as the API server's audit log writes a right."""
    return {
        str(right)
        for role in yaml.safe_load_all(render(["rbac"]))
        for rule in role.get("rules", ())
        for right in rights(rule, f"{role['kind']} {'porter-system/' if role['kind'] == 'Role' else ''}porter")
    }
