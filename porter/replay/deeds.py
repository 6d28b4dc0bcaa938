"""Which deeds carried a change out: a change is held back until nothing more is to come, or it has waited long enough.

Memory is bounded by the window: so many changes wait at most, the oldest are given out first.
"""

from collections import deque
from collections.abc import Iterator
from typing import Final

import msgspec

from porter.events.entries import AgentStarted, Announced, Published, Recorded, ServiceObserved, Withdrawn
from porter.model.names import ServiceKey
from porter.model.objects import Service
from porter.replay.refold import Subject
from porter.replay.story import Change, Deed, DeedName

WINDOW: Final = 2_000  # many more than one cause leads to, the first list aside
TELLING: Final = frozenset({AgentStarted, Announced, Published, ServiceObserved, Withdrawn})
"""The types of entries that tell of a deed, or that no deed is to come any more."""


class Deeds:
    """Changes in the order of their decisions, each given out with what followed from it."""

    def __init__(self) -> None:
        self._waiting: deque[_Awaited] = deque()
        self._of_subject: dict[Subject, _Awaited] = {}
        self._of_address: dict[str, list[_Awaited]] = {}
        self._here: str | None = None

    def add(self, change: Change, service: Service | None) -> None:
        """Take in a change; `service` is as the API server shows it now."""
        awaited = _Awaited(change, here=self._here, service=service)
        self._waiting.append(awaited)
        if awaited.due:
            self._of_subject[change.service, change.family] = awaited
            for address in awaited.addresses:
                self._of_address.setdefault(address, []).append(awaited)

    def superseded(self, subject: Subject) -> None:
        """Wait no longer for deeds of the last change of this Service and family: another one was decided."""
        awaited = self._of_subject.get(subject)
        if awaited is not None:
            self._forget(awaited)

    def see(self, record: Recorded) -> None:
        """Take note of an entry that may be a deed."""
        match record.entry:
            case Announced(address=address):
                self._did(self._of_address.get(address, ()), "announced", record)
            case Withdrawn(address=address):
                self._did(self._of_address.get(address, ()), "withdrawn", record)
            case Published(service=key, addresses=addresses):
                self._did(self._carried_out(key, addresses, None), "published", record)
            case ServiceObserved(service=service):
                self._did(self._carried_out(service.key, service.addresses, service.written_node), "shown", record)
            case AgentStarted(node=node):
                self._here = node
            case _:
                pass

    def given(self, window: int = WINDOW) -> Iterator[Change]:
        """Give out the oldest changes: all that wait for nothing any more, and what the window has no room for."""
        while self._waiting and (not self._waiting[0].due or len(self._waiting) > window):
            awaited = self._waiting.popleft()
            self._forget(awaited)
            yield awaited.told()

    def _carried_out(self, key: ServiceKey, addresses: tuple[str, ...], node: str | None) -> list["_Awaited"]:
        """Return the changes of a Service that the API has when it says this."""
        found = (self._of_subject.get((key, family)) for family in ("IPv4", "IPv6"))
        return [one for one in found if one is not None and one.is_shown_by(addresses, node)]

    def _did(self, changes: "list[_Awaited] | tuple[()]", what: DeedName, record: Recorded) -> None:
        for awaited in list(changes):
            awaited.did(what, record)
            if not awaited.due:
                self._forget(awaited)

    def _forget(self, awaited: "_Awaited") -> None:
        awaited.due.clear()
        subject = (awaited.change.service, awaited.change.family)
        if self._of_subject.get(subject) is awaited:
            del self._of_subject[subject]
        for address in awaited.addresses:
            others = [one for one in self._of_address.get(address, ()) if one is not awaited]
            if others:
                self._of_address[address] = others
            else:
                self._of_address.pop(address, None)


class _Awaited:
    """A change, what was done because of it, and what is still due."""

    def __init__(self, change: Change, *, here: str | None, service: Service | None) -> None:
        self.change = change
        self.addresses = {one for one in (change.address, change.previous_address) if one is not None}
        self.due: set[DeedName] = set()
        self._deeds: list[Deed] = []
        old, new = _names(change.from_), _names(change.to)
        stays = change.address == change.previous_address and here in old and here in new
        if change.address is not None and not (
            service is not None and self.is_shown_by(service.addresses, service.written_node)
        ):
            self.due.add("shown")
        if here in new and not stays:
            self.due.add("announced")
        if here in old and not stays:
            self.due.add("withdrawn")

    def is_shown_by(self, addresses: tuple[str, ...], node: str | None) -> bool:
        """Tell whether the API says what was decided; `node` is None where it is not known or not written."""
        return self.change.address in addresses and (node is None or self.change.to in {None, node})

    def did(self, what: DeedName, record: Recorded) -> None:
        """Take note of a deed, if it is due."""
        if what in self.due or (what == "published" and "shown" in self.due):
            self.due.discard(what)
            after = (record.at - self.change.at).total_seconds()
            self._deeds.append(Deed(what=what, seq=record.seq, at=record.at, after=after))

    def told(self) -> Change:
        """Return the change with its deeds."""
        return msgspec.structs.replace(self.change, applied=tuple(self._deeds)) if self._deeds else self.change


def _names(joined: str | None) -> frozenset[str]:
    return frozenset(joined.split(", ")) if joined else frozenset()
