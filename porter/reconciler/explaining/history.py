"""What a log tells besides the state that follows from it: since when a decision stands, what this node has done."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from porter.events.entries import (
    AgentStarted,
    AgentStopped,
    Announced,
    AnnouncementFailed,
    AssignmentDecided,
    AssignmentEnded,
    Decided,
    PluginFailed,
    Published,
    PublishFailed,
    Recorded,
    Withdrawn,
)
from porter.model.assignment import Assignment
from porter.model.names import NodeName, ServiceKey
from porter.reconciler.terms import Slot

_Place = tuple[str, str]
"""A protocol and an address."""


class When(msgspec.Struct, frozen=True, kw_only=True):
    """An entry's number and time."""

    seq: int
    at: datetime


class Answering(msgspec.Struct, frozen=True, kw_only=True):
    """This node answers for an address."""

    nic: str
    mac: str
    since: When


class History:
    """Follows one agent's log. Memory is bounded by what stands, not by the log."""

    def __init__(self) -> None:
        self.node: NodeName | None = None
        """Whose log it is; None until its agent has started."""
        self._since: dict[Slot, tuple[Assignment, When]] = {}
        self._answering: dict[_Place, dict[str, Answering]] = {}
        self._failed: dict[_Place, str] = {}
        self._plugins: dict[str, str] = {}
        self._unwritten: dict[str, str] = {}

    def follow(self, records: Iterable[Recorded]) -> Iterator[Recorded]:
        """Pass the records on, and take note of what was done."""
        for record in records:
            self._apply(record)
            yield record

    def decided(self, decision: Decided, when: When) -> None:
        """Take note of a decision."""
        match decision:
            case AssignmentDecided(assignment=one):
                before = self._since.get((one.service, one.family))
                stays = before is not None and one.same_place(before[0])
                self._since[one.service, one.family] = (one, before[1] if before is not None and stays else when)
            case AssignmentEnded():
                self._since.pop((decision.service, decision.family), None)
            case _:
                pass

    def since(self, slot: Slot) -> When | None:
        """Return since when a Service has its address of this family on its nodes, or waits for what it waits for."""
        found = self._since.get(slot)
        return None if found is None else found[1]

    def answering(self, protocol: str, address: str) -> Answering | None:
        """Return on which NIC this node answers for an address, of several the first by name."""
        places = self._answering.get((protocol, address), {})
        return places[min(places)] if places else None

    def failure(self, protocol: str, address: str) -> str | None:
        """Return why this node could not announce an address."""
        failed = self._failed.get((protocol, address))
        if failed is None and protocol in self._plugins:
            return f"its plugin {protocol} failed: {self._plugins[protocol]}"
        return failed

    def unwritten(self, service: ServiceKey) -> str | None:
        """Return why this agent's last write of a Service failed; None when it succeeded, or another agent writes."""
        return self._unwritten.get(f"Service {service}")

    def _apply(self, record: Recorded) -> None:
        match record.entry:
            case AgentStarted(node=node):
                self.node = node
                self._forget()
            case AgentStopped():
                self._forget()
            case Announced() as entry:
                self._failed.pop((entry.protocol, entry.address), None)
                self._plugins.pop(entry.protocol, None)
                nics = self._answering.setdefault((entry.protocol, entry.address), {})
                nics[entry.nic] = Answering(nic=entry.nic, mac=entry.mac, since=When(seq=record.seq, at=record.at))
            case Withdrawn() as entry:
                self._answering.get((entry.protocol, entry.address), {}).pop(entry.nic, None)
            case AnnouncementFailed() as entry:
                self._answering.pop((entry.protocol, entry.address), None)
                self._failed[entry.protocol, entry.address] = entry.error
            case PluginFailed() as entry:
                self._plugins[entry.plugin] = entry.error
            case PublishFailed() as entry:
                self._unwritten[entry.what] = entry.error
            case Published() as entry:
                self._unwritten.pop(f"Service {entry.service}", None)
            case _:
                pass

    def _forget(self) -> None:
        """Nobody answers for an address after its agent has ended."""
        self._answering.clear()
        self._failed.clear()
        self._plugins.clear()
        self._unwritten.clear()
