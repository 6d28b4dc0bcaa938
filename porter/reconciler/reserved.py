"""Addresses that are never handed out and never announced, each with the reason that its Eip shows.

Derived from the nodes, the agents' NICs, the cluster's ranges and the standards; it knows nothing of Services.
"""

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Final

from porter.model.addresses import Address, AddressRange, Network, edges, parse_address, parse_network
from porter.model.objects import Agent, Eip
from porter.reconciler.world import World

SPECIAL: Final[tuple[tuple[Network, str], ...]] = tuple(
    (ip_network(text), why)
    for text, why in (
        ("0.0.0.0/8", "this network (RFC 1122, 3.2.1.3)"),
        ("127.0.0.0/8", "loopback (RFC 1122, 3.2.1.3)"),
        ("169.254.0.0/16", "link-local (RFC 3927)"),
        ("224.0.0.0/4", "multicast (RFC 5771)"),
        ("255.255.255.255/32", "limited broadcast (RFC 919)"),
        ("::/128", "the unspecified address (RFC 4291, 2.5.2)"),
        ("::1/128", "loopback (RFC 4291, 2.5.3)"),
        ("fe80::/10", "link-local (RFC 4291, 2.5.6)"),
        ("ff00::/8", "multicast (RFC 4291, 2.7)"),
    )
)


class Reserved:
    """What must not be handed out in this world. Build it anew when nodes, agents or the cluster's ranges change."""

    def __init__(self, world: World) -> None:
        self._hosts: dict[Address, str] = {}
        self._edges: dict[Address, str] = {}
        self._networks: list[tuple[Network, str]] = list(SPECIAL)
        self._take_nodes(world)
        self._take_agents(world)
        self._take_cluster(world)

    def why(self, address: Address, eip: Eip | None) -> str | None:
        """Return why the address is never handed out from this Eip, or None when it may be."""
        found = self._hosts.get(address)
        if found is not None:
            return found
        for network, why in self._networks:
            if address in network:
                return why
        if eip is None or eip.using_known_ips:
            return None
        return self._edges.get(address) or _edge_of_pool(address, eip)

    def beyond(self, address: Address) -> int | None:
        """Return the last number of a reserved network that holds the address, so that a search can jump past it."""
        ends = [int(network.broadcast_address) for network, _ in self._networks if address in network]
        return max(ends, default=None)

    def within(self, pool: AddressRange, eip: Eip) -> Iterator[tuple[str, str]]:
        """Return what is reserved inside a pool, as (address or network, why), in order of address."""
        found: list[tuple[int, str, str]] = [
            (int(address), str(address), why) for address, why in self._hosts.items() if address in pool
        ]
        for network, why in self._networks:
            covered = AddressRange(
                version=network.version,
                first=int(network.network_address),
                last=int(network.broadcast_address),
            )
            if covered.overlaps(pool):
                found.append((covered.first, str(network), why))
        if not eip.using_known_ips:
            known = {address: why for address, why in self._edges.items() if address in pool}
            network_of_pool = parse_network(pool.network) if pool.network else None
            for address in edges(network_of_pool) if network_of_pool is not None else ():
                known.setdefault(address, _edge_sentence(address, pool.network))
            found.extend((int(address), str(address), why) for address, why in known.items())
        return ((shown, why) for _, shown, why in sorted(found))

    def _take_nodes(self, world: World) -> None:
        for node in sorted(world.nodes.values(), key=lambda node: node.name):
            for text in node.addresses:
                self._host(text, f"address of node {node.name}")

    def _take_agents(self, world: World) -> None:
        for agent in sorted(world.agents.values(), key=lambda agent: agent.node):
            self._take_agent(agent)

    def _take_agent(self, agent: Agent) -> None:
        for nic in agent.nics:
            for text in nic.networks:
                self._host(text.partition("/")[0], f"address of node {agent.node} ({nic.name})")
                network = parse_network(text)
                for address in edges(network) if network is not None else ():
                    self._edges.setdefault(address, _edge_sentence(address, str(network)))
            for text in nic.gateways:
                self._host(text, f"default gateway of node {agent.node}")
        for text in agent.api_servers:
            self._host(text, "address of the API server")

    def _take_cluster(self, world: World) -> None:
        for text in world.cluster.api_servers:
            self._host(text, "address of the API server")
        ranges = [(text, "the cluster's Service range") for text in world.cluster.service_ranges]
        ranges += [
            (text, f"pod range of node {node.name}") for node in world.nodes.values() for text in node.pod_ranges
        ]
        for text, why in sorted(ranges):
            network = parse_network(text)
            if network is not None:
                self._networks.append((network, f"{why} {network}"))

    def _host(self, text: str, why: str) -> None:
        address = parse_address(text)
        if address is not None:
            self._hosts.setdefault(address, why)


def _edge_of_pool(address: Address, eip: Eip) -> str | None:
    network = parse_network(eip.address) if "/" in eip.address else None
    if network is None or address not in edges(network):
        return None
    return _edge_sentence(address, str(network))


def _edge_sentence(address: Address, network: str) -> str:
    if address.version == 6:  # noqa: PLR2004 - IP's own version number
        return f"subnet-router anycast address of {network} (RFC 4291, 2.6.1)"
    first = network.partition("/")[0]
    return f"{'network' if str(address) == first else 'broadcast'} address of {network}"
