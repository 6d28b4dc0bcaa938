"""What a node announces: exactly what it owns and what is published, computed as a whole, never patched."""

from collections.abc import Iterable

from porter.model.addresses import parse_address
from porter.model.assignment import Announcement, Assignment
from porter.model.names import NodeName
from porter.reconciler.nics import choose_nic
from porter.reconciler.wishes import held_addresses
from porter.reconciler.world import World


def is_published(world: World, assignment: Assignment) -> bool:
    """Tell whether the Service in the API carries the address: only then may it be announced."""
    service = world.services.get(assignment.service)
    if service is None or assignment.address is None:
        return False
    held = held_addresses(service).get(assignment.family)
    return held is not None and str(held) == assignment.address


def announcements_for(
    node: NodeName,
    world: World,
    owned: Iterable[Assignment],
    fallback_protocol: str,
) -> dict[str, tuple[Announcement, ...]]:
    """Return a node's announcements by protocol, by address; an address once, with all Services that share it.

    `owned` are the assignments that name the node, sorted by Service.
    """
    agent = world.agents.get(node)
    if agent is None:
        return {}
    wanted: dict[tuple[str, str], list[Assignment]] = {}
    for assignment in owned:
        if is_published(world, assignment):
            assert assignment.address is not None
            protocol = assignment.protocol or fallback_protocol
            wanted.setdefault((protocol, assignment.address), []).append(assignment)
    found: dict[str, list[Announcement]] = {}
    for (protocol, text), assignments in sorted(wanted.items()):
        address = parse_address(text)
        assert address is not None
        first = assignments[0]
        eip = world.eips.get(first.eip) if first.eip is not None else None
        choice = choose_nic(agent, world.nodes.get(node), eip, address)
        if choice.nic is None:
            continue
        services = tuple(assignment.service for assignment in assignments)
        written = world.services[first.service].written_node
        found.setdefault(protocol, []).append(
            Announcement(
                address=text,
                nic=choice.nic.name,
                services=services,
                eip=first.eip,
                comes_from=written if written != node else None,
            ),
        )
    return {protocol: tuple(announcements) for protocol, announcements in found.items()}
