"""The strangers that answer for addresses which this node is to announce: told on the Lease, so that all nodes know.

An address is in quarantine until it is announced after all, or until nobody has asked for it for a while.
"""

import asyncio
from collections.abc import Callable, Collection

from porter.events.entries import AddressClaimed, Announced, Applied
from porter.model.objects import Rival

LINGER = 600.0
"""Seconds that an address stays in quarantine after this node stopped asking who answers for it."""


class Rivals:
    """Follows what the plugins of one node report. Belongs to the event loop."""

    def __init__(self, on_change: Callable[[], None], *, linger: float = LINGER) -> None:
        self._on_change = on_change
        self._linger = linger
        self._macs: dict[str, str] = {}
        self._leaving: dict[str, asyncio.TimerHandle] = {}

    @property
    def rivals(self) -> tuple[Rival, ...]:
        """Who they are, sorted by address."""
        return tuple(Rival(address=address, mac=mac) for address, mac in sorted(self._macs.items()))

    def claimed(self, entry: AddressClaimed) -> None:
        """Take note of another host. A peer only hands the address over; one that is held is defended."""
        if entry.peer is None and not entry.held and self._macs.get(entry.address) != entry.mac:
            self._macs[entry.address] = entry.mac
            self._on_change()

    def applied(self, entry: Applied) -> None:
        """Take note that an address could be announced: nobody else answers for it."""
        if isinstance(entry, Announced):
            self._forget(entry.address)

    def want(self, wanted: Collection[str]) -> None:
        """Take note of what this node is to announce: what it asks no more about is forgotten in a while."""
        for address in self._macs:
            if address in wanted:
                timer = self._leaving.pop(address, None)
                if timer is not None:
                    timer.cancel()
            elif address not in self._leaving:
                loop = asyncio.get_running_loop()
                self._leaving[address] = loop.call_later(self._linger, self._forget, address)

    def stop(self) -> None:
        """Forget nothing more."""
        for timer in self._leaving.values():
            timer.cancel()
        self._leaving.clear()

    def _forget(self, address: str) -> None:
        timer = self._leaving.pop(address, None)
        if timer is not None:
            timer.cancel()
        if self._macs.pop(address, None) is not None:
            self._on_change()
