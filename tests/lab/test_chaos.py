"""Trouble with the API server and with agents, with traffic running: no address moves, none has two owners, nothing is lost.

Each trouble lasts PORTER_CHAOS_SECONDS, by default 4.5, and PORTER_CHAOS_KILLS leaders are killed, by default 3. Try 60 and 50
by hand after a change of watches, leases, publishing or the agent.
"""

import functools
import itertools
import json
import os
import random
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from porter.lab import Lab, processes
from porter.lab.faults import How
from porter.lab.topology import Topology, parse
from porter.model import keys
from tests.lab import labs
from tests.lab.labs import YAML
from tests.lab.watched import note, ready, shown, watched

pytestmark = [pytest.mark.root, pytest.mark.slow]
until = functools.partial(labs.until, within=30.0)

SECONDS = float(os.environ.get("PORTER_CHAOS_SECONDS") or 4.5)
KILLS = int(os.environ.get("PORTER_CHAOS_KILLS") or 3)
BURST = 4
"""Services that come at once, for a leader to be killed while it publishes them."""
PROBE_WINDOW = 1.0  # seconds: clocks and applied entries of two nodes are no finer
NAMES = ("chaos-a", "chaos-b", "chaos-c", "chaos-d")


def network() -> Topology:
    """The guide's, with room for the Services of many bursts."""
    nodes = [{"name": f"node{n}", "nics": [{"name": "eth0", "address": f"192.168.0.{1 + n}/16"}]} for n in (1, 2, 3)]
    client = {"name": "client", "nics": [{"name": "eth0", "address": "192.168.0.200/16"}]}
    return parse({"gateway": "192.168.0.1/16", "nodes": nodes, "client": client})


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up("c", network=network(), lease_duration=3.0, clocks=True) as made:
        made.kube("apply", "-f", str(YAML / "porter-layer2-eip.yaml"), "-f", str(YAML / "porter-layer2.yaml"))
        for name in NAMES:
            come(made, name, "porter-layer2-eip")
        until("four addresses", lambda: len(addresses(made)) == len(NAMES))
        for address in addresses(made).values():
            until("an owner", lambda address=address: len(made.arp(address, wait=0.2)) == 1)  # type: ignore[misc]
        yield made


@pytest.fixture(scope="module")
def stepped() -> set[str]:
    """The nodes whose clock has stepped: their logs come last, since times are told by that of the first."""
    return set()


def come(lab: Lab, name: str, eip: str) -> None:
    """A Service that asks for an address."""
    annotations = {
        keys.CLAIM: "porter",
        "protocol.porter.kubesphere.io/v1alpha1": "layer2",
        "eip.porter.kubesphere.io/v1alpha2": eip,
    }
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}], "selector": {"app": "porter-layer2"}}
    metadata = {"name": name, "annotations": annotations}
    lab.api.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})


def addresses(lab: Lab) -> dict[str, str]:
    found = {}
    for service in lab.api.list("Service", namespace="default"):
        for ingress in service["status"].get("loadBalancer", {}).get("ingress") or []:
            found[service["metadata"]["name"]] = ingress["ip"]
    return found


def owners(lab: Lab, names: Sequence[str] = NAMES) -> dict[str, list[str]]:
    """Who answers for the address of each: all are asked at the same time."""
    hosts = {lab.mac(node.name): node.name for node in lab.topology.nodes}
    found = addresses(lab)
    asked = [found[name] for name in names]
    with ThreadPoolExecutor(len(asked)) as clients:
        answers = clients.map(functools.partial(lab.arp, wait=0.3), asked)
        return {
            address: sorted({hosts.get(one.mac, one.mac) for one in some})
            for address, some in zip(asked, answers, strict=True)
        }


def well_again(lab: Lab, node: str) -> None:
    """Wait until the new agent of a node is ready, and each address has one owner."""
    ready(lab, node)
    until("one owner of each", lambda: all(len(names) == 1 for names in owners(lab).values()))


@pytest.mark.timeout(120 + 2 * SECONDS)
@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("stopped", How()),
        ("silent", How()),
        ("cuts", How(every=1.0)),
        ("errors", How(code=500)),
        ("errors", How(code=429)),
        ("slow", How(delay=0.5)),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.code}" if isinstance(value, How) else None,
)
def test_trouble_of_the_api_server_moves_no_address(lab: Lab, kind: str, how: How) -> None:
    before = owners(lab)
    assert all(len(names) == 1 for names in before.values())

    with watched(lab, before) as seen:
        lab.fail("apiserver", kind, how)
        time.sleep(SECONDS)
        lab.recover("apiserver")

    assert seen.oddities() == []
    assert owners(lab) == before


