"""How watchers are pushed to: many connections that somebody else holds in one call, any other connection alone."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

PLACE: Final = "place"
"""What a transport is asked for (`get_extra_info`), for the place where it is pushed to if it is one of many."""


class Way(Protocol):
    """By which some connections are pushed to. Equal ones are the same way."""

    def push(self, numbers: Collection[int], data: bytes) -> Collection[int]:
        """Send bytes at once to the connections of these numbers; those that cannot take them now, and got nothing."""

    def __hash__(self) -> int: ...


class Place(NamedTuple):
    """Where a watcher is pushed to: a connection, by its number on a way."""

    way: Way
    number: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Alone:
    """The way to one connection: `send` sends some bytes at once, or returns False when that cannot be.

    No other is the same way.
    """

    send: Callable[[bytes], bool]

    def push(self, numbers: Collection[int], data: bytes) -> Collection[int]:
        """See `Way`."""
        return () if self.send(data) else numbers
