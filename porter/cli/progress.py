"""How far a long job is, on standard error, for as long as it lasts and only where somebody can see it."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

_Item = TypeVar("_Item")
_LONG = 50_000  # entries from which on progress is shown
_STEP = 4096


@contextmanager
def shown_progress(doing: str, records: Iterable[_Item], total: int) -> Iterator[Iterator[_Item]]:
    """Give the records on, and show a bar with what is being done while many of them are taken."""
    if total < _LONG or not sys.stderr.isatty():
        yield iter(records)
        return
    with shown_steps(doing) as progress:

        def counted() -> Iterator[_Item]:
            for count, record in enumerate(records, start=1):
                yield record
                if count % _STEP == 0:
                    progress(doing, count, total)

        yield counted()


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
