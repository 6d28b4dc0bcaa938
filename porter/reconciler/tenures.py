"""Who announces each address that somebody has, to be found by what can change it: news of a node, of its own or any.

Kept by the owners. Tables by node and by need hold tenures, which are compared by identity: every election asks them,
and an address is hashed by a call into Python.
"""

from collections import defaultdict
from collections.abc import Iterator

from porter.model.addresses import Address
from porter.model.names import NodeName
from porter.model.reasons import Reason, Verdict
from porter.reconciler.election import Ownership
from porter.reconciler.electorate import Need, Shift

_NOBODY = Ownership(nodes=(), verdict=Verdict(reason=Reason.NO_ELIGIBLE_NODE))
"""Of an address that was not there."""


class Tenure:
    """What became of one address. Compared by identity; changed by `Tenures` alone."""

    __slots__ = ("address", "is_settled", "need", "ownership")

    def __init__(self, address: Address, ownership: Ownership, need: Need) -> None:
        self.address = address
        self.ownership = ownership
        self.need = need
        self.is_settled = False
        """Whether no news of a node can change it, but of one that announces it."""


class Tenures:
    """All of them."""

    def __init__(self) -> None:
        self._of: dict[Address, Tenure] = {}
        self._on: defaultdict[NodeName, set[Tenure]] = defaultdict(set)
        self._needing: defaultdict[Need, set[Tenure]] = defaultdict(set)
        self._unsettled: defaultdict[Need, set[Tenure]] = defaultdict(set)
        self._left: set[Need] = set()
        """Needs that an address no longer has since `vacant` was asked last."""

    def __iter__(self) -> Iterator[Tenure]:
        return iter(self._of.values())

    def get(self, address: Address) -> Tenure | None:
        """Return what became of an address."""
        return self._of.get(address)

    def concerned(self, shift: Shift) -> Iterator[Tenure]:
        """Return those that may change because a node is judged otherwise."""
        yield from self._unsettled.get(shift.need, ())
        if shift.was_eligible and not shift.is_eligible:
            yield from self._on.get(shift.node, set()) & self._needing.get(shift.need, set())

    def enter(self, address: Address, found: Ownership, need: Need, *, is_settled: bool) -> bool:
        """Put down an outcome in the place of the one before; return whether it is another one."""
        tenure = self._of.get(address)
        if tenure is None:
            tenure = self._of[address] = Tenure(address, _NOBODY, need)
        before, tenure.ownership = tenure.ownership, found
        if before.nodes != found.nodes:
            self._move(tenure, before.nodes, found.nodes)
        if tenure.need is not need:
            self._leave(tenure)
            tenure.need = need
        self._needing[need].add(tenure)
        tenure.is_settled = is_settled
        if is_settled:
            _take_out(self._unsettled, need, tenure)
        else:
            self._unsettled[need].add(tenure)
        return before is _NOBODY or (before.nodes, before.verdict) != (found.nodes, found.verdict)

    def settle(self, tenure: Tenure, verdict: Verdict) -> None:
        """Put down that the nodes stay whatever other nodes come and go, and why."""
        tenure.ownership = Ownership(nodes=tenure.ownership.nodes, verdict=verdict, poll=tenure.ownership.poll)
        tenure.is_settled = True
        _take_out(self._unsettled, tenure.need, tenure)

    def strike(self, address: Address) -> None:
        """Forget an address that nobody has."""
        tenure = self._of.pop(address, None)
        if tenure is not None:
            self._move(tenure, tenure.ownership.nodes, ())
            self._leave(tenure)

    def vacant(self) -> set[Need]:
        """Return the needs that no address has any more, each once."""
        left, self._left = self._left, set()
        return left - self._needing.keys()

    def _move(self, tenure: Tenure, before: tuple[NodeName, ...], after: tuple[NodeName, ...]) -> None:
        for node in before:
            _take_out(self._on, node, tenure)
        for node in after:
            self._on[node].add(tenure)

    def _leave(self, tenure: Tenure) -> None:
        _take_out(self._needing, tenure.need, tenure)
        _take_out(self._unsettled, tenure.need, tenure)
        self._left.add(tenure.need)


def _take_out(index: dict, key: object, tenure: Tenure) -> None:  # type: ignore[type-arg]  # keys of several kinds
    members = index.get(key)
    if members is not None:
        members.discard(tenure)
        if not members:
            del index[key]
