"""A seat: one Service in one family, with what it shows, what it may have, and what it has. Kept by the ledger."""

from porter.model.addresses import Address, Family
from porter.model.objects import Service
from porter.reconciler.terms import Claim, Route, Slot

SeatAge = tuple[str, str, int]
"""Creation time, name, and the family's place in the Service's own order: sorts who is served first."""


class Seat:
    """One Service in one family. Compared by identity; changed by the ledger alone."""

    __slots__ = ("_holders", "age", "claim", "family", "held", "kept", "key", "route", "service", "slot")

    def __init__(self, service: Service, family: Family, *, place: int, holders: dict[Address, list["Seat"]]) -> None:
        self.key = service.key
        self.slot: Slot = (self.key, family)
        self.service = service
        self.family = family
        self.age: SeatAge = (service.created, self.key, place)
        self.held: Address | None = None
        """What the API says that it has."""
        self.kept = False
        """Whether it rightly holds that."""
        self.route: Route | None = None
        """Where it may get an address, while it keeps none."""
        self.claim: Claim | None = None
        self._holders = holders

    @property
    def address(self) -> Address | None:
        """What it has."""
        return self.claim.address if self.claim is not None else None

    @property
    def number(self) -> int:
        """What it has, as a number; only of a seat that has something."""
        address = self.address
        assert address is not None
        return int(address)

    @property
    def wished(self) -> bool:
        """Whether it asks for one address by name."""
        return self.route is not None and self.route.wanted is not None

    @property
    def order(self) -> tuple[bool, SeatAge]:
        """Sorts those who have one address: who keeps it before who was given it, the older first."""
        return (not self.kept, self.age)

    def yields_to(self, age: SeatAge) -> bool:
        """Tell whether one of this age is served before this seat."""
        return not self.kept and self.age > age

    def beside(self) -> list["Seat"]:
        """Return all who have its address, itself included."""
        address = self.address
        return self._holders[address] if address is not None else []
