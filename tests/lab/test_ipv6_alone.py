"""A lab of IPv6 alone with agents: IPv4 is on loopbacks only, and the guide's way goes through."""

import json
import os
from collections.abc import Iterator

import pytest

from porter.lab import Lab, namespaces
from porter.lab.errors import LabError
from porter.lab.kube import read_access
from tests.lab import labs
from tests.lab.labs import YAML, until

pytestmark = pytest.mark.root

ADDRESS, SERVER = "2001:db8::91", "2001:db8::1"
IN_IPV6 = {"192.168.0.91-192.168.0.100": f"{ADDRESS}-2001:db8::100", "targetPort: 80\n": "targetPort: 8080\n"}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """The guide's manifests are in it, with a pool of IPv6 and the port on which the pods listen."""
    with labs.up("six", nodes=2, families=("IPv6",)) as made:
        for name in ("porter-layer2-eip", "porter-layer2", "porter-layer2-svc"):
            text = (YAML / f"{name}.yaml").read_text()
            for guides, ours in IN_IPV6.items():
                text = text.replace(guides, ours)
            made.kube("apply", "-f", "-", text=text)
        yield made


def answers(lab: Lab) -> set[str]:
    """Which pods answer, none while one does not."""
    try:
        return {lab.http_get(ADDRESS, wait=0.5).removeprefix("You've hit ").strip() for _ in range(4)}
    except OSError:
        return set()


def owner(lab: Lab) -> str:
    [answer] = lab.ndp(ADDRESS, wait=0.3)
    [found] = [node.name for node in lab.topology.nodes if lab.mac(node.name) == answer.mac]
    return found


def test_the_guides_service_is_announced_by_ndp_and_its_pods_answer(lab: Lab) -> None:
    until("both pods", lambda: len(answers(lab)) == 2, within=30.0)

    pods = lab.api.list("Pod", labelSelector="app=porter-layer2")
    assert answers(lab) == {pod["metadata"]["name"] for pod in pods}
    service = lab.api.get("Service", "porter-layer2-svc")
    assert service["status"]["loadBalancer"]["ingress"][0]["ip"] == ADDRESS
    assert service["spec"]["clusterIP"].startswith("fd00:10:233::")
    assert lab.neighbour(ADDRESS) == lab.mac(owner(lab))


@pytest.mark.parametrize("protocol", ["icmp", "http"])
def test_the_probe_reaches_it_by_its_owner(lab: Lab, protocol: str) -> None:
    report = lab.traffic(ADDRESS, protocol, interval=0.05, duration=0.2).start().wait()

    assert (report.lost, [who for _, who in report.owners]) == (0, [owner(lab)])


def test_no_host_has_ipv4_and_everything_says_so(lab: Lab) -> None:
    for netns in lab.stage.network.names:
        shown = json.loads(namespaces.ip("-json", "-4", "address", netns=netns, env=os.environ))
        assert [link["ifname"] for link in shown if link] == ["lo"]
    node = lab.api.get("Node", "node2")
    inside = [one["address"] for one in node["status"]["addresses"] if one["type"] == "InternalIP"]
    [endpoints] = lab.api.list("EndpointSlice", labelSelector="kubernetes.io/service-name=kubernetes")
    assert (inside, node["spec"]["podCIDRs"]) == (["2001:db8::3"], ["fd00:10:244:2::/64"])
    assert (endpoints["addressType"], endpoints["endpoints"][0]["addresses"]) == ("IPv6", [SERVER])
    assert read_access(lab.stage.agent_kubeconfig()).server == f"https://[{SERVER}]:6443"
    with pytest.raises(LabError, match="client has no IPv4 in this lab"):
        lab.arp("192.168.0.91")
    with pytest.raises(LabError, match="client has no IPv4 in this lab"):
        lab.traffic("192.168.0.91")


def test_a_node_may_lose_the_api_server_alone(lab: Lab) -> None:
    def reaches(address: str, port: int, wait: float = 5.0) -> bool:
        done = lab.exec("node1", ["timeout", f"{wait}", "bash", "-c", f"exec 3<>/dev/tcp/{address}/{port}"])
        return done.returncode == 0 or "refused" in done.stderr

    lab.fail("node1", "no-api")
    seen = (reaches(SERVER, 6443, wait=0.3), reaches("2001:db8::3", 22), lab.ping("2001:db8::2") is not None)
    lab.recover("node1")

    assert seen == (False, True, True)
    assert reaches(SERVER, 6443)
