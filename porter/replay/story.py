"""The story of a log as values: who had which address, since when, caused by which entry, for which reason."""

from datetime import datetime
from typing import Literal

import msgspec

from porter.model.addresses import Family
from porter.model.names import ServiceKey

Shown = Literal["assigned", "moved", "waiting", "ended"]
DeedName = Literal["published", "shown", "announced", "withdrawn"]


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """The observed entry that led to a change."""

    seq: int
    at: datetime
    kind: str
    text: str


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """How a change was carried out, as this log tells of it.

    `published`: this node's agent leads and wrote it to the API; `shown`: the API server says it of the Service;
    `announced`, `withdrawn`: this node answers for the address from now on, or no longer.
    """

    what: DeedName
    seq: int
    at: datetime
    after: float
    """Seconds from the decision."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a Service's address or of its node. `from` and `to` are nodes; None for nobody."""

    seq: int
    at: datetime
    service: ServiceKey
    family: Family
    what: Shown
    address: str | None
    previous_address: str | None
    eip: str | None
    """Whose address it is; of an address that is gone, whose it was."""
    from_: str | None = msgspec.field(name="from")
    to: str | None
    cause: Cause
    reason: str
    decided_after: float
    """Seconds from the observation to the decision."""
    applied: tuple[Deed, ...] = ()
    """What followed, in order, until the next change of the same Service and family."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What one Service has at the end of the replay. `since` is the entry of its last change."""

    service: ServiceKey
    address: str | None
    eip: str | None
    protocol: str | None
    node: str | None
    nodes: tuple[str, ...]
    reason: str
    since: int
    since_at: datetime


class Disagreement(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that the record and this version do not share, each in words; None where one of them has none."""

    cause: int
    at: datetime
    recorded: str | None
    decided: str | None


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """A replay up to entry `seq`, recorded at `at` (None for an empty log)."""

    seq: int
    at: datetime | None
    assignments: tuple[Standing, ...]
    timeline: tuple[Change, ...]
    differences: tuple[Disagreement, ...]
    """Where the decisions of this version differ from the recorded ones."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks for: one Service, one node, one Eip; all that is given must fit."""

    service: str | None = None
    node: str | None = None
    eip: str | None = None

    def fits(self, *, service: str, nodes: tuple[str, ...], eips: tuple[str | None, ...]) -> bool:
        """Tell whether it was asked for."""
        return (
            self.service in (None, service)
            and (self.node is None or self.node in nodes)
            and (self.eip is None or self.eip in eips)
        )