class Writes:
    """What is written to Services that are new, as the API server's audit log tells it, from now on."""

    def __init__(self, lab: Lab) -> None:
        self._file = lab.stage.audit_log().open("rb")
        self._file.seek(0, os.SEEK_END)

    def wait(self, count: int) -> None:
        """Return at the moment of the last of so many."""
        limit = time.monotonic() + 30.0
        while count:
            line = self._file.readline()
            count -= b"/services/new-" in line and b'"verb":"patch"' in line
            if not line:
                assert time.monotonic() < limit, "nothing is published"
                time.sleep(0.0005)
        self._file.close()


class Leaders:
    """The agent that leads, and the next one when it is killed."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._killed = ""

    def wait(self) -> str:
        """Wait until one leads that has not been killed, and return its node."""
        until("a leader", lambda: self._holder() not in {"", self._killed})
        return self._holder().partition("_")[0]

    def kill(self, node: str) -> None:
        self._killed = self._holder()
        process = self._lab.stage.process("agent", node)
        assert process is not None
        assert processes.end(process), "it was alive"
        until("its end", lambda: not processes.alive(process))
        processes.collect(process.pid)

    def _holder(self) -> str:
        lease = self._lab.api.get("Lease", "porter-leader", namespace="porter-system")
        return str(lease["spec"].get("holderIdentity") or "")


@pytest.mark.timeout(120 + 20 * KILLS)
def test_leaders_that_are_killed_while_they_publish_give_nothing_twice(lab: Lab) -> None:
    """Only what a killed leader's own node announced may go to another one; all else stays, without a lost answer."""
    lab.api.apply(
        {
            "apiVersion": "network.kubesphere.io/v1alpha2",
            "kind": "Eip",
            "metadata": {"name": "bursts"},
            "spec": {"address": "192.168.8.0/21", "protocol": "layer2"},
        }
    )
    old, chance, leaders = addresses(lab), random.Random(7), Leaders(lab)
    names = (f"new-{number:03}" for number in itertools.count())
    made: list[str] = []
    killed = 0

    with watched(lab, old.values()) as seen, ThreadPoolExecutor(BURST) as clients:
        while killed < KILLS:
            burst = list(itertools.islice(names, BURST))
            node, writes = leaders.wait(), Writes(lab)
            list(clients.map(lambda name: come(lab, name, "bursts"), burst))
            made += burst
            writes.wait(chance.randint(1, BURST))
            with seen.away(node):
                leaders.kill(node)
                in_the_middle = not set(burst) <= set(addresses(lab))
                if killed % 4 == 1:
                    leaders.wait()  # of another node, when the Lease has run out; else its own may be the next one
                lab.stage.start_agent(lab.topology.node(node))
                well_again(lab, node)
            killed += in_the_middle
        until("an address for each", lambda: set(made) <= set(addresses(lab)))

    found = addresses(lab)
    assert seen.oddities() == []
    assert {name: found[name] for name in old} == old
    assert len(set(found.values())) == len(found)
    assert {name: {address} for name, address in found.items()} == {
        key.partition("/")[2]: every for key, every in shown(lab).items() if every
    }, "no agent has ever seen another one"
    assert all(len(names) == 1 for names in owners(lab, [*NAMES, *made[-BURST:]]).values())
    for name in made:
        lab.api.delete("Service", name)


@pytest.mark.timeout(120 + 2 * SECONDS)
def test_a_clock_that_steps_moves_no_address(lab: Lab, stepped: set[str]) -> None:
    before = owners(lab)
    node = next(iter(before.values()))[0]
    stepped.add(node)

    with watched(lab, before, stepping=node) as seen:
        lab.fail(node, "clock", How(step=3600))
        note(lab, 12)  # so many of both clocks tell how far they are apart
        time.sleep(SECONDS)
        lab.recover(node)
        note(lab, 3)

    assert seen.oddities() == []
    assert owners(lab) == before


def test_the_logs_together_show_no_moment_with_two_owners(lab: Lab, stepped: set[str]) -> None:
    """The last test of this lab: what its nodes wrote through all that happened before."""
    names = sorted((node.name for node in lab.topology.nodes), key=lambda name: name in stepped)
    logs = [str(lab.stage.event_log(name)) for name in names]
    done = subprocess.run(
        processes.porter("replay", "--merge", "--format", "json", *logs), capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len([told for told in found["timeline"] if "announces" in told["text"]]) >= len(NAMES)
    several = [one for one in found["windows"] if one["what"] == "several"]
    assert [one for one in several if one["seconds"] is None or one["seconds"] > PROBE_WINDOW] == []
