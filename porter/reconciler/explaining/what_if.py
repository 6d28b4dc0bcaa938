"""What would change if something happened: two cases, held against each other address by address."""

from collections.abc import Iterator, Sequence

import msgspec

from porter.model.addresses import Family
from porter.model.assignment import Assignment
from porter.model.names import EipName, NodeName, ServiceKey
from porter.reconciler.explaining.case import Case
from porter.reconciler.explaining.hypotheses import Hypothesis, suppose
from porter.reconciler.explaining.room import room_in
from porter.reconciler.terms import Slot, route_of


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """One Service in one family, before and after. An address is None, and nodes are empty, where there is none."""

    service: ServiceKey
    family: Family
    eip: EipName | None
    address: str | None
    previous_address: str | None
    from_: tuple[NodeName, ...] = msgspec.field(name="from")
    to: tuple[NodeName, ...]
    sentence: str
    """Why it has what it would have."""


class Dependent(msgspec.Struct, frozen=True, kw_only=True):
    """A Service that would keep its address, and could get no other once it released that."""

    service: ServiceKey
    family: Family
    address: str
    eip: EipName | None


class Consequences(msgspec.Struct, frozen=True, kw_only=True):
    """What would change; each changed slot (a Service in one family) is in exactly one of the first five lists."""

    supposed: tuple[str, ...]
    """What is supposed, a sentence each."""
    verdict: str
    """In one sentence: how much would change."""
    moved: tuple[Shift, ...]
    """The same address on other nodes."""
    ownerless: tuple[Shift, ...]
    """The same address, announced by nobody any more."""
    addressless: tuple[Shift, ...]
    """No address any more."""
    readdressed: tuple[Shift, ...]
    """Another address: only what was not published yet may change so."""
    gained: tuple[Shift, ...]
    """An address, or a node, where there was none."""
    dependents: tuple[Dependent, ...]
    """Unchanged holders that could get no address any more if they had to ask anew, and could before."""
    unchanged: int
    """How many slots with an address would stay as they are."""


def what_if(case: Case, hypotheses: Sequence[Hypothesis]) -> Consequences:
    """Say what would change if all of this happened. See `suppose` for what is raised."""
    after = suppose(case, hypotheses)
    old, new = case.decisions.assignments, after.decisions.assignments
    found: dict[str, list[Shift]] = {
        name: [] for name in ("moved", "ownerless", "addressless", "readdressed", "gained")
    }
    unchanged = []
    for slot in sorted(old):
        kind = _kind(old[slot], new[slot])
        if kind is not None:
            found[kind].append(_shift(old[slot], new[slot]))
        elif old[slot].address is not None:
            unchanged.append(slot)
    lists = {name: tuple(shifts) for name, shifts in found.items()}
    return Consequences(
        supposed=tuple(hypothesis.sentence for hypothesis in hypotheses),
        verdict=_verdict(lists),
        dependents=tuple(_dependents(case, after, unchanged)),
        unchanged=len(unchanged),
        **lists,
    )


def _kind(old: Assignment, new: Assignment) -> str | None:
    if old.address is None:
        return None if new.address is None else "gained"
    if new.address is None:
        return "addressless"
    if new.address != old.address:
        return "readdressed"
    if new.nodes == old.nodes:
        return None
    if not old.nodes:
        return "gained"
    return "moved" if new.nodes else "ownerless"


def _shift(old: Assignment, new: Assignment) -> Shift:
    return Shift(
        service=old.service,
        family=old.family,
        eip=new.eip or old.eip,
        address=new.address,
        previous_address=old.address,
        from_=old.nodes,
        to=new.nodes,
        sentence=new.sentence,
    )


def _verdict(lists: dict[str, tuple[Shift, ...]]) -> str:
    """Count addresses, not Services: two that share one move together."""
    words = (
        ("moved", "would move"),
        ("ownerless", "would be announced by nobody"),
        ("addressless", "would be taken from a Service that then waits"),
        ("readdressed", "would be exchanged for others"),
        ("gained", "would come into use, or find a node"),
    )
    parts = []
    for name, said in words:
        count = len({shift.previous_address or shift.address for shift in lists[name]})
        if count:
            parts.append(f"{count} {'address' if count == 1 else 'addresses'} {said}")
    return "; ".join(parts) if parts else "No address would move, and none would be lost"


def _dependents(before: Case, after: Case, slots: Sequence[Slot]) -> Iterator[Dependent]:
    """Ask only holders of pools that close: who releases an address of another pool makes room there for itself."""
    closed = {pool.eip.name for pool in after.pools if not pool.ready or pool.eip.disable}
    closed -= {pool.eip.name for pool in before.pools if not pool.ready or pool.eip.disable}
    full = {pool.eip.name for pool in after.pools if closed and room_in(after, pool).free == 0}
    for slot in slots:
        assignment = after.decisions.assignments[slot]
        if assignment.eip not in closed or assignment.address is None:
            continue
        route = route_of(after.world.services[slot[0]], slot[1], after.pools)
        if all(pool.eip.name in full for pool in route.pools):
            yield Dependent(
                service=slot[0],
                family=slot[1],
                address=assignment.address,
                eip=assignment.eip,
            )
