"""A lab behaves as a cluster: one lab without agents for all tests here; the tests play Porter's part themselves."""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from porter.cli.lab.breaking import wall_clock
from porter.lab import Lab, processes
from porter.lab.errors import LabError
from porter.lab.processes import porter
from tests.lab import labs
from tests.lab.labs import YAML, until

pytestmark = pytest.mark.root

ADDRESS = "192.168.0.91"
SERVICE = "porter-layer2-svc"
ARP = 0x0806


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up("l", agents=False) as made:
        made.kube("apply", "-f", str(YAML / "porter-layer2.yaml"), "-f", str(YAML / "porter-layer2-svc.yaml"))
        publish(made, SERVICE, ADDRESS)
        made.kube("rollout", "status", "deployment", "porter-layer2", "--timeout=20s")
        yield made


def publish(lab: Lab, service: str, address: str) -> None:
    """Say in a Service's status which address it has: what Porter writes."""
    status = {"status": {"loadBalancer": {"ingress": [{"ip": address}]}}}
    path = f"/api/v1/namespaces/default/services/{service}/status"
    lab.api.request("PATCH", path, status, kind="application/merge-patch+json")


def point(lab: Lab, node: str, address: str = ADDRESS) -> None:
    """Tell the client's kernel that the Service's address is at a node: what Porter's ARP answer does."""
    neighbour = ["ip", "neigh", "replace", address, "lladdr", lab.mac(node), "dev", "eth0", "nud", "permanent"]
    assert lab.exec("client", neighbour).returncode == 0


def change(lab: Lab, *, policy: str = "Cluster", target: int = 8080) -> None:
    ports = [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": target}]
    lab.api.patch("Service", SERVICE, {"spec": {"externalTrafficPolicy": policy, "ports": ports}})


def pods(lab: Lab) -> dict[str, str]:
    listed = lab.api.list("Pod", namespace="default", labelSelector="app=porter-layer2")
    return {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in listed}


def hits(lab: Lab, times: int = 6) -> set[str] | str:
    try:
        return {lab.http_get(ADDRESS, wait=0.5).removeprefix("You've hit ").strip() for _ in range(times)}
    except OSError as error:
        return type(error).__name__


def slice_of(lab: Lab, service: str = SERVICE) -> dict[str, Any]:
    (piece,) = lab.api.list("EndpointSlice", namespace="default", labelSelector=f"kubernetes.io/service-name={service}")
    return piece


def pod(name: str, *, app: str, node: str, sleep: int = 0) -> dict[str, Any]:
    """A Pod that serves HTTP on 8080, and goes on for some seconds after it was told to end."""
    hook = {"lifecycle": {"preStop": {"sleep": {"seconds": sleep}}}} if sleep else {}
    container = {"name": "c", "image": "luksa/kubia", **hook}
    return {"metadata": {"name": name, "labels": {"app": app}}, "spec": {"nodeName": node, "containers": [container]}}


def test_kubectl_sees_the_nodes_as_the_guide_shows_them(lab: Lab) -> None:
    lines = lab.kube("get", "nodes", "-o", "wide").splitlines()

    assert [line.split()[:3] for line in lines[1:]] == [
        ["node1", "Ready", "control-plane"],
        ["node2", "Ready", "<none>"],
        ["node3", "Ready", "<none>"],
    ]
    assert "192.168.0.2" in lines[1]


def test_the_guides_pods_run_on_different_nodes_and_are_in_the_slice(lab: Lab) -> None:
    piece = slice_of(lab)

    assert len(set(pods(lab).values())) == 2
    assert {e["targetRef"]["name"]: e["nodeName"] for e in piece["endpoints"]} == pods(lab)
    assert all(e["conditions"] == {"ready": True, "serving": True, "terminating": False} for e in piece["endpoints"])


def test_no_kernel_answers_arp_for_the_service_and_every_node_answers_icmp_for_it(lab: Lab) -> None:
    until("the address on node3", lambda: ADDRESS in lab.exec("node3", ["ip", "-brief", "address"]).stdout)
    assert lab.arp(ADDRESS) == []

    for node in ("node1", "node2", "node3"):
        point(lab, node)
        assert lab.ping(ADDRESS) is not None


def test_cluster_policy_reaches_both_pods_through_any_node(lab: Lab) -> None:
    change(lab)
    for node in ("node1", "node3"):
        point(lab, node)
        until("both pods", lambda: hits(lab) == set(pods(lab)))


def test_local_policy_reaches_the_nodes_own_pods_and_drops_where_there_are_none(lab: Lab) -> None:
    change(lab, policy="Local")
    try:
        (empty,) = {"node1", "node2", "node3"} - set(pods(lab).values())
        point(lab, empty)
        until("dropped connections", lambda: hits(lab, 1) == "TimeoutError")
        for pod, node in pods(lab).items():
            point(lab, node)
            until(f"only {pod}", lambda only=pod: hits(lab) == {only})  # type: ignore[misc]
    finally:
        change(lab)
    point(lab, empty)
    until("both pods again, also where connections were dropped", lambda: hits(lab) == set(pods(lab)))


def test_datagrams_come_to_the_pods_and_back(lab: Lab) -> None:
    container = {"name": "c", "image": "echo", "ports": [{"containerPort": 7, "protocol": "UDP"}]}
    pod = {
        "metadata": {"name": "echo", "labels": {"app": "echo"}},
        "spec": {"nodeName": "node1", "containers": [container]},
    }
    ports = [{"name": "echo", "port": 7, "protocol": "UDP", "targetPort": 7}]
    spec = {"type": "LoadBalancer", "selector": {"app": "echo"}, "ports": ports}
    lab.api.apply({"apiVersion": "v1", "kind": "Pod", **pod})
    lab.api.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "echo"}, "spec": spec})
    publish(lab, "echo", "192.168.0.92")
    point(lab, "node3", "192.168.0.92")

    def echoed() -> bool:
        report = lab.traffic("192.168.0.92", "udp", port=7, interval=0.05, patience=0.3, duration=0.2).start().wait()
        return report.lost == 0

    until("an echo", echoed)
    lab.api.delete("Service", "echo")
    lab.api.delete("Pod", "echo")
    until("silence", lambda: not echoed())


