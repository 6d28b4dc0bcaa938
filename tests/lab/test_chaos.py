"""Trouble with the API server and with agents, with traffic running: no address moves, none has two owners, nothing is lost.

Each trouble lasts PORTER_CHAOS_SECONDS, by default 4.5; try 60 by hand after a change of watches, leases or the agent.
"""

import functools
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from porter.lab import Lab, processes
from porter.lab.faults import How
from porter.lab.probing import Report
from tests.lab import labs
from tests.lab.labs import YAML

pytestmark = [pytest.mark.root, pytest.mark.slow]
until = functools.partial(labs.until, within=30.0)

SECONDS = float(os.environ.get("PORTER_CHAOS_SECONDS") or 4.5)
PROBE_WINDOW = 1.0  # seconds: clocks and applied entries of two nodes are no finer
NAMES = ("chaos-a", "chaos-b", "chaos-c", "chaos-d")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with labs.up(tmp_path_factory, "c", nodes=3, lease_duration=3.0, clocks=True) as made:
        made.kube("apply", "-f", str(YAML / "porter-layer2-eip.yaml"), "-f", str(YAML / "porter-layer2.yaml"))
        for name in NAMES:
            spec = {"type": "LoadBalancer", "ports": [{"port": 80}], "selector": {"app": "porter-layer2"}}
            annotations = {
                "lb.kubesphere.io/v1alpha1": "porter",
                "protocol.porter.kubesphere.io/v1alpha1": "layer2",
                "eip.porter.kubesphere.io/v1alpha2": "porter-layer2-eip",
            }
            metadata = {"name": name, "annotations": annotations}
            made.api.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
        until("four addresses", lambda: len(addresses(made)) == len(NAMES))
        for address in addresses(made).values():
            until("an owner", lambda address=address: len(made.arp(address, wait=0.2)) == 1)  # type: ignore[misc]
        yield made


def addresses(lab: Lab) -> dict[str, str]:
    found = {}
    for service in lab.api.list("Service", namespace="default"):
        for ingress in service["status"].get("loadBalancer", {}).get("ingress") or []:
            found[service["metadata"]["name"]] = ingress["ip"]
    return found


def owners(lab: Lab) -> dict[str, list[str]]:
    names = {lab.mac(node.name): node.name for node in lab.topology.nodes}
    return {
        address: sorted({names.get(answer.mac, answer.mac) for answer in lab.arp(address, wait=0.3)})
        for address in addresses(lab).values()
    }


def carry_on(lab: Lab, trouble: Callable[[], None]) -> list[Report]:
    """What became of traffic to every address while there was trouble, and a while after it."""
    with ExitStack() as stack:
        probers = [stack.enter_context(lab.traffic(address, interval=0.05)) for address in addresses(lab).values()]
        time.sleep(0.5)
        trouble()
        time.sleep(2.0)
    return [prober.report for prober in probers]


def break_for_a_while(lab: Lab, target: str, kind: str, how: How) -> Callable[[], None]:
    def trouble() -> None:
        lab.fail(target, kind, how)
        time.sleep(SECONDS)
        lab.recover(target)

    return trouble


def nothing_happened(lab: Lab, before: dict[str, list[str]], reports: list[Report]) -> None:
    assert [report.lost for report in reports] == [0] * len(reports), [report.gaps for report in reports]
    assert [len(report.owners) for report in reports] == [1] * len(reports), [report.owners for report in reports]
    assert owners(lab) == before


@pytest.mark.parametrize(
    ("target", "kind", "how"),
    [
        ("apiserver", "stopped", How()),
        ("apiserver", "silent", How()),
        ("apiserver", "cuts", How(every=1.0)),
        ("apiserver", "errors", How(code=500)),
        ("apiserver", "errors", How(code=429)),
        ("apiserver", "slow", How(delay=0.5)),
        ("an owner", "clock", How(step=3600)),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.code}" if isinstance(value, How) else None,
)
def test_trouble_that_is_not_the_nodes_moves_no_address(lab: Lab, target: str, kind: str, how: How) -> None:
    before = owners(lab)
    assert all(len(names) == 1 for names in before.values())
    target = next(iter(before.values()))[0] if target == "an owner" else target

    reports = carry_on(lab, break_for_a_while(lab, target, kind, how))

    nothing_happened(lab, before, reports)


def test_a_leader_that_is_killed_while_it_publishes_gives_nothing_twice(lab: Lab) -> None:
    """New Services come while leaders are killed; each gets one address of its own, and the old ones keep theirs."""
    old = addresses(lab)
    made = [f"new-{number}" for number in range(4)]

    def leader() -> str:
        lease = lab.api.get("Lease", "porter-leader", namespace="porter-system")
        return str(lease["spec"].get("holderIdentity") or "").partition("_")[0]

    for name in made:
        template = lab.api.get("Service", NAMES[0])
        metadata = {
            "name": name,
            "annotations": {
                key: value
                for key, value in template["metadata"]["annotations"].items()
                if not key.startswith(("layer2.", "kubectl."))
            },
        }
        spec = {"type": "LoadBalancer", "ports": [{"port": 80}], "selector": {"app": "porter-layer2"}}
        lab.api.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
        node = leader()
        if node in {one.name for one in lab.topology.nodes}:
            process = lab.stage.process("agent", node)
            assert process is not None
            processes.end(process, how=signal.SIGKILL)
            processes.collect(process.pid)
            lab.stage.start_agent(lab.topology.node(node))
    until("an address for each", lambda: set(made) <= set(addresses(lab)), within=60)
    found = addresses(lab)

    assert len(set(found.values())) == len(found)
    assert {name: found[name] for name in old} == old
    for name in made:
        lab.api.delete("Service", name)
    until("one owner of each", lambda: all(len(names) == 1 for names in owners(lab).values()))


def test_the_logs_together_show_no_moment_with_two_owners(lab: Lab) -> None:
    """The last test of this lab: what its nodes wrote through all that happened before.

    How long nobody announced is for the traffic of each test to say: an agent's clock was an hour off for some seconds,
    too few for the logs to tell how much to correct of what it wrote meanwhile.
    """
    logs = [str(lab.stage.event_log(node.name)) for node in lab.topology.nodes]
    done = subprocess.run(
        processes.porter("replay", "--merge", "--format", "json", *logs), capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len([told for told in found["timeline"] if "announces" in told["text"]]) >= len(NAMES)
    several = [one for one in found["windows"] if one["what"] == "several"]
    assert [one for one in several if one["seconds"] is None or one["seconds"] > PROBE_WINDOW] == []
