"""Other load balancers that would claim the same Services: found by what runs, and judged by what they were told."""

import json
from typing import Any

import pytest

from porter.cli import main
from tests.check.cluster import DEFINITIONS, Cluster

CLASS = "porter.kubesphere.io/porter"
VIP = [{"name": "svc_enable", "value": "true"}]


def found(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    main(cluster.argv("--format", "json"))
    report = json.loads(capsys.readouterr().out)
    return [one for one in report["findings"] if one["check"] == "other-load-balancers"]


@pytest.mark.parametrize(
    ("kind", "name", "image", "container", "level", "what"),
    [
        ("DaemonSet", "speaker", "quay.io/metallb/speaker:v0.14.9", {}, "warning", "MetalLB (DaemonSet other/speaker)"),
        ("Deployment", "controller", "quay.io/metallb/controller:v0", {}, "warning", "MetalLB (Deployment other/contr"),
        (
            "Deployment",
            "controller",
            "quay.io/metallb/controller:v0",
            {"args": ["--port=7472", "--lb-class=metallb"]},
            "ok",
            "MetalLB (Deployment other/controller) runs, and serves only loadBalancerClass metallb",
        ),
        (
            "Deployment",
            "controller",
            "quay.io/metallb/controller:v0",
            {"command": ["/controller", "--lb-class"], "args": ["metallb", "--port=7472"]},
            "ok",
            "MetalLB (Deployment other/controller) runs, and serves only loadBalancerClass metallb",
        ),
        (
            "Deployment",
            "controller",
            "quay.io/metallb/controller:v0",
            {"args": [f"--lb-class={CLASS}"]},
            "fault",
            f"serves loadBalancerClass {CLASS}, which is Porter's",
        ),
        ("DaemonSet", "kube-vip-ds", "ghcr.io/kube-vip/kube-vip:v0.8", {"env": VIP}, "warning", "kube-vip (DaemonSet"),
        ("DaemonSet", "kube-vip-ds", "ghcr.io/kube-vip/kube-vip:v0.8", {}, "ok", "no other load balancer was found"),
        ("Deployment", "porter-manager", "kubesphere/porter:v0.4.0", {}, "fault", "Porter 0.4 or OpenELB (Deployment"),
        ("Deployment", "x", "docker.io/kubesphere/openelb:v0.5.1", {}, "fault", "Porter 0.4 or OpenELB (Deployment"),
        ("DaemonSet", "svclb-traefik", "rancher/klipper-lb:v0.4.9", {}, "warning", "ServiceLB of K3s (DaemonSet"),
        ("DaemonSet", "lbnodeagent", "registry.gitlab.com/purelb/purelb/lbnodeagent:v0.9", {}, "warning", "PureLB"),
        ("Deployment", "ccm", "k8s.gcr.io/cloud-controller-manager:v1", {}, "warning", "a cloud controller manager"),
        ("Deployment", "web", "nginx:1.27", {}, "ok", "no other load balancer was found"),
        ("DaemonSet", "porter", "porter-lb:1.0.0", {}, "ok", "no other load balancer was found"),
    ],
)
def test_another_load_balancer(
    well: Cluster,
    capsys: pytest.CaptureFixture[str],
    *,
    kind: str,
    name: str,
    image: str,
    container: dict[str, Any],
    level: str,
    what: str,
) -> None:
    well.workload(kind, name, image, **container)

    [one] = found(well, capsys)

    assert one["level"] == level
    assert what in one["what"]
    assert level == "ok" or one["commands"]


def test_one_that_claims_a_service_of_porters_is_a_fault_and_names_it(
    well: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    well.workload("DaemonSet", "speaker", "quay.io/metallb/speaker:v0.14.9")
    well.service("web")
    well.service("shop", loadBalancerClass=CLASS)

    [one] = found(well, capsys)

    assert one["level"] == "fault"
    assert one["what"].endswith("claims every Service without a loadBalancerClass, and so default/web of Porter's")


@pytest.mark.parametrize("version", ["v2", "v2alpha1"])
def test_pools_of_cilium_claim_services(well: Cluster, capsys: pytest.CaptureFixture[str], version: str) -> None:
    names = {"kind": "Pool", "listKind": "PoolList", "plural": "ciliumloadbalancerippools", "singular": "pool"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    versions = [{"name": version, "served": True, "storage": True, "schema": schema}]
    spec = {"group": "cilium.io", "scope": "Cluster", "names": names, "versions": versions}
    well.put(DEFINITIONS, "ciliumloadbalancerippools.cilium.io", spec=spec)
    pools = f"/apis/cilium.io/{version}/ciliumloadbalancerippools"
    well.client.get(pools)
    assert [one["level"] for one in found(well, capsys)] == ["ok"]

    well.client.post(pools, {"metadata": {"name": "a"}})

    [one] = found(well, capsys)
    assert one["level"] == "warning"
    assert one["what"].startswith("Cilium (it has CiliumLoadBalancerIPPools) runs")


def test_one_that_is_scaled_to_nothing_claims_nothing(well: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    well.workload("Deployment", "porter-manager", "kubesphere/porter:v0.4.0")
    well.client.patch("/apis/apps/v1/namespaces/other/deployments/porter-manager", {"spec": {"replicas": 0}})

    assert [one["level"] for one in found(well, capsys)] == ["ok"]
