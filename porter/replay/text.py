"""A replay for people, in lines of 80 columns: what stands, and the story that led to it."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from textwrap import wrap

from porter.replay.story import Change, DeedName, Disagreement, Standing

WIDTH = 80
_INDENT = " " * 7
_DEEDS: dict[DeedName, str] = {
    "published": "published",
    "shown": "shown by the API",
    "announced": "announced here",
    "withdrawn": "withdrawn here",
}


def standing_lines(seq: int, at: datetime | None, standing: Iterable[Standing]) -> Iterator[str]:
    """Say what stands as of an entry; `at` is None for an empty log."""
    if at is None:
        yield "The log is empty: nothing was observed yet."
        return
    yield f"As of entry {seq}, {clock(at)}:"
    yield ""
    nobody = True
    for one in standing:
        nobody = False
        yield from _standing_lines(one, at)
    if nobody:
        yield "  nobody has an address"


def change_lines(change: Change) -> Iterator[str]:
    """Tell one change, behind an empty line."""
    yield ""
    yield f"{change.seq:>5}  {clock(change.at)}  {change.service}"
    yield from _wrapped(_what(change))
    yield from _wrapped(f"why: {change.reason}")
    yield from _wrapped(f"cause: entry {change.cause.seq}, {change.cause.text}")
    yield from _wrapped(f"took: {'; '.join(_times(change))}")


def disagreement_lines(one: Disagreement) -> Iterator[str]:
    """Tell one decision that the record and this version do not share."""
    yield f"entry {one.cause}, {clock(one.at)}:"
    text = f"recorded: {one.recorded or 'nothing'}; this version decides: {one.decided or 'nothing'}"
    yield from wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)


def verdict_line(last: int, differences: int, *, after: int = 0) -> str:
    """Say whether this version decides as was recorded, from the entry after `after` to the last one."""
    if after and last <= after:
        return f"Nothing was compared: what led to entry {after} was taken out, and nothing follows it."
    times = "once" if differences == 1 else f"{differences} times"
    said = "decides the same" if not differences else f"decides differently {times}"
    told = f"{counted(last - after, 'entry', 'entries')} replayed: this version {said}."
    return f"{told} What led to entry {after} was taken out and is not compared." if after else told


def note_lines(differences: int) -> Iterator[str]:
    """Warn that a story is not the recorded one."""
    if differences:
        many = "1 decision of this version differs" if differences == 1 else f"{differences} decisions differ"
        yield ""
        yield from wrap(f"Note: {many} from what was recorded; 'porter replay --verify' shows which.", WIDTH)


def counted(count: int, one: str, several: str) -> str:
    """Say how many."""
    return f"{count} {one if count == 1 else several}"


def clock(at: datetime) -> str:
    """Show a time in the reader's own time zone, to the millisecond."""
    local = at.astimezone()
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03}"


def lasting(span: timedelta) -> str:
    """Show a length of time with one unit."""
    seconds = max(0, int(span.total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def short(seconds: float) -> str:
    """Show a short length of time: milliseconds below a second, seconds with a decimal below a minute."""
    if abs(seconds) < 1:
        return f"{round(seconds * 1000)} ms"
    if abs(seconds) < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    return lasting(timedelta(seconds=seconds))


def _wrapped(text: str) -> list[str]:
    return wrap(text, WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT + "  ", break_on_hyphens=False)


def _standing_lines(standing: Standing, now: datetime) -> Iterator[str]:
    yield f"  {standing.service}"
    if standing.address is None:
        yield from wrap(f"waits: {standing.reason}", WIDTH, initial_indent="    ", subsequent_indent="      ")
        return
    owner = standing.node or "nobody"
    having = f"{standing.address} of Eip {standing.eip or '(gone)'}, {standing.protocol or 'no protocol'}, on {owner}"
    yield from wrap(having, WIDTH, initial_indent="    ", subsequent_indent="      ", break_on_hyphens=False)
    yield f"    since entry {standing.since}, {clock(standing.since_at)} ({lasting(now - standing.since_at)})"
    yield from wrap(standing.reason, WIDTH, initial_indent="    ", subsequent_indent="      ")


def _times(change: Change) -> Iterator[str]:
    yield f"{short(change.decided_after)} to decide"
    for deed in change.applied:
        yield f"{_DEEDS[deed.what]} {short(deed.after)} later (entry {deed.seq})"


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
