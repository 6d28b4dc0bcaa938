"""A protocol for Porter that announces nothing itself: it writes the node's addresses into a file, one a line.

Something else reads that file: a routing daemon's script, for example, that originates a route for each line.
"""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from porter.model.assignment import Announcement
from porter.model.names import NodeName
from porter.model.objects import Eip
from porter.model.protocol import PlacementRequest
from porter.plugins.api import Host, ProtocolPlugin, hookimpl

PATH = "PORTER_PROTOCOL_FILE"
"""The environment variable that names the file."""
DEFAULT = "/run/porter/addresses"


class FileProtocol:
    """Every eligible node announces every address: what a router spreads over them by equal-cost paths."""

    name = "file"
    version = "0.1.0"
    stub = None
    stable = False  # every node that comes or goes changes the placement

    def __init__(self, path: Path) -> None:
        self._path = path
        self._host: Host | None = None
        self._held: dict[str, Announcement] = {}

    def validate(self, eip: Eip) -> Sequence[str]:
        """Refuse what would be ignored: a file has no NIC."""
        if eip.interface is not None:
            return [f"protocol file uses no NIC; take spec.interface {eip.interface!r} away"]
        return []

    def place(self, request: PlacementRequest) -> Sequence[NodeName]:
        """Return all eligible nodes."""
        return request.eligible

    def start(self, host: Host) -> None:
        """Make sure that the file can be written, and begin with an empty one."""
        self._host = host
        self._write([])

    def apply(self, announcements: Sequence[Announcement]) -> None:
        """Write the whole set; then report what became of each address."""
        assert self._host is not None
        wanted = {each.address: each for each in announcements}
        if wanted.keys() != self._held.keys():
            self._write(sorted(wanted))
        for address, old in self._held.items():
            if address not in wanted:
                self._host.withdrawn(address, nic=old.nic)
        self._held = wanted
        for each in announcements:
            self._host.announced(each, mac="")

    def stop(self) -> None:
        """Leave an empty file behind, so that nobody announces what this node no longer serves."""
        if self._host is not None:
            self.apply([])

    def _write(self, addresses: Sequence[str]) -> None:
        # A reader sees the old file or the new one, never half of it.
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=self._path.parent, delete=False) as new:
            new.writelines(f"{address}\n" for address in addresses)
        Path(new.name).chmod(0o644)
        Path(new.name).replace(self._path)


@hookimpl
def porter_protocol() -> ProtocolPlugin:
    """Return the protocol. Called once, when Porter starts; touches nothing yet."""
    return FileProtocol(Path(os.environ.get(PATH, DEFAULT)))
