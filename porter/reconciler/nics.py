"""Which NIC of a node announces an address: the same answer in the fold, in the announcer and in an explanation."""

from collections.abc import Sequence

import msgspec

from porter.model.addresses import Address, AddressRange, parse_address, parse_network
from porter.model.names import NodeName
from porter.model.objects import Agent, Eip, Nic, Node
from porter.model.reasons import Reason, Verdict
from porter.reconciler.world import World

CAN_REACH = "can_reach:"


class NicChoice(msgspec.Struct, frozen=True, kw_only=True):
    """The NIC to announce on, or the reason why there is none."""

    nic: Nic | None = None
    verdict: Verdict = Verdict(reason=Reason.NODE_ELIGIBLE)


def choose_nic(agent: Agent, node: Node | None, eip: Eip | None, address: Address) -> NicChoice:
    """Choose a node's NIC for an address.

    In this order: the NIC that carries the address written on the Node; the one that the Eip names; the one over which
    the Eip's `can_reach:` address is reached; the one whose subnet holds the address; the only NIC that does ARP.
    """
    written = node.layer2_address if node is not None else None
    if written is not None:
        return _checked(_carrying(agent.nics, written), f"no NIC carries {written}, which the Node's annotation names")
    interface = eip.interface if eip is not None else None
    if interface is not None and interface.startswith(CAN_REACH):
        target = parse_address(interface.removeprefix(CAN_REACH))
        found = None if target is None else _towards(agent, target)
        return _checked(found, f"no NIC reaches {interface.removeprefix(CAN_REACH)}")
    if interface is not None:
        named = next((nic for nic in agent.nics if nic.name == interface), None)
        return _checked(named, f"no interface '{interface}' on this node. Available: {_names(agent.nics)}")
    found = _beside(agent.nics, address)
    speaking = [nic for nic in agent.nics if nic.arp]
    if found is None and len(speaking) == 1:
        found = speaking[0]
    return _checked(found, "no NIC's subnet holds it; name one in spec.interface of the Eip")


def can_any_node_announce(eip: Eip, addresses: AddressRange, world: World) -> Verdict:
    """Return that the pool is ready when some node's agent has a NIC for it, else why no node has."""
    if not world.agents:
        return Verdict(reason=Reason.NO_NODE_CAN_ANNOUNCE, detail="no Porter agent has reported yet")
    refused: list[tuple[NodeName, str]] = []
    for agent in world.agents.values():
        choice = choose_nic(agent, world.nodes.get(agent.node), eip, addresses.first_address)
        if choice.nic is not None or choice.verdict.reason is not Reason.NIC_MISSING:
            return Verdict(reason=Reason.POOL_READY)
        refused.append((agent.node, choice.verdict.sentence))
    detail = shortened([f"{node}: {sentence}" for node, sentence in sorted(refused)])
    return Verdict(reason=Reason.NO_NODE_CAN_ANNOUNCE, detail=detail)


def can_reach_targets(world: World) -> frozenset[str]:
    """Return the addresses of which every node's agent is to ask its kernel over which NIC they are reached."""
    named = (eip.interface for eip in world.eips.values() if eip.interface is not None)
    targets = (parse_address(text.removeprefix(CAN_REACH)) for text in named if text.startswith(CAN_REACH))
    return frozenset(str(target) for target in targets if target is not None)


def beyond_subnets(eip: Eip, addresses: AddressRange, world: World) -> str:
    """Say that no NIC that would announce the range has a subnet that holds all of it; "" when one has, or none is.

    No fault, since a router may lead there; but hosts beside the nodes ask for such an address only where they have a
    route to it. Looks at nodes until one is found.
    """
    found: list[str] = []
    for agent in sorted(world.agents.values(), key=lambda agent: agent.node):
        nic = choose_nic(agent, world.nodes.get(agent.node), eip, addresses.first_address).nic
        if nic is None:
            continue
        networks = [network for network in map(parse_network, nic.networks) if network is not None]
        if any(addresses.first_address in network and addresses.last_address in network for network in networks):
            return ""
        found.append(f"{nic.name} of {agent.node} ({', '.join(nic.networks) or 'no address'})")
    return f"not all of it lies in the subnet of {shortened(found, by=', ')}" if found else ""


def shortened(parts: Sequence[str], *, most: int = 4, by: str = "; ") -> str:
    """Join sentences, and only count those past the first few: a message must stay readable with 500 nodes."""
    rest = len(parts) - most
    return by.join(parts[:most]) + (f"{by}and {rest} more" if rest > 0 else "")


def _checked(nic: Nic | None, missing: str) -> NicChoice:
    if nic is None:
        return NicChoice(verdict=Verdict(reason=Reason.NIC_MISSING, detail=missing))
    if not nic.up:
        return NicChoice(verdict=Verdict(reason=Reason.NIC_DOWN, detail=nic.name))
    if not nic.carrier:
        return NicChoice(verdict=Verdict(reason=Reason.NIC_NO_CARRIER, detail=nic.name))
    if not nic.arp:
        return NicChoice(verdict=Verdict(reason=Reason.NIC_NO_ARP, detail=nic.name))
    return NicChoice(nic=nic)


def _carrying(nics: Sequence[Nic], text: str) -> Nic | None:
    wanted = parse_address(text)
    if wanted is None:
        return None
    return next((nic for nic in nics if wanted in {parse_address(net.partition("/")[0]) for net in nic.networks}), None)


def _beside(nics: Sequence[Nic], address: Address) -> Nic | None:
    """Return the NIC with the longest prefix that holds the address; of equals the first by name."""
    best: tuple[int, Nic] | None = None
    for nic in nics:
        for text in nic.networks:
            network = parse_network(text)
            if network is None or address not in network or network.prefixlen == network.max_prefixlen:
                continue
            if best is None or network.prefixlen > best[0]:
                best = (network.prefixlen, nic)
    return best[1] if best is not None else None


def _towards(agent: Agent, target: Address) -> Nic | None:
    """Return the NIC towards an address, as the node's kernel says.

    Until it was asked: the NIC on the address's subnet, else the one with a default gateway of its family.
    """
    way = next((way for way in agent.ways if parse_address(way.to) == target), None)
    if way is not None:
        return next((nic for nic in agent.nics if nic.name == way.nic), None)
    beside = _beside(agent.nics, target)
    if beside is not None:
        return beside
    for nic in agent.nics:
        gateways = (parse_address(text) for text in nic.gateways)
        if any(gateway is not None and gateway.version == target.version for gateway in gateways):
            return nic
    return None


def _names(nics: Sequence[Nic]) -> str:
    return ", ".join(nic.name for nic in nics) or "none"
