"""An agent that is told to end in a cluster of two: its address has another owner at once, not when its Lease runs out."""

import signal
import time
from collections.abc import Iterator

import pytest

from porter.lab import Lab, processes
from tests.lab import labs

pytestmark = [pytest.mark.root, pytest.mark.slow]

ADDRESS = "192.168.0.91"
LEASE = 15.0


@pytest.fixture
def lab() -> Iterator[Lab]:
    with labs.up("l", nodes=2, lease_duration=LEASE) as made:
        for file in ("porter-layer2-eip.yaml", "porter-layer2.yaml", "porter-layer2-svc.yaml"):
            made.kube("apply", "-f", str(labs.YAML / file))
        yield made


def owners(lab: Lab) -> list[str]:
    names = {lab.mac(node.name): node.name for node in lab.topology.nodes}
    return sorted({names[answer.mac] for answer in lab.arp(ADDRESS, wait=0.1)})


def first_other_than(lab: Lab, *others: list[str], within: float) -> list[str]:
    limit = time.monotonic() + within
    while (found := owners(lab)) in others:
        assert time.monotonic() < limit, f"still {found} after {within} s"
    return found


def test_another_node_takes_over_well_before_the_lease_could_run_out(lab: Lab) -> None:
    (owner,) = first_other_than(lab, [], within=30)
    agent = lab.stage.process("agent", owner)
    assert agent is not None

    processes.end(agent, how=signal.SIGTERM)

    (heir,) = first_other_than(lab, [], [owner], within=LEASE / 2)
    assert heir != owner
