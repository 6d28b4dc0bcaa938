"""The lowest free address of a pool, without a scan: a pool of 2^120 addresses costs as much as a pool of two.

Numbers below a cursor that are free stand in a heap; above the cursor all are free but those that are taken. The cursor
passes each taken number once. Taken and released in O(log n); asking costs what was passed since the last question.
"""

import heapq
from collections.abc import Sequence

from porter.model.addresses import AddressRange

Blocks = Sequence[tuple[int, int]]
"""First and last number of ranges that are never handed out, sorted."""


class FreeNumbers:
    """Which numbers of a range are free. `blocks` never change; build it anew when they do."""

    def __init__(self, addresses: AddressRange, blocks: Blocks = ()) -> None:
        self._last = addresses.last
        self._first = addresses.first
        self._blocks = [block for block in blocks if block[1] >= addresses.first and block[0] <= addresses.last]
        self._next_block = 0
        self._cursor = addresses.first
        self._released: list[int] = []
        self._in_heap: set[int] = set()
        self._taken: set[int] = set()

    def take(self, number: int) -> None:
        """Mark a number as taken. Safe to call twice, and for a number outside the range."""
        self._taken.add(number)

    def release(self, number: int) -> None:
        """Mark a number as free again. Nothing happens when it was not taken."""
        if number not in self._taken:
            return
        self._taken.discard(number)
        below = self._first <= number < self._cursor
        if below and number not in self._in_heap and not self._blocked(number):
            heapq.heappush(self._released, number)
            self._in_heap.add(number)

    def lowest(self) -> int | None:
        """Return the lowest free number without taking it, None when there is none."""
        while self._released and self._released[0] in self._taken:
            self._in_heap.discard(heapq.heappop(self._released))
        if self._released:
            return self._released[0]
        self._advance()
        return self._cursor if self._cursor <= self._last else None

    def _advance(self) -> None:
        while self._cursor <= self._last:
            while self._next_block < len(self._blocks) and self._blocks[self._next_block][1] < self._cursor:
                self._next_block += 1
            if self._next_block < len(self._blocks) and self._blocks[self._next_block][0] <= self._cursor:
                self._cursor = self._blocks[self._next_block][1] + 1
            elif self._cursor in self._taken:
                self._cursor += 1
            else:
                return

    def _blocked(self, number: int) -> bool:
        return any(first <= number <= last for first, last in self._blocks)
