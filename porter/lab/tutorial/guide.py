"""The guide's own walk: strictARP, the NIC, the pool, the Deployment, the Service, and what the client then sees."""

from collections import Counter
from ipaddress import IPv4Address
from typing import NamedTuple

from porter.lab.kube import Object
from porter.lab.lab import Lab
from porter.lab.node.pods import is_ready
from porter.lab.node.proxy_config import SETTINGS
from porter.lab.tutorial import story
from porter.lab.tutorial.client import Client
from porter.lab.tutorial.hands import Hands
from porter.lab.tutorial.page import Page, expect, until

SERVICE = "porter-layer2-svc"
APP = "porter-layer2"
KEY = "layer2.porter.kubesphere.io/v1alpha1"
FIRST, LAST = IPv4Address("192.168.0.91"), IPv4Address("192.168.0.100")


class Visit(NamedTuple):
    """What every step needs: the lab, the page to print on, the hands that type, the client that looks."""

    lab: Lab
    page: Page
    hands: Hands
    client: Client


def walk(lab: Lab, page: Page) -> None:
    """Take every step. Raises StepFailedError at the first that does not hold."""
    visit = Visit(lab, page, Hands(lab, page), Client(lab))
    hands = visit.hands
    hands.introduce()

    page.step("Step 1: strictARP for kube-proxy")
    strict_arp(lab, page, hands)

    page.step("Step 2: the NIC that Porter uses")
    page.say("node1 is the guide's master1: eth0 192.168.0.2 and eth1 192.168.1.2.")
    hands.annotate_node("node1", KEY, "192.168.0.2")

    page.step("Step 3: an Eip")
    hands.apply("porter-layer2-eip.yaml")
    pool = wait_for_eip(lab, size=10)
    page.holds(f"the pool is ready, with {pool['poolSize']} addresses from {pool['firstIP']} to {pool['lastIP']}")

    page.step("Step 4: a Deployment")
    hands.apply("porter-layer2.yaml")
    pods = wait_for_pods(lab, 2)
    page.holds(", ".join(f"{pod} is ready on {node}" for pod, node in pods.items()))
    expect("the pods on different nodes", len(set(pods.values())) == len(pods), str(pods))

    page.step("Step 5: a Service")
    hands.apply("porter-layer2-svc.yaml")
    address = wait_for_address(lab)
    hands.show("svc", SERVICE)
    expect(f"an address from {FIRST} to {LAST}", FIRST <= address <= LAST, str(address))
    page.holds(f"the Service has {address}")

    page.step("Step 6: verify from the client")
    owner = verify(visit, address)

    page.step("Step 7: HTTP, from both pods")
    _http(visit, address, pods)

    page.step("Step 8: externalTrafficPolicy: Local")
    owner = _local(visit, address, pods)

    page.step("Step 9: the owner is cut off the network")
    survivor = _cut_off(visit, address, owner)

    page.step("Step 10: the story, from the logs")
    story.agree(lab, page, f"default/{SERVICE}", owner=survivor)
    story.took_over(lab, page, f"default/{SERVICE}", lost=owner, survivor=survivor)
    story.tell(lab, page, f"default/{SERVICE}", node=survivor)


def strict_arp(lab: Lab, page: Page, hands: Hands) -> None:
    """Switch strictARP on as the guide does, and show what that changes in each node's kernel."""
    names = [node.name for node in lab.topology.nodes]
    page.say(
        f"As it is now, arp_ignore and arp_announce are {_arp_settings(lab, names[0])} on {names[0]}: every node would "
        "answer ARP for every Service, because kube-proxy in IPVS mode makes its address local."
    )
    hands.edit_strict_arp()
    hands.restart_kube_proxy()

    def look() -> tuple[bool, dict[str, str]]:
        found = {name: _arp_settings(lab, name) for name in names}
        return set(found.values()) == {"1 and 2"}, found

    until("arp_ignore and arp_announce 1 and 2 on every node", look, within=15.0)
    page.holds(f"they are 1 and 2 now on {', '.join(names)}: no kernel answers for a Service")


