"""A lab of both families with agents: Services over IPv6, from the Eip to the client's neighbour table and a pod."""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from porter.lab import Lab
from porter.lab.processes import porter
from tests.lab import labs
from tests.lab.labs import until

pytestmark = pytest.mark.root

BOTH, LOCAL = "2001:db8::91", "2001:db8::92"
CLAIM = {"lb.kubesphere.io/v1alpha1": "porter"}
PORTS = [
    {"name": "http", "port": 80, "targetPort": 8080},
    {"name": "echo", "port": 7, "targetPort": 7, "protocol": "UDP"},
]
CONTAINER = {"name": "c", "image": "luksa/kubia", "ports": [{"containerPort": 7, "protocol": "UDP"}]}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up("d", nodes=2, families=("IPv4", "IPv6"), lease_duration=5.0, grace=2.0) as made:
        for name, pool in (("four", "192.168.0.91-192.168.0.99"), ("six", "2001:db8::91-2001:db8::99")):
            spec = {"address": pool, "interface": "eth0", "protocol": "layer2", "namespaces": ["default"]}
            eip = {"apiVersion": "network.kubesphere.io/v1alpha2", "kind": "Eip", "metadata": {"name": name}}
            made.api.apply({**eip, "spec": spec})
        template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [CONTAINER]}}
        deployment = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
        made.api.apply({**named("apps/v1", "Deployment", "web"), "spec": deployment})
        make_service(made, "web", ipFamilyPolicy="RequireDualStack")
        until("an answer", lambda: len(hits(made, BOTH)) == 2, within=30.0)
        yield made


def named(version: str, kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "default"}}


def make_service(lab: Lab, name: str, **spec: Any) -> None:
    made = named("v1", "Service", name)
    made["metadata"]["annotations"] = CLAIM
    lab.api.apply({**made, "spec": {"type": "LoadBalancer", "selector": {"app": name}, "ports": PORTS, **spec}})


def hits(lab: Lab, address: str, times: int = 4, *, port: int = 80, host: str = "client") -> set[str]:
    """Which pods answer, or the name of the error."""
    try:
        said = [lab.http_get(address, port, host=host, wait=0.5) for _ in range(times)]
    except OSError as error:
        return {type(error).__name__}
    return {one.removeprefix("You've hit ").strip() for one in said}


def owner(lab: Lab, address: str) -> str:
    """The one node that answers for an address when the client asks its group."""
    macs: list[str] = []

    def one_answers() -> bool:
        macs[:] = [answer.mac for answer in lab.ndp(address, wait=0.3)]
        return len(macs) == 1

    until("one answer", one_answers, within=30.0)
    return next(node.name for node in lab.topology.nodes if lab.mac(node.name) == macs[0])


def loses_nothing(lab: Lab, address: str, protocol: str) -> bool:
    port = 7 if protocol == "udp" else 80
    report = lab.traffic(address, protocol, port=port, interval=0.05, duration=0.2).start().wait()
    return report.lost == 0 and [who for _, who in report.owners] == [owner(lab, address)]


def test_a_service_of_both_families_has_two_of_each(lab: Lab) -> None:
    service = lab.api.get("Service", "web")
    selector = "kubernetes.io/service-name=web"
    slices = lab.api.list("EndpointSlice", namespace="default", labelSelector=selector)
    addresses = {s["addressType"]: [e["addresses"][0] for e in s["endpoints"]] for s in slices}

    assert [one["ip"] for one in service["status"]["loadBalancer"]["ingress"]] == ["192.168.0.91", BOTH]
    assert [":" in one for one in service["spec"]["clusterIPs"]] == [False, True]
    assert sorted(addresses["IPv4"]) == ["10.244.1.2", "10.244.2.2"]
    assert sorted(addresses["IPv6"]) == ["fd00:10:244:1::2", "fd00:10:244:2::2"]


def test_nodes_say_both_their_addresses_and_ranges(lab: Lab) -> None:
    node = lab.api.get("Node", "node2")
    inside = [one["address"] for one in node["status"]["addresses"] if one["type"] == "InternalIP"]

    assert inside == ["192.168.0.3", "2001:db8::3"]
    assert node["spec"]["podCIDRs"] == ["10.244.2.0/24", "fd00:10:244:2::/64"]
    until("an echo", lambda: lab.ping("2001:db8::3") is not None)


def test_the_clients_kernel_finds_the_owners_mac(lab: Lab) -> None:
    lab.exec("client", ["ip", "neigh", "flush", "dev", "eth0"])

    until("an echo", lambda: lab.ping(BOTH) is not None)
    assert lab.neighbour(BOTH) == lab.mac(owner(lab, BOTH))


