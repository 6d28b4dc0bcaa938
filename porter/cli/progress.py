"""How far a long job is, on standard error, for as long as it lasts and only where somebody can see it."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from porter.replay.counting import Numbered, counted

_Entry = TypeVar("_Entry", bound=Numbered)
_LONG = 50_000  # entries from which on progress is shown


@contextmanager
def shown_progress(
    doing: str, entries: Iterable[_Entry], last: Callable[[], int], after: int = 0
) -> Iterator[Iterator[_Entry]]:
    """Give the entries on, and show a bar with what is being done while many of them are taken.

    They are those between the numbers `after` and `last`, in order; that is asked for only where somebody sees the bar.
    Where some are missing, as they were compacted away or nobody asks for them, the bar goes on all the same.
    """
    if not sys.stderr.isatty():
        yield iter(entries)
        return
    with shown_count(doing, lambda: last() - after) as progress:
        yield counted(entries, after, progress)


@contextmanager
def shown_count(doing: str, total: Callable[[], int]) -> Iterator[Callable[[int], None]]:
    """Give a function that is told how many of so many entries are done; the bar shows it where they are many.

    The total is asked for only where somebody sees the bar.
    """
    if not sys.stderr.isatty() or (found := total()) < _LONG:
        yield lambda _done: None
        return
    with shown_steps(doing) as progress:
        yield lambda done: progress(doing, done, found)


@contextmanager
def shown_steps(doing: str) -> Iterator[Callable[[str, int, int], None]]:
    """Give a function that is told what is done, how far, and how far it goes; the bar shows it."""
    if not sys.stderr.isatty():
        yield lambda _what, _done, _total: None
        return
    from rich.console import Console  # noqa: PLC0415 - 0.1 s that only a long job shall cost
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