def test_a_target_port_on_which_nobody_listens_breaks_the_connection(lab: Lab) -> None:
    point(lab, "node1")
    change(lab, target=80)
    try:
        until("a broken connection", lambda: hits(lab, 1) == "ConnectionResetError")
    finally:
        change(lab)


def test_without_pods_connections_are_refused_and_icmp_still_answers(lab: Lab) -> None:
    point(lab, "node1")
    lab.kube("scale", "deployment", "porter-layer2", "--replicas=0")
    try:
        until("a refusal", lambda: hits(lab, 1) == "ConnectionRefusedError")
        assert lab.ping(ADDRESS) is not None
        assert slice_of(lab)["endpoints"] in (None, [])
    finally:
        lab.kube("scale", "deployment", "porter-layer2", "--replicas=2")
        lab.kube("rollout", "status", "deployment", "porter-layer2", "--timeout=20s")
    until("both pods", lambda: hits(lab) == set(pods(lab)))


def test_pods_reach_the_service_by_its_cluster_ip_and_clients_by_a_node_port(lab: Lab) -> None:
    spec = lab.api.get("Service", SERVICE)["spec"]

    assert lab.http_get(spec["clusterIP"], host="node2").startswith("You've hit porter-layer2-")
    assert lab.http_get("192.168.0.4", spec["ports"][0]["nodePort"]).startswith("You've hit porter-layer2-")


def test_a_node_that_is_cut_off_becomes_not_ready_and_so_do_its_endpoints(lab: Lab) -> None:
    (victim, *_) = pods(lab).values()
    address = lab.topology.node(victim).must_have_ipv4()
    assert lab.ping(address) is not None

    with lab.capture("client", protocol=ARP) as wire:
        lab.fail(victim)
        assert lab.ping(address, wait=0.5) is None
        assert lab.arp(address) == []
        assert lab.mac(victim) not in {frame.source for frame in wire.frames()}
        with pytest.raises(LabError, match=f"{victim} is broken already"):
            lab.fail(victim)

    def ready() -> dict[str, bool]:
        return {e["nodeName"]: e["conditions"]["ready"] for e in slice_of(lab)["endpoints"]}

    def taints(node: str) -> Any:
        return lab.api.get("Node", node)["spec"].get("taints") or []

    until("NotReady", lambda: f"{victim}   NotReady" in lab.kube("get", "nodes"))
    until("its endpoint not ready", lambda: ready()[victim] is False)
    assert sorted(ready().values()) == [False, True]
    assert {taint["key"] for taint in taints(victim)} == {"node.kubernetes.io/unreachable"}

    lab.recover(victim)
    until("Ready again", lambda: "NotReady" not in lab.kube("get", "nodes"))
    until("its endpoint ready", lambda: ready()[victim] is True)
    until("no taint", lambda: not taints(victim))
    until("an echo", lambda: lab.ping(address) is not None)
    with pytest.raises(LabError, match="is not broken; broken: none"):
        lab.recover(victim)


def test_a_restarted_deployment_rolls_over_while_it_serves(lab: Lab) -> None:
    before = pods(lab)
    change(lab)
    point(lab, "node3")

    lab.kube("rollout", "restart", "deployment", "porter-layer2")
    lab.kube("rollout", "status", "deployment", "porter-layer2", "--timeout=20s")

    until("only new pods", lambda: not set(before) & set(pods(lab)) and hits(lab) == set(pods(lab)))


