"""Since when each address is as it is, and what happened last: kept while the agent runs, and read once from its log.

That reading may take a second: it happens beside what the agent does, never before it.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Self

import msgspec

from porter.events.entries import (
    AddressClaimed,
    Announced,
    AnnouncementFailed,
    AssignmentDecided,
    AssignmentEnded,
    Entry,
    LeaderObserved,
    LogSetAside,
    PluginFailed,
    PoolDecided,
    PublishFailed,
    Recorded,
    Withdrawn,
)
from porter.events.errors import LogError
from porter.events.log import EventLog
from porter.events.sentences import sentence
from porter.model.addresses import Family
from porter.model.assignment import Assignment
from porter.model.names import ServiceKey

LOOK_BACK = 20_000
"""Entries at the end of the log that are read: a fraction of a second."""
_KEPT = 100
_TOLD = (
    AddressClaimed
    | Announced
    | AnnouncementFailed
    | AssignmentDecided
    | AssignmentEnded
    | LeaderObserved
    | LogSetAside
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


class _Held(msgspec.Struct, frozen=True):
    """What a Service has, or waits for, and since when."""

    assignment: Assignment
    at: datetime

    def after(self, before: Self | None) -> Self:
        """Return it with the time of the one before where nothing has moved since."""
        if before is None or not self.assignment.same_place(before.assignment):
            return self
        return msgspec.structs.replace(self, at=before.at)


class Recent:
    """What is remembered of the log for the pages. Belongs to the event loop."""

    def __init__(self) -> None:
        self._held: dict[tuple[ServiceKey, Family], _Held | None] = {}
        """None for what has ended before the log was read: what the log says of it is older."""
        self._told: deque[Recorded] = deque(maxlen=_KEPT)
        self.complete = False
        """The log was read."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """What happened last, the newest first."""
        return tuple(
            Change(seq=one.seq, at=one.at, text=sentence(one.entry), bad=is_bad(one.entry))
            for one in reversed(self._told)
        )

    def since(self, service: ServiceKey, family: Family) -> datetime | None:
        """Since when a Service has this address on these nodes, or waits for this reason.

        None when that is longer ago than the log was looked through.
        """
        held = self._held.get((service, family))
        return None if held is None else held.at

    def before(self, earlier: Self) -> None:
        """Take in what the log tells of the time before this agent began. Once, and at any time."""
        newer = {key: held and held.after(earlier._held.get(key)) for key, held in self._held.items()}
        self._held = {key: held for key, held in (earlier._held | newer).items() if held is not None}
        self._told = deque([*earlier._told, *self._told], maxlen=_KEPT)
        self.complete = True

    def take(self, record: Recorded) -> None:
        """Take in an entry."""
        entry = record.entry
        match entry:
            case AssignmentDecided(assignment=assignment):
                key = (assignment.service, assignment.family)
                self._held[key] = _Held(assignment, record.at).after(self._held.get(key))
            case AssignmentEnded() if self.complete:
                self._held.pop((entry.service, entry.family), None)
            case AssignmentEnded():
                self._held[entry.service, entry.family] = None
            case _:
                pass
        if isinstance(entry, _TOLD):
            self._told.append(record)


async def look_back(recent: Recent, log: EventLog, last: int) -> None:
    """Have it know what the end of the log tells, up to an entry. The log is read in another thread."""
    older = log.read(max(0, last - LOOK_BACK), last)
    recent.before(await asyncio.get_running_loop().run_in_executor(None, remembered, older))


def remembered(records: Iterable[Recorded]) -> Recent:
    """Return what entries tell, up to one that cannot be read: that of an old version is no reason not to run."""
    found = Recent()
    with suppress(LogError):
        for record in records:
            found.take(record)
    return found


def is_bad(entry: Entry) -> bool:
    """Whether somebody should look at an entry."""
    match entry:
        case AssignmentDecided(assignment=assignment):
            return assignment.address is None or not assignment.nodes
        case PoolDecided(pool=pool):
            return not pool.ready
        case AnnouncementFailed() | PluginFailed() | PublishFailed() | AddressClaimed() | LogSetAside():
            return True
        case _:
            return False
