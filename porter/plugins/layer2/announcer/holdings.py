"""The addresses of one segment as the main thread has them: held, probed, and who else was heard. No sockets here.

The answering thread has a `Table` made from it. Whoever changes something here sees to it that the table follows before
anything is said on the wire or to the agent: see `Segment.publish`.
"""

from collections.abc import Set as AbstractSet

from .family import Family, News, Table


class Holdings:
    """What is answered for, and what is asked for, on one NIC in one family."""

    def __init__(self, family: Family, mac: bytes = b"") -> None:
        self.family = family
        self.rivals: dict[bytes, bytes] = {}
        """Probed addresses that another host has or wants, with its MAC."""
        self._mac = mac
        self._own: frozenset[bytes] = frozenset()
        self._held: set[bytes] = set()
        self._probed: set[bytes] = set()
        self._changed = True

    @property
    def held(self) -> AbstractSet[bytes]:
        """Addresses that are answered for."""
        return self._held

    @property
    def probed(self) -> AbstractSet[bytes]:
        """Addresses that are asked for."""
        return self._probed

    @property
    def mac(self) -> bytes:
        """The MAC that answers give."""
        return self._mac

    @mac.setter
    def mac(self, mac: bytes) -> None:
        self._mac = mac
        self._changed = True

    @property
    def own(self) -> frozenset[bytes]:
        """The MACs of the node's own NICs, whose kernel is no rival."""
        return self._own

    @own.setter
    def own(self, macs: frozenset[bytes]) -> None:
        self._changed |= macs != self._own
        self._own = macs

    def news(self) -> Table | None:
        """Return the table if it may be another than last time, else None."""
        return self.table() if self._changed else None

    def table(self) -> Table:
        """Return what is to be answered for now."""
        self._changed = False
        return Table(self._mac, frozenset(self._held), frozenset(self._probed), self._own)

    def hear(self, news: News) -> None:
        """Take note of rivals for what is still probed."""
        self.rivals.update((address, mac) for address, mac in news.rivals.items() if address in self._probed)

    def probe(self, address: bytes) -> None:
        """Do not answer for it, and watch for others who have it."""
        self.forget(address)
        self._probed.add(address)

    def hold(self, address: bytes) -> None:
        """Answer for it."""
        self._probed.discard(address)
        self._held.add(address)
        self._changed = True

    def forget(self, address: bytes) -> None:
        """Neither answer for nor watch the address any more."""
        self._held.discard(address)
        self._probed.discard(address)
        self.rivals.pop(address, None)
        self._changed = True

    def forget_all(self) -> None:
        """Answer for nothing."""
        self._held.clear()
        self._probed.clear()
        self.rivals.clear()
        self._changed = True
