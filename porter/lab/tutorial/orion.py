"""The notes' walk: a pool that begins with the node's own address, which must never be handed out."""

from ipaddress import IPv4Address

from porter.lab import probe
from porter.lab.lab import Lab
from porter.lab.tutorial import guide, story
from porter.lab.tutorial.client import Client
from porter.lab.tutorial.hands import Hands
from porter.lab.tutorial.page import Page, expect, until

OWN = IPv4Address("10.13.15.200")
FREE = IPv4Address("10.13.15.201")


def walk(lab: Lab, page: Page) -> None:
    """Take every step. Raises StepFailedError at the first that does not hold."""
    hands, client = Hands(lab, page), Client(lab)
    hands.introduce()
    with lab.capture(lab.topology.client.name, protocol=probe.ETH_P_ARP) as wire:
        _steps(lab, page, hands, client)

        page.step("Step 5: orion itself has the Service's address")
        lost = _to_orion(lab, page, client)

        page.step("Step 6: nobody took orion's own address")
        claims = _claims(wire.frames(wait=0.2))
    page.say(f"In all ARP frames that the client saw, {len(claims)} different claims:")
    for address, mac in sorted(claims):
        page.say(f"  {address} is at {mac} ({client.name(mac)})")
    strangers = sorted(mac for address, mac in claims if address == OWN and client.name(mac) != "orion")
    expect(f"no MAC but orion's for {OWN}", not strangers, ", ".join(strangers))
    spoken = {address for address, mac in claims if client.name(mac) == "orion"}
    expect(f"orion's MAC for {OWN} and {FREE} only", spoken <= {OWN, FREE}, ", ".join(map(str, sorted(spoken))))
    page.holds(f"{OWN} was orion's all the time, and orion's MAC spoke for nothing that is not orion's")

    page.step("Step 7: the story, from the logs")
    story.agree(lab, page, f"default/{guide.SERVICE}", owner="orion")
    if lost:
        story.took_over(lab, page, f"default/{guide.SERVICE}", lost=lost, survivor="orion")
    story.tell(lab, page, f"default/{guide.SERVICE}", node="orion")


def _to_orion(lab: Lab, page: Page, client: Client) -> str:
    """Cut the other node off, if it is the owner: then orion is, rightly, and its own address must not suffer.

    Returns the node that was cut off, "" when there was no need.
    """
    owner = guide.owner_on_service(lab)
    if owner == "orion":
        _answers_for_both(page, client)
        return ""
    since = lab.fail(owner)
    page.ran(f"porter lab fail {owner}")
    _, seconds = client.seconds_until_moved(FREE, away_from=owner, since=since, within=30.0)
    page.holds(f"orion answers for {FREE} {seconds:.1f} s after {owner} was cut off")
    _answers_for_both(page, client)
    guide.wait_for_owner_on_service(lab, "orion", within=20.0)
    page.holds("the Service's annotation names orion")
    lab.recover(owner)
    page.ran(f"porter lab recover {owner}")
    guide.wait_for_calm(lab, client, FREE, owner="orion")
    page.holds(f"{owner} is back; orion keeps the address, and nobody else answers")
    return owner


def _answers_for_both(page: Page, client: Client) -> None:
    for address in (OWN, FREE):
        owners = client.owners(address)
        expect(f"orion and nobody else answering for {address}", owners == ["orion"], str(owners))
    page.holds(f"orion answers for {FREE} and, as ever, for its own {OWN} (ping: {client.ping(OWN):.2f} ms)")


def _steps(lab: Lab, page: Page, hands: Hands, client: Client) -> None:
    page.step("Step 1: strictARP for kube-proxy")
    guide.strict_arp(lab, page, hands)

    page.step("Step 2: the NIC that Porter uses")
    page.ran("ip -brief link", lab.exec("orion", ["ip", "-brief", "link"]).stdout)
    hands.annotate_node("orion", guide.KEY, str(OWN))

    page.step("Step 3: an Eip that begins with orion's own address")
    hands.apply("orion-eip.yaml")
    guide.wait_for_eip(lab, size=3)

    def look() -> tuple[bool, str]:
        conditions = lab.api.get("Eip", "porter-layer2-eip").get("status", {}).get("conditions") or []
        said = [str(c.get("message", "")) for c in conditions if str(OWN) in str(c.get("message", ""))]
        return bool(said) and "orion" in said[0], said[0] if said else str(conditions)

    page.holds(f"the Eip says: {until(f'the Eip to say why {OWN} is skipped', look, within=10.0)}")

    page.step("Step 4: a Deployment and a Service")
    hands.apply("porter-layer2.yaml")
    guide.wait_for_pods(lab, 2)
    hands.apply("porter-layer2-svc.yaml")
    address = guide.wait_for_address(lab)
    hands.show("svc", guide.SERVICE)
    expect(f"{FREE}, the first address that is free", address == FREE, str(address))
    page.holds(f"the Service has {FREE}, not {OWN}")
    owner = guide.verify(guide.Visit(lab, page, hands, client), address)
    for _ in range(3):
        owners = client.owners(OWN)
        expect(f"orion and nobody else answering for {OWN}", owners == ["orion"], str(owners))
    page.holds(f"orion answers for its own {OWN} (ping: {client.ping(OWN):.2f} ms), {owner} for {FREE}")


def _claims(frames: list[probe.Frame]) -> set[tuple[IPv4Address, str]]:
    """Who said to have which address: the sender fields of every ARP frame (a probe claims nothing: 0.0.0.0)."""
    claims = set()
    for frame in frames:
        if len(frame.data) >= 42:  # noqa: PLR2004 - Ethernet header and ARP for IPv4
            address = IPv4Address(frame.data[28:32])
            if int(address):
                claims.add((address, frame.data[22:28].hex(":")))
    return claims
