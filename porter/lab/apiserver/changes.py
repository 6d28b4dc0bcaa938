"""One write of the store, as watches look at it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from porter.lab.apiserver.objects import Json, decode, encode, metadata

EventType: TypeAlias = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One write: what the object was and what it is, at one revision. A deletion keeps the last state in `object`."""

    revision: int
    namespace: str
    name: str
    object: Json
    previous: Json | None
    deleted: bool
    encoded: dict[str, bytes] = field(default_factory=dict, compare=False)

    @property
    def raw(self) -> bytes:
        """The object as JSON; encoded on the first call only."""
        if (done := self.encoded.get("")) is None:
            done = self.encoded[""] = encode(self.object)
        return done

    def seen_as(self, event: EventType) -> Json:
        """The object that such an event carries: one that leaves a selector is shown as it last matched."""
        if event != "DELETED" or self.deleted or self.previous is None:
            return self.object
        return self.previous | {"metadata": metadata(self.previous) | {"resourceVersion": str(self.revision)}}

    def line(self, event: EventType) -> bytes:
        """The event as one line of a watch stream; encoded on the first call only."""
        if (done := self.encoded.get(event)) is None:
            shown = self.seen_as(event)
            raw = self.raw if shown is self.object else encode(shown)
            done = self.encoded[event] = b'{"type":"%b","object":%b}\n' % (event.encode(), raw)
        return done


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """A change of a while ago, as JSON: seldom asked for, far smaller, and nothing for Python to look through."""

    revision: int
    namespace: str
    name: str
    deleted: bool
    object: bytes
    previous: bytes

    def unpacked(self) -> Change:
        """The change as it was."""
        return Change(
            revision=self.revision,
            namespace=self.namespace,
            name=self.name,
            object=decode(self.object),
            previous=decode(self.previous),
            deleted=self.deleted,
        )
