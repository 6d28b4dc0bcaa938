"""Who announces each address, from the logs of several nodes together, and the windows in which two do, or nobody.

What is not known is not claimed: where the owner of an address has no log here, or its log has not begun or has ended,
nobody says that the address is announced by nobody.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal

import msgspec

from porter.events.entries import (
    AgentStarted,
    AgentStopped,
    Announced,
    AnnouncementFailed,
    AssignmentDecided,
    AssignmentEnded,
    Recorded,
    Withdrawn,
)
from porter.replay.refold import Subject

WindowKind = Literal["several", "nobody"]


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which several nodes announced one address, or nobody one that a Service has."""

    address: str
    what: WindowKind
    nodes: tuple[str, ...]
    """Who announced it; none for nobody."""
    at: datetime
    until: datetime | None
    """None where it lasts to the end of the logs."""
    seconds: float | None
    reason: str
    """Of nobody: why no node was to announce it, or empty where one was."""


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of one node's log at its time by the first log's clock."""

    at: datetime
    node: str
    record: Recorded
    is_death: bool = False
    """After this, its newest entry, the agent was last heard of at that time, and did not end in order."""
    is_last: bool = False
    """The log ends with this entry."""


class _Lane(msgspec.Struct, kw_only=True):
    """One address."""

    announcers: set[str] = set()
    holders: set[tuple[str, Subject]] = set()
    """Which logs say that which Service has it."""
    owners: tuple[str, ...] = ()
    reason: str = ""
    window: Window | None = None


class Lanes:
    """Follows several logs in the order of time."""

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}
        self._addresses: dict[tuple[str, Subject], str] = {}
        self._known: set[str] = set()
        """Nodes of which it is known what they announce."""
        self._deciding: set[str] = set()
        """Nodes whose agents run and have decided something."""

    def windows(self, sightings: Iterable[Sighting]) -> Iterator[Window]:
        """Yield every window when it ends, and at the end those that last."""
        for sighting in sightings:
            for address in sorted(self._take(sighting)):
                yield from self._look(address, sighting.at)
        for _, lane in sorted(self._lanes.items()):
            if lane.window is not None:
                yield lane.window

    def _take(self, sighting: Sighting) -> set[str]:
        """Take in an entry; return the addresses that it is about."""
        node, entry = sighting.node, sighting.record.entry
        touched: set[str] = set()
        if sighting.is_death:
            return self._silence(node)
        match entry:
            case Announced(address=address):
                self._lane(address).announcers.add(node)
                touched.add(address)
            case Withdrawn(address=address) | AnnouncementFailed(address=address):
                self._lane(address).announcers.discard(node)
                touched.add(address)
            case AgentStarted():
                self._known.add(node)
                touched |= self._silence(node)
            case AgentStopped():
                touched |= self._silence(node)
            case AssignmentDecided(assignment=one):
                self._deciding.add(node)
                touched |= self._assign((node, (one.service, one.family)), one.address)
                if one.address is not None:
                    lane = self._lane(one.address)
                    lane.owners = one.nodes
                    lane.reason = "" if one.nodes else one.sentence
            case AssignmentEnded():
                touched |= self._assign((node, (entry.service, entry.family)), None)
            case _:
                pass
        if sighting.is_last:
            self._known.discard(node)
            touched |= self._silence(node)
        return touched

    def _assign(self, key: tuple[str, Subject], address: str | None) -> set[str]:
        before = self._addresses.pop(key, None)
        if before is not None:
            self._lane(before).holders.discard(key)
        if address is not None:
            self._addresses[key] = address
            self._lane(address).holders.add(key)
        return {one for one in (before, address) if one is not None}

    def _silence(self, node: str) -> set[str]:
        """Let a node announce nothing; return what is concerned, also where it merely becomes known or unknown."""
        self._deciding.discard(node)
        for lane in self._lanes.values():
            lane.announcers.discard(node)
        return set(self._lanes)

    def _lane(self, address: str) -> _Lane:
        lane = self._lanes.get(address)
        if lane is None:
            lane = self._lanes[address] = _Lane(announcers=set(), holders=set())
        return lane

    def _look(self, address: str, at: datetime) -> Iterator[Window]:
        """End a window that is over, and open the one that begins."""
        lane = self._lanes[address]
        what, nodes = self._state(lane), tuple(sorted(lane.announcers))
        open_now = lane.window
        if open_now is not None:
            if (open_now.what, open_now.nodes, open_now.reason) == (what, nodes, lane.reason if not nodes else ""):
                return
            seconds = (at - open_now.at).total_seconds()
            lane.window = None
            if seconds > 0:  # of one moment's entries the order is that of the logs, and says nothing
                yield msgspec.structs.replace(open_now, until=at, seconds=seconds)
        if what is not None:
            reason = lane.reason if what == "nobody" else ""
            lane.window = Window(
                address=address, what=what, nodes=nodes, at=at, until=None, seconds=None, reason=reason
            )

    def _state(self, lane: _Lane) -> WindowKind | None:
        if len(lane.announcers) > 1:
            return "several"
        saying = {node for node, _ in lane.holders}
        # All must say so who can: the logs tell of the same decision a moment apart.
        if lane.announcers or not saying or not self._deciding <= saying:
            return None
        return "nobody" if set(lane.owners) <= self._known else None
