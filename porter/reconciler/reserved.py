"""Addresses that are never handed out and never announced, each with the reason that its Eip shows.

Derived from the nodes, the agents' NICs, the cluster's ranges and the standards; it knows nothing of Services. What one
of these sources contributes can be exchanged without looking at the others.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_network
from operator import itemgetter
from typing import Final

import msgspec

from porter.model.addresses import Address, AddressRange, Network, edges, parse_address, parse_network
from porter.model.objects import Agent, Cluster, Eip, Node
from porter.reconciler.free import Blocks
from porter.reconciler.world import World

Source = tuple[int, str]
"""Whose contribution: sorts nodes before agents before the cluster, since of several reasons the first is shown."""

SPECIAL: Final[tuple[tuple[Network, str], ...]] = tuple(
    (ip_network(text), why)
    for text, why in (
        ("0.0.0.0/8", "this network (RFC 1122, 3.2.1.3)"),
        ("127.0.0.0/8", "loopback (RFC 1122, 3.2.1.3)"),
        ("169.254.0.0/16", "link-local (RFC 3927)"),
        ("224.0.0.0/4", "multicast (RFC 5771)"),
        ("240.0.0.0/4", "reserved for future use (RFC 1112, 4)"),
        ("255.255.255.255/32", "limited broadcast (RFC 919)"),
        ("::/128", "the unspecified address (RFC 4291, 2.5.2)"),
        ("::1/128", "loopback (RFC 4291, 2.5.3)"),
        ("::ffff:0:0/96", "IPv4-mapped (RFC 4291, 2.5.5.2)"),
        ("fe80::/10", "link-local (RFC 4291, 2.5.6)"),
        ("ff00::/8", "multicast (RFC 4291, 2.7)"),
    )
)


class Contribution(msgspec.Struct, frozen=True, kw_only=True):
    """What one source keeps from being handed out."""

    hosts: dict[Address, str] = {}
    edges: dict[Address, str] = {}
    """Network and broadcast addresses of its subnets: handed out where an Eip says usingKnownIPs."""
    networks: dict[Network, str] = {}
    quarantined: dict[Address, str] = {}
    """Addresses that a stranger answers for: not handed out, but asked for again by the node that owns one."""


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What a new contribution has changed."""

    addresses: frozenset[Address] = frozenset()
    networks: frozenset[Network] = frozenset()

    def concerns(self, addresses: AddressRange) -> bool:
        """Tell whether a network that has changed lies in a range, or around it."""
        return any(_covered(network).overlaps(addresses) for network in self.networks)

    def holds(self, address: Address) -> bool:
        """Tell whether an address lies in a network that has changed."""
        return any(address in network for network in self.networks)


