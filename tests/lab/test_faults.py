"""Every kind of fault of nodes, cables and the API server: seen to take place, and gone after `recover`.

Those of agents are in test_agents. One lab without agents for all.
"""

import contextlib
import http.client
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from porter.cli.lab.breaking import fail, recover
from porter.lab import Lab, faults, furniture, namespaces, processes
from porter.lab.errors import LabError
from porter.lab.faults import How
from porter.lab.kube import Access, Kube, RefusedError, read_access
from tests.lab import labs, test_agents, test_probing
from tests.lab.labs import until

pytestmark = pytest.mark.root

OTHERHOST = 3  # packet(7): flooded by the switch to somebody else
NODE1, NODE2, GATEWAY = "192.168.0.2", "192.168.0.3", "192.168.0.1"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up("f", nodes=2, agents=False, grace=2.0) as made:
        yield made


@pytest.fixture(autouse=True)
def mended(lab: Lab) -> Iterator[None]:
    """What a failed test leaves broken is mended for the next one."""
    yield
    for target in lab.stage.known.faults:
        lab.recover(target)


def are_ready(lab: Lab, *nodes: str) -> None:
    until(f"{nodes} ready", lambda: furniture.ready_nodes(lab.api) == set(nodes), within=30.0)


SHORT = 0.3  # seconds: enough to know that nothing comes back


def reaches(lab: Lab, source: str, address: str, port: int = 22, *, wait: float = 1.0) -> bool:
    """Whether a TCP packet comes back: a refusal is an answer."""
    stream = namespaces.inside(lab.namespace(source), lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    with stream:
        stream.settimeout(wait)
        try:
            stream.connect((address, port))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
        return True


def api(lab: Lab, source: str, *, wait: float = 1.0) -> bool:
    """Whether the API server takes a connection from a host."""
    return reaches(lab, source, GATEWAY, lab.topology.api_port, wait=wait)


def lost(lab: Lab, address: str, count: int, *, wait: float = 0.05) -> int:
    return sum(lab.ping(address, wait=wait) is None for _ in range(count))


@pytest.mark.sees("loss")
def test_frames_get_lost_on_a_bad_cable_and_not_on_a_mended_one(lab: Lab) -> None:
    assert lost(lab, NODE1, 10, wait=1.0) == 0

    lab.fail("node1", "loss", How(loss=0.5))
    some = lost(lab, NODE1, 60)  # an echo and its reply: a quarter comes through
    lab.recover("node1")

    assert 30 <= some < 60
    assert lost(lab, NODE1, 10, wait=1.0) == 0


@pytest.mark.sees("delay")
def test_a_slow_cable_is_slow_both_ways_and_loses_nothing(lab: Lab) -> None:
    lab.fail("node1", "delay", How(delay=0.1))
    slow = [lab.ping(NODE1, wait=5.0) or 0.0 for _ in range(3)]
    lab.recover("node1")

    assert min(slow) >= 0.2
    until("an echo as quick as before", lambda: (lab.ping(NODE1) or 9) < 0.2)


def test_what_passes_a_bad_cable_is_whole(lab: Lab) -> None:
    """Checksums and long segments that the kernel leaves to the NIC: a body of many frames over TCP and TLS."""
    lab.fail("node1", "delay", How(delay=0.01))
    lines = [str(number) * 2000 for number in range(100)]
    lab.api.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "long"}, "data": {"a": "\n".join(lines)}}
    )
    access = read_access(lab.stage.node_kubeconfig())
    fetched = fetch(access, "/api/v1/namespaces/default/configmaps/long", netns=lab.namespace("node1"))
    lab.recover("node1")

    assert lines[99] in fetched


@pytest.mark.sees("no-api")
def test_a_node_may_lose_the_api_server_alone(lab: Lab) -> None:
    lab.fail("node1", "no-api")
    cut = api(lab, "node1", wait=SHORT)
    seen = (cut, api(lab, "node2"), reaches(lab, "node1", NODE2), lab.ping(NODE1) is not None)
    lab.recover("node1")

    assert seen == (False, True, True, True)
    assert api(lab, "node1")


