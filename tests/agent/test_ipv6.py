"""IPv6 from the Eip to a Linux kernel that resolves the address."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from socket import AF_INET6, SOCK_DGRAM, socket

import pytest

from porter.events.entries import Announced
from porter.model import keys
from tests.agent.api import SERVICES, SLICES, Api
from tests.agent.command import Command, commanding
from tests.plugins.netns import Wire, inside, ip, settle

pytestmark = pytest.mark.root


@pytest.fixture
def api() -> Iterator[Api]:
    """An API server with Porter's kinds and one node; Services may have both families."""
    made = Api(service_cidr="10.233.0.0/18,fd01::/112")
    try:
        made.install()
        made.node("node1")
        yield made
    finally:
        made.close()


@pytest.fixture
def agent(api: Api, net: Wire, tmp_path: Path) -> Iterator[Command]:
    """The agent of that node, 2001:db8::5 beside 192.168.0.5; the client is 2001:db8::50."""
    for namespace, address in ((net.node, "2001:db8::5/64"), (net.client, "2001:db8::50/64")):
        ip("netns", "exec", namespace, "sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=0")
        ip("-n", namespace, "-6", "addr", "add", address, "dev", "eth0", "nodad")
    kubeconfig = api.kubeconfig(tmp_path / "kubeconfig", net.node)
    with commanding(tmp_path, kubeconfig, netns=net.node) as made:
        yield made


def make_service(api: Api, name: str, **spec: object) -> None:
    wanted = {"type": "LoadBalancer", "ports": [{"port": 80}], "selector": {"app": name}} | spec
    api.create(SERVICES, {"metadata": {"name": name, "annotations": {keys.CLAIM: "porter"}}, "spec": wanted})
    slice_ = {
        "metadata": {"name": f"{name}-1", "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv6",
        "endpoints": [{"addresses": ["fd02::5"], "nodeName": "node1", "conditions": {"ready": True}}],
        "ports": [{"port": 80, "protocol": "TCP"}],
    }
    api.create(SLICES, slice_)


def mac_of(net: Wire, address: str) -> str:
    """What the client's kernel finds when it sends something to the address."""

    def send() -> None:
        with socket(AF_INET6, SOCK_DGRAM) as connection:
            connection.sendto(b"hello", (address, 9))

    inside(net.client, send)
    command = ["ip", "-6", "-n", net.client, "neigh", "show", address]
    words = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout.split()
    return words[words.index("lladdr") + 1] if "lladdr" in words else ""


def test_a_service_of_ipv6_is_reached_by_a_linux_kernel(api: Api, agent: Command, net: Wire) -> None:
    namespaces = {"namespaces": ["default"]}
    api.eip("six", "2001:db8::91-2001:db8::99", **namespaces)
    api.eip("four", "192.168.0.91-192.168.0.99", **namespaces)
    make_service(api, "six", ipFamilies=["IPv6"])
    make_service(api, "both", ipFamilies=["IPv4", "IPv6"], ipFamilyPolicy="RequireDualStack")

    agent.start_ready()

    agent.wait("an address", lambda: api.addresses("six") != [])
    agent.wait("two addresses", lambda: len(api.addresses("both")) == 2)
    agent.wait("three announcements", lambda: sum(isinstance(each, Announced) for each in agent.entries()) == 3)
    taken = [*api.addresses("six"), api.addresses("both")[1]]
    assert sorted(taken) == ["2001:db8::91", "2001:db8::92"]
    assert api.addresses("both")[0] == "192.168.0.91"
    for address in taken:
        settle(lambda address=address: mac_of(net, address) == "02:00:00:00:01:01")  # type: ignore[misc]


def test_an_ipv6_address_that_a_stranger_has_is_announced_only_when_it_is_free(
    api: Api, agent: Command, net: Wire
) -> None:
    ip("-n", net.client, "-6", "addr", "add", "2001:db8::91/64", "dev", "eth0", "nodad")
    api.eip("six", "2001:db8::91", namespaces=["default"])
    make_service(api, "six", ipFamilies=["IPv6"])

    agent.start_ready()
    agent.wait("who has it", lambda: "another host answers for 2001:db8::91 on eth0: 02:00:00:00:02:02" in said(api))

    ip("-n", net.client, "-6", "addr", "del", "2001:db8::91/64", "dev", "eth0")
    agent.wait("its announcement", lambda: any(isinstance(each, Announced) for each in agent.entries()))


def said(api: Api) -> str:
    """The conditions of the Service."""
    return str(api.get(f"{SERVICES}/six")["status"].get("conditions", ""))
