"""A leader that is stopped in the middle of its work and wakes up when another one leads: it does no harm."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from porter.model import keys
from tests.agent.api import SERVICES, Api
from tests.agent.command import Command, commanding

NAMES = [f"web{number:02}" for number in range(80)]
FIRST = 20
"""The status at which the first leader is stopped: it knows of some that they are taken; 16 at most are under way."""


@pytest.fixture
def two(bare: Api, tmp_path: Path) -> Iterator[tuple[Command, Command]]:
    """Two agents that lead one after the other. There are no Nodes, so neither announces anything."""
    bare.install()
    bare.eip("pool", "192.168.7.0/24")
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(commanding(tmp_path, bare.kubeconfig(tmp_path / node), node=node, lease=1.5))
            for node in ("node1", "node2")
        )
        first.start_ready()
        first.wait("leadership", lambda: first.metrics()["porter_leader"] == 1)
        second.start_ready()
        yield first, second


def versions(api: Api) -> dict[str, str]:
    return {one["metadata"]["name"]: one["metadata"]["resourceVersion"] for one in api.get(SERVICES)["items"]}


def test_a_leader_that_sleeps_and_wakes_up_does_no_harm(bare: Api, two: tuple[Command, Command]) -> None:
    first, second = two
    left = FIRST

    def rule(method: str, path: str) -> bool:
        nonlocal left
        if method == "PATCH" and path.startswith(SERVICES) and path.endswith("/status"):
            left -= 1
            if left == 0:
                first.signal(signal.SIGSTOP)
        return False

    bare.forbidden = rule
    for name in NAMES:
        bare.service(name)
    first.wait("some work", lambda: left <= 0 and len(bare.shown()) >= FIRST)
    before = bare.shown()
    assert len(before) < len(NAMES), "it was in the middle of it"

    second.wait("leadership", lambda: second.metrics()["porter_leader"] == 1)
    second.wait("an address for each", lambda: len(bare.shown()) == len(NAMES))
    given = NAMES[-1]
    bare.patch(f"{SERVICES}/{given}", {"metadata": {"annotations": {keys.CLAIM: None}}})
    second.wait("that it was taken off", lambda: given not in bare.shown())
    after, written = bare.shown(), versions(bare)
    assert before.items() <= after.items()
    assert len({address for (address,) in after.values()}) == len(NAMES) - 1
    first.signal(signal.SIGCONT)
    first.wait("that it knows", lambda: first.status()["leader"] == "node2")
    first.wait(
        "what it missed", lambda: f"default/{given}" not in [one["service"] for one in first.status()["assignments"]]
    )
    first.wait("ready", lambda: first.page("/readyz") == (200, "ok\n"))

    second.wait("what it has told", lambda: set(NAMES) - set(before) <= set(bare.told("AddressAssigned")))
    first.wait("what it still has to tell", lambda: set(before) & set(bare.told("AddressAssigned")))
    assert (first.terminate(), second.terminate()) == (0, 0)

    assert versions(bare) == written, "it has written nothing"
    assert len(bare.told("AddressAssigned")) == len(set(bare.told("AddressAssigned"))), "nothing was told twice"
    assert bare.told("AddressLost") == [given]
