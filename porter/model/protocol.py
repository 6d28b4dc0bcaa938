"""The pure half of a protocol plugin: what the fold asks of it. The other half, which acts, is in porter.plugins."""

from collections.abc import Sequence
from typing import Protocol as Interface

from porter.model.names import NodeName
from porter.model.objects import Eip, Value


class PlacementRequest(Value, frozen=True, kw_only=True):
    """The question which nodes shall announce an address."""

    address: str
    eligible: tuple[NodeName, ...]
    """The nodes that may, sorted by name; never empty."""
    current: NodeName | None = None
    """The node written on the Service, when it is still eligible: a single owner stays where it is."""


class ProtocolRules(Interface):
    """What the fold needs to know of a protocol. Both methods are pure: no I/O, no clock, no randomness."""

    @property
    def name(self) -> str:
        """The protocol's name, as in `Eip.spec.protocol`."""

    @property
    def stub(self) -> str | None:
        """Why the protocol cannot announce anything yet, or None when it can."""

    @property
    def stable(self) -> bool:
        """Whether `place` keeps `request.current`, and it alone, whichever other nodes come and go.

        Then it is not asked again when its choice is written on the Service. False is always safe.
        """

    def validate(self, eip: Eip) -> Sequence[str]:
        """Return what is wrong with the Eip, a sentence each; nothing when all is well."""

    def place(self, request: PlacementRequest) -> Sequence[NodeName]:
        """Return the nodes that announce the address, each of them one of `request.eligible`."""
