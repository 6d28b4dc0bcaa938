"""What one NIC answers for. A frame in, perhaps a frame out; no sockets and no clock here.

It answers only for addresses that it holds, and never for one that is still being probed.
"""

from collections import Counter

from . import arp
from .arp import MalformedFrameError

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
        self._mac = mac
        self._answers = arp.Answers(mac)
        self.held: set[bytes] = set()
        self.probed: set[bytes] = set()
        self.rivals: dict[bytes, bytes] = {}
        """Probed addresses that another host has or wants, with its MAC."""
        self.disputed: dict[bytes, bytes] = {}
        """Held addresses that another host claims, with its MAC: for whoever takes them out to act upon."""
        self.answered = 0
        self.dropped: Counter[str] = Counter()

    @property
    def mac(self) -> bytes:
        """The MAC that answers give."""
        return self._mac

    @mac.setter
    def mac(self, mac: bytes) -> None:
        self._mac = mac
        self._answers = arp.Answers(mac)

    def hear(self, frame: bytes) -> bytes | None:
        """Return the answer to a frame, or None and count why there is none."""
        # The one case that must be fast is tested on bytes; a frame that fails here is read below, to say why.
        target = frame[arp.TARGET]
        if (
            target in self.held
            and frame[arp.HEAD] == arp.REQUEST_HEAD
            and frame[arp.SENDER] != target
            and self._is_anothers(frame[arp.SENDER_MAC], frame[arp.SOURCE])
        ):
            self.answered += 1
            return self._answers.to(frame)
        self.dropped[self._notice(frame)] += 1
        return None

    def forget(self, address: bytes) -> None:
        """Neither answer for nor watch the address any more."""
        self.held.discard(address)
        self.probed.discard(address)
        self.rivals.pop(address, None)
        self.disputed.pop(address, None)

    def forget_all(self) -> None:
        """Answer for nothing."""
        self.held.clear()
        self.probed.clear()
        self.rivals.clear()
        self.disputed.clear()

    def _is_anothers(self, sender: bytes, source: bytes) -> bool:
        return self._mac not in (sender, source) and arp.is_station(sender)

    def _notice(self, frame: bytes) -> str:
        """Return why a frame is not answered, and remember a rival that it tells of."""
        try:
            heard = arp.parse(frame)
        except MalformedFrameError:
            return MALFORMED
        if self._mac in (heard.sender_mac, heard.source):
            return OWN_MAC
        if not arp.is_station(heard.sender_mac):
            return NO_STATION
        if heard.sender in self.probed:  # RFC 5227, 2.1.1: any ARP packet from the address that is probed
            self.rivals[heard.sender] = heard.sender_mac
            return CLAIMED
        if heard.is_probe and heard.target in self.probed:  # the same section: another host probes for it
            self.rivals[heard.target] = heard.sender_mac
            return CLAIMED
        if heard.sender in self.held:  # RFC 5227, 2.4: any ARP packet from an address that is ours
            self.disputed[heard.sender] = heard.sender_mac
            return CLAIMED
        return NOT_FOR_US if heard.operation == arp.REPLY else NOT_OURS
