"""`porter check` from a workstation: what it finds in a cluster, why it matters and what mends it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from porter.cli import main
from porter.model.objects import Nic
from tests.check.cluster import EIPS, LEASES, SERVICES, Cluster

EXCLUDED = {"labels": {"node.kubernetes.io/exclude-from-external-load-balancers": ""}}
NOT_READY: Any = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
NO_CARRIER = Nic(name="eth0", mac="52:54:00:00:00:03", networks=("203.0.113.3/24",), carrier=False)
WEAK = Nic(name="eth0", mac="52:54:00:00:00:03", networks=("203.0.113.4/24",), arp_ignore=0, arp_announce=0)
STRICT = Nic(name="eth0", mac="52:54:00:00:00:03", networks=("203.0.113.4/24",), arp_ignore=1, arp_announce=2)
THEIRS = {
    "apiVersion": "network.kubesphere.io/v1alpha2",
    "kind": "Eip",
    "metadata": {"name": "theirs", "labels": {"porter.kubesphere.io/cni": "x"}},
    "spec": {"address": "203.0.113.128/28", "protocol": "layer2"},
}
IPVS = 'mode: "ipvs"\nipvs:\n  strictARP: {}\n'


def look(cluster: Cluster, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, Any]:
    """The exit code and the report."""
    code = main(cluster.argv("--format", "json", *more))
    return code, json.loads(capsys.readouterr().out)


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is done to a cluster that is well, and the finding that follows from it."""

    do: Callable[[Cluster], Any]
    check: str
    level: str
    what: str
    command: str = ""
    """A part of the command that mends it."""
    more: tuple[str, ...] = ()


