"""Who answers ARP on one NIC: a frame in, perhaps a frame out."""

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
from .family import Table
from .responder import MALFORMED, NOT_FOR_US, NOT_OURS, OVERSIZED, Responder


class ArpResponder(Responder):
    """The answers of one NIC."""

    def replace(self, table: Table) -> None:
        """Answer from this table from now on."""
        super().replace(table)
        self._middle = arp.middle_of_answers(table.mac)

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

    def _notice(self, frame: bytes) -> str:
        """Return why a frame is not answered, and remember a rival that it tells of."""
        if len(frame) > LONGEST:
            return OVERSIZED
        try:
            heard = arp.parse(frame)
        except MalformedFrameError:
            return MALFORMED
        # RFC 5227, 2.1.1 and 2.4: any ARP packet from an address claims it; and another host may probe for it
        asked_for = heard.target if heard.is_probe else None
        why = self._judge(heard.sender_mac, heard.source, claimed=heard.sender, asked_for=asked_for)
        return why or (NOT_FOR_US if heard.operation == arp.REPLY else NOT_OURS)
