"""What a node announces: exactly what it owns and what is published, computed as a whole."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from porter.model.addresses import parse_address
from porter.model.assignment import Announcement, Assignment
from porter.model.names import NodeName
from porter.reconciler.nics import NicChoice, choose_nic
from porter.reconciler.wishes import held_addresses
from porter.reconciler.world import World

Place: TypeAlias = tuple[str, str]
"""A protocol, and an address that is announced by it."""


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
    wanted: dict[Place, list[Assignment]] = {}
    for assignment in owned:
        if is_published(world, assignment):
            wanted.setdefault(place_of(assignment, fallback_protocol), []).append(assignment)
    found: dict[str, list[Announcement]] = {}
    for place, assignments in sorted(wanted.items()):
        announcement = announcement_at(place, node, world, assignments)
        if announcement is not None:
            found.setdefault(place[0], []).append(announcement)
    return {protocol: tuple(announcements) for protocol, announcements in found.items()}


def place_of(assignment: Assignment, fallback_protocol: str) -> Place:
    """Return where an assignment that has an address is announced."""
    assert assignment.address is not None
    return assignment.protocol or fallback_protocol, assignment.address


def announcement_at(
    place: Place, node: NodeName, world: World, assignments: Sequence[Assignment]
) -> Announcement | None:
    """Return what a node announces at a place, for assignments sorted by Service; None where it has no NIC for it."""
    agent = world.agents.get(node)
    address = parse_address(place[1])
    assert address is not None
    first = assignments[0]
    eip = world.eips.get(first.eip) if first.eip is not None else None
    choice = choose_nic(agent, world.nodes.get(node), eip, address) if agent is not None else NicChoice()
    if choice.nic is None:
        return None
    written = world.services[first.service].written_node
    return Announcement(
        address=place[1],
        nic=choice.nic.name,
        services=tuple(assignment.service for assignment in assignments),
        eip=first.eip,
        comes_from=written if written != node else None,
    )
