"""An explained Eip as text."""

from collections.abc import Iterator

from porter.cli.explaining.answers import heading, more, number, opening, row
from porter.cli.explaining.reading import Asked
from porter.reconciler.explaining.eip import EipExplanation, Holder, Waiter

_MOST = 10  # rows of a list


def eip_lines(explanation: EipExplanation, asked: Asked) -> Iterator[str]:
    """Say first whether the Eip hands out addresses, and then whose they are."""
    yield from opening([explanation.verdict], f"Eip {explanation.eip}", asked)
    yield from heading("pool")
    for name, text in _facts(explanation):
        yield from row(name, text, width=8)
    yield from _list("held", len(explanation.holders))
    for holder in explanation.holders[:_MOST]:
        yield from row(holder.address, _holder(holder), width=15)
    yield from more(len(explanation.holders), _MOST)
    yield from _list("never handed out", len(explanation.reserved))
    for reserved in explanation.reserved[:_MOST]:
        yield from row(reserved.range, reserved.sentence, width=15)
    yield from more(len(explanation.reserved), _MOST)
    yield from _list("waiting, the next one first", len(explanation.waiting))
    for place, waiter in enumerate(explanation.waiting[:_MOST], start=1):
        yield from row(f"{place}.", _waiter(waiter), width=3)
    yield from more(len(explanation.waiting), _MOST)


def _list(title: str, count: int) -> Iterator[str]:
    yield from heading(f"{title}: {count:,}" if count else f"{title}: none")


def _facts(one: EipExplanation) -> Iterator[tuple[str, str]]:
    yield "state", f"{'ready' if one.ready else one.sentence}{'; disabled (spec.disable)' if one.disabled else ''}"
    if one.range is None:
        yield "range", f"cannot be read: {one.address}"
    else:
        room = one.room
        yield "range", f"{one.address}: {one.range.first} to {one.range.last}"
        counted = f"{number(room.used)} in use, {number(room.reserved)} never handed out"
        yield "room", f"{number(room.free)} free of {number(room.size)}; {counted}"
    if one.warning:
        yield "warning", f"{one.warning}: hosts there need a route to it"
    yield "protocol", one.protocol + (f", on {one.interface}" if one.interface else "")
    yield "for", _for_whom(one)


def _for_whom(one: EipExplanation) -> str:
    if one.namespaces or one.namespace_selector:
        labels = ", ".join(f"{key}={value}" for key, value in one.namespace_selector)
        names = [f"namespaces {', '.join(one.namespaces)}"] if one.namespaces else []
        names += [f"namespaces labelled {labels}"] if labels else []
        return f"{' and '.join(names)}, with priority {one.priority}"
    return "every namespace without Eips of its own" + (", as the default Eip" if one.default else "")


def _holder(one: Holder) -> str:
    owner = f"on {', '.join(one.nodes)}" if one.nodes else "announced by nobody"
    kept = "" if one.in_range else "; outside the range, kept until it is released"
    return f"{', '.join(one.services)}, {owner}{kept}"


def _waiter(one: Waiter) -> str:
    wants = f" asks for {one.wants}" if one.wants else ""
    return f"{one.service} ({one.family}){wants}: {one.sentence}"
