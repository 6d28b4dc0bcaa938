"""The agent's side of the announcer: what it shall announce, and what it reports back, in the plugin host's words.

Follows one announcer after another: what one held is withdrawn when it dies, and the next is told the same whole set.
"""

import threading
from collections.abc import Sequence

from porter.model.addresses import parse_address, parse_network
from porter.model.assignment import Announcement
from porter.plugins.api import Host
from porter.plugins.layer2 import failures
from porter.plugins.layer2.announcer import messages
from porter.plugins.layer2.announcer.messages import Counters, Event, Wanted
from porter.plugins.layer2.process import AnnouncerProcess

_Place = tuple[str, str]


class Announcing:
    """What this node announces."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lock = threading.RLock()
        self._wanted: dict[_Place, Announcement] = {}
        self._held: dict[_Place, str] = {}
        """What the announcer answers for, with the MAC."""
        self._process = AnnouncerProcess(on_event=self._hear, on_end=self._ended)
        self._process.start()

    def want(self, announcements: Sequence[Announcement]) -> None:
        """Announce exactly these from now on."""
        wanted = {(each.address, each.nic): each for each in announcements}
        with self._lock:
            changed = [place for place in wanted if wanted[place] != self._wanted.get(place)]
            self._wanted = wanted
            self._process.tell(
                Wanted(
                    announce=tuple(sorted(wanted)),
                    forbidden=self._forbidden(),
                    repeat=self._host.gratuitous_interval,
                    peers=tuple(sorted(self._host.peers)),
                    handed_over=tuple(sorted(each.address for each in wanted.values() if each.comes_from is not None)),
                    weak=tuple(sorted(self._host.weak_peers)),
                    own=tuple(sorted(nic.mac.lower() for nic in self._host.nics if nic.mac)),
                    yielding=self._host.yields_to_strangers,
                ),
            )
            for place in changed:  # held already, and now for another Service too
                if place in self._held:
                    self._host.announced(wanted[place], mac=self._held[place])

    def counters(self, timeout: float) -> Counters | None:
        """Return what became of the frames, or None when the announcer does not answer in time."""
        return self._process.counters(timeout)

    @property
    def pid(self) -> int | None:
        """The announcer's process, None while there is none."""
        return self._process.pid

    def stop(self) -> None:
        """End the announcer, then report everything as withdrawn. Safe to call twice."""
        self._process.stop()
        self._ended(None)

    def _forbidden(self) -> tuple[str, ...]:
        """Return what must never be announced: the last line of defence knows it too.

        This node's own addresses and gateways are as last read, and not as the host has heard of them.
        """
        addresses = set(self._host.forbidden)
        for nic in self._host.nics:
            addresses.update(nic.gateways)
            addresses.update(text.partition("/")[0] for text in nic.networks if parse_network(text) is not None)
        return tuple(sorted(addresses))

    def _hear(self, event: Event) -> None:
        address = parse_address(event.address)  # the announcer may spell it otherwise: ::ffff:1.2.3.4
        place = (str(address or event.address), event.nic)
        with self._lock:
            announcement = self._wanted.get(place)
            match event.kind:
                case messages.ANNOUNCED:
                    self._held[place] = event.mac
                    if announcement is not None:
                        self._host.announced(announcement, mac=event.mac)
                case messages.WITHDRAWN:
                    self._withdraw(place)
                case messages.FAILED:
                    self._withdraw(place)
                    if announcement is not None:
                        if event.why == messages.TAKEN:
                            self._host.claimed(event.address, nic=event.nic, mac=event.mac, defended=False)
                        self._host.failed(event.address, failures.sentence(event, announcement, self._host))
                case messages.CLAIMED:
                    defended = event.why == messages.DEFENDED
                    self._host.claimed(event.address, nic=event.nic, mac=event.mac, defended=defended)

    def _ended(self, why: str | None) -> None:
        with self._lock:
            for place in sorted(self._held):
                self._withdraw(place)
            if why is not None:
                for address, _ in sorted(self._wanted):
                    self._host.failed(address, why)

    def _withdraw(self, place: _Place) -> None:
        if self._held.pop(place, None) is not None:
            self._host.withdrawn(place[0], nic=place[1])
