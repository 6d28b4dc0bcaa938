"""Who answers neighbour solicitations on one NIC: a frame in, perhaps a frame out."""

from . import ndp, ndp_plain
from .arp import is_station
from .family import Table
from .ndp import Advertisement, MalformedPacketError, Packet, Solicitation
from .responder import MALFORMED, NOT_FOR_US, NOT_OURS, OVERSIZED, Responder


class NdpResponder(Responder):
    """The answers of one NIC."""

    def replace(self, table: Table) -> None:
        """Answer from this table from now on."""
        super().replace(table)
        self._answers = ndp_plain.Answers(table.mac)

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

    def _why_not(self, heard: Packet) -> str | None:
        """Return why a packet is not answered, or None for one that is; and remember a rival that it tells of."""
        asked_for = heard.target if _is_probe(heard) else None
        why = self._judge(heard.mac, heard.source, claimed=_claimed_by(heard), asked_for=asked_for)
        if why is not None:
            return why
        if isinstance(heard, Advertisement):
            return NOT_FOR_US
        return None if heard.target in self._held else NOT_OURS


def _claimed_by(heard: Packet) -> bytes:
    """Return the address that the sender uses as its own: caches learn it from either (RFC 4861, 7.2.3 and 7.2.5)."""
    return heard.target if isinstance(heard, Advertisement) else heard.sender


def _is_probe(heard: Packet) -> bool:
    return isinstance(heard, Solicitation) and heard.is_probe
