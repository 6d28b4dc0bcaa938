"""A lab without strictARP: the owner's log says whose kernel answers as well, and what to do."""

import os
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from porter.events.entries import AddressClaimed
from porter.events.log import EventLog
from porter.events.sentences import sentence
from porter.lab import Lab

pytestmark = [pytest.mark.root, pytest.mark.slow]
YAML = Path(str(resources.files("porter.lab.tutorial")))


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setenv("PORTER_LAB_DIR", str(tmp_path))
    with Lab.up(f"w{os.getpid()}", nodes=2, strict_arp=False) as made:
        yield made


def claims(lab: Lab) -> list[AddressClaimed]:
    found = []
    for node in ("node1", "node2"):
        with EventLog.open(lab.event_log(node), read_only=True) as log:
            found += [record.entry for record in log.read() if isinstance(record.entry, AddressClaimed)]
    return found


def test_a_kernel_that_answers_beside_the_owner_is_told_with_the_nodes_name_and_the_cure(lab: Lab) -> None:
    for file in ("porter-layer2-eip.yaml", "porter-layer2.yaml", "porter-layer2-svc.yaml"):
        lab.kube("apply", "-f", str(YAML / file))

    end = time.monotonic() + 30
    while not claims(lab):
        assert time.monotonic() < end, "nobody noticed"
        time.sleep(0.3)

    first = claims(lab)[0]
    assert {first.node, first.peer} == {"node1", "node2"}
    assert first.weak
    assert f"{first.peer}'s kernel answers" in sentence(first)
    assert "strictARP: true" in sentence(first)
