"""What the walks ask the network, from the client: who answers, whose MAC that is, which pods speak."""

import time
from collections import Counter
from ipaddress import IPv4Address

from porter.lab.lab import Lab
from porter.lab.tutorial.page import expect, until


class Client:
    """The separate machine outside the cluster that the guide asks for."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.nodes_by_mac = {lab.mac(node.name): node.name for node in lab.topology.nodes}

    def owners(self, address: IPv4Address, *, wait: float = 0.3) -> list[str]:
        """The names of all who answer ARP for an address; a MAC that is no node's stays a MAC."""
        return sorted({self.name(answer.mac) for answer in self._lab.arp(address, wait=wait)})

    def name(self, mac: str) -> str:
        """Whose MAC it is."""
        return self.nodes_by_mac.get(mac, mac)

    def single_owner(self, address: IPv4Address, *, within: float = 15.0, other_than: str = "") -> str:
        """Wait until exactly one node answers ARP, and return its name."""

        def look() -> tuple[bool, list[str]]:
            owners = self.owners(address)
            return len(owners) == 1 and owners[0] in self.nodes_by_mac.values() and owners != [other_than], owners

        but = f" other than {other_than}" if other_than else ""
        return until(f"one node{but} answering ARP for {address}", look, within=within)[0]

    def ping(self, address: IPv4Address, *, within: float = 3.0) -> float:
        """Ask by ICMP until it answers. Returns the round trip in milliseconds."""

        def look() -> tuple[bool, float]:
            seconds = self._lab.ping(address, wait=0.5)
            return seconds is not None, (seconds or 0.0) * 1000

        return until(f"an ICMP echo reply from {address}", look, within=within)

    def pods(self, address: IPv4Address, *, times: int = 10) -> Counter[str]:
        """Which pods answer HTTP on new connections; every request must be answered."""
        seen: Counter[str] = Counter()
        for number in range(1, times + 1):
            try:
                body = self._lab.http_get(address)
            except OSError as error:
                body = f"{type(error).__name__}: {error}"
            hit = body.startswith("You've hit ")
            expect(f"HTTP request {number} of {times} answered by a pod", hit, body.strip() or "nothing")
            seen[body.removeprefix("You've hit ").strip()] += 1
        return seen

    def seconds_until_moved(
        self, address: IPv4Address, *, away_from: str, since: float, within: float
    ) -> tuple[str, float]:
        """Ask by ARP every 50 ms until another node answers. Returns its name and the seconds since the fault."""

        def look() -> tuple[bool, list[str]]:
            owners = self.owners(address, wait=0.05)
            return len(owners) == 1 and away_from not in owners, owners

        owner = until(f"another node than {away_from} answering for {address}", look, within=within, every=0.0)[0]
        return owner, time.monotonic() - since