def test_a_pod_that_ends_serves_until_another_does_and_nothing_is_lost(lab: Lab) -> None:
    ports = [{"port": 80, "targetPort": 8080}]
    spec = {"type": "LoadBalancer", "selector": {"app": "ends"}, "ports": ports}
    lab.api.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "ends"}, "spec": spec})
    publish(lab, "ends", "192.168.0.93")
    point(lab, "node3", "192.168.0.93")

    def conditions() -> dict[str, tuple[bool, ...]]:
        found = lab.api.list("EndpointSlice", namespace="default", labelSelector="kubernetes.io/service-name=ends")
        endpoints = [endpoint for piece in found for endpoint in piece["endpoints"] or []]
        return {e["targetRef"]["name"]: tuple(e["conditions"].values()) for e in endpoints}

    def begun(name: str, node: str) -> None:
        lab.api.apply({"apiVersion": "v1", "kind": "Pod", **pod(name, app="ends", node=node, sleep=20)})
        until(f"{name} ready", lambda: conditions().get(name) == (True, True, False))

    def answers() -> set[str]:
        try:
            return {lab.http_get("192.168.0.93", wait=5.0).removeprefix("You've hit ").strip() for _ in range(4)}
        except ConnectionRefusedError:  # the node has not heard of a pod
            return set()

    begun("first", "node1")
    until("an answer", lambda: answers() == {"first"})
    with lab.traffic("192.168.0.93", "http", interval=0.02, patience=5.0) as prober:
        lab.api.delete("Pod", "first")
        until("its end begins", lambda: conditions() == {"first": (False, True, True)})
        assert answers() == {"first"}
        begun("second", "node2")
        until("the other alone", lambda: answers() == {"second"})
        lab.api.delete("Pod", "first", grace=1)  # which it has had
        until("its end", lambda: set(conditions()) == {"second"})

    assert prober.report.lost == 0
    lab.api.delete("Pod", "second", grace=0)
    lab.api.delete("Service", "ends")


def test_in_iptables_mode_no_node_answers_icmp_and_every_node_serves(lab: Lab) -> None:
    """kubernetes.io: in that mode a Service's address is no address of a node."""

    def mode(name: str) -> None:
        config = lab.api.get("ConfigMap", "kube-proxy", namespace="kube-system")["data"]["config.conf"]
        edited = re.sub(r'mode: "\w*"', f'mode: "{name}"', config)
        lab.api.patch("ConfigMap", "kube-proxy", {"data": {"config.conf": edited}}, namespace="kube-system")
        lab.kube("rollout", "restart", "daemonset", "kube-proxy", "-n", "kube-system")
        lab.kube("rollout", "status", "daemonset", "kube-proxy", "-n", "kube-system", "--timeout=30s")

    change(lab)
    mode("iptables")
    try:
        until("its own connections", lambda: lab.http_get(ADDRESS, host="node1").startswith("You've hit"))
        for node in ("node1", "node3"):
            point(lab, node)
            until("both pods", lambda: hits(lab) == set(pods(lab)))
            until("no address", lambda host=node: ADDRESS not in lab.exec(host, ["ip", "-brief", "address"]).stdout)  # type: ignore[misc]
            assert lab.ping(ADDRESS, wait=0.3) is None
        change(lab, policy="Local")
        (empty,) = {"node1", "node2", "node3"} - set(pods(lab).values())
        point(lab, empty)
        until("dropped connections", lambda: hits(lab, 1) == "TimeoutError")
        lab.api.patch("Service", SERVICE, {"spec": {"selector": {"app": "nobody"}}})
        until("a refusal, as there is no pod anywhere", lambda: hits(lab, 1) == "ConnectionRefusedError")
    finally:
        lab.api.patch("Service", SERVICE, {"spec": {"selector": {"app": "porter-layer2"}}})
        change(lab)
        mode("ipvs")
        time.sleep(1.1)  # kubectl restarts nothing twice within a second
    until("the address again", lambda: ADDRESS in lab.exec("node3", ["ip", "-brief", "address"]).stdout)
    assert lab.exec("node3", ["ip", "rule"]).stdout == lab.exec("client", ["ip", "rule"]).stdout  # as ever


def test_the_guides_restart_of_kube_proxy_comes_to_an_end(lab: Lab) -> None:
    config = lab.kube("get", "configmap", "kube-proxy", "-n", "kube-system", "-o", "yaml")
    assert "strictARP: true" in config

    lab.kube("rollout", "restart", "daemonset", "kube-proxy", "-n", "kube-system")
    lab.kube("rollout", "status", "daemonset", "kube-proxy", "-n", "kube-system", "--timeout=20s")


