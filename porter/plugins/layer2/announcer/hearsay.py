"""What other hosts are heard to say of addresses that are held or probed here, kept until the main thread takes it."""

from .family import News, Table

_MOST_CLAIMANTS = 16  # MACs kept for an address until they are taken: whoever makes up MACs fills nothing


class Hearsay:
    """Rivals for what is probed, and claims on what is held. Belongs to a responder, and is in its thread."""

    def __init__(self) -> None:
        self._rivals: dict[bytes, bytes] = {}
        self._disputed: dict[bytes, list[bytes]] = {}
        self._echoes: dict[bytes, bytes] = {}
        """Addresses for which the node's own kernel answers, over another NIC of that MAC."""

    def keep_to(self, table: Table) -> None:
        """Forget what was said of addresses that are no longer probed, or held.

        A rival for what was probed, and is held now, came too late to be asked for: it disputes it. So does the node's
        own kernel, which keeps nobody from taking an address.
        """
        late = [*self._rivals.items(), *self._echoes.items()]
        self._echoes = {address: mac for address, mac in self._echoes.items() if address in table.probed}
        self._rivals = {address: mac for address, mac in self._rivals.items() if address in table.probed}
        self._disputed = {address: macs for address, macs in self._disputed.items() if address in table.held}
        for address, mac in late:
            if address in table.held:
                self.claim(address, mac)

    def rival(self, address: bytes, mac: bytes) -> None:
        """Note that another host has, or wants, an address that is probed."""
        self._rivals[address] = mac

    def echo(self, address: bytes, mac: bytes) -> None:
        """Note that the node's own kernel has an address that is probed: no news before the address is held."""
        self._echoes[address] = mac

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
