"""How far a long job is, on standard error, for as long as it lasts and only where somebody can see it."""

import sys
from collections.abc import Iterable, Iterator
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
    from rich.console import Console  # noqa: PLC0415 - 0.1 s that only a long job shall cost
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(doing, total=total)

        def counted() -> Iterator[_Item]:
            for count, record in enumerate(records, start=1):
                yield record
                if count % _STEP == 0:
                    progress.update(task, completed=count)

        yield counted()
