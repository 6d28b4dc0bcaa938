"""What one NIC answers for. A frame in, perhaps a frame out; no sockets and no clock here.

It answers only for addresses that it holds, and never for one that is still being probed.
"""

from collections import Counter

from . import arp
from .arp import Frame, MalformedFrameError

MALFORMED = "malformed"
OWN_MAC = "own-mac"
NO_STATION = "no-station"
CLAIMED = "claimed"
NOT_OURS = "not-ours"
NOT_FOR_US = "reply"
"""Every reason for which a frame is dropped, beside `unsent` and `kernel` of the program."""


class Responder:
    """The addresses of one NIC, in two sets: held (answered for), and probed (a rival is looked for)."""

    def __init__(self, mac: bytes) -> None:
        self.mac = mac
        self.held: set[bytes] = set()
        self.probed: set[bytes] = set()
        self.rivals: dict[bytes, bytes] = {}
        """Probed addresses that another host has or wants, with its MAC."""
        self.answered = 0
        self.dropped: Counter[str] = Counter()

    def hear(self, frame: bytes) -> bytes | None:
        """Return the answer to a frame, or None and count why there is none."""
        try:
            heard = arp.parse(frame)
        except MalformedFrameError:
            self.dropped[MALFORMED] += 1
            return None
        if heard.operation == arp.REQUEST and heard.target in self.held and heard.sender != heard.target:
            if self.mac in (heard.sender_mac, heard.source):
                self.dropped[OWN_MAC] += 1
                return None
            if not arp.is_station(heard.sender_mac):
                self.dropped[NO_STATION] += 1
                return None
            self.answered += 1
            return arp.answer(heard, self.mac).pack()
        self.dropped[self._notice(heard)] += 1
        return None

    def forget(self, address: bytes) -> None:
        """Neither answer for nor watch the address any more."""
        self.held.discard(address)
        self.probed.discard(address)
        self.rivals.pop(address, None)

    def forget_all(self) -> None:
        """Answer for nothing."""
        self.held.clear()
        self.probed.clear()
        self.rivals.clear()

    def _notice(self, heard: Frame) -> str:
        if self.mac in (heard.sender_mac, heard.source):
            return OWN_MAC
        if heard.sender in self.probed:  # RFC 5227, 2.1.1: any ARP packet from the address that is probed
            self.rivals[heard.sender] = heard.sender_mac
            return CLAIMED
        if heard.is_probe and heard.target in self.probed:  # the same section: another host probes for it
            self.rivals[heard.target] = heard.sender_mac
            return CLAIMED
        if heard.sender in self.held:
            return CLAIMED
        return NOT_FOR_US if heard.operation == arp.REPLY else NOT_OURS
