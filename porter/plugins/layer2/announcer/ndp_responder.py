"""Who answers neighbour solicitations on one NIC: a frame in, perhaps a frame out; no sockets and no clock here.

It answers only for addresses that are held, and never for one that is still being probed. For its thread see
`family.Responder`, whose promises it keeps.
"""

from collections import Counter

from . import ndp, ndp_plain
from .arp import is_station
from .family import News, Table
from .hearsay import Hearsay
from .ndp import Advertisement, MalformedPacketError, Packet, Solicitation
from .responder import CLAIMED, MALFORMED, NO_STATION, NOT_FOR_US, NOT_OURS, OVERSIZED, OWN_MAC


class NdpResponder:
    """The answers of one NIC."""

    def __init__(self) -> None:
        self.answered = 0
        self.dropped: Counter[str] = Counter()
        self._hearsay = Hearsay()
        self.replace(Table())

    def replace(self, table: Table) -> None:
        """Answer from this table from now on."""
        self._mac, self._held, self._probed = table
        self._answers = ndp_plain.Answers(table.mac)
        self._hearsay.keep_to(table)

    def hear(self, frame: bytes) -> bytes | None:
        """Return the answer to a frame, or None and count why there is none."""
        # The one case that must be fast is tested on bytes; a frame that fails here is read below, to say why.
        if frame[ndp_plain.TARGET] in self._held and ndp_plain.is_plain(frame):
            asker = frame[ndp_plain.MAC]
            if (
                self._mac not in (asker, frame[ndp_plain.SOURCE])
                and is_station(asker)
                and (sender := frame[ndp_plain.SENDER]) not in self._held
                and sender not in self._probed
            ):
                self.answered += 1
                return self._answers.to(frame)
        if len(frame) > ndp.LONGEST:
            self.dropped[OVERSIZED] += 1
            return None
        try:
            heard = ndp.parse(frame)
        except MalformedPacketError:
            self.dropped[MALFORMED] += 1
            return None
        why = self._why_not(heard)
        if why is None and isinstance(heard, Solicitation):
            self.answered += 1
            return ndp.answer(heard, self._mac).pack()
        self.dropped[why or NOT_FOR_US] += 1
        return None

    @property
    def has_news(self) -> bool:
        """Somebody claims what is held or probed here."""
        return bool(self._hearsay)

    def take(self) -> News:
        """Return who claims what, and have no news any more."""
        return self._hearsay.take()

    def _why_not(self, heard: Packet) -> str | None:
        """Return why a packet is not answered, or None for one that is; and remember a rival that it tells of."""
        if self._mac in (heard.mac, heard.source):
            return OWN_MAC
        if not is_station(heard.mac):
            return NO_STATION
        claimed = _claimed_by(heard)
        if claimed in self._held:
            self._hearsay.claim(claimed, heard.mac)
            return CLAIMED
        if claimed in self._probed or (_is_probe(heard) and heard.target in self._probed):
            self._hearsay.rival(claimed if claimed in self._probed else heard.target, heard.mac)
            return CLAIMED
        if isinstance(heard, Advertisement):
            return NOT_FOR_US
        return None if heard.target in self._held else NOT_OURS


def _claimed_by(heard: Packet) -> bytes:
    """Return the address that the sender uses as its own: caches learn it from either (RFC 4861, 7.2.3 and 7.2.5)."""
    return heard.target if isinstance(heard, Advertisement) else heard.sender


def _is_probe(heard: Packet) -> bool:
    return isinstance(heard, Solicitation) and heard.is_probe