@pytest.mark.sees("no-peers")
def test_a_node_may_lose_the_other_nodes_alone(lab: Lab) -> None:
    lab.fail("node1", "no-peers")
    cut = reaches(lab, "node1", NODE2, wait=SHORT), reaches(lab, "node2", NODE1, wait=SHORT)
    seen = (*cut, api(lab, "node1"), lab.ping(NODE1) is not None)
    heard = [answer.mac for answer in lab.arp(NODE1)]  # a broadcast of the client's still reaches it
    lab.recover("node1")

    assert seen == (False, False, True, True)
    assert heard == [lab.mac("node1")]
    assert reaches(lab, "node1", NODE2)


def test_a_broadcast_of_a_node_without_peers_reaches_all_but_them(lab: Lab) -> None:
    def hears(host: str) -> bool:
        with lab.capture(host, protocol=0x0806) as capture:
            lab.exec("node1", ["ip", "neigh", "flush", "all"])
            lab.exec("node1", ["ip", "neigh", "del", "192.168.0.77", "dev", "eth0"])
            with namespaces.inside(lab.namespace("node1"), lambda: socket.socket(type=socket.SOCK_DGRAM)) as question:
                question.sendto(b"", ("192.168.0.77", 9))  # nobody; its MAC is asked for
            frames = [frame for frame in capture.frames(wait=0.2) if frame.kind != OTHERHOST]
            return any(lab.mac("node1") == frame.source for frame in frames)

    lab.fail("node1", "no-peers")
    try:
        heard = [hears("client"), hears("node2")]
    finally:
        lab.recover("node1")

    assert heard == [True, False]
    assert hears("node2")


@pytest.mark.sees("kubelet")
def test_a_silent_kubelet_makes_its_node_not_ready_and_nothing_else(lab: Lab) -> None:
    are_ready(lab, "node1", "node2")
    spec = {"nodeName": "node2", "containers": [{"name": "c", "image": "i"}]}
    lab.api.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "held"}, "spec": spec})
    until("its address", lambda: "podIP" in lab.api.get("Pod", "held")["status"])

    lab.fail("node2", "kubelet")
    lab.api.delete("Pod", "held")
    are_ready(lab, "node1")
    assert lab.ping(NODE2) is not None
    assert "deletionTimestamp" in lab.api.get("Pod", "held")["metadata"]  # nobody ends it
    lab.recover("node2")

    are_ready(lab, "node1", "node2")
    until("its end", lambda: not lab.api.list("Pod", namespace="default"))


@pytest.mark.sees("stopped")
def test_a_stopped_api_server_comes_back_with_its_objects_and_without_its_history(lab: Lab) -> None:
    lab.api.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}, "data": {"a": "b"}})
    old = lab.api.get("ConfigMap", "kept")["metadata"]["resourceVersion"]
    token = lab.api.request(
        "POST", "/api/v1/namespaces/kube-system/serviceaccounts", {"metadata": {"name": "somebody"}}
    )["metadata"]["uid"]

    [holding] = processes.children(lab.stage.must_run("apiserver"))
    lab.fail("apiserver", "stopped")
    assert not processes.alive(holding)
    assert not lab.api.ready()
    lab.recover("apiserver")

    assert lab.api.get("ConfigMap", "kept")["data"] == {"a": "b"}
    assert lab.api.request("GET", "/api/v1/namespaces/kube-system/serviceaccounts/somebody")["metadata"]["uid"] == token
    slices = lab.api.get("EndpointSlice", "kubernetes")
    assert (slices["endpoints"][0]["addresses"], slices["ports"][0]["port"]) == ([GATEWAY], lab.topology.api_port)
    path = f"/api/v1/namespaces/default/configmaps?watch=1&resourceVersion={int(old) - 1}&timeoutSeconds=1"
    assert lab.api.request("GET", path)["object"]["code"] == 410
    are_ready(lab, "node1", "node2")


@pytest.mark.sees("slow")
def test_a_slow_api_server_answers_late(lab: Lab) -> None:
    def took() -> float:
        began = time.monotonic()
        lab.api.list("Node")
        return time.monotonic() - began

    lab.fail("apiserver", "slow", How(delay=0.5))
    late = took()
    lab.recover("apiserver")

    assert late >= 0.5
    until("an answer as early as before", lambda: took() < 0.5)