def _arp_settings(lab: Lab, node: str) -> str:
    paths = [f"/proc/sys/{name}" for name in SETTINGS]
    return " and ".join(lab.exec(node, ["cat", *paths]).stdout.split())


def wait_for_eip(lab: Lab, *, size: int) -> Object:
    """Wait until Porter says that the pool is ready. Returns the Eip's status."""

    def look() -> tuple[bool, Object]:
        status = lab.api.get("Eip", "porter-layer2-eip").get("status") or {}
        return status.get("ready") is True and status.get("poolSize") == size, status

    return until(f"the Eip ready with poolSize {size}", look, within=15.0)


def wait_for_pods(lab: Lab, count: int) -> dict[str, str]:
    """Wait for that many ready pods. Returns the node of each."""

    def look() -> tuple[bool, dict[str, str]]:
        pods = lab.api.list("Pod", namespace="default", labelSelector=f"app={APP}")
        ready = {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in pods if is_ready(pod)}
        return len(ready) == count, ready

    return until(f"{count} ready pods", look, within=15.0)


def wait_for_address(lab: Lab) -> IPv4Address:
    """Wait until the Service has an address."""

    def look() -> tuple[bool, str]:
        status = lab.api.get("Service", SERVICE).get("status", {})
        ingress = status.get("loadBalancer", {}).get("ingress") or []
        return bool(ingress), ingress[0]["ip"] if ingress else str(status)

    return IPv4Address(until(f"an address on Service {SERVICE}", look, within=15.0))


def owner_on_service(lab: Lab) -> str:
    """The node that Porter wrote on the Service."""
    annotations = lab.api.get("Service", SERVICE)["metadata"].get("annotations") or {}
    return str(annotations.get(KEY, ""))


def wait_for_owner_on_service(lab: Lab, owner: str, *, within: float) -> None:
    """Wait until the Service names this node. From then on the address stays there, whoever comes back."""

    def look() -> tuple[bool, str]:
        written = owner_on_service(lab)
        return written == owner, f"it names {written or 'nobody'}"

    until(f"the Service to name {owner}", look, within=within)


def wait_for_calm(lab: Lab, client: Client, address: IPv4Address, *, owner: str) -> None:
    """Wait until this node, which the Service names too, has been the only one that answers for a second."""

    def look() -> tuple[bool, str]:
        for _ in range(5):
            owners, written = client.owners(address, wait=0.2), owner_on_service(lab)
            if (owners, written) != ([owner], owner):
                return False, f"{', '.join(owners) or 'nobody'} answered, and the Service named {written or 'nobody'}"
        return True, ""

    until(f"{owner}, the node on the Service, and nobody else answering for a second", look, within=20.0)


def verify(visit: Visit, address: IPv4Address) -> str:
    """The guide's proof: ping, then the neighbour table, then the node with that MAC. Returns the owner."""
    lab, page, hands, client = visit
    owner = client.single_owner(address)
    page.ran(f"ping {address}", f"1 echo reply, {client.ping(address):.2f} ms")
    mac = lab.neighbour(address)
    page.ran("ip neigh", f"{address} dev eth0 lladdr {mac}")
    hands.show("nodes", "-o", "wide")
    expect(f"the MAC of {owner}, {lab.mac(owner)}", mac == lab.mac(owner), str(mac))
    node = lab.topology.node(owner)
    page.holds(f"{mac} is {owner}'s {node.nic().name} ({node.address.ip}): {owner} answers for {address}")

    wait_for_owner_on_service(lab, owner, within=5.0)
    page.holds(f"the Service's annotation names {owner} too, and nobody else answers")
    return owner