class Reserved:
    """What must not be handed out. Built from a world, or kept up to date source by source."""

    def __init__(self, world: World | None = None) -> None:
        self._contributions: dict[Source, Contribution] = {}
        self._hosts: dict[Address, dict[Source, str]] = {}
        self._edges: dict[Address, dict[Source, str]] = {}
        self._quarantined: dict[Address, dict[Source, str]] = {}
        self._networks: dict[tuple[int, int], dict[int, dict[Source, str]]] = {}
        """By version and prefix length, then by the network's own number."""
        self._found: dict[Address, str | None] = {}
        """What was found around addresses, as long as no network changes: they are asked for with every election."""
        self.put((-1, "standards"), Contribution(networks=dict(SPECIAL)))
        if world is not None:
            self.put(CLUSTER, of_cluster(world.cluster))
            for node in world.nodes.values():
                self.put(node_source(node.name), of_node(node))
            for agent in world.agents.values():
                self.put(agent_source(agent.node), of_agent(agent))

    def put(self, source: Source, contribution: Contribution) -> Changed:
        """Exchange what a source contributes; an empty contribution takes it out. Return what has changed."""
        before = self._contributions.get(source, Contribution())
        if before == contribution:
            return Changed()
        self._contributions[source] = contribution
        changed: set[Address] = set()
        for known, old, new in (
            (self._hosts, before.hosts, contribution.hosts),
            (self._edges, before.edges, contribution.edges),
            (self._quarantined, before.quarantined, contribution.quarantined),
        ):
            for address in old.keys() | new.keys():
                if old.get(address) != new.get(address):
                    _set(known, address, source, new.get(address))
                    changed.add(address)
        networks = {
            network
            for network in before.networks.keys() | contribution.networks.keys()
            if before.networks.get(network) != contribution.networks.get(network)
        }
        if networks:
            self._found.clear()
        for network in networks:
            size = (network.version, network.prefixlen)
            if size not in self._networks:  # the narrowest first, as they are asked
                self._networks = dict(sorted([*self._networks.items(), (size, {})], reverse=True, key=itemgetter(0)))
            table = self._networks[size]
            _set(table, int(network.network_address), source, contribution.networks.get(network))
        return Changed(addresses=frozenset(changed), networks=frozenset(networks))

    def why(self, address: Address, eip: Eip | None) -> str | None:
        """Return why the address is never handed out from this Eip, or None when it may be.

        Without an Eip: why it may not even be announced by who holds it.
        """
        found = self._hosts.get(address)
        if found is not None:
            return _first(found)
        around = self._found.get(address, "")
        if around == "":
            around = self._found[address] = self._around(address)
        if around is not None:
            return around
        if eip is None:
            return None
        stranger = self._quarantined.get(address)
        if stranger is not None:
            return _first(stranger)
        if eip.using_known_ips:
            return None
        edge = self._edges.get(address)
        return _first(edge) if edge is not None else _edge_of_pool(address, eip)

    def beyond(self, address: Address) -> int | None:
        """Return the last number of a reserved network that holds the address, so that a search can jump past it."""
        number = int(address)
        ends = [last for first, last in self.blocks(address.version) if first <= number <= last]
        return max(ends, default=None)

    def blocks(self, version: int) -> Blocks:
        """Return all reserved networks of an IP version as first and last numbers, sorted."""
        return sorted(
            (number, number + (1 << (_bits(version) - length)) - 1)
            for (of, length), table in self._networks.items()
            if of == version
            for number in table
        )

    def numbers_in(self, pool: AddressRange, eip: Eip) -> Iterator[int]:
        """Return the numbers of single reserved addresses in a pool, in no order, networks aside."""
        singles = [self._hosts, self._quarantined] + ([] if eip.using_known_ips else [self._edges])
        for known in singles:
            yield from (int(address) for address in known if address in pool)
        if not eip.using_known_ips and pool.network:
            network = parse_network(pool.network)
            yield from (int(address) for address in (edges(network) if network is not None else ()))

    def within(self, pool: AddressRange, eip: Eip) -> Iterator[tuple[str, str]]:
        """Return what is reserved inside a pool, as (address or network, why), in order of address."""
        found: list[tuple[int, str, str]] = []
        for number in set(self.numbers_in(pool, eip)):
            address = pool.address(number)
            why = self.why(address, eip)
            assert why is not None
            found.append((number, str(address), why))
        for (version, length), table in self._networks.items():
            for number, whys in table.items():
                network = ip_network(((IPv4Address if version == 4 else IPv6Address)(number), length))  # noqa: PLR2004
                last = int(network.broadcast_address)
                if version == pool.version and number <= pool.last and last >= pool.first:
                    found.append((number, str(network), _first(whys)))
        return ((shown, why) for _, shown, why in sorted(found))

    def _around(self, address: Address) -> str | None:
        """Return why a reserved network around the address is one, of several the narrowest."""
        number, version = int(address), address.version
        for (of, length), table in self._networks.items():
            if of == version:
                shift = _bits(version) - length
                found = table.get(number >> shift << shift)
                if found is not None:
                    return _first(found)
        return None


