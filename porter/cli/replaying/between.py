"""`porter replay --diff`: print what lies between two moments."""

from collections.abc import Iterator

from porter.cli.replaying.output import print_object, wrapped
from porter.replay.between import Between, Held, ObjectBetween, Point, ServiceBetween
from porter.replay.text import clock, counted

_MOST = 12  # objects of one kind that are named before the rest is counted


def print_between(found: Between) -> None:
    """Print it as one JSON object."""
    names = (("from", found.from_), ("to", found.to), ("services", found.services), ("pools", found.pools))
    print_object([*names, ("objects", found.objects)])


def between_lines(found: Between) -> Iterator[str]:
    """Tell it in text."""
    yield f"From {_point(found.from_)}"
    yield f"to   {_point(found.to)}:"
    yield ""
    if not (found.services or found.pools or found.objects):
        yield "  nothing is otherwise"
        return
    for one in found.services:
        yield from _service(one)
    for pool in found.pools:
        yield from wrapped(f"Eip {pool.eip}: {pool.before or 'not there'} -> {pool.after or 'gone'}", indent=2)
    if found.services or found.pools:
        yield ""
    yield f"Observed otherwise: {counted(len(found.objects), 'object', 'objects')}"
    for kind in sorted({one.kind for one in found.objects}):
        named = [_object(one) for one in found.objects if one.kind == kind]
        more = f" and {len(named) - _MOST} more" if len(named) > _MOST else ""
        yield from wrapped(f"{kind}: {', '.join(named[:_MOST])}{more}", indent=2)


def _service(one: ServiceBetween) -> Iterator[str]:
    yield f"  {one.service} ({one.family})"
    yield from wrapped(f"before: {held_text(one.before)}", indent=4)
    yield from wrapped(f"after:  {held_text(one.after)}", indent=4)
    if one.after is not None:
        yield from wrapped(f"why:    {one.after.reason}", indent=4)


def held_text(held: Held | None) -> str:
    """Say what a Service has."""
    if held is None:
        return "nothing to do with Porter"
    if held.address is None:
        return "waits"
    return f"{held.address} of Eip {held.eip or '(gone)'} on {held.node or 'nobody'}"


def _object(one: ObjectBetween) -> str:
    return f"{one.name} ({', '.join(one.fields) if one.fields else one.what})"


def _point(point: Point) -> str:
    return "before the first entry" if point.at is None else f"entry {point.seq}, {clock(point.at)}"
