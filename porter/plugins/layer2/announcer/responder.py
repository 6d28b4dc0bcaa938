"""Who answers ARP on one NIC: a frame in, perhaps a frame out; no sockets and no clock here.

It answers only for addresses that are held, and never for one that is still being probed. For its thread see
`family.Responder`, whose promises it keeps.
"""

from collections import Counter

from . import arp
from .arp import (
    GROUP_BIT,
    HEAD,
    LONGEST,
    NO_MAC,
    REQUEST_HEAD,
    SENDER,
    SENDER_MAC,
    SOURCE,
    TARGET,
    MalformedFrameError,
)
from .family import News, Table
from .hearsay import Hearsay

MALFORMED = "malformed"
OVERSIZED = "oversized"
OWN_MAC = "own-mac"
NO_STATION = "no-station"
CLAIMED = "claimed"
NOT_OURS = "not-ours"
NOT_FOR_US = "reply"
"""Every reason for which a frame is dropped, beside `unsent` and `kernel` of the sockets."""


class ArpResponder:
    """The answers of one NIC."""

    def __init__(self) -> None:
        self.answered = 0
        self.dropped: Counter[str] = Counter()
        self._hearsay = Hearsay()
        self.replace(Table())

    def replace(self, table: Table) -> None:
        """Answer from this table from now on."""
        self._mac, self._held, self._probed = table
        self._middle = arp.middle_of_answers(table.mac)
        self._hearsay.keep_to(table)

    def hear(self, frame: bytes) -> bytes | None:
        """Return the answer to a frame, or None and count why there is none."""
        # The one case that must be fast is tested on bytes, without a call or a name of another module; a frame that
        # fails here is read below, to say why.
        target = frame[TARGET]
        if target in self._held:
            asker, sender, mac = frame[SENDER_MAC], frame[SENDER], self._mac
            if (
                frame[HEAD] == REQUEST_HEAD
                and sender not in self._held  # nor the address itself: that is a claim
                and sender not in self._probed
                and asker != mac
                and frame[SOURCE] != mac
                and not asker[0] & GROUP_BIT
                and asker != NO_MAC
                and len(frame) <= LONGEST
            ):
                self.answered += 1
                return asker + self._middle + target + asker + sender
        self.dropped[self._notice(frame)] += 1
        return None

    @property
    def has_news(self) -> bool:
        """Somebody claims what is held or probed here."""
        return bool(self._hearsay)

    def take(self) -> News:
        """Return who claims what, and have no news any more."""
        return self._hearsay.take()

    def _notice(self, frame: bytes) -> str:
        """Return why a frame is not answered, and remember a rival that it tells of."""
        if len(frame) > LONGEST:
            return OVERSIZED
        try:
            heard = arp.parse(frame)
        except MalformedFrameError:
            return MALFORMED
        if self._mac in (heard.sender_mac, heard.source):
            return OWN_MAC
        if not arp.is_station(heard.sender_mac):
            return NO_STATION
        if heard.sender in self._probed:  # RFC 5227, 2.1.1: any ARP packet from the address that is probed
            self._hearsay.rival(heard.sender, heard.sender_mac)
            return CLAIMED
        if heard.is_probe and heard.target in self._probed:  # the same section: another host probes for it
            self._hearsay.rival(heard.target, heard.sender_mac)
            return CLAIMED
        if heard.sender in self._held:  # RFC 5227, 2.4: any ARP packet from an address that is ours
            self._hearsay.claim(heard.sender, heard.sender_mac)
            return CLAIMED
        return NOT_FOR_US if heard.operation == arp.REPLY else NOT_OURS