@pytest.mark.parametrize("protocol", ["icmp", "udp", "tcp", "http"])
def test_each_protocol_reaches_the_service_over_ipv6(lab: Lab, protocol: str) -> None:
    until("answers to all", lambda: loses_nothing(lab, BOTH, protocol))


def test_cluster_ip_and_node_port_are_served_in_the_second_family_too(lab: Lab) -> None:
    spec = lab.api.get("Service", "web")["spec"]
    cluster = spec["clusterIPs"][1]

    until("both pods inside", lambda: len(hits(lab, cluster, host="node2")) == 2)
    until("both pods from outside", lambda: len(hits(lab, "2001:db8::2", port=spec["ports"][0]["nodePort"])) == 2)


def test_local_policy_makes_the_node_of_the_pod_the_owner_and_others_drop(lab: Lab) -> None:
    pod = named("v1", "Pod", "local")
    pod["metadata"]["labels"] = {"app": "local"}
    lab.api.apply({**pod, "spec": {"nodeName": "node2", "containers": [CONTAINER]}})
    make_service(lab, "local", ipFamilies=["IPv6"], externalTrafficPolicy="Local")

    until("only that pod", lambda: hits(lab, LOCAL) == {"local"})
    assert owner(lab, LOCAL) == "node2"
    wrong = ["ip", "neigh", "replace", LOCAL, "lladdr", lab.mac("node1"), "dev", "eth0", "nud", "permanent"]
    lab.exec("client", wrong)
    try:
        until("dropped connections", lambda: hits(lab, LOCAL, 1) == {"TimeoutError"})
    finally:
        lab.exec("client", ["ip", "neigh", "del", LOCAL, "dev", "eth0"])
        lab.api.delete("Service", "local")
        lab.api.delete("Pod", "local")


def test_the_probe_sees_an_ipv6_address_move_when_its_node_loses_power(lab: Lab) -> None:
    first = owner(lab, BOTH)
    (other,) = {"node1", "node2"} - {first}
    with lab.traffic(BOTH, interval=0.05, patience=0.3) as prober:
        until("an echo", lambda: bool(prober.report.owners))
        lab.fail(first, "power")
        until("another owner", lambda: prober.report.owners[-1][1] == other, within=30.0)
    lab.recover(first)

    assert (first, other) in [(gap.before, gap.after) for gap in prober.report.gaps]
    assert lab.neighbour(BOTH) == lab.mac(other)
    until("both pods again", lambda: len(hits(lab, BOTH)) == 2, within=20.0)


def test_in_iptables_mode_the_service_is_served_and_no_node_answers_an_echo(lab: Lab) -> None:
    def mode(name: str) -> None:
        config = lab.api.get("ConfigMap", "kube-proxy", namespace="kube-system")["data"]["config.conf"]
        edited = re.sub(r'mode: "\w*"', f'mode: "{name}"', config)
        lab.api.patch("ConfigMap", "kube-proxy", {"data": {"config.conf": edited}}, namespace="kube-system")
        mark = {"annotations": {"restarted": f"{time.monotonic()}"}}
        change = {"spec": {"template": {"metadata": mark}}}
        lab.api.patch("DaemonSet", "kube-proxy", change, namespace="kube-system")

    def local_to(node: str) -> bool:
        return BOTH in lab.exec(node, ["ip", "-6", "-brief", "address"]).stdout

    mode("iptables")
    try:
        until("no address", lambda: not local_to("node1") and not local_to("node2"))
        until("both pods", lambda: len(hits(lab, BOTH)) == 2)
        until("datagrams back", lambda: loses_nothing(lab, BOTH, "udp"))
        assert lab.ping(BOTH, wait=0.3) is None
        until("its own connections", lambda: len(hits(lab, BOTH, host="node1")) == 2)
        lab.api.patch("Service", "web", {"spec": {"selector": {"app": "nobody"}}})
        until("a refusal, as there is no pod", lambda: hits(lab, BOTH, 1) == {"ConnectionRefusedError"})
    finally:
        lab.api.patch("Service", "web", {"spec": {"selector": {"app": "web"}}})
        mode("ipvs")
    until("the address again", lambda: local_to("node1") and local_to("node2"))
    assert lab.exec("node1", ["ip", "-6", "rule"]).stdout == lab.exec("client", ["ip", "-6", "rule"]).stdout


def test_the_command_probes_ipv6(lab: Lab) -> None:
    env = {**os.environ, "PORTER_LAB_DIR": str(lab.directory.parent)}
    words = ["--name", lab.name, "--duration", "200ms", "--interval", "20ms", "--format", "json", BOTH]

    done = subprocess.run(porter("lab", "probe", *words), capture_output=True, text=True, check=False, env=env)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["owners"][0]["host"] == owner(lab, BOTH)
