"""A lab without strictARP: the owner's log says whose kernel answers as well, and what to do."""

from collections.abc import Iterator

import pytest

from porter.events.entries import AddressClaimed
from porter.events.log import EventLog
from porter.events.sentences import sentence
from porter.lab import Lab
from tests.lab import labs
from tests.lab.labs import YAML, until

pytestmark = [pytest.mark.root, pytest.mark.slow]


@pytest.fixture
def lab() -> Iterator[Lab]:
    with labs.up("w", nodes=2, strict_arp=False) as made:
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

    until("somebody who noticed", lambda: bool(claims(lab)), within=30.0)

    first = claims(lab)[0]
    assert {first.node, first.peer} == {"node1", "node2"}
    assert first.weak
    assert f"{first.peer}'s kernel answers" in sentence(first)
    assert "strictARP: true" in sentence(first)