def _http(visit: Visit, address: IPv4Address, pods: dict[str, str]) -> None:
    _, page, hands, client = visit
    page.say("The guide's Service says targetPort 80, but kubia listens on 8080: patch it.")
    hands.patch_service(SERVICE, {"spec": {"ports": [_port(8080)]}})
    seen = _until_pods(client, address, set(pods))
    page.ran(f"curl {address}   (10 times)", "\n".join(f"{n} x You've hit {pod}" for pod, n in sorted(seen.items())))
    page.holds("both pods answer")


def _local(visit: Visit, address: IPv4Address, pods: dict[str, str]) -> str:
    lab, page, hands, client = visit
    page.say("Only a node with a ready pod may answer now, and only its own pods do.")
    hands.patch_service(SERVICE, {"spec": {"externalTrafficPolicy": "Local"}})
    hosts = sorted(set(pods.values()))

    def look() -> tuple[bool, list[str]]:
        owners = client.owners(address)
        return len(owners) == 1 and owners[0] in hosts and owner_on_service(lab) == owners[0], owners

    owner = until(f"one of {', '.join(hosts)} answering ARP for {address}", look, within=15.0)[0]
    mine = {pod for pod, node in pods.items() if node == owner}
    seen = _until_pods(client, address, mine)
    page.ran(f"curl {address}   (10 times)", "\n".join(f"{n} x You've hit {pod}" for pod, n in sorted(seen.items())))
    page.holds(f"{owner} has the address, and only its pod answers")
    return owner


def _cut_off(visit: Visit, address: IPv4Address, owner: str) -> str:
    lab, page, hands, client = visit
    page.say("Back to Cluster, so that every node may take over.")
    hands.patch_service(SERVICE, {"spec": {"externalTrafficPolicy": "Cluster"}})
    wait_for_calm(lab, client, address, owner=owner)
    since = lab.fail(owner)
    page.ran(f"porter lab fail {owner}")
    expect(f"{owner} silent after the cut", owner not in client.owners(address, wait=0.2), f"{owner} still answers")
    survivor, seconds = client.seconds_until_moved(address, away_from=owner, since=since, within=30.0)
    page.holds(f"{survivor} answers for {address} {seconds:.1f} s after the cut")
    milliseconds = client.ping(address, within=5.0)
    mac = lab.neighbour(address)
    page.ran(f"ping {address}; ip neigh", f"1 echo reply, {milliseconds:.2f} ms\n{address} dev eth0 lladdr {mac}")
    expect(f"the MAC of {survivor}, {lab.mac(survivor)}", mac == lab.mac(survivor), str(mac))
    page.holds(f"the client's neighbour table has {survivor}'s MAC now")

    def answered() -> tuple[bool, str]:
        try:
            return True, lab.http_get(address, wait=1.0).strip()
        except OSError as error:
            return False, f"{type(error).__name__}: {error}"

    page.ran(f"curl {address}", until("an HTTP answer from the surviving side", answered, within=15.0))
    # The lost owner may have been the leader: then the Service names the survivor only when another one leads.
    wait_for_owner_on_service(lab, survivor, within=20.0)
    page.holds(f"the Service's annotation names {survivor}")
    lab.recover(owner)
    page.ran(f"porter lab recover {owner}")
    wait_for_calm(lab, client, address, owner=survivor)
    page.holds(f"{owner} is back; {survivor} keeps the address, and nobody else answers")
    return survivor


def _until_pods(client: Client, address: IPv4Address, wanted: set[str]) -> Counter[str]:
    """Ask until exactly these pods answer ten requests: kube-proxy follows a moment after the Service."""

    def look() -> tuple[bool, Counter[str] | str]:
        try:
            seen = client.pods(address)
        except Exception as failure:  # noqa: BLE001 - whatever it was, it is what was seen
            return False, str(failure)
        return set(seen) == wanted, seen

    seen = until(f"HTTP answers from {', '.join(sorted(wanted))} and nobody else", look, within=10.0)
    assert not isinstance(seen, str)
    return seen


def _port(target: int) -> Object:
    return {"name": "http", "port": 80, "targetPort": target}
