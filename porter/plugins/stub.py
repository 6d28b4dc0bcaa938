"""Protocols that Porter knows by name and cannot announce yet. A stub says so; it never pretends to work."""

from collections.abc import Sequence

from porter.model.assignment import Announcement
from porter.model.names import NodeName
from porter.model.objects import Eip
from porter.model.protocol import PlacementRequest
from porter.plugins.api import Host
from porter.plugins.shipped import shipped_version


class StubProtocol:
    """A name that users of older versions may have written on an Eip. The Eip is not ready and says why."""

    stable = True

    def __init__(self, name: str, title: str) -> None:
        self.name: str = name
        self.version: str = shipped_version()
        self.stub: str | None = (
            f"{title} is only a stub in this version of Porter and announces nothing; "
            f"install a plugin that provides protocol {name!r}, or use layer2"
        )

    def validate(self, eip: Eip) -> Sequence[str]:  # noqa: ARG002 - the interface
        """Find nothing wrong: that the protocol is a stub is reported for every Eip that names it."""
        return ()

    def place(self, request: PlacementRequest) -> Sequence[NodeName]:  # noqa: ARG002 - the interface
        """Place nothing."""
        return ()

    def start(self, host: Host) -> None:
        """Do nothing."""

    def apply(self, announcements: Sequence[Announcement]) -> None:
        """Do nothing. Never called: the fold assigns no address of a stub's pool."""

    def stop(self) -> None:
        """Do nothing."""
