"""Consequences of what is supposed, as text."""

from collections.abc import Iterator

from porter.cli.explaining.answers import heading, more, opening, row
from porter.cli.explaining.reading import Asked
from porter.reconciler.explaining.what_if import Consequences, Shift

_MOST = 10  # rows of a list


def what_if_lines(consequences: Consequences, asked: Asked) -> Iterator[str]:
    """Say first how much would change, and then each change."""
    yield from opening([consequences.verdict], "Compared with what is", asked)
    for title, shifts in (
        ("would move", consequences.moved),
        ("would be announced by nobody", consequences.ownerless),
        ("would have no address", consequences.addressless),
        ("would have another address", consequences.readdressed),
        ("would gain", consequences.gained),
    ):
        if shifts:
            yield from heading(title)
        for shift in shifts[:_MOST]:
            yield from row(shift.address or shift.previous_address or "", _shift(shift), width=15)
        yield from more(len(shifts), _MOST)
    if consequences.dependents:
        yield from heading("would keep the address, and could get no other once it is released")
    for dependent in consequences.dependents[:_MOST]:
        yield from row(dependent.address, f"{dependent.service} of Eip {dependent.eip}", width=15)
    yield from more(len(consequences.dependents), _MOST)
    yield from heading(f"unchanged: {consequences.unchanged:,}")


def _shift(shift: Shift) -> str:
    before = ", ".join(shift.from_) or "nobody"
    after = ", ".join(shift.to) or "nobody"
    if shift.address is None:
        return f"{shift.service}: {shift.sentence}"
    if shift.previous_address not in (None, shift.address):
        return f"{shift.service}, instead of {shift.previous_address}, on {after}: {shift.sentence}"
    return f"{shift.service}, {before} -> {after}: {shift.sentence}"
