"""The room in a pool: its lowest free address, who was given one there and does not hold it yet, who found it full.

A Service that was given an address holds it only when the API says so. Until then an older Service that arrives later
is served before it, as if both had come at once; so what a Service may take depends on its age.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence

from porter.model.addresses import Address, AddressRange
from porter.model.objects import Eip
from porter.reconciler.free import FreeNumbers
from porter.reconciler.reserved import Reserved
from porter.reconciler.seats import Seat, SeatAge


class Room:
    """One pool's. Numbers are the addresses of `range` as integers."""

    def __init__(self, eip: Eip, addresses: AddressRange, reserved: Reserved) -> None:
        self.eip = eip
        self.range = addresses
        self._reserved = reserved
        self._free = FreeNumbers(addresses, reserved.blocks(addresses.version))
        for number in reserved.numbers_in(addresses, eip):
            self._free.take(number)
        self._given: list[Seat] = []
        """Who was given the lowest free one, the older first. So their numbers ascend too."""
        self._wished: list[Seat] = []
        """Who was given the address that it names, the older first."""
        self._passed: list[Seat] = []
        """Who would rather be here and found it full, the older first."""
        self._declined: list[Seat] = []
        """Who could have had one and took none, since the other family has none for the Service; the older first."""

    def lowest_for(self, age: SeatAge) -> Address | None:
        """Return the lowest address that one of this age may take: free, or given to a younger one."""
        numbers = [] if (free := self._free.lowest()) is None else [free]
        younger = bisect_right(self._given, age, key=_age)
        if younger < len(self._given):
            numbers.append(self._given[younger].number)
        wishers = self._wished[bisect_right(self._wished, age, key=_age) :]
        numbers.extend(seat.number for seat in wishers if all(other.yields_to(age) for other in seat.beside()))
        return self.range.address(min(numbers)) if numbers else None

    def take(self, address: Address) -> None:
        """Somebody has the address."""
        self._free.take(int(address))

    def release(self, address: Address) -> None:
        """Nobody has the address any more; it is free unless it is reserved."""
        if self._reserved.why(address, self.eip) is None:
            self._free.release(int(address))

    def give(self, seat: Seat) -> None:
        """Remember who was given an address here."""
        insort(self._wished if seat.wished else self._given, seat, key=_age)

    def pass_over(self, seat: Seat) -> None:
        """Remember who found it full."""
        insort(self._passed, seat, key=_age)

    def decline(self, seat: Seat) -> None:
        """Remember who might have had an address and took none."""
        insort(self._declined, seat, key=_age)

    @property
    def is_declined(self) -> bool:
        """Whether somebody might have had an address and took none."""
        return bool(self._declined)

    def disappointed(self) -> Sequence[Seat]:
        """Return who declined an address and may find none now: to be asked when somebody has taken one."""
        return tuple(self._declined) if self._declined and self._free.lowest() is None else ()

    def forget(self, seat: Seat) -> None:
        """Strike a seat from all lists."""
        for seats in (self._given, self._wished, self._passed, self._declined):
            at = bisect_left(seats, seat.age, key=_age)
            if at < len(seats) and seats[at] is seat:
                del seats[at]

    def next_taker(self, address: Address, after: SeatAge | None) -> Seat | None:
        """Return the oldest, younger than `after`, that would rather have this address than what it has."""
        first = 0 if after is None else bisect_right(self._given, after, key=_age)
        at = bisect_right(self._given, int(address), lo=first, key=_number)
        found = self._given[at : at + 1]
        first = 0 if after is None else bisect_right(self._passed, after, key=_age)
        found += self._passed[first : first + 1]
        return min(found, key=_age, default=None)


def _age(seat: Seat) -> SeatAge:
    return seat.age


def _number(seat: Seat) -> int:
    return seat.number
