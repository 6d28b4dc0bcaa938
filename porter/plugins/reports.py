"""What one plugin reports, as entries for the log: only what is news. Safe to use from any thread.

Keeps what is true by the plugin's own words; it never looks at the network itself.
"""

import threading
from collections.abc import Callable, Sequence

from porter.events.entries import Announced, AnnouncementFailed, Applied, Withdrawn
from porter.model.assignment import Announcement
from porter.model.names import NodeName
from porter.model.objects import Nic

Report = Callable[[Applied], None]


class PluginHost:
    """The `Host` that one plugin gets."""

    def __init__(
        self,
        *,
        protocol: str,
        node: NodeName,
        nics: Callable[[], Sequence[Nic]],
        gratuitous_interval: float,
        report: Report,
    ) -> None:
        self.node = node
        self.gratuitous_interval = gratuitous_interval
        self._protocol = protocol
        self._nics = nics
        self._report = report
        self._lock = threading.Lock()
        self._announced: dict[tuple[str, str], Announced] = {}
        self._failed: dict[str, str] = {}

    @property
    def nics(self) -> Sequence[Nic]:
        """This node's NICs as last reported."""
        return self._nics()

    def announced(self, announcement: Announcement, *, mac: str) -> None:
        """Report that this node answers for the address; nothing new is no report."""
        entry = Announced(
            address=announcement.address,
            protocol=self._protocol,
            nic=announcement.nic,
            mac=mac,
            services=announcement.services,
        )
        with self._lock:
            self._failed.pop(entry.address, None)
            if self._announced.get((entry.address, entry.nic)) == entry:
                return
            self._announced[entry.address, entry.nic] = entry
            self._report(entry)

    def withdrawn(self, address: str, *, nic: str) -> None:
        """Report that this node no longer answers for the address, if it was reported that it does."""
        with self._lock:
            if self._announced.pop((address, nic), None) is not None:
                self._report(Withdrawn(address=address, protocol=self._protocol, nic=nic))

    def failed(self, address: str, error: str) -> None:
        """Report that the address cannot be announced; the same sentence twice is one report."""
        with self._lock:
            for place in [place for place in self._announced if place[0] == address]:
                del self._announced[place]
            if self._failed.get(address) != error:
                self._failed[address] = error
                self._report(AnnouncementFailed(address=address, protocol=self._protocol, error=error))

    def want(self, announcements: Sequence[Announcement]) -> None:
        """Take note of what is wanted: a failure of an address that is not, is forgotten and may be reported again."""
        wanted = {each.address for each in announcements}
        with self._lock:
            self._failed = {address: error for address, error in self._failed.items() if address in wanted}
