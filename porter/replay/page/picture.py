"""What the page is given, as values: columns of numbers into a table of texts, since it may hold 100,000 changes.

The scripts read it under these names. Times are microseconds: the first of a column from `begin`, each further one from
the one before, so that they stay short. Texts are places in `texts`, -1 for none.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

import msgspec

NOBODY: Final = -1
"""In place of an owner: somebody has the address and no node announces it."""
FREE: Final = -2
"""In place of an owner: nobody has the address any more."""
WAITING: Final = -3
"""In place of an owner: the Service waits for an address."""
EVERYWHERE: Final = -1
"""In place of a lane: it concerns the agent or the cluster, not one address."""

MarkName: TypeAlias = Literal[
    "failed", "conflict", "stranger", "plugin", "started", "stopped", "leader", "silent", "heard", "node"
]
SpanName: TypeAlias = Literal["quarantine", "announced", "several", "nobody"]
DeedCode: TypeAlias = tuple[str, int, int]
"""What was done, in which entry, and how many microseconds after the decision."""

_MICROSECOND: Final = timedelta(microseconds=1)


class Lane(msgspec.Struct, frozen=True, array_like=True):
    """One address, or one Service that waited for one and never had any while it waited."""

    address: str | None
    service: str | None


class Changes(msgspec.Struct, kw_only=True):
    """The changes of the story, in the order of their decisions."""

    t: list[int] = []
    seq: list[int] = []
    what: list[str] = []
    service: list[int] = []
    eip: list[int] = []
    address: list[int] = []
    previous: list[int] = []
    from_: list[int] = msgspec.field(name="from", default_factory=list)
    to: list[int] = []
    reason: list[int] = []
    cause: list[int] = []
    """Places in `causes`."""
    decided: list[int] = []
    """Microseconds from the observation to the decision."""
    deeds: list[tuple[DeedCode, ...] | int] = []
    """0 for none."""


class Causes(msgspec.Struct, kw_only=True):
    """The observed entries that led to changes."""

    seq: list[int] = []
    t: list[int] = []
    """Not from the one before: from `begin`."""
    kind: list[int] = []
    text: list[int] = []


class Turns(msgspec.Struct, kw_only=True):
    """From when on a lane looks otherwise: by lane, and in a lane by time."""

    lane: list[int] = []
    change: list[int] = []
    owner: list[int] = []
    """The nodes as one text, or NOBODY, FREE, WAITING."""


class Marks(msgspec.Struct, kw_only=True):
    """What went wrong or otherwise matters at one moment."""

    lane: list[int] = []
    t: list[int] = []
    seq: list[int] = []
    """0 for what only several logs together tell."""
    kind: list[str] = []
    text: list[int] = []


class Spans(msgspec.Struct, kw_only=True):
    """What lasted. Times are from `begin`."""

    lane: list[int] = []
    t: list[int] = []
    end: list[int] = []
    kind: list[str] = []
    text: list[int] = []


class Picture(msgspec.Struct, kw_only=True):
    """All that the page shows."""

    title: str
    node: str
    """Whose log it is, as far as that is known."""
    porter: str
    """The version that made the page."""
    begin: datetime
    length: int
    """Microseconds from the first to the last entry."""
    entries: int
    first: int
    last: int
    differences: int
    """In so many decisions this version and the record part."""
    texts: list[str]
    lanes: list[Lane]
    changes: Changes
    causes: Causes
    turns: Turns
    marks: Marks
    spans: Spans


class Texts:
    """A table of texts, each once."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._places: dict[str, int] = {}

    def place(self, text: str | None) -> int:
        """Return where the text is; -1 for none."""
        if text is None:
            return -1
        found = self._places.setdefault(text, len(self.all))
        if found == len(self.all):
            self.all.append(text)
        return found


def microseconds(span: timedelta) -> int:
    """Return a length of time as the page has it."""
    return span // _MICROSECOND


def steps(times: Iterable[int]) -> list[int]:
    """Return times as the distance of each from the one before. A clock that went back is taken to have stood still."""
    found: list[int] = []
    last = 0
    for time in times:
        found.append(max(0, time - last))
        last = max(last, time)
    return found
