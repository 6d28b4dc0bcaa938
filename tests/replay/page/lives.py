"""Logs worth looking at: an eventful hour of a small cluster, and a story of 100,000 changes."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from porter.events import entries as e
from porter.events.entries import Entry, Observed, Recorded
from porter.model.names import EipName, NodeName, ServiceKey
from porter.model.objects import Agent, Nic, Rival
from porter.reconciler.fold import Reconciler
from porter.replay.page.gathering import Gatherer
from porter.replay.page.picture import Picture
from porter.replay.reading import installed_rules
from porter.replay.refold import Refold
from porter.replay.story import Cause, Change
from tests.worlds import Thing, eip, endpoints, node, observed, published, relisted, service

BEGIN = datetime(2026, 11, 21, 10, tzinfo=UTC)
NODES = ("node1", "node2", "node3", "node4")
NAMES = ("shop", "web", "blog", "wiki", "mail", "git", "chat", "maps", "cart", "feed", "logs", "docs")
STRANGER = "de:ad:be:ef:00:07"


def agent(name: str, *, rivals: tuple[Rival, ...] = ()) -> Agent:
    number = NODES.index(name) + 11
    nic = Nic(name="eth0", mac=f"52:54:00:00:00:{number}", networks=(f"192.168.0.{number}/24",))
    return Agent(node=NodeName(name), nics=(nic,), rivals=rivals)


class Life:
    """Records what happens as node1's agent would: decisions at once, the API and the wire a moment later."""

    def __init__(self, seed: int = 5) -> None:
        self.records: list[Recorded] = []
        self._at = BEGIN
        self._reconciler = Reconciler(installed_rules())
        self._announced: set[str] = set()
        self._chance = random.Random(seed)

    def later(self, seconds: float) -> None:
        self._at += timedelta(seconds=seconds)

    def see(self, *things: Thing) -> None:
        for thing in things:
            self.happen(observed(thing))

    def happen(self, *entries: Entry) -> None:
        for entry in entries:
            self._record(entry, 0.0005 + self._chance.random() / 500)
            if isinstance(entry, e.Observed):
                self._observe(entry)

    def _record(self, entry: Entry, seconds: float) -> int:
        self.later(seconds)
        self.records.append(Recorded(len(self.records) + 1, self._at, entry))
        return len(self.records)

    def _observe(self, entry: Observed) -> None:
        decided = self._reconciler.fold(entry, len(self.records))
        for decision in decided:
            self._record(decision, 0.0002 + self._chance.random() / 2000)
        for decision in decided:
            if isinstance(decision, e.AssignmentDecided) and decision.assignment.address is not None:
                self._apply(decision)

    def _apply(self, decision: e.AssignmentDecided) -> None:
        found, address = decision.assignment, decision.assignment.address or ""
        if address in self._announced and "node1" not in found.nodes:
            self._announced.discard(address)
            self._record(e.Withdrawn(address=address, protocol="layer2", nic="eth0"), 0.001)
        if "node1" in found.nodes and address not in self._announced:
            self._announced.add(address)
            announced = e.Announced(address=address, protocol="layer2", nic="eth0", mac="52:54:00:00:00:11")
            self._record(announced, 0.002)
        known = self._reconciler.world.services[found.service]
        shown = published(known, address, node=found.nodes[0] if found.nodes else known.written_node, pool=found.eip)
        if shown != known:
            self._record(e.Published(service=found.service, addresses=(address,), eip=found.eip), 0.006)
            self.happen(e.ServiceObserved(service=shown))


