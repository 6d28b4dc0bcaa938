"""What other hosts are heard to say of addresses that are held or probed here, kept until the main thread takes it."""

from .family import News, Table

_MOST_CLAIMANTS = 16  # MACs kept for an address until they are taken: whoever makes up MACs fills nothing


class Hearsay:
    """Rivals for what is probed, and claims on what is held. Belongs to a responder, and is in its thread."""

    def __init__(self) -> None:
        self._rivals: dict[bytes, bytes] = {}
        self._disputed: dict[bytes, list[bytes]] = {}

    def keep_to(self, table: Table) -> None:
        """Forget what was said of addresses that are no longer probed, or held.

        A rival for what was probed, and is held now, came too late to be asked for: it disputes it.
        """
        late = [(address, mac) for address, mac in self._rivals.items() if address in table.held]
        self._rivals = {address: mac for address, mac in self._rivals.items() if address in table.probed}
        self._disputed = {address: macs for address, macs in self._disputed.items() if address in table.held}
        for address, mac in late:
            self.claim(address, mac)

    def rival(self, address: bytes, mac: bytes) -> None:
        """Note that another host has, or wants, an address that is probed."""
        self._rivals[address] = mac

    def claim(self, address: bytes, mac: bytes) -> None:
        """Note that another host claims an address that is held."""
        claimants = self._disputed.setdefault(address, [])
        if mac not in claimants and len(claimants) < _MOST_CLAIMANTS:
            claimants.append(mac)

    def __bool__(self) -> bool:
        return bool(self._rivals or self._disputed)

    def take(self) -> News:
        """Return everything, and have nothing any more."""
        news = News(self._rivals, self._disputed)
        self._rivals, self._disputed = {}, {}
        return news
