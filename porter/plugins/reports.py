"""What one plugin reports, as entries for the log: only what is news. Safe to use from any thread.

Keeps what is true by the plugin's own words; it never looks at the network itself.
"""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias

from porter.events.entries import AddressClaimed, Announced, AnnouncementFailed, Applied, Withdrawn
from porter.model.assignment import Announcement
from porter.model.names import NodeName
from porter.model.objects import Nic
from porter.reconciler.surroundings import Surroundings

Reported: TypeAlias = Applied | AddressClaimed
Report = Callable[[Reported], None]
_MOST_CLAIMANTS = 16  # MACs told of for each address: whoever makes up MACs must not fill the log


class PluginHost:
    """The `Host` that one plugin gets."""

    def __init__(
        self,
        *,
        protocol: str,
        node: NodeName,
        nics: Callable[[], Sequence[Nic]],
        surroundings: Callable[[], Surroundings],
        gratuitous_interval: float,
        yields_to_strangers: bool = False,
        report: Report,
    ) -> None:
        self.node = node
        self.gratuitous_interval = gratuitous_interval
        self.yields_to_strangers = yields_to_strangers
        self._protocol = protocol
        self._nics = nics
        self._surroundings = surroundings
        self._report = report
        self._lock = threading.Lock()
        self._announced: dict[tuple[str, str], Announced] = {}
        self._failed: dict[str, str] = {}
        self._claimed: dict[tuple[str, str], set[tuple[str, bool]]] = {}
        """The MACs of other hosts that were told of, since the address was last announced or given up, and whether
        it was held then."""

    @property
    def nics(self) -> Sequence[Nic]:
        """This node's NICs as last reported."""
        return self._nics()

    @property
    def peers(self) -> Mapping[str, NodeName]:
        """The MACs of the other nodes' NICs, as last reported."""
        return self._surroundings().peers

    @property
    def weak_peers(self) -> Collection[str]:
        """The MACs of peers that answer for addresses of their other NICs, as last reported."""
        return self._surroundings().weak

    @property
    def forbidden(self) -> Mapping[str, str]:
        """Addresses that nobody may announce, as last observed."""
        return self._surroundings().forbidden

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
            if (entry.address, entry.nic) not in self._announced:
                self._claimed.pop((entry.address, entry.nic), None)
            if self._announced.get((entry.address, entry.nic)) == entry:
                return
            self._announced[entry.address, entry.nic] = entry
            self._report(entry)

    def withdrawn(self, address: str, *, nic: str) -> None:
        """Report that this node no longer answers for the address, if it was reported that it does."""
        with self._lock:
            if self._announced.pop((address, nic), None) is not None:
                self._report(Withdrawn(address=address, protocol=self._protocol, nic=nic))

    def claimed(self, address: str, *, nic: str, mac: str, defended: bool) -> None:
        """Report that another host claims the address; the same host twice is one report, unless it was held since.

        It may be this node itself, whose kernel answers over another of its NICs.
        """
        own = next((each for each in self.nics if each.mac.lower() == mac), None)
        with self._lock:
            known = self._claimed.setdefault((address, nic), set())
            held = (address, nic) in self._announced
            if (mac, held) in known or sum(before == held for _, before in known) >= _MOST_CLAIMANTS:
                return
            known.add((mac, held))
            self._report(
                AddressClaimed(
                    address=address,
                    nic=nic,
                    mac=mac,
                    node=self.node,
                    peer=self.peers.get(mac) if own is None else self.node,
                    held=held,
                    defended=defended,
                    weak=mac in self.weak_peers if own is None else own.arp_ignore == 0,
                ),
            )

    def failed(self, address: str, error: str) -> None:
        """Report that the address cannot be announced; the same sentence twice is one report."""
        with self._lock:
            for place in [place for place in self._announced if place[0] == address]:
                del self._announced[place]
            if self._failed.get(address) != error:
                self._failed[address] = error
                self._report(AnnouncementFailed(address=address, protocol=self._protocol, error=error))

    def want(self, announcements: Sequence[Announcement]) -> None:
        """Take note of what is wanted: what was told of an address that is not, is forgotten and may be told again."""
        wanted = {each.address for each in announcements}
        with self._lock:
            self._failed = {address: error for address, error in self._failed.items() if address in wanted}
            self._claimed = {place: macs for place, macs in self._claimed.items() if place[0] in wanted}
