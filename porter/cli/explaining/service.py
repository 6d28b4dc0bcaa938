"""An explained Service as text."""

from collections.abc import Iterator

from porter.cli.explaining.answers import heading, more, opening, paragraph, row
from porter.cli.explaining.reading import Asked
from porter.reconciler.explaining.service import FamilyExplanation, NodeFinding, ServiceExplanation
from porter.replay.text import clock

_MOST = 12  # rows of a list
_MARKS = {True: "yes", False: "NO", None: "?"}


def service_lines(explanation: ServiceExplanation, asked: Asked) -> Iterator[str]:
    """Say first what keeps the Service from traffic, and then everything that was considered."""
    several = len(explanation.families) > 1
    verdicts = [f"{one.family}: {one.verdict}" if several else one.verdict for one in explanation.families]
    yield from opening(verdicts, explanation.service, asked)
    for note in explanation.notes:
        yield from paragraph(f"Note: {note}.")
    for family in explanation.families:
        if several:
            yield ""
            yield family.family
        yield from _family_lines(family)


def _family_lines(family: FamilyExplanation) -> Iterator[str]:
    yield from heading("gates")
    for gate in family.gates:
        yield from row(f"{_MARKS[gate.passed]:<3}  {gate.name:<9}", gate.sentence, width=14)
    if family.since is not None:
        yield from row("     since", f"entry {family.since.seq}, {clock(family.since.at)}", width=14)
    if family.sharers:
        shown = ", ".join(family.sharers[:_MOST])
        rest = len(family.sharers) - _MOST
        yield from row("     shared", f"with {shown}" + (f" and {rest} more" if rest > 0 else ""), width=14)
    if family.candidates:
        yield from heading("nodes")
    marked = sorted(((_mark(one, family), one) for one in family.candidates), key=lambda pair: _RANKS.index(pair[0]))
    for mark, one in marked[:_MOST]:
        yield from row(mark, f"{one.node}: {one.sentence}", width=8)
    yield from more(len(marked), _MOST)
    if family.pools:
        yield from heading("Eips")
    for pool in family.pools[:_MOST]:
        yield from row(pool.status, f"{pool.eip}: {pool.sentence}", width=15)
    yield from more(len(family.pools), _MOST)


_RANKS = ("owner", "eligible", "no")


def _mark(one: NodeFinding, family: FamilyExplanation) -> str:
    if one.node in family.nodes:
        return "owner"
    return "eligible" if one.eligible else "no"
