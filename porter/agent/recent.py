"""Since when each address is as it is, and what happened last: read from the log's end at the start, then kept."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime

import msgspec

from porter.events.entries import (
    AddressClaimed,
    Announced,
    AnnouncementFailed,
    AssignmentDecided,
    AssignmentEnded,
    Entry,
    LeaderObserved,
    PluginFailed,
    PoolDecided,
    PublishFailed,
    Recorded,
    Withdrawn,
)
from porter.events.sentences import sentence
from porter.model.addresses import Family
from porter.model.names import ServiceKey

LOOK_BACK = 20_000
"""Entries at the end of the log that are read at the start: a fraction of a second."""
_KEPT = 100
_TOLD = (
    AddressClaimed
    | Announced
    | AnnouncementFailed
    | AssignmentDecided
    | AssignmentEnded
    | LeaderObserved
    | PluginFailed
    | PoolDecided
    | PublishFailed
    | Withdrawn
)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened, in a sentence."""

    seq: int
    at: datetime
    text: str
    bad: bool
    """Something failed, or a Service is without what it needs."""


class Recent:
    """What is remembered of the log for the pages. Belongs to the event loop."""

    def __init__(self) -> None:
        self._since: dict[tuple[ServiceKey, Family], datetime] = {}
        self._changes: deque[Change] = deque(maxlen=_KEPT)

    @property
    def changes(self) -> tuple[Change, ...]:
        """What happened last, the newest first."""
        return tuple(reversed(self._changes))

    def since(self, service: ServiceKey, family: Family) -> datetime | None:
        """When what a Service has was decided; None when that is longer ago than the log was looked through."""
        return self._since.get((service, family))

    def read(self, records: Iterable[Recorded]) -> None:
        """Take in what the log holds already."""
        for record in records:
            self.take(record)

    def take(self, record: Recorded) -> None:
        """Take in an entry."""
        entry = record.entry
        match entry:
            case AssignmentDecided(assignment=assignment):
                self._since[assignment.service, assignment.family] = record.at
            case AssignmentEnded():
                self._since.pop((entry.service, entry.family), None)
            case _:
                pass
        if isinstance(entry, _TOLD):
            self._changes.append(Change(seq=record.seq, at=record.at, text=sentence(entry), bad=is_bad(entry)))


def is_bad(entry: Entry) -> bool:
    """Whether somebody should look at an entry."""
    match entry:
        case AssignmentDecided(assignment=assignment):
            return assignment.address is None or not assignment.nodes
        case PoolDecided(pool=pool):
            return not pool.ready
        case AnnouncementFailed() | PluginFailed() | PublishFailed() | AddressClaimed():
            return True
        case _:
            return False
