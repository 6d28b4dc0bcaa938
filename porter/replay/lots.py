"""Lots drawn as they were recorded, for a log whose names are not those that the lots were drawn by.

A protocol may choose among equal nodes by hashing names, as layer 2 does. Over a redacted log such a draw would fall
otherwise, and the whole story with it. Here the record says how it fell, where it names nodes that may be chosen; all
else is decided anew, as in every replay.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import msgspec

from porter.events.codec import is_observed
from porter.events.entries import AgentStarted, AssignmentDecided, Recorded
from porter.events.redaction.redactor import MARK
from porter.model.names import NodeName
from porter.model.objects import Eip
from porter.model.protocol import PlacementRequest, ProtocolRules
from porter.reconciler.decide import Rules


def with_recorded_lots(records: Iterator[Recorded], rules: Rules) -> tuple[Iterator[Recorded], Rules]:
    """Return what to fold and the rules to fold by: those given, unless the log begins as a redacted one does."""
    first = next(records, None)
    if first is None:
        return iter(()), rules
    whole = chain((first,), records)
    if not is_redacted(first):
        return whole, rules
    lots = _Lots()
    return lots.followed(whole), _drawn(rules, lots)


def is_redacted(first: Recorded) -> bool:
    """Tell from its first entry whether a log was redacted."""
    return isinstance(first.entry, AgentStarted) and MARK in first.entry.porter.partition("+")[2]


def _drawn(rules: Rules, lots: "_Lots") -> Rules:
    return msgspec.structs.replace(rules, protocols={name: _Drawn(one, lots) for name, one in rules.protocols.items()})


class _Lots:
    """How the lots fell: for each address the nodes that it had last, or is about to have."""

    def __init__(self) -> None:
        self._nodes: dict[str, tuple[NodeName, ...]] = {}

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
