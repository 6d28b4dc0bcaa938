"""The addresses of one segment that another host has: when each is asked for again, and sooner where that is wished."""

from collections.abc import Collection

_GAP = 1.0  # seconds between questions that are asked out of turn


class Waiting:
    """Who waits, and until when. Pure: moments are those of the monotonic clock, and given."""

    def __init__(self) -> None:
        self._due: dict[bytes, float] = {}
        self._out_of_turn = 0.0
        """When what waits is asked for out of turn, the last time and at the earliest."""
        self._once_more: set[bytes] = set()
        """Addresses for which the wish came while they were being asked for."""

    def add(self, address: bytes, *, due: float, now: float) -> float:
        """Have an address wait until it is due; return when it is asked for, which is soon where that is wished."""
        if address in self._once_more:
            self._once_more.discard(address)
            due = min(due, now + _GAP)
        self._due[address] = due
        return due

    def hurry(self, probed: Collection[bytes], *, now: float) -> tuple[tuple[bytes, ...], float]:
        """Ask for everything out of turn, at most once a second; for what is probed right now when that is over.

        Returns the addresses whose turn changes by it, and the moment of their new one.
        """
        if self._out_of_turn <= now:
            self._out_of_turn = max(now, self._out_of_turn + _GAP)
        hurried = tuple(address for address, due in self._due.items() if due > self._out_of_turn)
        self._due.update(dict.fromkeys(hurried, self._out_of_turn))
        self._once_more.update(probed)
        return hurried, self._out_of_turn

    def end(self, address: bytes) -> None:
        """An address waits no more: it is asked for now."""
        self._due.pop(address, None)

    def end_all(self) -> None:
        """Nothing waits any more: there is nowhere to ask."""
        self._due.clear()

    def forget(self, address: bytes) -> None:
        """An address is held, or wanted no more: what was wished of it is void."""
        self._due.pop(address, None)
        self._once_more.discard(address)