def eventful() -> list[Recorded]:
    """Return an hour in which much goes wrong."""
    life = Life()
    life.happen(e.AgentStarted(node=NodeName("node1"), porter="1.0.0", schema="2"))
    life.see(*[node(name, f"192.168.0.{11 + at}") for at, name in enumerate(NODES)], *map(agent, NODES))
    life.see(eip("edge", "192.168.0.91-192.168.0.99", interface="eth0"))
    life.happen(*relisted(), e.LeaderObserved(holder=NodeName("node1")))
    for age, name in enumerate(NAMES):
        life.later(40 + 25 * (age % 4))
        life.see(service(f"default/{name}", age=age), endpoints(f"default/{name}", *NODES))
    life.later(180)
    life.happen(e.AgentSilent(node=NodeName("node2"), seconds=6.0))
    life.later(95)
    life.happen(e.AgentHeard(node=NodeName("node2")))
    life.later(120)
    life.see(agent("node3", rivals=(Rival(address="192.168.0.99", mac=STRANGER),)))
    claimed = e.AddressClaimed(address="192.168.0.92", nic="eth0", mac=STRANGER, node=NodeName("node1"), held=True)
    life.happen(claimed)
    life.later(60)
    life.happen(
        e.AddressClaimed(
            address="192.168.0.94",
            nic="eth0",
            mac="52:54:00:00:00:13",
            node=NodeName("node1"),
            peer=NodeName("node3"),
            held=True,
            defended=True,
        )
    )
    life.later(150)
    life.see(node("node4", "192.168.0.14", ready=False))
    life.happen(e.PublishFailed(what="Service default/git", error="409 Conflict"))
    life.later(200)
    life.happen(e.AnnouncementFailed(address="192.168.0.91", protocol="layer2", error="eth0 is down"))
    life.happen(e.PluginFailed(plugin="layer2", version="1.0.0", error="it hung for 10 s"))
    life.later(90)
    life.see(node("node4", "192.168.0.14"), agent("node3"))
    life.happen(e.LeaderObserved(holder=NodeName("node3")))
    life.later(240)
    life.happen(e.ServiceGone(service=ServiceKey("default/mail")), e.ServiceGone(service=ServiceKey("default/git")))
    life.later(130)
    for name in ("node1", "node2", "node3", "node4"):
        life.happen(e.AgentSilent(node=NodeName(name), seconds=6.0))
        life.later(4)
    life.later(25)
    for name in ("node3", "node1", "node2", "node4"):
        life.happen(e.AgentHeard(node=NodeName(name)))
        life.later(3)
    life.later(400)
    life.happen(e.NodeGone(node=NodeName("node3")), e.AgentGone(node=NodeName("node3")))
    life.later(500)
    life.happen(e.AgentStopped(node=NodeName("node1")))
    return life.records


def many(lanes: int = 1_000, changes: int = 100_000, nodes: int = 50) -> Picture:
    """Return the picture of a long story, made without the fold: each change moves an address to another node."""
    chance = random.Random(7)
    names = [f"node-{number:02}" for number in range(nodes)]
    owners: dict[int, str] = {}
    gatherer = Gatherer()
    refold = Refold(installed_rules())
    first = Recorded(1, BEGIN, e.LeaderObserved(holder=None))
    last = Recorded(changes * 3, BEGIN + timedelta(seconds=changes + 60), first.entry)
    for refold.last in gatherer.followed((first, last)):
        if refold.last is first:
            for change in _moves(chance, owners, names, lanes, changes):
                gatherer.add(change)
    return gatherer.picture("many.jsonl.gz", refold, 0, everything=True)


def _moves(
    chance: random.Random, owners: dict[int, str], names: list[str], lanes: int, changes: int
) -> Iterator[Change]:
    for number in range(changes):
        lane = number if number < lanes else chance.randrange(lanes)
        address = f"172.16.{lane // 250}.{lane % 250 + 1}"
        old, at = owners.get(lane), BEGIN + timedelta(seconds=number + chance.random())
        owners[lane] = chance.choice([name for name in names if name != old])
        cause = Cause(
            seq=number * 3 + 1,
            at=at - timedelta(microseconds=300),
            kind="agent.silent",
            text=f"the agent of {old or 'node-00'} is silent: its Lease was not renewed for 6 s",
        )
        yield Change(
            seq=number * 3 + 2,
            at=at,
            service=ServiceKey(f"team-{lane % 20}/web-{lane:05}"),
            family="IPv4",
            what="assigned" if old is None else "moved",
            address=address,
            previous_address=None if old is None else address,
            eip=EipName("edge"),
            from_=old,
            to=owners[lane],
            cause=cause,
            reason=f"taken over from {old}: its Porter agent is silent: its Lease ran out" if old else "first free",
            decided_after=0.0003,
        )
