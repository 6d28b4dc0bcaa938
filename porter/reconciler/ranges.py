"""Which of several ranges holds an address, the earliest winning. Integers and bisection; no pools, no decisions."""

from bisect import bisect_left, bisect_right
from typing import Generic, TypeVar

from porter.model.addresses import Address, AddressRange

Value = TypeVar("Value")


class EarliestRanges(Generic[Value]):
    """Ranges in the order in which they were added, each with a value; they may overlap. Add first, then ask.

    Every number is noted for the earliest range that holds it, as stretches that do not overlap: a later range gets
    only what is still blank. So one stretch answers for an address, and the earliest range that overlaps another is
    the earliest of the stretches in it.
    """

    def __init__(self) -> None:
        self._of_version = {4: _Stretches(), 6: _Stretches()}
        self._values: list[Value] = []

    def add(self, addresses: AddressRange, value: Value) -> None:
        """Add a range that is later than all so far."""
        self._of_version[addresses.version].fill(addresses.first, addresses.last, len(self._values))
        self._values.append(value)

    def holding(self, address: Address) -> Value | None:
        """Return the value of the earliest range that holds the address; None where none does."""
        number = int(address)
        return self._value(self._of_version[address.version].earliest(number, number))

    def overlapping(self, addresses: AddressRange) -> Value | None:
        """Return the value of the earliest range that has an address in common with this one; None where none has."""
        return self._value(self._of_version[addresses.version].earliest(addresses.first, addresses.last))

    def _value(self, place: int | None) -> Value | None:
        return self._values[place] if place is not None else None


class _Stretches:
    """Stretches of the integers of one IP version, sorted, none overlapping another, each with its range's place."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self._places: list[int] = []

    def earliest(self, first: int, last: int) -> int | None:
        """Return the earliest place between two integers, both included."""
        begin, end = bisect_left(self._lasts, first), bisect_right(self._firsts, last)
        return min(self._places[begin:end], default=None)

    def fill(self, first: int, last: int, place: int) -> None:
        """Note a place wherever none is noted between two integers, both included."""
        begin, end = bisect_left(self._lasts, first), bisect_right(self._firsts, last)
        inside = list(zip(self._firsts[begin:end], self._lasts[begin:end], self._places[begin:end], strict=True))
        filled: list[tuple[int, int, int]] = []
        blank = first
        for stretch in inside:
            if blank < stretch[0]:
                filled.append((blank, stretch[0] - 1, place))
            filled.append(stretch)
            blank = stretch[1] + 1
        if blank <= last:
            filled.append((blank, last, place))
        self._firsts[begin:end] = [stretch[0] for stretch in filled]
        self._lasts[begin:end] = [stretch[1] for stretch in filled]
        self._places[begin:end] = [stretch[2] for stretch in filled]
