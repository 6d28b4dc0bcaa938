"""Lots drawn as they were recorded, for a log whose names are not those that the lots were drawn by.

A protocol may choose among equal nodes by hashing names, as layer 2 does. Over a redacted log such a draw would fall
otherwise, and the whole story with it. Here the record says how it fell, where it names nodes that may be chosen; all
else is decided anew, as in every replay.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import msgspec

from porter.events.codec import is_observed
from porter.events.entries import AssignmentDecided, Recorded
from porter.events.redaction.mark import is_redacted
from porter.events.snapshots import StoredSnapshot
from porter.model.names import NodeName
from porter.model.objects import Eip
from porter.model.protocol import PlacementRequest, ProtocolRules
from porter.reconciler.decide import Rules
from porter.reconciler.resuming import unpacked
from porter.reconciler.snapshot import Snapshot


def with_recorded_lots(
    records: Iterator[Recorded],
    rules: Rules,
    snapshots: Iterable[StoredSnapshot] = (),
) -> tuple[Iterator[Recorded], Rules]:
    """Return what to fold and the rules to fold by: those given, unless the log begins as a redacted one does.

    `snapshots` are those of the log, the newest first: a fold that begins with one of them asks how the lots stood.
    """
    first = next(records, None)
    if first is None:
        return iter(()), rules
    whole = chain((first,), records)
    if not is_redacted(first):
        return whole, rules
    lots = _Lots()
    for stored in snapshots:
        lots.stood(unpacked(stored))
    return lots.followed(whole), _drawn(rules, lots)


def _drawn(rules: Rules, lots: "_Lots") -> Rules:
    return msgspec.structs.replace(rules, protocols={name: _Drawn(one, lots) for name, one in rules.protocols.items()})


class _Lots:
    """How the lots fell: for each address the nodes that it had last, or is about to have."""

    def __init__(self) -> None:
        self._nodes: dict[str, tuple[NodeName, ...]] = {}

    def stood(self, state: Snapshot | None) -> None:
        """Take in how they stood at one moment, the latest moment first."""
        for one in state.assignments if state is not None else ():
            if one.address is not None:
                self._nodes[one.address] = one.nodes

    def followed(self, records: Iterable[Recorded]) -> Iterator[Recorded]:
        """Yield the records; each observed one when what was decided because of it is known."""
        waiting: list[Recorded] = []
        for record in records:
            if is_observed(record.entry):
                yield from waiting
                waiting = []
            elif isinstance(record.entry, AssignmentDecided) and record.entry.assignment.address is not None:
                self._nodes[record.entry.assignment.address] = record.entry.assignment.nodes
            waiting.append(record)
        yield from waiting

    def of(self, request: PlacementRequest) -> tuple[NodeName, ...]:
        """Return the nodes that were drawn, nobody where the record has none that may be chosen."""
        nodes = self._nodes.get(request.address, ())
        return nodes if set(nodes) <= set(request.eligible) else ()


class _Drawn:
    """A protocol's rules, where no node is written already, with the lot that the record has."""

    def __init__(self, rules: ProtocolRules, lots: _Lots) -> None:
        self._rules = rules
        self._lots = lots

    @property
    def name(self) -> str:
        return self._rules.name

    @property
    def stub(self) -> str | None:
        return self._rules.stub

    @property
    def stable(self) -> bool:
        return self._rules.stable

    def validate(self, eip: Eip) -> Sequence[str]:
        return self._rules.validate(eip)

    def place(self, request: PlacementRequest) -> Sequence[NodeName]:
        chosen = self._rules.place(request)
        recorded = self._lots.of(request) if request.current is None else ()
        return recorded if len(recorded) == len(chosen) else chosen
