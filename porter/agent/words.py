"""What this node says on the Services whose addresses it is to announce: that it does, or why it cannot.

Made from what the plugins report. It writes nothing itself; the adapter does.
"""

from collections.abc import Mapping
from typing import Protocol

from porter.events.entries import Announced, AnnouncementFailed, Applied, Withdrawn
from porter.model.names import NodeName, ServiceKey

Wanted = Mapping[str, tuple[ServiceKey, ...]]
"""The addresses that this node is to announce, each with the Services that have it."""


class Mouth(Protocol):
    """What carries the words to the API."""

    def announced(self, key: ServiceKey, *, answers: bool, message: str) -> None:
        """Have this written on the Service."""

    def says_nothing(self, key: ServiceKey) -> None:
        """Take back what is not written yet."""


class Words:
    """Follows one node's announcements. Belongs to the event loop."""

    def __init__(self, node: NodeName, mouth: Mouth) -> None:
        self._node = node
        self._mouth = mouth
        self._wanted: Wanted = {}
        self._addresses: dict[ServiceKey, set[str]] = {}
        self._announced: dict[str, str] = {}
        self._failed: dict[str, str] = {}
        self._said: dict[ServiceKey, tuple[bool, str]] = {}

    @property
    def failures(self) -> Mapping[str, str]:
        """The addresses that this node is to announce and cannot, each with why."""
        return self._failed

    def want(self, wanted: Wanted) -> None:
        """Take note of what this node is to announce from now on: of anything else it says nothing."""
        if wanted == self._wanted:
            return
        before, self._wanted = self._wanted, wanted
        touched: set[ServiceKey] = set()
        for address in before.keys() - wanted.keys():
            self._failed.pop(address, None)
        for address, services in before.items() - wanted.items():
            for key in services:
                self._addresses[key].discard(address)
                touched.add(key)
        for address, services in wanted.items() - before.items():
            for key in services:
                self._addresses.setdefault(key, set()).add(address)
                touched.add(key)
        for key in sorted(touched):
            if not self._addresses[key]:
                del self._addresses[key]
            self._say(key)

    def applied(self, entry: Applied) -> None:
        """Take note of what a plugin has reported."""
        match entry:
            case Announced(address=address):
                self._failed.pop(address, None)
                self._announced[address] = f"answers for {address} on {entry.nic} with {entry.mac}"
            case AnnouncementFailed(address=address):
                self._announced.pop(address, None)
                if address in self._wanted:
                    self._failed[address] = f"cannot announce {address}: {entry.error}"
            case Withdrawn(address=address):
                self._announced.pop(address, None)
            case _:
                return
        for key in self._wanted.get(address, ()):
            self._say(key)

    def _say(self, key: ServiceKey) -> None:
        addresses = sorted(self._addresses.get(key, ()))
        bad = [self._failed[address] for address in addresses if address in self._failed]
        good = [self._announced[address] for address in addresses if address in self._announced]
        if not (bad or good):
            if self._said.pop(key, None) is not None:
                self._mouth.says_nothing(key)
            return
        word = (not bad, f"{self._node} {'; '.join([*bad, *good])}")
        if self._said.get(key) != word:
            self._said[key] = word
            self._mouth.announced(key, answers=word[0], message=word[1])