CASES = {
    "nothing": Case(do=lambda _: None, check="pools", level="ok", what="Eip edge: 10 of 10 addresses are free"),
    "ipvs without strictARP": Case(
        do=lambda c: proxy(c, IPVS.format("false")),
        check="kube-proxy",
        level="fault",
        what="kube-proxy is in mode ipvs, and strictARP is not set",
        command="sed 's/strictARP: false/strictARP: true/'",
    ),
    "ipvs that says nothing of strictARP": Case(
        do=lambda c: proxy(c, "mode: ipvs\n"),
        check="kube-proxy",
        level="fault",
        what="strictARP is not set",
        command="kubectl edit configmap kube-proxy",
    ),
    "ipvs with strictARP": Case(
        do=lambda c: proxy(c, IPVS.format("true")), check="kube-proxy", level="ok", what="mode ipvs, with strictARP"
    ),
    "ipvs, and a kernel that answers": Case(
        do=lambda c: (proxy(c, IPVS.format("true")), c.node("node3"), c.agent("node3", WEAK)),
        check="arp-settings",
        level="warning",
        what="the kernel of node3 answered ARP for addresses of other NICs (arp_ignore is 0)",
        command="kubectl rollout restart daemonset kube-proxy",
    ),
    "ipvs, and kernels that do not": Case(
        do=lambda c: (proxy(c, IPVS.format("true")), c.node("node3"), c.agent("node3", STRICT)),
        check="arp-settings",
        level="ok",
        what="of 1 nodes that report, no kernel answers ARP for other NICs",
    ),
    "no mode": Case(do=lambda c: proxy(c, "mode: ''\n"), check="kube-proxy", level="ok", what="in mode iptables"),
    "a configuration that is none": Case(
        do=lambda c: proxy(c, "{"), check="kube-proxy", level="unknown", what="config.conf in the ConfigMap kube-proxy"
    ),
    "no kube-proxy": Case(
        do=lambda c: c.client.ask("DELETE", "/api/v1/namespaces/kube-system/configmaps/kube-proxy"),
        check="kube-proxy",
        level="unknown",
        what="there is no ConfigMap kube-proxy in kube-system",
    ),
    "some nodes excluded": Case(
        do=lambda c: c.node("cp", metadata=EXCLUDED), check="nodes", level="ok", what="1 of 3 nodes is labelled"
    ),
    "all nodes excluded": Case(
        do=lambda c: [c.client.patch(f"/api/v1/nodes/{name}", {"metadata": EXCLUDED}) for name in ("node1", "node2")],
        check="nodes",
        level="fault",
        what="2 of 2 nodes are labelled node.kubernetes.io/exclude-from-external-load-balancers",
        command="kubectl label nodes node1 node2 node.kubernetes.io/exclude-from-external-load-balancers-",
    ),
    "all nodes excluded, and the label ignored": Case(
        do=lambda c: [c.client.patch(f"/api/v1/nodes/{name}", {"metadata": EXCLUDED}) for name in ("node1", "node2")],
        check="nodes",
        level="ok",
        what="2 of 2 nodes are fit",
        more=("--ignore-exclude-label",),
    ),
    "a node that is not ready": Case(
        do=lambda c: c.node("node3", **NOT_READY), check="nodes", level="warning", what="node3: the Node is not Ready"
    ),
    "a node without an agent": Case(
        do=lambda c: c.node("node3"), check="agents", level="warning", what="node3: no Porter agent has reported"
    ),
    "no agent at all": Case(
        do=lambda c: [c.client.ask("DELETE", f"{LEASES}/porter-node-{name}") for name in ("node1", "node2")],
        check="agents",
        level="fault",
        what="node1: no Porter agent has reported from it; node2:",
        command="kubectl logs -n porter-system daemonset/porter",
    ),
    "a pool with a node's address": Case(
        do=lambda c: c.eip("wide", "203.0.113.1-203.0.113.9"),
        check="pools",
        level="warning",
        what="Eip wide: 3 of 9 addresses are never handed out: 203.0.113.1 (default gateway of node node1), "
        "203.0.113.2 (address of node node1), 203.0.113.3 (address of node node2)",
        command="kubectl edit eip wide",
    ),
    "a pool in the Service range": Case(
        do=lambda c: c.eip("inner", "10.233.0.0-10.233.0.9", interface="eth0"),
        check="pools",
        level="fault",
        what="Eip inner: no address of it can ever be handed out: 10.233.0.0/18 (the cluster's Service range",
    ),
    "a pool in a range that Porter does not read": Case(
        do=lambda c: [
            c.put(
                "/api/v1/namespaces/kube-system/configmaps", "kubeadm-config", data={"ClusterConfiguration": KUBEADM}
            ),
            c.eip("pods", "10.244.3.0-10.244.3.9", interface="eth0"),
        ],
        check="pools",
        level="fault",
        what="Eip pods: it overlaps with 10.244.0.0/16, the pod range in the ConfigMap kubeadm-config",
    ),
    "a pool outside the subnets": Case(
        do=lambda c: c.eip("far", "198.51.100.1-198.51.100.9"),
        check="pools",
        level="warning",
        what="Eip far: not all of it lies in the subnet of eth0 of node1",
    ),
    "another program's pool": Case(
        do=lambda c: c.client.post(EIPS, THEIRS),
        check="pools",
        level="ok",
        what="Eip theirs: it belongs to another program (label cni)",
    ),
    "two pools that overlap": Case(
        do=lambda c: c.eip("twin", "203.0.113.99-203.0.113.110"),
        check="pools",
        level="fault",
        what="Eip twin: it overlaps with the older Eip edge",
    ),
    "a protocol that is a stub": Case(
        do=lambda c: c.eip("bgp", "198.51.100.0/28", protocol="bgp"),
        check="pools",
        level="fault",
        what="Eip bgp: protocol bgp is only a stub",
    ),
    "a NIC that no node has": Case(
        do=lambda c: c.eip("other", "203.0.113.200", interface="eth9"),
        check="nics",
        level="fault",
        what="Eip other cannot be announced from node1: no interface 'eth9' on this node. Available: eth0; node2:",
    ),
    "a NIC without carrier": Case(
        do=lambda c: (c.node("node3"), c.agent("node3", NO_CARRIER)),
        check="nics",
        level="warning",
        what="Eip edge cannot be announced from node3: NIC eth0 has no carrier",
    ),
    "the definition gone": Case(
        do=lambda c: c.client.ask(
            "DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/eips.network.kubesphere.io"
        ),
        check="definition",
        level="fault",
        what="the kind Eip is not installed",
        command="porter manifests --only crd | kubectl apply -f -",
    ),
    "a right taken away": Case(
        do=lambda c: c.client.patch(
            "/apis/rbac.authorization.k8s.io/v1/namespaces/porter-system/roles/porter",
            {"rules": [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "list"]}]},
        ),
        check="rights",
        level="fault",
        what="system:serviceaccount:porter-system:porter may not create leases.coordination.k8s.io, "
        "patch leases.coordination.k8s.io, update leases.coordination.k8s.io, watch leases.coordination.k8s.io",
        command="porter manifests --only rbac | kubectl apply -f -",
    ),
}
KUBEADM = "networking:\n  podSubnet: 10.244.0.0/16\n  serviceSubnet: 10.96.0.0/12\n"


def proxy(cluster: Cluster, config: str) -> Any:
    return cluster.client.patch(
        "/api/v1/namespaces/kube-system/configmaps/kube-proxy", {"data": {"config.conf": config}}
    )


@pytest.mark.parametrize("name", CASES)
def test_it_finds(well: Cluster, capsys: pytest.CaptureFixture[str], name: str) -> None:
    case = CASES[name]
    case.do(well)

    code, report = look(well, capsys, *case.more)

    found = [one for one in report["findings"] if one["check"] == case.check and case.what in one["what"]]
    assert len(found) == 1, report["findings"]
    assert found[0]["level"] == case.level
    assert not case.command or any(case.command in command for command in found[0]["commands"])
    assert case.level == "ok" or found[0]["why"]
    assert case.level in {"ok", "unknown"} or found[0]["commands"]
    assert code == (1 if any(one["level"] == "fault" for one in report["findings"]) else 0)
    assert report["works"] is (code == 0)