def test_commands_run_where_they_are_told(lab: Lab) -> None:
    shown = lab.exec("node1", ["ip", "-brief", "address", "show", "eth1"]).stdout

    assert "192.168.1.2/24" in shown
    done = subprocess.run(lab.command("client", ["false"]), check=False)
    assert done.returncode == 1
    with pytest.raises(LabError, match="no node 'node9' in this lab"):
        lab.exec("node9", ["true"])
    with pytest.raises(LabError, match="no fault is called 'plague'"):
        lab.fail("node1", "plague")


def test_a_node_without_power_is_gone_and_comes_back_with_what_it_knew(lab: Lab) -> None:
    node = "node3"
    address = lab.topology.node(node).address.ip
    before = lab.stage.process("node", node)
    assert before is not None

    for name in ("kept", "forced"):
        lab.api.apply({"apiVersion": "v1", "kind": "Pod", **pod(name, app="other", node=node)})
    until("their addresses", lambda: all("podIP" in lab.api.get("Pod", name)["status"] for name in ("kept", "forced")))
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}]}
    lab.api.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "gone"}, "spec": spec})
    publish(lab, "gone", "192.168.0.94")
    until("its address", lambda: "192.168.0.94" in lab.exec(node, ["ip", "-brief", "address"]).stdout)

    lab.fail(node, "power")
    lab.api.delete("Service", "gone")
    assert not processes.alive(before)
    assert lab.ping(address, wait=0.3) is None
    for name in ("kept", "forced"):
        lab.api.delete("Pod", name)
    until("NotReady", lambda: f"{node}   NotReady" in lab.kube("get", "nodes"))
    lab.kube("delete", "pod", "forced", "--grace-period=0", "--force")
    assert lab.kube("get", "pods", "-l", "app=other", "--no-headers").split()[:3] == ["kept", "1/1", "Terminating"]

    lab.recover(node)
    until("Ready again", lambda: "NotReady" not in lab.kube("get", "nodes"))
    assert lab.ping(address) is not None
    until("an end", lambda: not lab.api.list("Pod", namespace="default", labelSelector="app=other"))
    shown = lab.exec(node, ["ip", "-brief", "address", "show", "kube-ipvs0"]).stdout
    assert ADDRESS in shown
    assert "192.168.0.94" not in shown


def porter_lab(lab: Lab, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PORTER_LAB_DIR": str(lab.directory.parent)}
    command = [arguments[0], "--name", lab.name, *arguments[1:]]
    return subprocess.run(porter("lab", *command), capture_output=True, text=True, check=False, env=env)


def test_the_commands_say_what_the_lab_is(lab: Lab) -> None:
    status = json.loads(porter_lab(lab, "status", "--format", "json").stdout)

    assert [one["name"] for one in status] == [lab.name]
    assert [(n["name"], n["ready"], n["fault"]) for n in status[0]["nodes"]] == [
        ("node1", "True", None),
        ("node2", "True", None),
        ("node3", "True", None),
    ]
    assert porter_lab(lab, "status").stdout.startswith(f"{lab.name}: up, API server runs, controllers runs")
    assert porter_lab(lab, "kubeconfig").stdout.strip() == str(lab.kubeconfig)
    assert "clusters:" in porter_lab(lab, "kubeconfig", "--print").stdout
    assert "pod porter-layer2-" in porter_lab(lab, "logs", "--of", "stand-ins", "node1").stdout
    assert "was never started" in porter_lab(lab, "logs", "node1").stderr


def test_exec_hands_through_output_and_exit_code(lab: Lab) -> None:
    done = porter_lab(lab, "exec", "client", "--", "sh", "-c", "ip -brief address show eth0; exit 7")

    assert done.returncode == 7
    assert "192.168.0.200/24" in done.stdout


def test_the_time_of_a_fault_is_told_by_the_wall_clock() -> None:
    told = datetime.fromisoformat(wall_clock(time.monotonic() - 100))

    assert told.timestamp() == pytest.approx(time.time() - 100, abs=5)


def test_fail_and_recover_from_the_command_line(lab: Lab) -> None:
    assert lab.ping("192.168.0.4") is not None

    before = time.time()
    told = porter_lab(lab, "fail", "--kind", "partition", "node3")
    assert told.returncode == 0
    moment, _, words = told.stdout.partition(" ")
    assert words == "node3 is broken: network\n"
    assert before - 1 <= datetime.fromisoformat(moment).timestamp() <= time.time() + 1
    assert lab.ping("192.168.0.4", wait=0.3) is None
    assert "broken already (network)" in porter_lab(lab, "fail", "node3").stderr
    assert "network" in porter_lab(lab, "status").stdout
    assert porter_lab(lab, "recover", "node3").returncode == 0
    until("an echo", lambda: lab.ping("192.168.0.4") is not None)
    assert "no agent runs on node3" in porter_lab(lab, "fail", "--kind", "agent", "node3").stderr
    assert lab.stage.known.faults == {}
