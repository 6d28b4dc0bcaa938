"""What every family's responder is: a table, counts, and an ear for who else claims what is in the table.

No sockets and no clock here. Never called by two threads at once, see `answering`; every method is quick.
"""

from abc import ABC, abstractmethod
from collections import Counter

from .arp import is_station
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


class Responder(ABC):
    """Frames in, answers out. It answers only for addresses that are held, and never for one that is still probed."""

    def __init__(self) -> None:
        self.answered = 0
        self.dropped: Counter[str] = Counter()
        """Frames that were heard and not answered, by reason: together with `answered`, every frame that was heard."""
        self._hearsay = Hearsay()
        self.replace(Table())

    def replace(self, table: Table) -> None:
        """Answer from this table from now on, and forget news of addresses that are no longer in it."""
        self._mac, self._held, self._probed, self._own = table
        self._hearsay.keep_to(table)

    @abstractmethod
    def hear(self, frame: bytes) -> bytes | None:
        """Return the answer to a frame, with its Ethernet header, or None and count why there is none."""

    @property
    def has_news(self) -> bool:
        """Somebody claims what is held or probed here."""
        return bool(self._hearsay)

    def take(self) -> News:
        """Return who claims what, and have no news any more."""
        return self._hearsay.take()

    def _judge(self, mac: bytes, source: bytes, *, claimed: bytes, asked_for: bytes | None) -> str | None:
        """Return why a frame of this sender is not answered, whatever it says; and remember a rival that it tells of.

        `claimed`: what the sender uses as its own; `asked_for`: what it asks for because it wants to have that.
        """
        if self._mac in (mac, source):
            return OWN_MAC
        if not is_station(mac):
            return NO_STATION
        if claimed in self._held:
            self._hearsay.claim(claimed, mac)
            return CLAIMED
        if mac in self._own:
            if claimed in self._probed:
                self._hearsay.echo(claimed, mac)
                return CLAIMED
            return None
        for address in (claimed, asked_for):
            if address in self._probed:
                self._hearsay.rival(address, mac)
                return CLAIMED
        return None