def test_a_cluster_that_is_well_has_no_fault_and_no_warning(well: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    code, report = look(well, capsys)

    assert code == 0
    assert {one["level"] for one in report["findings"]} == {"ok"}
    assert report["node"] is None
    assert report["server"] == well.server.url


def test_before_installing_it_works_and_says_what_is_missing(
    empty: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    empty.node("node1", "203.0.113.2")
    empty.proxy("mode: iptables\n")

    code, report = look(empty, capsys)

    told = {one["check"]: one for one in report["findings"]}
    assert code == 0
    assert told["definition"]["what"] == "the kind Eip is not installed"
    assert told["definition"]["level"] == "warning"
    assert told["rights"]["what"] == "kubernetes-admin may install Porter"
    assert told["agents"]["what"] == "Porter is not installed in namespace porter-system yet"


def test_a_pool_is_checked_before_it_is_applied(empty: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    empty.node("node1", "203.0.113.2")
    file = empty.directory / "pools.yaml"
    eip = {"apiVersion": "network.kubesphere.io/v1alpha2", "kind": "Eip", "metadata": {"name": "edge"}}
    file.write_text(json.dumps({**eip, "spec": {"address": "203.0.113.0/29", "protocol": "layer2"}}))

    _, report = look(empty, capsys, "--filename", str(file))

    told = [one for one in report["findings"] if one["check"] == "pools"]
    assert [one["level"] for one in told] == ["unknown", "warning"]
    assert told[0]["what"] == "Eip edge: whether a node can announce it is not known before agents run"
    assert "203.0.113.2 (address of node node1)" in told[1]["what"]
    assert told[1]["commands"] == [f"${{EDITOR:-vi}} {file}"]
    assert empty.client.ask("GET", EIPS).status == 404, "it was applied"


def test_on_a_node_a_pool_is_judged_as_if_an_agent_ran_there(
    empty: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    empty.node("node1", "203.0.113.2")
    file = empty.directory / "pools.yaml"
    eip = {"apiVersion": "network.kubesphere.io/v1alpha2", "kind": "Eip", "metadata": {"name": "edge"}}
    spec = {"address": "203.0.113.91", "protocol": "layer2", "interface": "eth77"}
    file.write_text(json.dumps({**eip, "spec": spec}))

    code, report = look(empty, capsys, "-f", str(file), "--node", "node1")

    [told] = [one for one in report["findings"] if one["check"] == "pools"]
    assert code == 1
    assert told["level"] == "fault"
    assert "no node can announce it: node1: no interface 'eth77' on this node" in told["what"]
    assert "Porter is not installed in namespace porter-system yet" in [one["what"] for one in report["findings"]]


@pytest.mark.parametrize("listed", [False, True], ids=["alone", "as kubectl get prints it"])
def test_a_pool_in_a_file_stands_for_the_one_in_the_cluster(
    well: Cluster, capsys: pytest.CaptureFixture[str], *, listed: bool
) -> None:
    file = well.directory / "pools.yaml"
    eip = {"apiVersion": "network.kubesphere.io/v1alpha2", "kind": "Eip", "metadata": {"name": "edge"}}
    eip = {**eip, "spec": {"address": "203.0.113.50", "protocol": "layer2"}}
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [eip]} if listed else eip))

    _, report = look(well, capsys, "-f", str(file))

    assert [one["what"] for one in report["findings"] if one["check"] == "pools"] == [
        "Eip edge: 1 of 1 addresses are free"
    ]


def test_all_pages_of_a_list_are_read(well: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(500):  # a page
        well.node(f"other{number}")

    _, report = look(well, capsys)

    assert "502 of 502 nodes are fit to announce addresses" in [one["what"] for one in report["findings"]]


def test_a_range_is_told_of_once_and_not_as_unknown_where_porter_reads_it(
    well: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    subnets = "networking:\n  podSubnet: 10.244.0.0/16,10.233.0.0/18\n  serviceSubnet: 10.244.0.0/16\n"
    well.put("/api/v1/namespaces/kube-system/configmaps", "kubeadm-config", data={"ClusterConfiguration": subnets})
    well.eip("inner", "10.233.0.0-10.233.0.9", interface="eth0")
    well.eip("pods", "10.244.3.0-10.244.3.9", interface="eth0")

    _, report = look(well, capsys)

    overlaps = [one["what"] for one in report["findings"] if "overlaps with" in one["what"]]
    assert overlaps == ["Eip pods: it overlaps with 10.244.0.0/16, the pod range in the ConfigMap kubeadm-config"]


def test_a_service_of_another_class_that_is_annotated_for_porter_is_named(
    well: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    well.service("torn", loadBalancerClass="example.org/other")

    _, report = look(well, capsys)

    [found] = [one for one in report["findings"] if one["level"] == "warning"]
    assert found["what"] == ("annotated for Porter, and of another loadBalancerClass: default/torn (example.org/other)")


def test_a_service_that_holds_an_address_counts(well: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    well.service("web")
    ingress = {"status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.91"}]}}}
    well.client.patch(f"{SERVICES}/web/status", ingress)

    _, report = look(well, capsys)

    assert "Eip edge: 9 of 10 addresses are free" in [one["what"] for one in report["findings"]]
