"""A replay for people, in lines of 80 columns: what stands, and the story that led to it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from textwrap import wrap

from porter.replay.story import Change, Standing, Story

WIDTH = 80
_INDENT = " " * 6


def story_lines(story: Story) -> Iterator[str]:
    """Tell a story in text."""
    if story.at is None:
        yield "The log is empty: nothing was observed yet."
        return
    yield f"As of entry {story.seq}, {clock(story.at)}:"
    yield ""
    if not story.assignments:
        yield "  nobody has an address"
    for standing in story.assignments:
        yield from _standing_lines(standing, story.at)
    yield ""
    yield "The story:" if story.timeline else "The story: nothing has changed."
    for change in story.timeline:
        yield ""
        yield from _change_lines(change)
    if story.differences:
        yield ""
        yield from wrap(
            f"Note: {len(story.differences)} decisions of this version differ from those recorded; "
            "'porter replay --verify' shows them.",
            WIDTH,
        )


def verdict_lines(story: Story) -> Iterator[str]:
    """Say whether this version decides as was recorded, and list where it does not."""
    for one in story.differences:
        yield f"entry {one.cause}:"
        recorded, decided = one.recorded or "nothing", one.decided or "nothing"
        yield from wrap(f"recorded: {recorded}", WIDTH, initial_indent="  ", subsequent_indent=_INDENT)
        yield from wrap(f"this version decides: {decided}", WIDTH, initial_indent="  ", subsequent_indent=_INDENT)
    found = len(story.differences)
    said = "decides the same" if not found else f"decides differently {found} times"
    yield f"{story.seq} entries replayed: this version {said}."


def clock(at: datetime) -> str:
    """Show a time in the reader's own time zone, to the millisecond."""
    local = at.astimezone()
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03}"


def lasting(span: timedelta) -> str:
    """Show a length of time with one or two units."""
    seconds = max(0, int(span.total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _standing_lines(standing: Standing, now: datetime) -> Iterator[str]:
    yield f"  {standing.service}"
    if standing.address is None:
        yield from wrap(f"waits: {standing.reason}", WIDTH, initial_indent="    ", subsequent_indent=_INDENT)
        return
    owner = standing.node or "nobody"
    yield f"    {standing.address} of Eip {standing.eip or '(gone)'}, {standing.protocol or 'no protocol'}, on {owner}"
    yield f"    since entry {standing.since}, {clock(standing.since_at)} ({lasting(now - standing.since_at)})"
    yield from wrap(standing.reason, WIDTH, initial_indent="    ", subsequent_indent=_INDENT)


def _change_lines(change: Change) -> Iterator[str]:
    yield f"{change.seq:>5}  {clock(change.at)}  {change.service}"
    yield f"{_INDENT} {_what(change)}"
    yield from wrap(f"why: {change.reason}", WIDTH, initial_indent=_INDENT + " ", subsequent_indent=_INDENT + "   ")
    cause = f"cause: entry {change.cause.seq}, {change.cause.text}"
    yield from wrap(cause, WIDTH, initial_indent=_INDENT + " ", subsequent_indent=_INDENT + "   ")


def _what(change: Change) -> str:
    old, new = change.from_ or "nobody", change.to or "nobody"
    if change.what == "ended":
        return f"{change.previous_address or 'no address'}: released by {old}"
    if change.address is None:
        return "no address" if change.previous_address is None else f"{change.previous_address}: taken off {old}"
    if change.previous_address is None:
        return f"{change.address}: new, on {new}"
    if change.previous_address != change.address:
        return f"{change.previous_address} on {old} -> {change.address} on {new}"
    return f"{change.address}: {old} -> {new}"
