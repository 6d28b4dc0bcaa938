"""Who has which address, kept up to date: what an entry does not touch is not looked at.

The outcome is that of `porter.reconciler.allocation`, which decides anew and whole; a property holds the two equal.
Work goes through the seats in the order of age, as there: a seat is served knowing only those who keep their address
and those who were given theirs and are older. So serving one can only disturb younger ones, each is served at most
once, and the work ends.
"""

import heapq
from bisect import insort
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from porter.model.addresses import Address, Family, in_order
from porter.model.names import EipName, ServiceKey
from porter.model.objects import Service
from porter.model.reasons import Reason, Verdict
from porter.reconciler.nics import shortened
from porter.reconciler.pools import Pool, Pools
from porter.reconciler.reserved import Changed, Reserved
from porter.reconciler.rooms import Room
from porter.reconciler.routes import Routes, frame_of
from porter.reconciler.seats import Seat, SeatAge
from porter.reconciler.terms import (
    Claim,
    Route,
    Slot,
    both_or_neither,
    given_claim,
    kept_claim,
    route_of,
    sharing_problem,
    waiting_claim,
)
from porter.reconciler.wishes import families_of, held_addresses, needs_both


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What a round of work has come to."""

    slots: frozenset[Slot]
    """Whose claim is another now; a slot that is gone included."""
    addresses: frozenset[Address]
    """Whose holders changed, or something about them."""


class Ledger:
    """All seats. Tell it what changed with `put`, `use_pools` and `use_reserved`, then `settle` once."""

    def __init__(self, pools: Pools, reserved: Reserved) -> None:
        self._pools = pools
        self._reserved = reserved
        self._seats: dict[Slot, Seat] = {}
        self._seats_of: dict[ServiceKey, tuple[Seat, ...]] = {}
        """A Service's seats, in its own order of families."""
        self._holders: dict[Address, list[Seat]] = {}
        self._claimants: dict[Address, list[Seat]] = {}
        """Whose Service shows the address, the older first."""
        self._wishing: dict[Address, list[Seat]] = {}
        """Who names the address and does not keep it, the older first."""
        self._open: set[Slot] = set()
        """Who keeps nothing: was given something, or waits."""
        self._rooms: dict[EipName, Room] = {}
        self._build_rooms(pool.eip.name for pool in pools)
        self._before: dict[Slot, Claim | None] = {}
        self._disputed: set[Address] = set()
        self._offered: dict[Address, SeatAge | None] = {}
        self._touched: set[Address] = set()
        self._due: list[tuple[SeatAge, Slot]] = []
        self._is_due: set[Slot] = set()
        self._cursor: SeatAge | None = None
        """How far the work has come: who is older is not disturbed any more."""

    # ------------------------------------------------------------------------------------------ reading

    def claim(self, slot: Slot) -> Claim | None:
        """Return what a slot has; None for a slot that is not there."""
        seat = self._seats.get(slot)
        return seat.claim if seat is not None else None

    def holders(self, address: Address) -> Sequence[Seat]:
        """Return who has the address: who keeps it before who was given it, the older first."""
        seats = self._holders.get(address, ())
        return sorted(seats, key=lambda seat: seat.order) if len(seats) > 1 else seats

    def seats_of(self, service: ServiceKey) -> Sequence[Seat]:
        """Return a Service's seats in its own order of families."""
        return self._seats_of.get(service, ())

    def addresses(self) -> Iterator[Address]:
        """Return every address that somebody has."""
        return iter(self._holders)

    def confirmed(self, key: ServiceKey, service: Service) -> Claim | None:
        """Return what a Service has now that the API shows it so, which is new only in what Porter writes on it.

        None unless that is what it had, it alone has that address, in one family, and nobody else is concerned.
        """
        seats = self._seats_of.get(key, ())
        seat = seats[0] if len(seats) == 1 else None
        if seat is None or seat.claim is None or seat.address is None or len(seat.beside()) > 1:
            return None
        if seat.kept and _is_written_alike(seat.service, service):
            return seat.claim
        held = held_addresses(service).get(seat.family)
        if held is None:
            return seat.claim if seat.held is None else None  # what is given rests on nothing that Porter writes
        if held != seat.address or not (seat.kept or (seat.held is None and self._is_unrivalled(seat))):
            return None
        claim = kept_claim(service, held, self._pools)
        same = claim is not None and (claim.eip, claim.protocol) == (seat.claim.eip, seat.claim.protocol)
        return claim if same else None

    def _is_unrivalled(self, seat: Seat) -> bool:
        """Tell whether it is all the same to others if a seat keeps from now on what it was given."""
        address = seat.address
        assert address is not None
        room = self._room_of(address)
        others = [*self._claimants.get(address, ()), *self._wishing.get(address, ())]
        return all(other is seat for other in others) and (room is None or not room.is_declined)

    # ------------------------------------------------------------------------------------------ telling

    def confirm(self, key: ServiceKey, service: Service, claim: Claim) -> None:
        """Take in a Service whose claim is `confirmed`: nothing else is to be done."""
        (seat,) = self._seats_of[key]
        seat.service = service
        if seat.kept or held_addresses(service).get(seat.family) is None:
            return
        self._forget(seat)
        self._end_route(seat)
        seat.held, seat.kept, seat.claim = claim.address, True, claim
        self._open.discard(seat.slot)
        assert claim.address is not None
        self._claimants[claim.address] = [seat]

    def put(self, key: ServiceKey, service: Service | None) -> None:
        """Take in a Service as it is now; None when it is gone or not Porter's."""
        if service is not None and self._put_node(key, service):
            return
        for seat in self._seats_of.pop(key, ()):
            del self._seats[seat.slot]
            self._close(seat)
            if seat.held is not None:
                self._claimants[seat.held].remove(seat)
                self._disputed.add(seat.held)
            self._open.discard(seat.slot)
        if service is None:
            return
        held = held_addresses(service)
        seats = self._seats_of[key] = tuple(
            Seat(service, family, place=place, holders=self._holders)
            for place, family in enumerate(families_of(service))
        )
        for seat in seats:
            self._before.setdefault(seat.slot, None)
            self._seats[seat.slot] = seat
            seat.held = held.get(seat.family)
            if seat.held is not None:
                insort(self._claimants.setdefault(seat.held, []), seat, key=lambda other: other.age)
                self._disputed.add(seat.held)
            else:
                self._reroute(seat)

    def _put_node(self, key: ServiceKey, service: Service) -> bool:
        """Take in that another node is written on a Service that keeps what it has, if that is all that is new."""
        seats = self._seats_of.get(key, ())
        if not seats or not all(seat.kept for seat in seats):
            return False
        before = seats[0].service
        if before != msgspec.structs.replace(service, written_node=before.written_node):
            return False
        for seat in seats:
            seat.service = service
            if seat.held is not None:
                self._touched.add(seat.held)
        return True

    def use_pools(self, pools: Pools) -> None:
        """Take in the pools as they are now."""
        before, self._pools = self._pools, pools
        old = {pool.eip.name: pool for pool in before}
        new = {pool.eip.name: pool for pool in pools}
        changed = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
        if not changed:
            return
        if any(frame_of(old.get(name)) != frame_of(new.get(name)) for name in changed):
            self._disputed.update(self._claimants)
        self.reroute_open(Routes(pools), changed=frozenset(changed))
        self._build_rooms(changed)

    def reroute_open(self, routes: Routes | None = None, *, changed: frozenset[EipName] = frozenset()) -> None:
        """Find new ways for all who keep nothing, where theirs has changed or leads by a pool that has."""
        routes = routes or Routes(self._pools)
        for slot in self._open:
            seat = self._seats[slot]
            route = routes.of(seat)
            by = {pool.eip.name for found in (route, seat.route) if found is not None for pool in found.pools}
            if route != seat.route or by & changed:
                self._reroute(seat, route)

    def use_reserved(self, changed: Changed) -> None:
        """Take in that what is reserved has changed."""
        if changed.networks:
            self._use_networks(changed)
        for address in changed.addresses:
            if address in self._holders:
                self._touched.add(address)
            self._reserve(address)

    def _use_networks(self, changed: Changed) -> None:
        """Take in that whole networks are reserved, or are not any more: only what lies in them is concerned."""
        rooms = {pool.eip.name for pool in self._pools if pool.range is not None and changed.concerns(pool.range)}
        for slot in self._open:
            seat = self._seats[slot]
            if seat.route is not None and any(pool.eip.name in rooms for pool in seat.route.pools):
                self._reroute(seat)
        self._build_rooms(rooms)
        self._touched.update(address for address in self._holders if changed.holds(address))

    def _reserve(self, address: Address) -> None:
        self._call_wishers(address)
        room = self._room_of(address)
        if room is None:
            return
        holders = self._holders.get(address, ())
        if self._reserved.why(address, room.eip) is not None:
            self._take(room, address)
            for seat in [seat for seat in holders if not seat.kept]:
                self._evict(seat)
        elif not holders:
            room.release(address)
            self._offered[address] = None

    # ------------------------------------------------------------------------------------------ working

    def settle(self) -> Settled:
        """Do all work that what was told has made necessary."""
        for address in sorted(self._disputed, key=in_order):
            self._judge(address)
        self._disputed.clear()
        for address in list(self._offered):
            self._offer(address, None)
        while self._due:
            _, slot = heapq.heappop(self._due)
            seat = self._seats.get(slot)
            if slot not in self._is_due or seat is None or seat.kept:
                self._is_due.discard(slot)
                continue
            together = self._together(seat)
            self._is_due.difference_update(one.slot for one in together)
            self._cursor = together[-1].age
            self._serve(together)
            ages = [one.age for one in together]
            for address in [a for a, taker in self._offered.items() if taker in ages]:
                self._offer(address, self._cursor)
        self._cursor = None
        self._offered = {}  # all were popped, but a dict that was large stays slow to walk through
        before, self._before = self._before, {}
        touched, self._touched = self._touched, set()
        slots = frozenset(slot for slot, claim in before.items() if claim != self.claim(slot))
        for slot, claim in before.items():
            now = self.claim(slot)
            touched.update(c.address for c in (claim, now) if c is not None and c.address is not None)
        return Settled(slots=slots, addresses=frozenset(touched))

    def _judge(self, address: Address) -> None:
        """Say anew who of those that show an address keeps it."""
        keeping: list[Service] = []
        for seat in list(self._claimants.get(address, ())):
            claim = kept_claim(seat.service, address, self._pools)
            if claim is None or sharing_problem(keeping, seat.service, address) is not None:
                if seat.kept or seat.route is None:
                    self._reroute(seat)
                continue
            keeping.append(seat.service)
            if not seat.kept or seat.claim != claim:
                self._close(seat)
                seat.kept = True
                self._open.discard(seat.slot)
                self._have(seat, claim)
                self._push_other(seat)
        if not self._claimants.get(address, True):
            del self._claimants[address]
        for seat in [seat for seat in self._holders.get(address, ()) if not seat.kept]:
            self._evict(seat)
        self._call_wishers(address)

    def _together(self, seat: Seat) -> tuple[Seat, ...]:
        """Return the seats that are served at once, the primary family first: two of a Service that needs both."""
        if not needs_both(seat.service):
            return (seat,)
        both = self._seats_of[seat.key]
        return (seat,) if any(one.kept for one in both) else both

    def _serve(self, together: Sequence[Seat]) -> None:
        """Give seats what they may have at their age, and call those whom that disturbs."""
        claims: dict[Family, Claim] = {}
        for seat in together:
            self._note(seat)
            self._leave(seat)
            assert seat.route is not None
            claims[seat.family] = self._claim_on(seat, seat.route)
        settled = both_or_neither(claims) if len(together) > 1 else claims
        for seat in together:
            claim, could = settled[seat.family], claims[seat.family].address
            if claim.address is not None:
                for other in [one for one in self._holders.get(claim.address, ()) if one.yields_to(seat.age)]:
                    self._evict(other)
            elif could is not None and not seat.wished:
                room = self._room_of(could)
                assert room is not None
                room.decline(seat)
            self._have(seat, claim)

    def _claim_on(self, seat: Seat, route: Route) -> Claim:
        if route.refusal is not None:
            return waiting_claim(route)
        if route.wanted is not None:
            return self._claim_wish(seat, route.wanted, route.pools[0])
        for pool in route.pools:
            room = self._rooms[pool.eip.name]
            address = room.lowest_for(seat.age)
            if address is not None:
                return given_claim(address, pool, reason=Reason.FIRST_FREE)
            room.pass_over(seat)
        return waiting_claim(route)

    def _claim_wish(self, seat: Seat, address: Address, pool: Pool) -> Claim:
        why = self._reserved.why(address, pool.eip)
        if why is not None:
            return Claim(reason=Verdict(reason=Reason.ADDRESS_RESERVED, detail=why))
        others = [other for other in self._holders.get(address, ()) if not other.yields_to(seat.age)]
        holders = [other.service for other in sorted(others, key=lambda other: other.order)]
        problem = sharing_problem(holders, seat.service, address)
        if problem is not None:
            return Claim(reason=problem)
        reason = Reason.SHARED if holders else Reason.WANTED_ADDRESS
        return given_claim(address, pool, reason=reason, detail=shortened([holder.key for holder in holders], by=", "))

    def _offer(self, address: Address, after: SeatAge | None) -> None:
        """Call the oldest, younger than `after`, that would rather have the address and is served before who has it."""
        room = self._room_of(address)
        if room is None or self._reserved.why(address, room.eip) is not None:
            self._offered.pop(address, None)
            return
        taker = room.next_taker(address, after)
        if taker is None or not all(other.yields_to(taker.age) for other in self._holders.get(address, ())):
            self._offered.pop(address, None)
        else:
            self._offered[address] = taker.age
            self._push(taker)

    # ------------------------------------------------------------------------------------------ book-keeping

    def _note(self, seat: Seat) -> None:
        """Remember what a slot had before this round."""
        self._before.setdefault(seat.slot, seat.claim)

    def _have(self, seat: Seat, claim: Claim) -> None:
        seat.claim = claim
        if claim.address is None:
            return
        self._holders.setdefault(claim.address, []).append(seat)
        room = self._room_of(claim.address)
        if room is not None:
            self._take(room, claim.address)
            if not seat.kept:
                room.give(seat)
        self._call_wishers(claim.address)

    def _take(self, room: Room, address: Address) -> None:
        """Let an address of a room be free no more; who declined one there may now find none."""
        room.take(address)
        for seat in room.disappointed():
            self._push(seat)

    def _leave(self, seat: Seat) -> None:
        """Take from a seat what it has; the address is offered to others unless it is taken again in this round."""
        self._forget(seat)
        address = seat.address
        seat.claim = None
        if address is None:
            return
        holders = self._holders[address]
        holders.remove(seat)
        if not holders:
            del self._holders[address]
            room_of = self._room_of(address)
            if room_of is not None:
                room_of.release(address)
        self._offered.setdefault(address, seat.age if not seat.kept else None)
        self._call_wishers(address)

    def _close(self, seat: Seat) -> None:
        """Take from a seat what it has, and its way to get something."""
        self._note(seat)
        self._leave(seat)
        self._end_route(seat)

    def _forget(self, seat: Seat) -> None:
        """Strike a seat from what the rooms on its way know of it."""
        for room in self._rooms_of(seat):
            room.forget(seat)

    def _end_route(self, seat: Seat) -> None:
        if seat.wished:
            self._unwish(seat)
        seat.route = None

    def _call_wishers(self, address: Address) -> None:
        """Have those served again who name an address about whose holders something has changed."""
        for seat in self._wishing.get(address, ()):
            self._push(seat)

    def _evict(self, seat: Seat) -> None:
        """Take from a seat what it was given, and have it served again."""
        self._note(seat)
        self._leave(seat)
        self._push(seat)

    def _push(self, seat: Seat) -> None:
        if seat.slot not in self._is_due and (self._cursor is None or seat.age > self._cursor):
            self._is_due.add(seat.slot)
            heapq.heappush(self._due, (seat.age, seat.slot))

    def _push_other(self, seat: Seat) -> None:
        """Have the other family of a Service that needs both served again: with one kept it is not held back."""
        if needs_both(seat.service):
            for other in self._seats_of[seat.key]:
                if not other.kept:
                    self._push(other)

    def _reroute(self, seat: Seat, route: Route | None = None) -> None:
        """Have a seat that keeps nothing served again, by its way as it is now."""
        self._close(seat)
        self._push(seat)
        seat.kept = False
        seat.route = route or route_of(seat.service, seat.family, self._pools)
        self._open.add(seat.slot)
        if seat.route.wanted is not None:
            insort(self._wishing.setdefault(seat.route.wanted, []), seat, key=lambda other: other.age)

    def _unwish(self, seat: Seat) -> None:
        assert seat.route is not None
        assert seat.route.wanted is not None
        wishing = self._wishing[seat.route.wanted]
        wishing.remove(seat)
        if not wishing:
            del self._wishing[seat.route.wanted]

    def _rooms_of(self, seat: Seat) -> Iterator[Room]:
        """Return the rooms whose lists may name a seat."""
        if seat.route is not None:
            for pool in seat.route.pools:
                if pool.eip.name in self._rooms:
                    yield self._rooms[pool.eip.name]

    def _room_of(self, address: Address) -> Room | None:
        pool = self._pools.holding(address)
        return self._rooms.get(pool.eip.name) if pool is not None else None

    def _build_rooms(self, names: Iterable[EipName]) -> None:
        for name in names:
            pool = self._pools.get(name)
            self._rooms.pop(name, None)
            if pool is None or pool.range is None or pool.eip.foreign:
                continue
            room = Room(pool.eip, pool.range, self._reserved)
            for address in self._holders:
                if address in pool.range:
                    room.take(address)
            self._rooms[name] = room


def _is_written_alike(one: Service, other: Service) -> bool:
    """Tell whether of what Porter writes on a Service the node alone is another: the claim does not rest on that."""
    return (one.addresses, one.written_eip, one.written_protocol) == (
        other.addresses,
        other.written_eip,
        other.written_protocol,
    )