CLUSTER: Final[Source] = (2, "")


def node_source(name: str) -> Source:
    """Name a Node as a source."""
    return (0, name)


def agent_source(name: str) -> Source:
    """Name a node's agent as a source."""
    return (1, name)


def of_node(node: Node | None) -> Contribution:
    """Return what a Node keeps back: its addresses and its pods' ranges."""
    if node is None:
        return Contribution()
    return Contribution(
        hosts=_hosts((text, f"address of node {node.name}") for text in node.addresses),
        networks=_networks((text, f"pod range of node {node.name}") for text in node.pod_ranges),
    )


def of_agent(agent: Agent | None) -> Contribution:
    """Return what an agent reports: the addresses of its NICs, their gateways, the edges of their subnets, rivals."""
    if agent is None:
        return Contribution()
    hosts = [
        (text.partition("/")[0], f"address of node {agent.node} ({nic.name})")
        for nic in agent.nics
        for text in nic.networks
    ]
    hosts += [(text, f"default gateway of node {agent.node}") for nic in agent.nics for text in nic.gateways]
    hosts += [(text, "address of the API server") for text in agent.api_servers]
    found: dict[Address, str] = {}
    for nic in agent.nics:
        for text in nic.networks:
            network = parse_network(text)
            for address in edges(network) if network is not None else ():
                found.setdefault(address, _edge_sentence(address, str(network)))
    strangers = (
        (one.address, f"another host ({one.mac}) answers for it, as {agent.node} hears") for one in agent.rivals
    )
    return Contribution(hosts=_hosts(hosts), edges=found, quarantined=_hosts(strangers))


def of_cluster(cluster: Cluster) -> Contribution:
    """Return what the cluster as a whole keeps back."""
    return Contribution(
        hosts=_hosts((text, "address of the API server") for text in cluster.api_servers),
        networks=_networks((text, "the cluster's Service range") for text in cluster.service_ranges),
    )


def _hosts(found: Iterable[tuple[str, str]]) -> dict[Address, str]:
    hosts: dict[Address, str] = {}
    for text, why in found:
        address = parse_address(text)
        if address is not None:
            hosts.setdefault(address, why)
    return hosts


def _networks(found: Iterable[tuple[str, str]]) -> dict[Network, str]:
    networks: dict[Network, str] = {}
    for text, why in found:
        network = parse_network(text)
        if network is not None:
            networks.setdefault(network, f"{why} {network}")
    return networks


def _edge_of_pool(address: Address, eip: Eip) -> str | None:
    return _edges_of(eip.address).get(address) if "/" in eip.address else None


@lru_cache(maxsize=1024)
def _edges_of(cidr: str) -> Mapping[Address, str]:
    """Return the edges of an Eip's network, each with its sentence: asked for with every address of it."""
    network = parse_network(cidr)
    return {} if network is None else {address: _edge_sentence(address, str(network)) for address in edges(network)}


def _edge_sentence(address: Address, network: str) -> str:
    if address.version == 6:  # noqa: PLR2004 - IP's own version number
        return f"subnet-router anycast address of {network} (RFC 4291, 2.6.1)"
    first = network.partition("/")[0]
    return f"{'network' if str(address) == first else 'broadcast'} address of {network}"


def _covered(network: Network) -> AddressRange:
    first, last = int(network.network_address), int(network.broadcast_address)
    return AddressRange(version=network.version, first=first, last=last)


def _set(known: dict, key: object, source: Source, why: str | None) -> None:  # type: ignore[type-arg]
    whys = known.setdefault(key, {})
    if why is None:
        whys.pop(source, None)
    else:
        whys[source] = why
    if not whys:
        del known[key]


def _first(whys: dict[Source, str]) -> str:
    return whys[min(whys)]


def _bits(version: int) -> int:
    return 32 if version == 4 else 128  # noqa: PLR2004 - IP's own numbers