@pytest.mark.sees("errors")
@pytest.mark.parametrize("code", [500, 429])
def test_an_erring_api_server_errs(lab: Lab, code: int) -> None:
    lab.fail("apiserver", "errors", How(code=code))
    with pytest.raises(RefusedError) as refused:
        lab.api.list("Node")
    lab.recover("apiserver")

    assert refused.value.code == code
    assert lab.api.list("Node")


@pytest.mark.sees("cuts")
def test_watches_are_cut_in_the_middle_of_a_line(lab: Lab) -> None:
    lab.fail("apiserver", "cuts", How(every=0.3))
    answer = watched(lab)
    lab.recover("apiserver")

    assert answer.endswith('{"type":"MODIFIED","object":{"kind"')
    assert watched(lab).endswith("}\n")


def watched(lab: Lab) -> str:
    """What a watch of the Nodes brings until it ends, in two seconds at the latest."""
    return fetch(read_access(lab.kubeconfig), "/api/v1/nodes?watch=1&timeoutSeconds=2")


def fetch(access: Access, path: str, *, netns: str = "") -> str:
    """What comes back, however the connection ends; asked in a namespace, or in this machine's own."""
    server = urlsplit(access.server)
    connection = http.client.HTTPSConnection(server.hostname or "", server.port, timeout=30, context=access.context())
    with contextlib.closing(connection):
        if netns:
            namespaces.inside(netns, connection.connect)
        connection.request("GET", path, headers={"Authorization": f"Bearer {access.token}"})
        try:
            return connection.getresponse().read().decode()
        except http.client.IncompleteRead as cut:
            return cut.partial.decode()


@pytest.mark.sees("silent")
def test_a_silent_api_server_takes_connections_and_says_nothing(lab: Lab) -> None:
    quick = Kube(read_access(lab.kubeconfig), timeout=0.5)

    lab.fail("apiserver", "silent")
    assert api(lab, "node1")
    with pytest.raises(LabError, match="timed out"):
        quick.list("Node")
    lab.recover("apiserver")

    assert lab.api.list("Node")


def end(lab: Lab, role: str, node: str | None = None) -> None:
    """End a process as a crash does."""
    process = lab.stage.must_run(role, node)
    processes.end(process)
    until("its end", lambda: not processes.alive(process))
    processes.collect(process.pid)


def test_an_agent_that_ended_while_it_hung_can_be_mended(lab: Lab) -> None:
    lab.stage.start("agent", ["sleep", "600"], node="node1")
    lab.fail("node1", "hang")
    end(lab, "agent", "node1")

    lab.recover("node1")

    assert lab.stage.known.faults == {}
    if lab.stage.running("agent", "node1"):  # a real one; it finds no kubeconfig here
        end(lab, "agent", "node1")


def test_stand_ins_that_ended_while_their_kubelet_was_silent_are_started_again(lab: Lab) -> None:
    lab.fail("node1", "kubelet")
    end(lab, "node", "node1")

    lab.recover("node1")

    are_ready(lab, "node1", "node2")


def test_an_api_server_that_ended_while_it_was_in_trouble_is_started_again(lab: Lab) -> None:
    lab.fail("apiserver", "slow")
    end(lab, "apiserver")

    lab.recover("apiserver")

    assert lab.api.ready()


def test_an_api_server_that_cannot_start_again_says_why_at_once(lab: Lab) -> None:
    place = ("127.0.0.1", urlsplit(read_access(lab.kubeconfig).server).port or 0)
    lab.fail("apiserver", "stopped")
    began = time.monotonic()
    with socket.create_server(place), pytest.raises(LabError, match=r"last words: .*in use"):
        lab.recover("apiserver")

    assert time.monotonic() - began < 30
    lab.recover("apiserver")
    assert lab.api.ready()


def test_an_api_server_that_does_not_run_cannot_be_broken(lab: Lab) -> None:
    end(lab, "apiserver")
    try:
        for kind in ("stopped", "slow", "errors", "cuts", "silent"):
            with pytest.raises(LabError, match="no API server runs; porter lab status shows what does"):
                lab.fail("apiserver", kind)
            assert lab.stage.known.faults == {}
    finally:
        lab.stage.start_server()
        until("an API server that answers", lab.api.ready)


@pytest.mark.sees("disk")
def test_a_full_disk_is_full_for_that_node_alone(lab: Lab) -> None:
    here, there = (lab.directory / node / "file" for node in ("node1", "node2"))

    lab.fail("node1", "disk")
    with pytest.raises(OSError, match="No space left"):
        here.write_bytes(bytes(4096))
    there.write_bytes(bytes(4096))
    lab.recover("node1")

    here.write_bytes(bytes(4096))


