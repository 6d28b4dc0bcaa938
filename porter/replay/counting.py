"""How far a long reading of entries is: told now and then, while they are given on."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol, TypeVar

STEP: Final = 4096
"""Entries from one news of how far it is to the next."""


class Numbered(Protocol):
    """An entry, as a value or as a row."""

    @property
    def seq(self) -> int:
        """Its number in the log."""


_Entry = TypeVar("_Entry", bound=Numbered)


def counted(entries: Iterable[_Entry], after: int, told: Callable[[int], None], step: int = STEP) -> Iterator[_Entry]:
    """Give entries on, and tell now and then how many from `after` on are behind them, those that are missing too."""
    due = after + step
    for entry in entries:
        yield entry
        if entry.seq >= due:
            told(entry.seq - after)
            due = entry.seq + step