@pytest.mark.parametrize(
    ("target", "kind", "said"),
    [
        ("node1", "errors", "'errors' is no fault of node1; of that there are: network, link,"),
        ("node1", "api", "'api' is no fault of node1; of that there are: network, link,"),
        ("apiserver", "link", "'link' is no fault of apiserver; of that there are: stopped, slow,"),
        ("node9", "loss", "no node 'node9' in this lab"),
        ("node1", "flood", "no fault is called 'flood'"),
        ("node1", "hang", "no agent runs on node1"),
        ("node1", "clock", "no agent runs on node1"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_and_nothing_is_broken(lab: Lab, target: str, kind: str, said: str) -> None:
    with pytest.raises(LabError, match=said):
        lab.fail(target, kind)

    assert lab.stage.known.faults == {}


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("node1", {"partition": "network", "partition-api": "no-api", "partition-peers": "no-peers"}),
        (
            "apiserver",
            {
                "api": "stopped",
                "api-slow": "slow",
                "api-errors": "errors",
                "api-cuts": "cuts",
                "api-half-open": "silent",
            },
        ),
    ],
)
def test_kinds_have_other_names_by_what_is_cut_off_or_wrong(lab: Lab, target: str, names: dict[str, str]) -> None:
    done = {}
    for name in names:
        lab.fail(target, name)
        done[name] = str(lab.stage.known.faults[target].kind)
        lab.recover(target)

    assert done == names
    assert names.items() <= faults.ALIASES.items()


@pytest.mark.parametrize(
    ("target", "kind", "option", "told"),
    [
        ("node1", "loss", "--loss=40", "loss 40%"),
        ("node1", "delay", "--delay=50", "delay 50 ms"),
        ("apiserver", "slow", "--delay=250", "slow 250 ms"),
        ("apiserver", "errors", "--code=503", "errors 503"),
        ("apiserver", "cuts", "--every=0.5", "cuts every 0.5 s"),
    ],
)
def test_the_command_says_how_badly_in_the_units_of_its_options(  # noqa: PLR0917  (one row of the table above)
    lab: Lab, target: str, kind: str, option: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORTER_LAB_DIR", str(lab.directory.parent))
        fail.main(["--name", lab.name, "--kind", kind, option, target], standalone_mode=False)
        recover.main(["--name", lab.name, target], standalone_mode=False)

    broken, mended = capsys.readouterr().out.splitlines()
    assert broken.endswith(f"{target} is broken: {told}")
    assert mended.endswith(f"{target} is mended")


def test_one_fault_at_a_time_and_status_tells_it(lab: Lab) -> None:
    lab.fail("node1", "delay", How(delay=0.05))
    try:
        with pytest.raises(LabError, match=r"node1 is broken already \(delay 50 ms\); porter lab recover node1"):
            lab.fail("node1", "loss")
    finally:
        lab.recover("node1")
    with pytest.raises(LabError, match="node1 is not broken; broken: none"):
        lab.recover("node1")


def test_a_broken_cable_leaves_nothing_when_it_is_mended(lab: Lab) -> None:
    def links() -> list[str]:
        words: Any = namespaces.ip("-o", "link", netns=lab.stage.network.namespace("switch"), env=os.environ)
        return sorted(line.split(":")[1].strip().split("@")[0] for line in words.splitlines())

    before = links()
    for kind in ("loss", "no-peers", "no-api", "delay"):
        lab.fail("node1", kind)
        lab.recover("node1")

    assert links() == before
    wire = lab.stage.process("wire", "node1")
    assert wire is not None
    assert not Path(f"/proc/{wire.pid}").exists()


def test_every_kind_is_seen_to_take_effect_by_a_test() -> None:
    """A test that sees what a kind does says so: `pytest.mark.sees`."""
    tests = [test for module in (sys.modules[__name__], test_agents, test_probing) for test in vars(module).values()]
    marks = [mark for test in tests if callable(test) for mark in getattr(test, "pytestmark", ())]

    assert {kind for mark in marks if mark.name == "sees" for kind in mark.args} == set(faults.KINDS)
